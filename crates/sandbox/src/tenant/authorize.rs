//! `/authorize` with PKCE, the login page behind it, and the end of a browser session.

use std::sync::Arc;

use serde_json::Value;
use url::Url;

use crate::http::Answer;
use crate::inner::Inner;
use crate::journal::entry::Entry;
use crate::text::{self, URL64};
use crate::world::client::{Client, ClientMethod};

use super::pages;
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
struct Ask {
    client: Client,
    redirect: Url,
    mode: Mode,
    state: Option<String>,
}

impl Ask {
    fn read(inner: &Inner, entry: &Entry) -> Result<Self, Answer> {
        let id = entry.param("client_id").unwrap_or_default();
        let client = inner.state().clients.get(&id).cloned();
        let client = client.ok_or_else(|| pages::oops(403, &format!("Unknown client: {id}")))?;
        let address = entry.param("redirect_uri").unwrap_or_default();
        let registered = client.callbacks.as_ref().is_none_or(|known| known.contains(&address));
        let redirect = Url::parse(&address).ok().filter(|url| registered && url.fragment().is_none());
        let redirect = redirect.ok_or_else(|| {
            pages::oops(
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
        match entry.param("audience").filter(|audience| !audience.is_empty()) {
            Some(audience) if !knows_audience(inner, &audience) => {
                Err(self.refuse("access_denied", &format!("Service not found: {audience}")))
            }
            _ => Ok(()),
        }
    }
}

/// Whether there is an API of that identifier in the tenant.
pub(super) fn knows_audience(inner: &Inner, audience: &str) -> bool {
    let settings = &inner.settings;
    let own = [settings.api_audience.clone(), settings.management_audience(), settings.my_account_audience()];
    own.iter().any(|known| known == audience)
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

pub(super) fn answer(inner: &Arc<Inner>, entry: &Entry) -> Answer {
    authorize(inner, entry).unwrap_or_else(|refusal| refusal)
}

fn authorize(inner: &Arc<Inner>, entry: &Entry) -> Result<Answer, Answer> {
    let ask = Ask::read(inner, entry)?;
    ask.check(inner, entry)?;
    let prompt = entry.param("prompt").unwrap_or_default();
    let again = prompt.split(' ').any(|prompt| matches!(prompt, "login" | "select_account"));
    match session(inner, entry).filter(|_| !again) {
        Some(user) => Ok(finish(inner, entry, &ask, &user)),
        None if prompt.split(' ').any(|prompt| prompt == "none") => {
            Err(ask.refuse("login_required", "Login required"))
        }
        None => Ok(pages::login(entry.query().unwrap_or_default(), &candidates(inner, entry))),
    }
}

/// The users to choose from: those of the named connection, if there are any, else all.
fn candidates(inner: &Inner, entry: &Entry) -> Vec<(String, String)> {
    let state = inner.state();
    let connection = entry.param("connection");
    let all = || state.order.iter().filter_map(|id| state.users.get(id));
    let named: Vec<(String, String)> = all()
        .filter(|record| {
            record.identities.iter().any(|held| Some(&held.identity.connection) == connection.as_ref())
        })
        .map(|record| (record.user.user_id.clone(), record.user.name.clone()))
        .collect();
    if named.is_empty() {
        return all().map(|record| (record.user.user_id.clone(), record.user.name.clone())).collect();
    }
    named
}

/// A button of the login page was pressed.
pub(super) fn login(inner: &Arc<Inner>, entry: &Entry) -> Answer {
    let ask = match Ask::read(inner, entry).and_then(|ask| ask.check(inner, entry).map(|()| ask)) {
        Ok(ask) => ask,
        Err(refusal) => return refusal,
    };
    let user = entry.field("user").unwrap_or_default();
    if !inner.state().users.contains_key(&user) {
        return pages::oops(400, "There is no such user");
    }
    renew(inner, entry, &user);
    let cookie = text::random(URL64, 43);
    inner.state().tenant.sessions.insert(cookie.clone(), user.clone());
    let answer = finish(inner, entry, &ask, &user);
    let answer = if answer.status().is_redirection() {
        // The browser is to come back with GET.
        Answer::redirect(
            303,
            answer.headers().get("location").and_then(|to| to.to_str().ok()).unwrap_or_default(),
        )
    } else {
        answer
    };
    answer.header("set-cookie", format!("{COOKIE}={cookie}; Path=/; HttpOnly; SameSite=Lax"))
}

/// A sign-in that names a connection passes the provider's consent, and brings new tokens with it.
fn renew(inner: &Arc<Inner>, entry: &Entry, user: &str) {
    let Some(connection) = entry.param("connection") else { return };
    let more = entry.param("connection_scope").unwrap_or_default();
    {
        let mut state = inner.state();
        let identities = state.users.get_mut(user).map(|record| record.identities.iter_mut());
        for held in identities.into_iter().flatten().filter(|held| held.identity.connection == connection) {
            for scope in more.split([',', ' ']).filter(|scope| !scope.is_empty()) {
                if !held.identity.scopes.iter().any(|known| known == scope) {
                    held.identity.scopes.push(scope.to_owned());
                }
            }
        }
    }
    inner.state().sign_in_again(user, &connection);
}

fn finish(inner: &Inner, entry: &Entry, ask: &Ask, user: &str) -> Answer {
    let blocked = inner.state().users.get(user).is_some_and(|record| record.user.blocked);
    if blocked {
        return ask.refuse("unauthorized", "user is blocked");
    }
    let code = text::random(URL64, 43);
    let login = Login {
        user_id: user.to_owned(),
        client_id: ask.client.id.clone(),
        redirect_uri: entry.param("redirect_uri").unwrap_or_default(),
        scope: entry.param("scope").unwrap_or_default(),
        audience: entry.param("audience").filter(|audience| !audience.is_empty()),
        nonce: entry.param("nonce"),
        challenge: entry.param("code_challenge"),
        dpop: entry.param("dpop_jkt"),
        auth_time: text::epoch(),
    };
    inner.state().tenant.codes.insert(code.clone(), login);
    ask.respond(&[("code", code)])
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
