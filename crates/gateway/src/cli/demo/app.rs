//! Serves the example app (its files, the Auth0 library, and where things are), the texts for a shell, and takes orders
//! for faults.

use std::{convert::Infallible, io, net::SocketAddr};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use sandbox::{Answer, Fault, Faults, Server};
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::net::TcpListener;

const PAGE: &str = include_str!("../../../../../docs/examples/spa/index.html");
const SCRIPT: &str = include_str!("../../../../../docs/examples/spa/app.js");
const STYLE: &str = include_str!("../../../../../docs/examples/spa/app.css");
const LIBRARY: &str = include_str!("../../../assets/vendor/auth0-spa-js.js");

/// The app's listener, bound before the gateway so that its origin can be allowed.
pub(super) struct App {
    listener: TcpListener,
    address: SocketAddr,
}

/// What the app serves that depends on the addresses.
#[derive(Clone)]
pub(super) struct Texts {
    /// `/config.json`: where the page finds the tenant and the gateway.
    pub(super) config: Bytes,
    /// `/env`: shell variables.
    pub(super) env: Bytes,
    /// `/lines`: `curl` lines to paste.
    pub(super) lines: Bytes,
}

/// Listens on loopback; port 0 is any free port.
pub(super) async fn bind(port: u16) -> io::Result<App> {
    let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, port)).await?;
    let address = listener.local_addr()?;
    Ok(App { listener, address })
}

impl App {
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until the process ends.
    pub(super) fn serve(self, texts: Texts, faults: Faults) {
        tokio::spawn(async move {
            while let Ok((stream, _)) = self.listener.accept().await {
                let (texts, faults) = (texts.clone(), faults.clone());
                let service = service_fn(move |request| {
                    let (texts, faults) = (texts.clone(), faults.clone());
                    async move { Ok::<_, Infallible>(answer(request, texts, &faults).await) }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
    }
}

async fn answer(request: Request<Incoming>, texts: Texts, faults: &Faults) -> Response<Full<Bytes>> {
    if let Some(server) = request.uri().path().strip_prefix("/faults/") {
        let server = server_named(server);
        return empty(match server {
            Some(server) => order(request, server, faults)
                .await
                .map_or(StatusCode::BAD_REQUEST, |()| StatusCode::NO_CONTENT),
            None => StatusCode::NOT_FOUND,
        });
    }
    let (kind, body) = match request.uri().path() {
        "/" => ("text/html; charset=utf-8", Bytes::from_static(PAGE.as_bytes())),
        "/app.js" => ("text/javascript; charset=utf-8", Bytes::from_static(SCRIPT.as_bytes())),
        "/app.css" => ("text/css; charset=utf-8", Bytes::from_static(STYLE.as_bytes())),
        "/auth0-spa-js.js" => ("text/javascript; charset=utf-8", Bytes::from_static(LIBRARY.as_bytes())),
        "/config.json" => ("application/json", texts.config),
        "/env" => ("text/plain; charset=utf-8", texts.env),
        "/lines" => ("text/plain; charset=utf-8", texts.lines),
        _ => return empty(StatusCode::NOT_FOUND),
    };
    let mut response = Response::new(Full::new(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

fn empty(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

/// What one of the sandbox's servers answers instead of its own answer.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    /// Paths that begin so.
    path: String,
    status: u16,
    #[serde(default)]
    headers: Map<String, Value>,
    #[serde(default)]
    body: Value,
    /// How often; once unless said.
    #[serde(default = "once")]
    times: usize,
}

fn once() -> usize {
    1
}

/// Takes an order. JSON alone: a page of another origin cannot send that without asking first, and nobody says yes.
async fn order(request: Request<Incoming>, server: Server, faults: &Faults) -> Option<()> {
    const LONGEST: usize = 64 * 1024;
    let is_json = request.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    if request.method() != Method::POST || !is_json {
        return None;
    }
    let body = Limited::new(request.into_body(), LONGEST).collect().await.ok()?.to_bytes();
    let order: Order = serde_json::from_slice(&body).ok()?;
    StatusCode::from_u16(order.status).ok()?;
    let mut answer = Answer::json(order.status, &order.body);
    for (name, value) in &order.headers {
        answer = answer.header(name, value.as_str()?);
    }
    faults.add(Fault::on(server).path(order.path).times(order.times).answer(answer));
    Some(())
}

fn server_named(name: &str) -> Option<Server> {
    Some(match name {
        "tenant" => Server::Tenant,
        "google" => Server::Google,
        "github" => Server::GitHub,
        "facebook" => Server::Facebook,
        "bitbucket" => Server::Bitbucket,
        "microsoft" => Server::Microsoft,
        "crm" => Server::OAuth2,
        _ => return None,
    })
}
