//! Bitbucket Cloud.

mod classify;
mod scopes;

use std::time::SystemTime;

use http::header::AUTHORIZATION;
use secrecy::{ExposeSecret, SecretString};
use token_keeper::BearerToken;

use crate::{
    Adapter, Cause, Classified, Description, Head, HostRule, HttpRequest, Kind, LinkMember, MalformedProfile,
    MemberName::Is, Outbound, Profile, RefreshError, RefreshInput, RefreshRule, Refreshed, Reply,
    RevokeError, RevokeInput, Revoked, Segment, Verdict, claims::Document, exchange, scopes::Lattice,
};

/// The adapter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bitbucket;

static DESCRIPTION: Description = Description {
    connections: &["bitbucket"],
    default_origin: Some("https://api.bitbucket.org"),
    hosts: &[HostRule::Exact("api.bitbucket.org")],
    download_hosts: &[
        HostRule::Exact("bitbucket.org"),
        HostRule::Exact("bytebucket.org"),
        HostRule::Exact("bbuseruploads.s3.amazonaws.com"),
    ],
    session_pages: &[(
        HostRule::Exact("bitbucket.org"),
        &[Segment::Literal("account"), Segment::Literal("signin"), Segment::Rest],
    )],
    encoded_slash: true,
    links: &[LinkMember::paging(&[Is("next")]), LinkMember::paging(&[Is("previous")])],
    // The contents of repositories and snippets.
    attaches_files: true,
    refresh_rule: RefreshRule::Rotating,
    token_url: Some("https://bitbucket.org/site/oauth2/access_token"),
    profile_url: Some("https://api.bitbucket.org/2.0/user"),
    scopes: scopes::CALLS,
    ..Description::empty(Kind::Bitbucket)
};

impl Adapter for Bitbucket {
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
        held == wanted || scopes::SCOPES.implies(held, wanted)
    }

    fn refresh_request(&self, input: &RefreshInput<'_>) -> Option<HttpRequest> {
        let form = [("grant_type", "refresh_token"), ("refresh_token", input.token.expose_secret())];
        Some(exchange::post_form(input.url, input.client, true, &form))
    }

    fn refresh_response(&self, reply: &Reply<'_>) -> Result<Refreshed, RefreshError> {
        exchange::refreshed(reply, Kind::Bitbucket)
    }

    /// Bitbucket documents no revocation.
    fn revoke_request(&self, _input: &RevokeInput<'_>) -> Option<HttpRequest> {
        None
    }

    fn revoke_response(&self, _reply: &Reply<'_>) -> Result<Revoked, RevokeError> {
        Err(RevokeError(RefreshError::new(Cause::Unsupported, Some("unsupported"), None)))
    }

    /// The id is the uuid, braces included: names change hands.
    fn profile(&self, body: &[u8]) -> Result<Profile, MalformedProfile> {
        let user = Document::parse(body)?;
        Ok(Profile {
            name: user.text("/display_name"),
            preferred_username: user.text("/nickname").or_else(|| user.text("/username")),
            profile: user.text("/links/html/href"),
            picture: user.text("/links/avatar/href"),
            ..Profile::new(user.id("/uuid").or_else(|_| user.id("/account_id"))?)
        })
    }
}

#[cfg(test)]
mod tests;
