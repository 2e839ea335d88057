//! The entrance: one request in, one answer out.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::SystemTime;

use http::header::{ACCEPT, HOST};
use http::request::Parts;
use http::{Method, Request, Response};

use crate::body::{Body, RequestBody};
use crate::connect::{Connected, HostedConnect};
use crate::error_table;
use crate::outcome::Code;
use crate::peer::Peer;
use crate::problem::{self, Problem, Rendering, Surface};
use crate::proxy;
use crate::request_id::RequestId;
use crate::route::{ProxyRoute, Route, route};
use crate::selector::Selector;
use crate::server::RequestInfo;
use crate::state::{App, RequestContext, RequestRecord, with_connect_page};
use crate::telemetry::ProviderLabel;
use crate::webhooks::Seen;
use crate::{console, documents, logout, mcp, v1};
use caller_auth::Schemes;
use token_broker::Account;

/// The route label of proxied calls.
const PROXY_ROUTE: &str = "/proxy/{provider}/{path}";

impl App {
    /// Answers one request of the public listener. Dropping the future cancels whatever it waits for.
    pub async fn handle(&self, request: Request<RequestBody>, info: RequestInfo) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let context = RequestContext {
            id: info.id,
            started: SystemTime::now(),
            peer: info.peer,
            authority: parts.headers.get(HOST).and_then(|value| value.to_str().ok()),
            cross_origin: info.cross_origin,
        };
        let mut record = RequestRecord::new();
        let (surface, result) = match route(&self.hosts, context.authority, parts.uri.path()) {
            Route::Proxy(route) => {
                record.route = Some(PROXY_ROUTE);
                let answer = self.proxied(&context, route, (&parts, body), &mut record).await;
                (Surface::Proxied, answer)
            }
            Route::Own(path) => {
                // Boxed: a proxied call, which is what comes most, need not have room for it.
                let answer = Box::pin(answer_own(self, &context, path, (&parts, body), &mut record));
                (Surface::Own, answer.await)
            }
        };
        let rendering =
            Rendering { request_id: context.id.as_str(), surface, request_headers: Some(&parts.headers) };
        let mut response = match result {
            Ok(response) => response,
            Err(problem) => {
                record.outcome = Some(problem.code());
                report(&problem, &context);
                let about = problem::Request {
                    method: parts.method.as_str(),
                    path: parts.uri.path(),
                    provider: record.provider.as_ref().map(ProviderLabel::name),
                };
                with_connect_page(self.connect.as_ref(), &self.calls, problem.about(about), &record)
                    .respond(rendering)
            }
        };
        let secrets = std::mem::take(&mut record.secrets);
        response = secrets.scrub(response, &self.recorder.metrics, record.provider.as_ref());
        if let Some(nonce) = record.nonce.take() {
            response.headers_mut().insert("dpop-nonce", nonce);
        }
        self.tell(&context, &record);
        self.recorder.record(&context, &parts.method, record, &mut response);
        response
    }

    /// Tells the webhooks what this request has shown of an account.
    fn tell(&self, context: &RequestContext<'_>, record: &RequestRecord) {
        if !self.webhooks.is_on() {
            return;
        }
        let (Some(caller), Some(provider)) = (&record.caller, &record.provider) else { return };
        for account in record.changed_accounts() {
            self.webhooks.observe(&Seen {
                request: record.event,
                outcome: record.outcome.unwrap_or(Code::Ok),
                user: caller.subject(),
                client: caller.client(),
                provider: provider.name(),
                connection: account.connection(),
                id: account.user_id(),
                request_id: context.id.as_str(),
            });
        }
    }

    /// One call of an operator for a user, who is the caller's `sub`. The deny list and blocks hold; rules and quotas are
    /// for callers. The caller gives the method, the headers and `/proxy/{provider}/{path}`.
    pub async fn operate(&self, request: Request<RequestBody>, user_id: &str) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let peer = Peer::new(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), false, &[]);
        let (id, started) = (RequestId::random(), SystemTime::now());
        let context = RequestContext { id, started, peer, authority: None, cross_origin: false };
        let mut record = RequestRecord::new();
        record.event = "operator_call";
        let verified = self.calls.access.operator(user_id, &mut record);
        record.route = Some(PROXY_ROUTE);
        let result = match route(&self.hosts, None, parts.uri.path()) {
            Route::Proxy(route) => {
                proxy::proxy(&self.calls, &context, verified, route, (&parts, body), &mut record).await
            }
            Route::Own(_) => Err(Problem::new(Code::NotFound)),
        };
        let rendering =
            Rendering { request_id: context.id.as_str(), surface: Surface::Own, request_headers: None };
        let mut response = result.unwrap_or_else(|problem| {
            record.outcome = Some(problem.code());
            problem.respond(rendering)
        });
        let secrets = std::mem::take(&mut record.secrets);
        response = secrets.scrub(response, &self.recorder.metrics, record.provider.as_ref());
        self.recorder.record(&context, &parts.method, record, &mut response);
        response
    }

    async fn proxied(
        &self,
        context: &RequestContext<'_>,
        route: ProxyRoute<'_>,
        (parts, body): (&Parts, Body),
        record: &mut RequestRecord,
    ) -> Result<Response<Body>, Problem> {
        let with_token = |name| {
            self.calls
                .providers
                .get(name)
                .is_some_and(|provider| provider.plan.adapter().accepts_token_scheme())
        };
        let schemes = if with_token(route.provider) { Schemes::WithToken } else { Schemes::Standard };
        let verified = self.calls.access.verify(parts, schemes, record).await?;
        // Boxed: the futures around it are moved several times before they begin, and need not be as large as this one.
        Box::pin(proxy::proxy(&self.calls, context, verified, route, (parts, body), record)).await
    }
}

/// Logs what only operators can correct, with the remedy.
fn report(problem: &Problem, context: &RequestContext<'_>) {
    match problem.code() {
        Code::TenantMisconfigured
        | Code::ProviderMisconfigured
        | Code::StoreUnavailable
        | Code::InternalError => {
            tracing::error!(
                event = "operator_needed",
                code = problem.code().as_str(),
                request_id = context.id.as_str(),
                cause = problem.log_text(),
                remedy = problem.remedy_text(),
            );
        }
        _ => {}
    }
}

/// Answers a request that is not for a provider.
///
/// # Errors
/// The problem to answer with.
async fn answer_own(
    app: &App,
    context: &RequestContext<'_>,
    path: &str,
    (parts, body): (&Parts, Body),
    record: &mut RequestRecord,
) -> Result<Response<Body>, Problem> {
    if let Some(endpoint) = app.mcp.as_ref().filter(|endpoint| endpoint.path == path) {
        let state = (&app.calls, endpoint, app.connect.as_ref());
        return mcp::answer(state, context, (parts, body), record).await;
    }
    match path {
        "/hooks/backchannel-logout" => {
            record.route = Some("/hooks/backchannel-logout");
            record.event = "logout";
            return logout::answer(&app.calls, app.logout_enabled, parts, body).await;
        }
        // Programs get the usual 404: nothing is served here that they could mistake for an answer.
        "/" if wants_page(parts) => {
            record.route = Some("/");
            return read_only(parts).map(|()| console::landing(app.console.as_ref()));
        }
        "/favicon.ico" => {
            record.route = Some("/favicon.ico");
            return read_only(parts).map(|()| console::icon());
        }
        "/openapi.json" => {
            record.route = Some("/openapi.json");
            return read_only(parts).and_then(|()| documents::openapi(&app.calls.address, context));
        }
        "/docs" | "/docs/" => {
            record.route = Some("/docs");
            return read_only(parts).and_then(|()| documents::docs(app.console.is_some()));
        }
        _ => {}
    }
    if let Some(console) = &app.console
        && let Some(file) = path.strip_prefix("/console")
        && (file.is_empty() || file.starts_with('/'))
    {
        record.route = Some("/console/");
        return read_only(parts).and_then(|()| console.file(file));
    }
    if let Some(hosted) = &app.connect
        && let Some(page) = path.strip_prefix("/connect/")
    {
        return visited((app, hosted), context, page, (parts, body), record).await;
    }
    if let Some(resource) = metadata_path(path) {
        record.route = Some("/.well-known/oauth-protected-resource");
        read_only(parts)?;
        let known =
            documents::resource_metadata((&app.calls, app.mcp.as_ref()), &app.scopes, context, resource);
        return known.unwrap_or_else(|| Err(Problem::new(Code::NotFound)));
    }
    let guarded = ["/v1", "/proxy"]
        .iter()
        .any(|prefix| path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')));
    if !guarded {
        return Err(Problem::new(Code::NotFound));
    }
    record.route = Some("/v1");
    let verified = app.calls.access.verify(parts, Schemes::Standard, record).await?;
    let state = (&app.calls, &*app.recorder.explained, app.connect.as_ref());
    v1::answer(state, context, path, (parts, body), verified, record).await
}

/// Answers a browser's visit, notes what became of it, and forgets what it made out of date.
async fn visited(
    (app, hosted): (&App, &HostedConnect),
    context: &RequestContext<'_>,
    page: &str,
    request: (&Parts, Body),
    record: &mut RequestRecord,
) -> Result<Response<Body>, Problem> {
    let visit = hosted.visit(context.id.as_str(), page, request).await;
    record.route = Some(if page == "callback" { "/connect/callback" } else { "/connect/{provider}" });
    let provider = visit.provider.as_deref().and_then(|name| app.calls.providers.get(name));
    record.provider = provider.map(|provider| provider.label.clone());
    record.caller = visit.caller;
    record.account = visit.account.map(|(connection, id)| Account::new(connection, id));
    record.outcome = Some(visit.outcome);
    record.event = if visit.connected.is_some() { "connected" } else { "connect" };
    if let Some(connected) = visit.connected {
        // The app may have named an account that is not the user's.
        record.account = Some(Account::new(connected.account.connection(), None));
        match note_connected(app, connected).await {
            Ok(account) => record.account = Some(account),
            // The account is connected all the same; what is cached goes when its time is over.
            Err(problem) => tracing::warn!(event = "forget_failed", cause = problem.log_text()),
        }
    }
    visit.response
}

/// Takes note of an account that was connected just now, before the browser goes back and the app calls.
/// Returns it as Auth0 knows it.
async fn note_connected(app: &App, connected: Connected) -> Result<Account, Problem> {
    let Connected { user, source, account } = connected;
    let connection = Some(account.connection().to_owned());
    let selector = Selector { user: Some(user.clone()), connection, ..Selector::default() };
    app.forget(&selector).await?;
    let lifted = app.calls.tokens.reconnected(&user, source, &account).await;
    lifted.map_err(|error| error_table::broker(&error, None))
}

/// The path of the resource that metadata is asked of: RFC 9728 puts it behind the well-known part.
fn metadata_path(path: &str) -> Option<&str> {
    path.strip_prefix("/.well-known/oauth-protected-resource")
        .filter(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether a browser asks for a page to show.
fn wants_page(parts: &Parts) -> bool {
    parts
        .headers
        .get_all(ACCEPT)
        .iter()
        .any(|value| value.to_str().is_ok_and(|text| text.to_ascii_lowercase().contains("text/html")))
}

fn read_only(parts: &Parts) -> Result<(), Problem> {
    if matches!(parts.method, Method::GET | Method::HEAD) {
        Ok(())
    } else {
        Err(Problem::new(Code::MethodNotAllowed).allow("GET, HEAD"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_metadata_of_a_resource_may_name_its_path() {
        assert_eq!(metadata_path("/.well-known/oauth-protected-resource/base"), Some("/base"));
        assert_eq!(metadata_path("/.well-known/oauth-protected-resource"), Some(""));
        assert_eq!(metadata_path("/.well-known/oauth-protected-resources"), None);
    }
}
