//! Microsoft Graph, and SharePoint hosts that the operator configures as upstreams.

mod classify;
mod scopes;

use std::time::SystemTime;

use http::{
    HeaderMap, HeaderValue,
    header::{ACCEPT, AUTHORIZATION},
};
use secrecy::{ExposeSecret, SecretString};
use token_keeper::BearerToken;

use crate::{
    Adapter, Cause, Classified, DeniedPath, Description, Head, HostRule, HttpRequest, Kind, LinkMember,
    MalformedProfile,
    MemberName::{EndsWith, Is},
    Outbound, Profile, RefreshError, RefreshInput, RefreshRule, Refreshed, Reply, RevokeError, RevokeInput,
    Revoked,
    Segment::{Any, Literal, Rest},
    Verdict,
    claims::Document,
    exchange,
    scopes::Lattice,
};

/// The adapter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Microsoft;

const SHAREPOINT: HostRule = HostRule::Under("sharepoint.com");

static DESCRIPTION: Description = Description {
    connections: &["windowslive", "waad"],
    default_origin: Some("https://graph.microsoft.com"),
    hosts: &[HostRule::Exact("graph.microsoft.com")],
    download_hosts: &[
        SHAREPOINT,
        HostRule::Under("1drv.com"),
        HostRule::Under("svc.ms"),
        HostRule::Under("microsoftpersonalcontent.com"),
        // Usage reports: the answers of `getOffice365ActiveUserDetail` and its neighbours; by region in practice.
        HostRule::Like("reports*.office.com"),
    ],
    session_pages: &[
        (SHAREPOINT, &[Rest, Literal("_forms"), Literal("default.aspx"), Rest]),
        (SHAREPOINT, &[Rest, Literal("_layouts"), Any, Literal("Authenticate.aspx"), Rest]),
        (SHAREPOINT, &[Rest, Literal("_layouts"), Any, Literal("AccessDenied.aspx"), Rest]),
    ],
    denied: &[
        // At any depth: behind a version, the name of a tenant, and `/_api` of any SharePoint site. OData allows the parentheses.
        DeniedPath::new(&[Rest, Literal("$batch"), Rest], "embeds other requests"),
        DeniedPath::new(&[Rest, Literal("$batch()"), Rest], "embeds other requests"),
        DeniedPath::new(&[Rest, Literal("_api"), Literal("ProcessQuery"), Rest], "embeds other requests"),
        // The other name of `/_api`.
        DeniedPath::new(
            &[Rest, Literal("_vti_bin"), Literal("client.svc"), Literal("ProcessQuery"), Rest],
            "embeds other requests",
        ),
    ],
    ignores_case: true,
    encoded_slash: true,
    // `Members@odata.nextLink` of an expanded list, and SharePoint's `odata.nextLink`, end alike.
    links: &[
        LinkMember::paging(&[EndsWith("odata.nextLink")]),
        LinkMember::paging(&[EndsWith("odata.deltaLink")]),
        LinkMember::paging(&[Is("__next")]),
    ],
    capability_members: &["@microsoft.graph.downloadUrl", "@content.downloadUrl", "uploadUrl"],
    refresh_rule: RefreshRule::Harmless,
    token_url: Some("https://login.microsoftonline.com/common/oauth2/v2.0/token"),
    profile_url: Some("https://graph.microsoft.com/v1.0/me"),
    scopes: scopes::CALLS,
    ..Description::empty(Kind::Microsoft)
};

impl Adapter for Microsoft {
    fn description(&self) -> &Description {
        &DESCRIPTION
    }

    fn place_token(&self, token: &BearerToken, _: Option<&SecretString>, outbound: &mut Outbound) {
        outbound.headers.insert(AUTHORIZATION, token.header().clone());
    }

    /// SharePoint answers XML unless asked for JSON.
    fn required_headers(&self, host: &str, headers: &mut HeaderMap) {
        if host.to_ascii_lowercase().ends_with(".sharepoint.com") {
            headers.entry(ACCEPT).or_insert(HeaderValue::from_static("application/json;odata=nometadata"));
        }
    }

    fn classify(&self, head: &Head<'_>, now: SystemTime) -> Verdict {
        classify::head(head, now)
    }

    fn classify_body(&self, head: &Head<'_>, body: &[u8], now: SystemTime) -> Classified {
        classify::body(head, body, now)
    }

    fn includes_scope(&self, held: &str, wanted: &str) -> bool {
        scopes::same(held, wanted) || scopes::Scopes.implies(held, wanted)
    }

    /// One resource a request: without scopes Entra ID keeps the grant's own.
    fn refresh_request(&self, input: &RefreshInput<'_>) -> Option<HttpRequest> {
        let scope = input.scopes.map(|scopes| scopes.join(" ")).filter(|scope| !scope.is_empty());
        let mut form = vec![("grant_type", "refresh_token"), ("refresh_token", input.token.expose_secret())];
        form.extend(scope.as_deref().map(|scope| ("scope", scope)));
        Some(exchange::post_form(input.url, input.client, false, &form))
    }

    fn refresh_response(&self, reply: &Reply<'_>) -> Result<Refreshed, RefreshError> {
        exchange::refreshed(reply, Kind::Microsoft)
    }

    /// There is no RFC 7009 endpoint, and ending all of the user's sessions is not what was asked for.
    fn revoke_request(&self, _input: &RevokeInput<'_>) -> Option<HttpRequest> {
        None
    }

    fn revoke_response(&self, _reply: &Reply<'_>) -> Result<Revoked, RevokeError> {
        Err(RevokeError(RefreshError::new(Cause::Unsupported, Some("unsupported"), None)))
    }

    fn profile(&self, body: &[u8]) -> Result<Profile, MalformedProfile> {
        let user = Document::parse(body)?;
        Ok(Profile {
            name: user.text("/displayName"),
            given_name: user.text("/givenName"),
            family_name: user.text("/surname"),
            preferred_username: user.text("/userPrincipalName"),
            email: user.text("/mail"),
            locale: user.text("/preferredLanguage"),
            ..Profile::new(user.id("/id")?)
        })
    }
}

#[cfg(test)]
mod tests;
