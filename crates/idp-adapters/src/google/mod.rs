//! Google: everything under `googleapis.com` that serves users.

mod calls;
mod classify;

use std::time::SystemTime;

use http::{StatusCode, header::AUTHORIZATION};
use secrecy::{ExposeSecret, SecretString};
use token_keeper::BearerToken;

use crate::{
    Adapter, Classified, DeniedPath, Description, Head, HostRule, HttpRequest, Kind, MalformedProfile,
    MethodOverride, Outbound, Profile, RefreshError, RefreshInput, RefreshRule, Refreshed, Reply,
    RevokeError, RevokeInput, Revoked,
    Segment::{Any, Literal, Prefix, Rest},
    Verdict,
    claims::Document,
    exchange,
    scopes::Lattice,
};

/// The adapter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Google;

static DESCRIPTION: Description = Description {
    connections: &["google-oauth2"],
    default_origin: Some("https://www.googleapis.com"),
    hosts: &[HostRule::OneLabelUnder {
        domain: "googleapis.com",
        // `content` is the second name of every API (`content-people`): a host has one name here, so that rules can name it.
        except: &[
            "oauth2",
            "sts",
            "iamcredentials",
            "securetoken",
            "identitytoolkit",
            "storage",
            "commondatastorage",
            "content",
        ],
    }],
    pinned_paths: &[("openidconnect.googleapis.com", &["/v1/userinfo"])],
    download_hosts: &[HostRule::Under("googleusercontent.com")],
    denied: &[
        DeniedPath::new(&[Prefix("batch"), Rest], "embeds other requests with credentials of their own"),
        DeniedPath::new(&[Literal("oauth2"), Any, Literal("tokeninfo")], "inspects tokens"),
    ],
    // A second way to call every method of an API, writes too, with the method in the path of a POST.
    guarded: &[
        DeniedPath::new(
            &[Literal("$rpc"), Rest],
            "gRPC over HTTP: one kind of path for every read and write",
        ),
        DeniedPath::new(&[Prefix("google."), Rest], "gRPC: one kind of path for every read and write"),
        DeniedPath::new(&[Prefix("grafeas."), Rest], "gRPC: one kind of path for every read and write"),
    ],
    // The parameters that start with a dollar sign are Google's own ways around a method and around headers.
    denied_query: &["callback", "$callback", "$httpmethod", "$httpheaders"],
    method_override: MethodOverride::FormPostAsGet,
    encoded_slash: true,
    refresh_rule: RefreshRule::Harmless,
    token_url: Some("https://oauth2.googleapis.com/token"),
    revoke_url: Some("https://oauth2.googleapis.com/revoke"),
    profile_url: Some("https://openidconnect.googleapis.com/v1/userinfo"),
    scopes: calls::CALLS,
    ..Description::empty(Kind::Google)
};

impl Adapter for Google {
    fn description(&self) -> &Description {
        &DESCRIPTION
    }

    fn place_token(&self, token: &BearerToken, _: Option<&SecretString>, outbound: &mut Outbound) {
        outbound.headers.insert(AUTHORIZATION, token.header().clone());
    }

    fn classify(&self, head: &Head<'_>, now: SystemTime) -> Verdict {
        classify::head(head, now)
    }

    fn classify_body(&self, head: &Head<'_>, body: &[u8], now: SystemTime) -> Classified {
        classify::body(head, body, now)
    }

    fn includes_scope(&self, held: &str, wanted: &str) -> bool {
        held == wanted || calls::Scopes.implies(held, wanted)
    }

    fn refresh_request(&self, input: &RefreshInput<'_>) -> Option<HttpRequest> {
        let form = [("grant_type", "refresh_token"), ("refresh_token", input.token.expose_secret())];
        Some(exchange::post_form(input.url, input.client, false, &form))
    }

    fn refresh_response(&self, reply: &Reply<'_>) -> Result<Refreshed, RefreshError> {
        exchange::refreshed(reply, Kind::Google)
    }

    /// Revoking either token ends the grant; the refresh token outlives the access token, so it goes first.
    fn revoke_request(&self, input: &RevokeInput<'_>) -> Option<HttpRequest> {
        let token = input.refresh_token.map_or(input.access_token.expose(), |token| token.expose_secret());
        let mut request = exchange::bare(http::Method::POST, input.url.clone());
        exchange::set_form(&mut request, &[("token", token)]);
        Some(request)
    }

    fn revoke_response(&self, reply: &Reply<'_>) -> Result<Revoked, RevokeError> {
        let error = exchange::members(reply.body).as_ref().and_then(exchange::error_word);
        match (reply.status, error.as_deref()) {
            (status, _) if status.is_success() => Ok(Revoked::Now),
            (StatusCode::BAD_REQUEST, Some("invalid_token")) => Ok(Revoked::Before),
            _ => Err(exchange::revoke_refused(reply, Kind::Google)),
        }
    }

    fn profile(&self, body: &[u8]) -> Result<Profile, MalformedProfile> {
        let user = Document::parse(body)?;
        Ok(Profile {
            name: user.text("/name"),
            given_name: user.text("/given_name"),
            family_name: user.text("/family_name"),
            profile: user.text("/profile"),
            picture: user.text("/picture"),
            email: user.text("/email"),
            email_verified: user.flag("/email_verified"),
            locale: user.text("/locale"),
            ..Profile::new(user.id("/sub")?)
        })
    }
}

#[cfg(test)]
mod tests;
