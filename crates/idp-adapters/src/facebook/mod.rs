//! Facebook's Graph API.

mod classify;
mod proof;
mod scopes;

use std::time::SystemTime;

use http::{Method, StatusCode, header::AUTHORIZATION};
use secrecy::{ExposeSecret, SecretString};
use token_keeper::BearerToken;

use crate::{
    Adapter, Cause, Classified, DeniedPath, DeniedValue, Description, Head, HostRule, HttpRequest, Kind,
    LinkMember, MalformedProfile,
    MemberName::Is,
    Outbound, Outcome, Profile, RefreshError, RefreshInput, RefreshRule, Refreshed, Reply, RevokeError,
    RevokeInput, Revoked,
    Segment::{Literal, Rest, Version},
    Verdict,
    claims::Document,
    exchange,
};

/// The adapter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facebook;

const fn denied(
    methods: &'static [&'static str],
    pattern: &'static [crate::Segment],
    reason: &'static str,
) -> DeniedPath {
    DeniedPath { methods, host: None, pattern, reason }
}

const BATCH: &str = "embeds other requests with tokens of their own";
const OAUTH: &str = "issues and exchanges tokens";
const DEBUG: &str = "inspects tokens";

static DESCRIPTION: Description = Description {
    connections: &["facebook"],
    default_origin: Some("https://graph.facebook.com"),
    hosts: &[HostRule::Exact("graph.facebook.com"), HostRule::Exact("graph-video.facebook.com")],
    download_hosts: &[HostRule::Under("fbcdn.net"), HostRule::Under("fbsbx.com")],
    denied: &[
        denied(&["POST"], &[], BATCH),
        denied(&["POST"], &[Version], BATCH),
        denied(&[], &[Literal("oauth"), Rest], OAUTH),
        denied(&[], &[Version, Literal("oauth"), Rest], OAUTH),
        denied(&[], &[Literal("debug_token"), Rest], DEBUG),
        denied(&[], &[Version, Literal("debug_token"), Rest], DEBUG),
    ],
    denied_query: &["method", "batch", "suppress_http_code", "callback", "appsecret_proof"],
    method_member: Some("method"),
    ignores_case: true,
    echo_prone: true,
    strips_token_members: true,
    denied_values: &[DeniedValue::new(
        "fields",
        "access_token",
        "asks for other tokens, which are removed from answers",
    )],
    // Expanded edges and `?ids=` nest them.
    links: &[
        LinkMember::paging(&[Is("paging"), Is("next")]),
        LinkMember::paging(&[Is("paging"), Is("previous")]),
    ],
    refresh_rule: RefreshRule::Exchange,
    token_url: Some("https://graph.facebook.com/v22.0/oauth/access_token"),
    revoke_url: Some("https://graph.facebook.com/v22.0/me/permissions"),
    profile_url: Some(
        "https://graph.facebook.com/v22.0/me?fields=id,name,first_name,last_name,email,picture",
    ),
    scopes: scopes::CALLS,
    ..Description::empty(Kind::Facebook)
};

impl Adapter for Facebook {
    fn description(&self) -> &Description {
        &DESCRIPTION
    }

    fn place_token(&self, token: &BearerToken, app_secret: Option<&SecretString>, outbound: &mut Outbound) {
        outbound.headers.insert(AUTHORIZATION, token.header().clone());
        let proof = app_secret.and_then(|secret| proof::of(token, secret));
        outbound.query.extend(proof.map(|proof| ("appsecret_proof", proof)));
    }

    fn classify(&self, head: &Head<'_>, now: SystemTime) -> Verdict {
        classify::head(head, now)
    }

    fn classify_body(&self, head: &Head<'_>, body: &[u8], now: SystemTime) -> Classified {
        classify::body(head, body, now)
    }

    /// The long-lived exchange: there are no refresh tokens, a living access token is traded in.
    fn refresh_request(&self, input: &RefreshInput<'_>) -> Option<HttpRequest> {
        let secret = input.client.proof.secret()?;
        Some(exchange::get(
            input.url,
            &[
                ("grant_type", "fb_exchange_token"),
                ("client_id", input.client.id),
                ("client_secret", secret.expose_secret()),
                ("fb_exchange_token", input.token.expose_secret()),
            ],
        ))
    }

    fn refresh_response(&self, reply: &Reply<'_>) -> Result<Refreshed, RefreshError> {
        if let Some(error) = graph_failure(reply) {
            return Err(error);
        }
        exchange::refreshed(reply, Kind::Facebook)
    }

    /// Takes back every permission the user gave the app.
    fn revoke_request(&self, input: &RevokeInput<'_>) -> Option<HttpRequest> {
        let mut request = exchange::bare(Method::DELETE, input.url.clone());
        request.headers.insert(AUTHORIZATION, input.access_token.header().clone());
        let secret = input.client.proof.secret();
        if let Some(proof) = secret.and_then(|secret| proof::of(input.access_token, secret)) {
            request.url.query_pairs_mut().append_pair("appsecret_proof", proof.expose_secret());
        }
        Some(request)
    }

    fn revoke_response(&self, reply: &Reply<'_>) -> Result<Revoked, RevokeError> {
        match graph_failure(reply) {
            Some(error) if error.is_permanent() => Ok(Revoked::Before),
            Some(error) => Err(RevokeError(error)),
            None if reply.status.is_success() && !says_false(reply.body) => Ok(Revoked::Now),
            None => Err(exchange::revoke_refused(reply, Kind::Facebook)),
        }
    }

    fn profile(&self, body: &[u8]) -> Result<Profile, MalformedProfile> {
        let user = Document::parse(body)?;
        Ok(Profile {
            name: user.text("/name"),
            given_name: user.text("/first_name"),
            family_name: user.text("/last_name"),
            profile: user.text("/link"),
            picture: user.text("/picture/data/url"),
            email: user.text("/email"),
            locale: user.text("/locale").map(|locale| locale.replace('_', "-")),
            ..Profile::new(user.id("/id")?)
        })
    }
}

/// A Graph error envelope at the token endpoint, read by the same table as everywhere else.
fn graph_failure(reply: &Reply<'_>) -> Option<RefreshError> {
    let (method, graph) = (Method::GET, classify::GraphError::read(reply.body)?);
    let head = Head::new(&method, reply.status.max(StatusCode::BAD_REQUEST), reply.headers);
    let classified = classify::body(&head, reply.body, reply.at);
    let cause = match classified.outcome {
        // The code is read whatever the status, but a failing server proves nothing about the grant.
        _ if reply.status == StatusCode::TOO_MANY_REQUESTS => Cause::Throttled,
        _ if reply.proves_nothing() => Cause::Unavailable,
        Outcome::TokenDead if classified.refresh_helps => Cause::GrantInvalid,
        Outcome::TokenDead => Cause::InteractionRequired,
        Outcome::RateLimited => Cause::Throttled,
        _ if graph.blames_client() => Cause::ClientRejected,
        Outcome::Error => Cause::Unavailable,
        Outcome::Misconfigured => Cause::ClientUnknown,
        _ => Cause::Unknown,
    };
    Some(RefreshError::new(cause, classified.code.as_deref(), classified.retry_after))
}

fn says_false(body: &[u8]) -> bool {
    crate::message::json(body).pointer("/success") == Some(&serde_json::Value::Bool(false))
}

#[cfg(test)]
mod tests;
