//! hyper-swap: a bare hyper and hyper-util reverse proxy that replaces one header and verifies no caller. The base of all ratios.
//! One runtime of one thread, bodies that pass on as they are, nothing boxed.

use std::convert::Infallible;

use http::header::{AUTHORIZATION, HOST};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Request, Response, StatusCode, Uri};
use http_body_util::{Either, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpListener;

type Answer = Response<Either<Incoming, Empty<Bytes>>>;

#[derive(Clone)]
struct Swap {
    client: Client<HttpConnector, Incoming>,
    upstream: Authority,
    authorization: HeaderValue,
}

/// Prints its address and serves until it is killed.
pub(super) async fn run(listen: &str, upstream: &str, token: &str) {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client = Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector);
    let listener = TcpListener::bind(listen).await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    let authorization = HeaderValue::try_from(format!("Bearer {token}")).unwrap();
    let swap = Swap { client, upstream: upstream.parse().unwrap(), authorization };
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let swap = swap.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| swap.clone().forward(request));
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

impl Swap {
    async fn forward(self, mut request: Request<Incoming>) -> Result<Answer, Infallible> {
        let path = request.uri().path_and_query().cloned();
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(Scheme::HTTP);
        parts.authority = Some(self.upstream);
        parts.path_and_query = Some(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
        *request.uri_mut() = Uri::from_parts(parts).unwrap();
        let headers = request.headers_mut();
        headers.remove(HOST);
        headers.insert(AUTHORIZATION, self.authorization);
        Ok(match self.client.request(request).await {
            Ok(answer) => answer.map(Either::Left),
            Err(_) => {
                let mut answer = Response::new(Either::Right(Empty::new()));
                *answer.status_mut() = StatusCode::BAD_GATEWAY;
                answer
            }
        })
    }
}
