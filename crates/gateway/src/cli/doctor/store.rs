//! The store: can it be reached and written?

use std::{io, path::Path, sync::Arc, time::Duration};

use secrecy::{ExposeSecret, SecretString};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, rustls};
use url::Url;

use super::{super::ask, Report};
use crate::config::{SecretSource, Settings, StoreKind};

pub(super) async fn check(settings: &Settings, report: &mut Report) {
    let store = &settings.store;
    match store.kind {
        StoreKind::Memory => report.skip("store", "grants live in memory"),
        StoreKind::File => match &store.path {
            Some(path) => file(path, report),
            None => report.skip("store", "there is no `store.path`"),
        },
        StoreKind::Redis => {
            let source = SecretSource::from_pair(store.url.as_ref(), store.url_file.as_deref());
            let url = source.as_ref().map(ask::read);
            match url {
                Some(Ok(url)) => redis(&url, report).await,
                Some(Err(error)) => report.fail("store", error, "correct `store.url_file`"),
                None => report.skip("store", "there is no `store.url`"),
            }
        }
    }
}

/// The file itself is not opened: the gateway that runs holds its lock.
fn file(path: &Path, report: &mut Report) {
    match std::fs::metadata(path) {
        Ok(found) if found.permissions().readonly() => report.fail(
            "store",
            format!("{} cannot be written", path.display()),
            "let the gateway's user write the file",
        ),
        Ok(_) => report.ok("store", format!("{} is there", path.display())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            report.ok("store", format!("{} will be made at the first start", path.display()));
        }
        Err(error) => report.fail("store", format!("{}: {error}", path.display()), "correct `store.path`"),
    }
}

async fn redis(url: &SecretString, report: &mut Report) {
    let answer = match timeout(Duration::from_secs(5), ping(url)).await {
        Ok(answer) => answer,
        Err(_) => Err("no answer in time".to_owned()),
    };
    match answer {
        Ok(()) => report.ok("store", "Redis answers"),
        Err(error) => report.fail(
            "store",
            format!("Redis cannot be used: {error}"),
            "correct `store.url` (scheme, host, port, user and password), and let this machine reach it",
        ),
    }
}

async fn ping(url: &SecretString) -> Result<(), String> {
    let url = Url::parse(url.expose_secret().trim()).map_err(|error| error.to_string())?;
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let stream =
        TcpStream::connect((host.as_str(), url.port().unwrap_or(6379))).await.map_err(|e| e.to_string())?;
    if url.scheme() == "redis" {
        return converse(stream, &url).await;
    }
    let name = rustls_pki_types::ServerName::try_from(host).map_err(|error| error.to_string())?;
    let stream =
        TlsConnector::from(Arc::new(tls())).connect(name, stream).await.map_err(|e| e.to_string())?;
    converse(stream, &url).await
}

fn tls() -> rustls::ClientConfig {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()
}

async fn converse(mut stream: impl AsyncRead + AsyncWrite + Unpin, url: &Url) -> Result<(), String> {
    let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    if let Some(password) = url.password() {
        let (user, password) = (decode(url.username()), decode(password));
        let words: &[&str] = if user.is_empty() { &["AUTH", &password] } else { &["AUTH", &user, &password] };
        command(&mut stream, words).await?;
    }
    command(&mut stream, &["PING"]).await
}

/// Sends one command of the Redis protocol and reads the first line of the answer.
async fn command(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), words: &[&str]) -> Result<(), String> {
    let mut request = format!("*{}\r\n", words.len());
    for word in words {
        request.push_str(&format!("${}\r\n{word}\r\n", word.len()));
    }
    stream.write_all(request.as_bytes()).await.map_err(|error| error.to_string())?;
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") && line.len() < 512 {
        line.push(stream.read_u8().await.map_err(|error| error.to_string())?);
    }
    let line = String::from_utf8_lossy(&line).trim_end().to_owned();
    match line.strip_prefix('-') {
        None => Ok(()),
        Some(error) => Err(error.to_owned()),
    }
}
