//! hyper-swap: a bare hyper and hyper-util reverse proxy that replaces one header and verifies no caller. The base of all ratios.

use std::convert::Infallible;

use http::{HeaderValue, Request, Response, StatusCode, Uri, header::AUTHORIZATION, header::HOST};
use http_body_util::{BodyExt as _, Empty, combinators::BoxBody};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpListener;

type Upstream = Client<HttpConnector, Incoming>;
type Answer = Response<BoxBody<Bytes, hyper::Error>>;

/// Prints its address and serves until it is killed.
pub(super) async fn run(upstream: &str) {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client: Upstream =
        Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    let authority: &'static str = Box::leak(upstream.to_owned().into_boxed_str());
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let client = client.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| forward(client.clone(), authority, request));
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn forward(
    client: Upstream,
    authority: &'static str,
    mut request: Request<Incoming>,
) -> Result<Answer, Infallible> {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let path = path.strip_prefix("/proxy/bench").unwrap_or(path);
    let uri = Uri::builder().scheme("http").authority(authority).path_and_query(path).build().unwrap();
    *request.uri_mut() = uri;
    let headers = request.headers_mut();
    headers.remove(HOST);
    headers
        .insert(AUTHORIZATION, HeaderValue::from_static("Bearer gho_0123456789abcdefghijklmnopqrstuvwxyz"));
    Ok(match client.request(request).await {
        Ok(answer) => answer.map(http_body_util::BodyExt::boxed),
        Err(_) => {
            let mut answer = Response::new(Empty::new().map_err(|never| match never {}).boxed());
            *answer.status_mut() = StatusCode::BAD_GATEWAY;
            answer
        }
    })
}
