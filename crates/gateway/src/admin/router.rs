//! The routes of the admin listener.

use super::{Operations, Readiness, ReadyStatus, access::Access};
use crate::{
    body::{Body, RequestBody, full},
    outcome::Code,
    problem::{Problem, Rendering, Surface},
    request_id::RequestId,
    selector::{BlockRequest, Selector},
    server::{Handler, Lifecycle, RequestInfo, Stage},
    telemetry::{Audit, Metrics, audit::AdminEvent},
};
use arc_swap::ArcSwap;
use futures_util::future::BoxFuture;
use http::{HeaderValue, Method, Request, Response, StatusCode, header, request::Parts};
use http_body_util::BodyExt as _;
use serde::de::DeserializeOwned;
use serde_json::json;
use std::{path::PathBuf, sync::Arc};

/// Largest body of an admin call.
const MAX_BODY: usize = 64 * 1024;

/// Validates the configuration anew and swaps it in; the server's own part comes back as new [`Options`](crate::server::Options) through
/// `ServeParts::load`.
pub type Reloader = Arc<dyn Fn() -> BoxFuture<'static, Result<(), ReloadError>> + Send + Sync>;

/// Why a reload changed nothing: each problem with key, source and remedy in one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("; "))]
pub struct ReloadError(pub Vec<String>);

/// What the admin surface is made of.
pub struct AdminParts {
    /// The domain; a reload may swap it.
    pub operations: Arc<ArcSwap<Arc<dyn Operations>>>,
    /// `server.admin_token_file`.
    pub token_file: Option<PathBuf>,
    /// Whether the listener is bound to a loopback address.
    pub loopback: bool,
    /// For `draining`.
    pub lifecycle: Lifecycle,
    /// Served under `/metrics`.
    pub metrics: Metrics,
    /// Every admin call is written here.
    pub audit: Audit,
    /// What `POST /admin/reload` and SIGHUP do.
    pub reload: Reloader,
}

/// The admin listener's handler. Cheap to clone.
#[derive(Clone)]
pub struct Admin(Arc<Inner>);

struct Inner {
    parts: AdminParts,
    access: Access,
}

impl Admin {
    /// The handler.
    #[must_use]
    pub fn new(parts: AdminParts) -> Self {
        let access = Access::new(parts.token_file.clone(), parts.loopback);
        Self(Arc::new(Inner { parts, access }))
    }

    async fn route(&self, request: Request<RequestBody>, id: RequestId) -> Result<Response<Body>, Problem> {
        let (head, body) = request.into_parts();
        let path = head.uri.path();
        if let Some(command) = path.strip_prefix("/admin/") {
            return self.command(command, id, &head, body).await;
        }
        if path != "/livez" {
            self.0.access.check_open(&head.uri, &head.headers)?;
        }
        let answer = match path {
            "/livez" => text("ok\n", "text/plain; charset=utf-8"),
            "/readyz" => self.ready(),
            "/metrics" => {
                text(self.0.parts.metrics.render_prometheus(), "text/plain; version=0.0.4; charset=utf-8")
            }
            "/version" => as_json(
                StatusCode::OK,
                &json!({
                    "name": "idp-gateway",
                    "version": env!("CARGO_PKG_VERSION"),
                    "commit": crate::telemetry::COMMIT,
                }),
            ),
            _ => {
                return Err(Problem::new(Code::NotFound)
                    .detail("the admin listener has no such address")
                    .remedy("Use /livez, /readyz, /metrics, /version or a command under /admin/."));
            }
        };
        if head.method == Method::GET || head.method == Method::HEAD {
            Ok(answer)
        } else {
            Err(Problem::new(Code::MethodNotAllowed).allow("GET, HEAD"))
        }
    }

    fn ready(&self) -> Response<Body> {
        let parts = &self.0.parts;
        let mut readiness: Readiness = parts.operations.load().readiness();
        if parts.lifecycle.stage() > Stage::Running {
            readiness.status = ReadyStatus::Draining;
        }
        let status = match readiness.status {
            ReadyStatus::Ready => StatusCode::OK,
            ReadyStatus::NotReady | ReadyStatus::Draining => StatusCode::SERVICE_UNAVAILABLE,
        };
        as_json(status, &json!(readiness))
    }

    /// Authorization, the call, and one audit line whatever became of it.
    async fn command(
        &self,
        command: &str,
        id: RequestId,
        head: &Parts,
        body: RequestBody,
    ) -> Result<Response<Body>, Problem> {
        let mut event = AdminEvent::new(command_word(command), &head.method, Some(&id));
        let result = match self.0.access.check(&head.uri, &head.headers).await {
            Ok(()) => self.execute(command, head, body, &mut event).await,
            Err(refusal) => Err(refusal),
        };
        event.finish(result.as_ref().err().map_or("ok", |problem| problem.code().as_str()));
        self.0.parts.audit.admin(&event);
        result
    }

    async fn execute(
        &self,
        command: &str,
        head: &Parts,
        body: RequestBody,
        event: &mut AdminEvent,
    ) -> Result<Response<Body>, Problem> {
        let operations = self.0.parts.operations.load_full();
        match (command, head.method.as_str()) {
            ("forget", "POST") => {
                let selector: Selector = read(body).await?;
                event.select(&selector, None);
                checked(&selector)?;
                Ok(done(&json!({ "forgotten": operations.forget(selector).await? })))
            }
            ("block", "POST") => {
                let block: BlockRequest = read(body).await?;
                event.select(&block.selector, block.reason.as_deref());
                checked(&block.selector)?;
                Ok(done(&json!({ "scope": operations.block(block).await? })))
            }
            ("block", "DELETE") => {
                let block: BlockRequest = read(body).await?;
                event.select(&block.selector, block.reason.as_deref());
                checked(&block.selector)?;
                Ok(done(&json!({ "scope": operations.unblock(block.selector).await? })))
            }
            ("block", "GET") => Ok(done(&json!({ "blocks": operations.blocks().await? }))),
            ("grants", "GET") => Ok(done(&json!({ "grants": operations.grants().await? }))),
            ("reload", "POST") => self.reload().await,
            ("forget" | "reload", _) => Err(Problem::new(Code::MethodNotAllowed).allow("POST")),
            ("grants", _) => Err(Problem::new(Code::MethodNotAllowed).allow("GET")),
            ("block", _) => Err(Problem::new(Code::MethodNotAllowed).allow("GET, POST, DELETE")),
            _ => Err(Problem::new(Code::NotFound).detail("there is no such admin command")),
        }
    }

    async fn reload(&self) -> Result<Response<Body>, Problem> {
        match (self.0.parts.reload)().await {
            Ok(()) => Ok(done(&json!({ "reloaded": true }))),
            Err(ReloadError(problems)) => Ok(as_json(
                StatusCode::CONFLICT,
                &json!({ "reloaded": false, "problems": problems, "detail": "the configuration in use stays" }),
            )),
        }
    }
}

impl Handler for Admin {
    async fn handle(&self, request: Request<RequestBody>, info: RequestInfo) -> Response<Body> {
        match self.route(request, info.id).await {
            Ok(answer) => answer,
            Err(problem) => problem.respond(Rendering {
                request_id: info.id.as_str(),
                surface: Surface::Own,
                request_headers: None,
            }),
        }
    }
}

/// The command as a word of a closed list, for the audit log.
fn command_word(command: &str) -> &'static str {
    ["forget", "block", "grants", "reload"].into_iter().find(|word| *word == command).unwrap_or("unknown")
}

fn checked(selector: &Selector) -> Result<(), Problem> {
    selector.mistake().map_or(Ok(()), |mistake| Err(Problem::new(Code::BadRequest).detail(mistake)))
}

async fn read<T: DeserializeOwned>(body: RequestBody) -> Result<T, Problem> {
    let bytes = collect(body).await?;
    serde_json::from_slice(&bytes).map_err(|error| {
        // serde's message names members of our own schema; positions do not matter to anybody.
        let text = error.to_string();
        let what = text.split(" at line ").next().unwrap_or_default().to_owned();
        Problem::new(Code::BadRequest).detail(format!("the body is not the JSON that is wanted: {what}"))
    })
}

async fn collect(mut body: RequestBody) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::new(Code::BadRequest).detail("the body could not be read"))?;
        bytes.extend_from_slice(frame.data_ref().map(AsRef::as_ref).unwrap_or_default());
        if bytes.len() > MAX_BODY {
            return Err(Problem::new(Code::BodyTooLarge).detail("an admin call's body has at most 64 KiB"));
        }
    }
    Ok(bytes)
}

fn done(value: &serde_json::Value) -> Response<Body> {
    as_json(StatusCode::OK, value)
}

fn as_json(status: StatusCode, value: &serde_json::Value) -> Response<Body> {
    let mut response = text(value.to_string(), "application/json");
    *response.status_mut() = status;
    response
}

fn text(content: impl Into<bytes::Bytes>, kind: &'static str) -> Response<Body> {
    let mut response = Response::new(full(content));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
