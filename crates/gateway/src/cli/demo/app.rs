//! Serves the example app: one page, the Auth0 library, and where things are.

use std::{convert::Infallible, io, net::SocketAddr};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;

const PAGE: &str = include_str!("../../../assets/demo-app/index.html");
const LIBRARY: &str = include_str!("../../../assets/demo-app/auth0-spa-js.js");

/// The app's listener, bound before the gateway so that its origin can be allowed.
pub(super) struct App {
    listener: TcpListener,
    address: SocketAddr,
}

pub(super) async fn bind() -> io::Result<App> {
    let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    Ok(App { listener, address })
}

impl App {
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until the process ends.
    pub(super) fn serve(self, mut config: Value, gateway: &str) {
        config["gateway"] = gateway.into();
        let config = Bytes::from(config.to_string());
        tokio::spawn(async move {
            while let Ok((stream, _)) = self.listener.accept().await {
                let config = config.clone();
                let service = service_fn(move |request| {
                    let answer = answer(&request, config.clone());
                    async move { Ok::<_, Infallible>(answer) }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
    }
}

fn answer(request: &Request<Incoming>, config: Bytes) -> Response<Full<Bytes>> {
    let (kind, body) = match request.uri().path() {
        "/" => ("text/html; charset=utf-8", Bytes::from_static(PAGE.as_bytes())),
        "/auth0-spa-js.js" => ("text/javascript; charset=utf-8", Bytes::from_static(LIBRARY.as_bytes())),
        "/config.json" => ("application/json", config),
        _ => {
            let mut response = Response::new(Full::new(Bytes::new()));
            *response.status_mut() = StatusCode::NOT_FOUND;
            return response;
        }
    };
    let mut response = Response::new(Full::new(body));
    response.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static(kind));
    response
}
