//! A tenant with many users, and a provider that does nothing but answer.

use std::convert::Infallible;
use std::io::Read as _;
use std::sync::Arc;

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use sandbox::{Sandbox, World};
use serde_json::json;
use tokio::net::TcpListener;

use crate::bodies::Bodies;

/// The usual answer.
const SMALL: usize = 2 * 1024;
/// The answer below `/big`.
const BIG: usize = 1024 * 1024;
/// The answer below `/repos/endless`.
const ENDLESS: usize = 64 * BIG;

/// Prints a line of JSON and serves until its standard input ends.
pub(super) async fn run(users: u32) {
    let sandbox =
        Sandbox::builder().world(World::many_users(users)).journal_capacity(16).start().await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let provider = listener.local_addr().unwrap();
    tokio::spawn(serve(listener));
    let tokens: Vec<_> = sandbox.world().user_ids().iter().map(|user| sandbox.caller_token(user)).collect();
    let description = json!({
        "provider": provider.to_string(),
        "tenant": sandbox.tenant_url().as_str(),
        "domain": sandbox.domain(),
        "client_id": sandbox.client_id(),
        "client_secret": sandbox.client_secret(),
        "audience": sandbox.api_audience(),
        "tokens": tokens,
    });
    println!("{description}");
    let _ = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await;
}

async fn serve(listener: TcpListener) {
    let [small, big, endless] = [SMALL, BIG, ENDLESS].map(|length| Bytes::from(vec![b'x'; length]));
    let json = Bytes::from(issues());
    let bodies = Arc::new(Bodies::default());
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        let _ = stream.set_nodelay(true);
        let (small, big, endless, bodies) =
            (small.clone(), big.clone(), endless.clone(), Arc::clone(&bodies));
        let json = json.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request: Request<Incoming>| {
                let mut kind = None;
                let body = match request.uri().path().split('/').collect::<Vec<_>>().as_slice() {
                    ["", "big"] => big.clone(),
                    ["", "json"] => {
                        kind = Some(HeaderValue::from_static("application/json"));
                        json.clone()
                    }
                    ["", "repos", "endless", ..] => endless.clone(),
                    ["", "repos", "hostile", kind, ..] => {
                        let token = request.headers()["authorization"].to_str().unwrap();
                        bodies.get(kind, token.split_once(' ').unwrap().1, BIG)
                    }
                    _ => small.clone(),
                };
                let mut answer = Response::new(Full::new(body));
                answer.headers_mut().extend(kind.map(|kind| (CONTENT_TYPE, kind)));
                std::future::ready(Ok::<_, Infallible>(answer))
            });
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

/// A list as providers answer it.
fn issues() -> String {
    let issue = |number: u32| {
        json!({
            "id": number,
            "url": format!("https://api.example/repos/mara/notes/issues/{number}"),
            "title": "A \u{201c}quoted\u{201d} title",
            "body": "First line\nsecond line\twith a tab",
            "user": { "login": "mara", "avatar_url": "https://avatars.example/u/7?v=4" },
            "labels": [],
            "closed_at": null,
        })
    };
    serde_json::Value::from_iter((1..12).map(issue)).to_string()
}
