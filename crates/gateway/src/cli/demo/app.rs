//! Serves the example app (its files, the Auth0 library, and where things are), the texts for a shell, and what the console
//! of the demo shows and does besides: the audit log, and faults.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, Response, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE, HOST, ORIGIN,
        VARY,
    },
};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use sandbox::{Answer, Fault, Faults, Server};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use tokio::net::TcpListener;

use super::{
    audit::AuditLog,
    switches::{self, Switches},
};
use crate::server::wire::names::is_loopback;

const PAGE: &str = include_str!("../../../../../docs/examples/spa/index.html");
const SCRIPT: &str = include_str!("../../../../../docs/examples/spa/app.js");
const STYLE: &str = include_str!("../../../../../docs/examples/spa/app.css");
const ICON: &str = include_str!("../../../assets/console/favicon.svg");
const LIBRARY: &str = include_str!("../../../assets/vendor/auth0-spa-js.js");

/// The app's listener, bound before the gateway so that its origin can be allowed.
pub(super) struct App {
    listener: TcpListener,
    address: SocketAddr,
}

/// What the app serves besides its files.
pub(super) struct Site {
    /// `/config.json`: where the page finds the tenant and the gateway.
    pub(super) config: Bytes,
    /// `/env`: shell variables.
    pub(super) env: Bytes,
    /// `/lines`: `curl` lines to paste.
    pub(super) lines: Bytes,
    /// The console's origins, which may switch faults and read the audit log.
    pub(super) console: [String; 2],
    /// `/audit/{request-id}`: the lines of a call, for the console.
    pub(super) audit: AuditLog,
    /// `/faults/{server}`: one answer instead of a server's own, for tests.
    pub(super) faults: Faults,
    /// `/faults`: the console's switches.
    pub(super) switches: Switches,
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
    pub(super) fn serve(self, site: Site) {
        let site = Arc::new(site);
        tokio::spawn(async move {
            while let Ok((stream, _)) = self.listener.accept().await {
                let site = Arc::clone(&site);
                let service = service_fn(move |request| {
                    let site = Arc::clone(&site);
                    async move { Ok::<_, Infallible>(site.answer(request).await) }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
    }
}

impl Site {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        // Otherwise a web page could read and switch this under a name of its own (DNS rebinding).
        if !request.headers().get(HOST).is_some_and(|host| is_loopback(host.as_bytes())) {
            return empty(StatusCode::MISDIRECTED_REQUEST);
        }
        let path = request.uri().path();
        if path == "/faults" {
            let origin = request.headers().get(ORIGIN).cloned();
            return self.for_console(self.switch(request).await, origin);
        }
        if let Some(id) = path.strip_prefix("/audit/") {
            let origin = request.headers().get(ORIGIN).cloned();
            let lines = self.audit.of_request(id).await;
            let answer = lines.map_or_else(
                || empty(StatusCode::NOT_FOUND),
                |lines| document("text/plain; charset=utf-8", lines.into()),
            );
            return self.for_console(answer, origin);
        }
        if let Some(server) = path.strip_prefix("/faults/") {
            return match server_named(server) {
                Some(server) => empty(self.order(request, server).await),
                None => empty(StatusCode::NOT_FOUND),
            };
        }
        let (kind, body) = match path {
            "/" => ("text/html; charset=utf-8", Bytes::from_static(PAGE.as_bytes())),
            "/app.js" => ("text/javascript; charset=utf-8", Bytes::from_static(SCRIPT.as_bytes())),
            "/app.css" => ("text/css; charset=utf-8", Bytes::from_static(STYLE.as_bytes())),
            "/auth0-spa-js.js" => ("text/javascript; charset=utf-8", Bytes::from_static(LIBRARY.as_bytes())),
            "/favicon.ico" => ("image/svg+xml", Bytes::from_static(ICON.as_bytes())),
            "/config.json" => ("application/json", self.config.clone()),
            "/env" => ("text/plain; charset=utf-8", self.env.clone()),
            "/lines" => ("text/plain; charset=utf-8", self.lines.clone()),
            _ => return empty(StatusCode::NOT_FOUND),
        };
        document(kind, body)
    }

    /// Reads or sets the switches.
    async fn switch(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        match *request.method() {
            Method::GET => document("application/json", self.switches.state().to_string().into()),
            Method::OPTIONS => empty(StatusCode::NO_CONTENT),
            _ => {
                let order: Option<switches::Order> = order(request).await;
                let done = order.and_then(|order| self.switches.set(&order));
                empty(done.map_or(StatusCode::BAD_REQUEST, |()| StatusCode::NO_CONTENT))
            }
        }
    }

    /// Lets the console's pages read the answer, and no other page.
    fn for_console(
        &self,
        mut response: Response<Full<Bytes>>,
        origin: Option<HeaderValue>,
    ) -> Response<Full<Bytes>> {
        let headers = response.headers_mut();
        headers.insert(VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = origin.filter(|origin| self.console.iter().any(|known| known == origin)) {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("content-type"));
        }
        response
    }

    /// Takes an order for one server.
    async fn order(&self, request: Request<Incoming>, server: Server) -> StatusCode {
        let answer: Option<Canned> = order(request).await;
        let fault = answer.and_then(|answer| answer.fault(server));
        match fault {
            Some(fault) => {
                self.faults.add(fault);
                StatusCode::NO_CONTENT
            }
            None => StatusCode::BAD_REQUEST,
        }
    }
}

fn document(kind: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
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
struct Canned {
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

impl Canned {
    fn fault(self, server: Server) -> Option<Fault> {
        StatusCode::from_u16(self.status).ok()?;
        let mut answer = Answer::json(self.status, &self.body);
        for (name, value) in &self.headers {
            answer = answer.header(name, value.as_str()?);
        }
        Some(Fault::on(server).path(self.path).times(self.times).answer(answer))
    }
}

/// Reads an order. JSON alone: a page of another origin cannot send that without asking first, and only the console gets a
/// yes.
async fn order<T: DeserializeOwned>(request: Request<Incoming>) -> Option<T> {
    const LONGEST: usize = 64 * 1024;
    let is_json = request.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    if request.method() != Method::POST || !is_json {
        return None;
    }
    let body = Limited::new(request.into_body(), LONGEST).collect().await.ok()?.to_bytes();
    serde_json::from_slice(&body).ok()
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
