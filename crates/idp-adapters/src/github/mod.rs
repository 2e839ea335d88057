//! GitHub: REST API, GitHub Apps, GitHub Enterprise Server.

mod calls;
mod classify;

use std::{borrow::Cow, time::SystemTime};

use http::{
    HeaderMap, HeaderValue, Method, StatusCode,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT},
};
use secrecy::SecretString;
use serde_json::json;
use token_keeper::BearerToken;
use url::Url;

use crate::{
    Adapter, Classified, DeniedPath, Description, Endpoints, Head, HostRule, HttpRequest, Kind,
    MalformedProfile, Outbound, Profile, RefreshError, RefreshInput, RefreshRule, Refreshed, Reply,
    RevokeError, RevokeInput, Revoked,
    Segment::{Literal, Rest},
    Verdict,
    claims::Document,
    exchange,
    scopes::Lattice,
};

/// The adapter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GitHub;

static DESCRIPTION: Description = Description {
    connections: &["github"],
    default_origin: Some("https://api.github.com"),
    hosts: &[HostRule::Exact("api.github.com"), HostRule::Exact("uploads.github.com")],
    download_hosts: &[HostRule::Exact("codeload.github.com"), HostRule::Under("githubusercontent.com")],
    denied: &[
        DeniedPath {
            methods: &[],
            host: None,
            pattern: &[Literal("applications"), Rest],
            reason: "administers OAuth applications and echoes their tokens",
        },
        DeniedPath {
            methods: &[],
            host: None,
            pattern: &[Literal("credentials"), Rest],
            reason: "revokes any credential that is named",
        },
    ],
    guarded: &[DeniedPath {
        methods: &[],
        host: None,
        pattern: &[Literal("graphql"), Rest],
        reason: "one path for every read and write",
    }],
    denied_query: &["callback"],
    encoded_slash: true,
    accepts_token_scheme: true,
    capability_members: &["download_url"],
    refresh_rule: RefreshRule::Rotating,
    token_url: Some("https://github.com/login/oauth/access_token"),
    revoke_url: Some("https://api.github.com/applications/{client_id}/grant"),
    profile_url: Some("https://api.github.com/user"),
    scopes: calls::CALLS,
    ..Description::empty(Kind::GitHub)
};

impl Adapter for GitHub {
    fn description(&self) -> &Description {
        &DESCRIPTION
    }

    fn place_token(&self, token: &BearerToken, _: Option<&SecretString>, outbound: &mut Outbound) {
        outbound.headers.insert(AUTHORIZATION, token.header().clone());
    }

    fn required_headers(&self, _host: &str, headers: &mut HeaderMap) {
        headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(crate::USER_AGENT));
        headers.entry(ACCEPT).or_insert(HeaderValue::from_static("application/vnd.github+json"));
    }

    fn classify(&self, head: &Head<'_>, now: SystemTime) -> Verdict {
        classify::head(head, now)
    }

    fn classify_body(&self, head: &Head<'_>, body: &[u8], now: SystemTime) -> Classified {
        classify::body(head, body, now)
    }

    fn refresh_request(&self, input: &RefreshInput<'_>) -> Option<HttpRequest> {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", secrecy::ExposeSecret::expose_secret(input.token)),
        ];
        Some(exchange::post_form(input.url, input.client, false, &form))
    }

    fn refresh_response(&self, reply: &Reply<'_>) -> Result<Refreshed, RefreshError> {
        exchange::refreshed(reply, Kind::GitHub)
    }

    /// Deletes the whole grant of the user for the OAuth app, with the app's own credentials.
    fn revoke_request(&self, input: &RevokeInput<'_>) -> Option<HttpRequest> {
        let credentials = exchange::basic(input.client.id, input.client.proof.secret()?)?;
        let mut request = exchange::bare(Method::DELETE, input.url.clone());
        self.required_headers("", &mut request.headers);
        request.headers.insert(AUTHORIZATION, credentials);
        request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        request.body = Some(json!({ "access_token": input.access_token.expose() }).to_string().into());
        Some(request)
    }

    fn revoke_response(&self, reply: &Reply<'_>) -> Result<Revoked, RevokeError> {
        match reply.status {
            status if status.is_success() => Ok(Revoked::Now),
            StatusCode::NOT_FOUND | StatusCode::UNPROCESSABLE_ENTITY => Ok(Revoked::Before),
            _ => Err(exchange::revoke_refused(reply, Kind::GitHub)),
        }
    }

    fn profile(&self, body: &[u8]) -> Result<Profile, MalformedProfile> {
        let user = Document::parse(body)?;
        Ok(Profile {
            name: user.text("/name"),
            preferred_username: user.text("/login"),
            profile: user.text("/html_url"),
            picture: user.text("/avatar_url"),
            email: user.text("/email"),
            ..Profile::new(user.id("/id")?)
        })
    }

    fn includes_scope(&self, held: &str, wanted: &str) -> bool {
        held == wanted || calls::SCOPES.implies(held, wanted)
    }

    /// GitHub Enterprise Server (`https://HOST/api/v3`) and data residency (`https://api.SUB.ghe.com`) keep all
    /// their endpoints under names that follow from the base URL.
    fn endpoints(&self, base_url: Option<&Url>) -> Endpoints {
        let Some((base, web)) = base_url.and_then(|base| Some((base, enterprise_web(base)?))) else {
            return crate::adapter::default_endpoints(&DESCRIPTION, base_url);
        };
        let base = base.as_str().trim_end_matches('/');
        Endpoints {
            token_url: Some(format!("{web}/login/oauth/access_token")),
            revoke_url: Some(format!("{base}/applications/{{client_id}}/grant")),
            profile_url: Some(format!("{base}/user")),
        }
    }
}

/// The web origin that belongs to an enterprise API base, if it is one.
fn enterprise_web(base: &Url) -> Option<Cow<'static, str>> {
    if base.path().trim_end_matches('/') == "/api/v3" {
        return Some(base.origin().ascii_serialization().into());
    }
    let tenant = base.host_str()?.strip_prefix("api.")?.strip_suffix(".ghe.com")?;
    (!tenant.contains('.')).then(|| format!("https://{tenant}.ghe.com").into())
}

#[cfg(test)]
mod tests;
