//! Servers that misbehave, over sockets (threat K02). What is slow here is bounded by the test's own short limits.

use std::time::Duration;

use mgmt_auth::{ClientCredentials, Fault, Priority, Tenant};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::Instant,
};

/// A server that sends `answer` to whatever comes, and then `forever` again and again if that is not empty.
async fn server(answer: Vec<u8>, forever: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, answer.clone(), forever.clone()));
        }
    });
    format!("http://{address}")
}

async fn serve(mut stream: TcpStream, answer: Vec<u8>, forever: Vec<u8>) -> std::io::Result<()> {
    let mut head = [0; 4096];
    let _ = stream.read(&mut head).await?;
    stream.write_all(&answer).await?;
    while !forever.is_empty() {
        stream.write_all(&forever).await?;
    }
    stream.shutdown().await
}

fn tenant(base: &str) -> Tenant {
    Tenant::builder("acme.eu.auth0.com")
        .base_url(base.parse().unwrap())
        .credentials(ClientCredentials::secret("client", "secret"))
        .connect_timeout(Duration::from_millis(500))
        .request_timeout(Duration::from_millis(500))
        .build()
        .unwrap()
}

fn head(line: &str, headers: &str) -> Vec<u8> {
    format!("HTTP/1.1 {line}\r\n{headers}\r\n").into_bytes()
}

#[tokio::test]
async fn tm_k02_redirects_html_garbage_and_floods_are_transient_failures_of_the_key_set() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let location = format!("location: http://{}/\r\ncontent-length: 0\r\n", elsewhere.local_addr().unwrap());
    let cases: [(&str, Vec<u8>, Vec<u8>); 8] = [
        ("redirect", head("302 Found", &location), vec![]),
        ("html", [head("200 OK", "content-length: 6\r\n"), b"<html>".to_vec()].concat(), vec![]),
        ("500", head("500 Oops", "content-length: 0\r\n"), vec![]),
        ("not http", b"SSH-2.0-OpenSSH\r\n".to_vec(), vec![]),
        ("cut", [head("200 OK", "content-length: 100\r\n"), b"{\"keys\":".to_vec()].concat(), vec![]),
        ("declared large", head("200 OK", "content-length: 10485760\r\n"), vec![b' '; 4096]),
        (
            "endless",
            head("200 OK", "transfer-encoding: chunked\r\n"),
            b"1000\r\n".iter().copied().chain([b' '; 4096]).chain(*b"\r\n").collect(),
        ),
        (
            "endless head",
            b"HTTP/1.1 200 OK\r\n".to_vec(),
            b"x: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n".to_vec(),
        ),
    ];
    for (name, answer, forever) in cases {
        let tenant = tenant(&server(answer, forever).await);
        let started = Instant::now();
        let error = tenant.keys().find("a").await.unwrap_err();
        assert!(error.is_transient() && error.fault() == Fault::Tenant, "{name}: {error:?}");
        assert!(started.elapsed() < Duration::from_secs(4), "{name}: ended by its size, not by the clock");
    }
    let followed = tokio::time::timeout(Duration::from_millis(50), elsewhere.accept()).await;
    assert!(followed.is_err(), "the redirect was followed");
}

#[tokio::test]
async fn an_answer_that_drips_or_never_comes_ends_in_time() {
    for answer in [vec![], head("200 OK", "content-length: 10\r\n")] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.write_all(&answer).await;
                held.push(stream);
            }
        });
        let started = Instant::now();
        let error = tenant(&base).management_token().await.unwrap_err();
        assert!(error.is_transient(), "{error:?}");
        assert!(started.elapsed() < Duration::from_secs(5));
    }
}

#[tokio::test]
async fn a_tenant_that_is_not_there_is_a_transient_failure_that_names_no_address() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let tenant = tenant(&format!("http://{address}"));
    let error = tenant.management_token().await.unwrap_err();
    assert_eq!((error.fault(), error.status()), (Fault::Tenant, None));
    assert!(!format!("{error} {error:?}").contains(&address.port().to_string()));
    let causes = std::iter::successors(std::error::Error::source(&error), |&error| error.source());
    assert!(causes.last().unwrap().to_string().contains("refused"), "the last cause is the system's");
    let error = tenant.get::<Value>(&["users", "a|1"], &[], Priority::Caller).await.unwrap_err();
    assert!(error.is_transient());
}

#[tokio::test]
async fn a_redirect_of_the_token_endpoint_is_not_followed_and_names_the_remedy() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let location = format!("location: http://{}/\r\ncontent-length: 0\r\n", elsewhere.local_addr().unwrap());
    for line in ["301 Moved", "307 Temporary", "308 Permanent"] {
        let error =
            tenant(&server(head(line, &location), vec![]).await).management_token().await.unwrap_err();
        assert_eq!(error.fault(), Fault::Operator);
        assert!(error.to_string().contains("base URL"), "{error}");
    }
    assert!(tokio::time::timeout(Duration::from_millis(50), elsewhere.accept()).await.is_err());
}
