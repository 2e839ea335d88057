//! `/authorize` with PKCE, the login and consent pages behind it, and the end of a browser session.

use serde_json::Value;
use url::Url;

use crate::http::Answer;
use crate::inner::Inner;
use crate::journal::entry::Entry;
use crate::quirks::Quirk;
use crate::text::{self, URL64};
use crate::world::client::{Client, ClientMethod};

use super::consent::{self, ProviderLogin};
use super::{my_account, pages};
use crate::world::state::Record;
use crate::world::tenant::Login;

const COOKIE: &str = "auth0";

/// Where and how an authorization response goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Query,
    FormPost,
    WebMessage,
}

/// A request that comes from a known application and names one of its addresses.
#[derive(Clone, Debug)]
struct AuthorizationRequest {
    client: Client,
    redirect: Url,
    mode: Mode,
    state: Option<String>,
}

impl AuthorizationRequest {
    fn read(inner: &Inner, entry: &Entry) -> Result<Self, Answer> {
        let id = entry.param("client_id").unwrap_or_default();
        let client = inner.state().clients.get(&id).cloned();
        let client = client.ok_or_else(|| pages::error_page(403, &format!("Unknown client: {id}")))?;
        let address = entry.param("redirect_uri").unwrap_or_default();
        let registered = client.callbacks.as_ref().is_none_or(|known| known.contains(&address));
        let redirect = Url::parse(&address).ok().filter(|url| registered && url.fragment().is_none());
        let redirect = redirect.ok_or_else(|| {
            pages::error_page(
                403,
                &format!("Callback URL mismatch. {address} is not in the list of allowed callback URLs."),
            )
        })?;
        let mode = match entry.param("response_mode").as_deref() {
            Some("web_message") => Mode::WebMessage,
            Some("form_post") => Mode::FormPost,
            _ => Mode::Query,
        };
        Ok(Self { client, redirect, mode, state: entry.param("state") })
    }

    fn respond(&self, members: &[(&str, String)]) -> Answer {
        let mut members = members.to_vec();
        members.extend(self.state.clone().map(|state| ("state", state)));
        match self.mode {
            Mode::Query => Answer::redirect(302, &pages::with_members(self.redirect.as_str(), &members)),
            Mode::FormPost => pages::form_post(self.redirect.as_str(), &members),
            Mode::WebMessage => {
                let response: Value =
                    members.into_iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect();
                pages::web_message(&self.redirect.origin().ascii_serialization(), &response)
            }
        }
    }

    fn refuse(&self, error: &str, description: &str) -> Answer {
        self.respond(&[("error", error.to_owned()), ("error_description", description.to_owned())])
    }

    /// What the application asked for in a way that it may be told about.
    fn check(&self, inner: &Inner, entry: &Entry) -> Result<(), Answer> {
        if entry.param("response_type").as_deref() != Some("code") {
            let text = "Only response_type=code is supported";
            return Err(self.refuse("unsupported_response_type", text));
        }
        if !self.client.grant_types.iter().any(|grant| grant == "authorization_code") {
            let text = "Grant type 'authorization_code' not allowed for the client.";
            return Err(self.refuse("unauthorized_client", text));
        }
        let public = self.client.methods.contains(&ClientMethod::None);
        match (entry.param("code_challenge"), entry.param("code_challenge_method").as_deref()) {
            (None, _) if public => {
                Err(self.refuse("invalid_request", "Missing required parameter: code_challenge"))
            }
            (Some(_), Some("S256")) | (None, _) => self.check_audience(inner, entry),
            (Some(_), _) => {
                Err(self.refuse("invalid_request", "Only code_challenge_method=S256 is supported"))
            }
        }
    }

    fn check_audience(&self, inner: &Inner, entry: &Entry) -> Result<(), Answer> {
        match audience(inner, entry) {
            Some(audience) if !knows_audience(inner, &audience) => {
                Err(self.refuse("access_denied", &format!("Service not found: {audience}")))
            }
            _ => Ok(()),
        }
    }
}

/// The API that an authorization request names. Where it names one in both ways, `audience` counts.
fn audience(inner: &Inner, entry: &Entry) -> Option<String> {
    let resource = inner.quirks.is_on(Quirk::ResourceParameter).then_some("resource");
    let named = |name: &str| entry.param(name).filter(|value| !value.is_empty());
    named("audience").or_else(|| resource.and_then(named))
}

/// Whether there is an API of that identifier in the tenant.
pub(super) fn knows_audience(inner: &Inner, audience: &str) -> bool {
    let settings = &inner.settings;
    let own = [settings.api_audience.clone(), settings.management_audience()];
    own.iter().chain(&settings.apis).any(|known| known == audience)
        || my_account::is_audience(inner, audience)
        || inner.state().clients.values().any(|client| {
            client.resource_server.as_deref() == Some(audience)
                || client.grants.iter().any(|(granted, _)| granted == audience)
        })
}

fn session(inner: &Inner, entry: &Entry) -> Option<String> {
    let cookies = entry.header("cookie")?;
    let value =
        cookies.split(';').find_map(|cookie| cookie.trim().strip_prefix(COOKIE)?.strip_prefix('='))?;
    inner.state().tenant.sessions.get(value).cloned()
}

pub(super) fn answer(inner: &Inner, entry: &Entry) -> Answer {
    authorize(inner, entry).unwrap_or_else(|refusal| refusal)
}

fn authorize(inner: &Inner, entry: &Entry) -> Result<Answer, Answer> {
    let request = AuthorizationRequest::read(inner, entry)?;
    request.check(inner, entry)?;
    let prompt = entry.param("prompt").unwrap_or_default();
    let prompts = |wanted: &str| prompt.split(' ').any(|prompt| prompt == wanted);
    let again = prompts("login") || prompts("select_account");
    match session(inner, entry).filter(|_| !again) {
        Some(user) if prompts("none") => {
            if has_connection(inner, entry, &user) {
                Ok(finish(inner, entry, &request, &user))
            } else {
                Err(request.refuse("login_required", "Login required"))
            }
        }
        Some(user) => Ok(at_provider(inner, entry, &request, &user)),
        None if prompts("none") => Err(request.refuse("login_required", "Login required")),
        None => Ok(pages::login(entry.query().unwrap_or_default(), &candidates(inner, entry))),
    }
}

/// Whether the session's user has an account of the connection that the request names, if it names one.
fn has_connection(inner: &Inner, entry: &Entry, user: &str) -> bool {
    let Some(connection) = entry.param("connection") else { return true };
    let state = inner.state();
    let mut identities = state.users.get(user).into_iter().flat_map(|record| &record.identities);
    identities.any(|held| held.identity.connection == connection)
}

/// The user is known. A request that names a connection goes on to the provider, all others are done.
fn at_provider(inner: &Inner, entry: &Entry, request: &AuthorizationRequest, user: &str) -> Answer {
    match ProviderLogin::read(inner, entry, user) {
        None => finish(inner, entry, request, user),
        Some(login) if login.needs_consent(inner) => login.page(inner, entry, &request.client.name, user),
        Some(login) => {
            let user = login.log_in(inner).unwrap_or_else(|| user.to_owned());
            finish(inner, entry, request, &user)
        }
    }
}

/// The users to choose from: the one that `login_hint` names, else those of the named connection, if there
/// are any, else all.
fn candidates(inner: &Inner, entry: &Entry) -> Vec<(String, String)> {
    let state = inner.state();
    let all: Vec<&Record> = state.order.iter().filter_map(|id| state.users.get(id)).collect();
    let hint = entry.param("login_hint");
    let hinted = |record: &Record| {
        let user = &record.user;
        hint.as_ref().is_some_and(|hint| hint.eq_ignore_ascii_case(&user.email) || *hint == user.user_id)
    };
    let connection = entry.param("connection");
    let connected = |record: &Record| {
        record.identities.iter().any(|held| Some(&held.identity.connection) == connection.as_ref())
    };
    let narrowed: [Vec<&Record>; 2] = [
        all.iter().copied().filter(|record| hinted(record)).collect(),
        all.iter().copied().filter(|record| connected(record)).collect(),
    ];
    let shown = narrowed.into_iter().find(|list| !list.is_empty()).unwrap_or(all);
    shown.iter().map(|record| (record.user.user_id.clone(), record.user.name.clone())).collect()
}

/// A button of the login page was pressed.
pub(super) fn login(inner: &Inner, entry: &Entry) -> Answer {
    let read = AuthorizationRequest::read(inner, entry);
    let request = match read.and_then(|request| request.check(inner, entry).map(|()| request)) {
        Ok(request) => request,
        Err(refusal) => return refusal,
    };
    let user = entry.field("user").unwrap_or_default();
    if !inner.state().users.contains_key(&user) {
        return pages::error_page(400, "There is no such user");
    }
    let answer = by_get(at_provider(inner, entry, &request, &user));
    with_session(inner, answer, &user)
}

/// A button of the consent page was pressed.
pub(super) fn consent(inner: &Inner, entry: &Entry) -> Answer {
    let Some(pending) = consent::take(inner, entry) else {
        return pages::error_page(400, "The page was used before, or the sandbox does not know it");
    };
    let target = format!("/authorize?{}", pending.query);
    let original = entry.read_as(::http::Method::GET, target, bytes::Bytes::new());
    let read = AuthorizationRequest::read(inner, &original);
    let (request, login) = match (read, ProviderLogin::read(inner, &original, &pending.user_id)) {
        (Ok(request), Some(login)) => (request, login),
        (Err(refusal), _) => return refusal,
        (_, None) => return pages::error_page(400, "The user or the connection is gone"),
    };
    if entry.field("decision").as_deref() == Some("deny") {
        return by_get(request.refuse("access_denied", "User did not authorize the request"));
    }
    let user = login.grant(inner, &pending.user_id);
    let answer = by_get(finish(inner, &original, &request, &user));
    with_session(inner, answer, &user)
}

/// A redirect that the browser follows with GET after a form.
fn by_get(answer: Answer) -> Answer {
    match answer.headers().get("location").and_then(|to| to.to_str().ok()) {
        Some(to) if answer.status().is_redirection() => Answer::redirect(303, to),
        _ => answer,
    }
}

/// Starts a browser session.
fn with_session(inner: &Inner, answer: Answer, user: &str) -> Answer {
    let cookie = text::random(URL64, 43);
    inner.state().tenant.sessions.insert(cookie.clone(), user.to_owned());
    answer.header("set-cookie", format!("{COOKIE}={cookie}; Path=/; HttpOnly; SameSite=Lax"))
}

fn finish(inner: &Inner, entry: &Entry, request: &AuthorizationRequest, user: &str) -> Answer {
    let blocked = inner.state().users.get(user).is_some_and(|record| record.user.blocked);
    if blocked {
        return request.refuse("unauthorized", "user is blocked");
    }
    let code = text::random(URL64, 43);
    let login = Login {
        user_id: user.to_owned(),
        client_id: request.client.id.clone(),
        redirect_uri: entry.param("redirect_uri").unwrap_or_default(),
        scope: entry.param("scope").unwrap_or_default(),
        audience: audience(inner, entry),
        nonce: entry.param("nonce"),
        challenge: entry.param("code_challenge"),
        dpop: entry.param("dpop_jkt"),
        auth_time: text::epoch(),
        issuer: inner.issuer_of(entry),
    };
    inner.state().tenant.codes.insert(code.clone(), login);
    request.respond(&[("code", code)])
}

/// `/v2/logout` (`returnTo`) and `/oidc/logout` (`post_logout_redirect_uri`).
pub(super) fn logout(inner: &Inner, entry: &Entry) -> Answer {
    let cookies = entry.header("cookie").unwrap_or_default();
    for cookie in cookies.split(';') {
        if let Some(value) = cookie.trim().strip_prefix(COOKIE).and_then(|rest| rest.strip_prefix('=')) {
            inner.state().tenant.sessions.remove(value);
        }
    }
    let to = entry.param("returnTo").or_else(|| entry.param("post_logout_redirect_uri"));
    let answer = match to {
        Some(to) => {
            let state: Vec<(&str, String)> =
                entry.param("state").map(|state| ("state", state)).into_iter().collect();
            let to = if state.is_empty() { to } else { pages::with_members(&to, &state) };
            Answer::redirect(302, &to)
        }
        None => Answer::text(200, "OK"),
    };
    answer.header("set-cookie", format!("{COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"))
}
