//! What a call leaves in traces and logs, at the most talkative level.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use idp_adapters::client::Facebook;
use secrecy::SecretString;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::{
    TOKEN,
    server::{Server, reply},
    token,
};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_call_is_a_span_without_secrets_paths_and_queries() {
    let limited = r#"{"error":{"message":"(#4) Application request limit reached","code":4}}"#;
    let server = Server::start(move |seen| match seen.path() {
        "/v22.0/me" => reply(200, r#"{"id":"9","name":"Ana-who-must-not-show"}"#),
        _ => reply(403, format!("{TOKEN}{limited}")),
    })
    .await;
    let (log, facebook) = (
        Log::default(),
        Facebook::builder(token())
            .base_url(server.url.clone())
            .app_secret(SecretString::from("app-s3cret"))
            .build()
            .unwrap(),
    );
    // A span that another test's thread meets for the first time just now would stay off for this subscriber.
    facebook.profile().await.unwrap();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_span_events(FmtSpan::CLOSE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let proof = {
        let _guard = tracing::subscriber::set_default(subscriber);
        facebook.profile().await.unwrap();
        facebook.photos().page().await.unwrap_err();
        server.seen()[0].param("appsecret_proof").unwrap()
    };
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(
        log.contains("provider_call{provider=\"facebook\" method=\"GET\" status=200 outcome=Ok}"),
        "{log}"
    );
    assert!(log.contains("status=403 outcome=Denied"), "{log}");
    for secret in [TOKEN, "app-s3cret", proof.as_str(), "/v22.0", "Ana-who-must-not-show"] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
}
