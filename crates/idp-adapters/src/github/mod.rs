//! GitHub: REST API, GitHub Apps, GitHub Enterprise Server.

mod calls;
mod classify;

use std::{borrow::Cow, time::SystemTime};

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT},
};
use secrecy::SecretString;
use serde_json::json;
use token_keeper::BearerToken;
use url::Url;

use crate::{
    Adapter, Alias, Classified, DeniedPath, Description, Endpoints, GraphQl, Head, HostRule, HttpRequest,
    Kind, LinkMember, MalformedProfile,
    MemberName::{EndsWith, Is},
    Outbound, Profile, RefreshError, RefreshInput, RefreshRule, Refreshed, Reply, RevokeError, RevokeInput,
    Revoked,
    Segment::{Literal, Name, Rest},
    Verdict,
    adapter::is_public_https,
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
    download_hosts: &[
        HostRule::Exact("codeload.github.com"),
        // Release assets, raw files and older Actions results. This and the next: `domains.actions_inbound` of
        // `GET /meta`.
        HostRule::Under("githubusercontent.com"),
        // Artifacts and logs of Actions.
        HostRule::Like("productionresultssa*.blob.core.windows.net"),
        // Archives of migrations ("Download a user migration archive").
        HostRule::Exact("github-cloud.s3.amazonaws.com"),
    ],
    denied: &[
        DeniedPath::new(
            &[Literal("applications"), Rest],
            "administers OAuth applications and echoes their tokens",
        ),
        DeniedPath::new(&[Literal("credentials"), Rest], "revokes any credential that is named"),
        DeniedPath::new(&[Literal("copilot_internal"), Rest], "answers with another token of the user"),
    ],
    guarded: &[DeniedPath::new(&[Literal("graphql"), Rest], "one path for every read and write")],
    // `Query.relay` has the type `Query`.
    graphql: Some(&GraphQl::new(&[Literal("graphql")], &["relay"])),
    denied_query: &["callback"],
    encoded_slash: true,
    accepts_token_scheme: true,
    folded: &[
        &[Literal("repos"), Name, Name],
        &[Literal("users"), Name],
        &[Literal("orgs"), Name],
        &[Literal("user"), Literal("starred"), Name, Name],
        &[Literal("user"), Literal("subscriptions"), Name, Name],
        &[Literal("user"), Literal("following"), Name],
    ],
    // A GitHub Enterprise Server; data residency has the roots of github.com.
    api_roots: &[&["api", "v3"], &["api", "uploads"], &["api"]],
    // What `Link` headers and 301s of renamed repositories hold ("Using pagination in the REST API").
    aliases: &[
        Alias::new("/repos/{owner}/{repo}", "/repositories/{id}"),
        Alias::new("/orgs/{org}/teams/{team_slug}", "/organizations/{org_id}/team/{team_id}"),
        Alias::new("/orgs/{org}", "/organizations/{id}"),
        Alias::new("/users/{username}", "/user/{id}"),
    ],
    version_header: Some(("x-github-api-version", "2022-11-28")),
    links: &[LinkMember::resource(&[Is("url")]), LinkMember::resource(&[EndsWith("_url")])],
    // `temp_clone_token` opens the repository over git.
    capability_members: &["download_url", "temp_clone_token", "tempCloneToken"],
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
        headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(crate::user_agent::USER_AGENT));
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

    fn base_path<'a>(&self, base: &'a str, host: &str, path: &str) -> Cow<'a, str> {
        let Some(root) = base.strip_suffix("/v3").filter(|root| root.ends_with("/api")) else {
            return Cow::Borrowed(base);
        };
        let first = path.split('/').find(|segment| !segment.is_empty()).unwrap_or_default();
        if host.eq_ignore_ascii_case(UPLOADS) {
            Cow::Owned(format!("{root}/uploads"))
        } else if percent_encoding::percent_decode_str(first).eq(*b"graphql") {
            Cow::Borrowed(root)
        } else {
            Cow::Borrowed(base)
        }
    }

    fn served_by_base(&self, base_url: &Url, host: &str) -> bool {
        is_enterprise_server(base_url) && host.eq_ignore_ascii_case(UPLOADS)
    }

    /// On a GitHub Enterprise Server: `codeload` and `media` below its host, or their folders where subdomains are not
    /// isolated ("Enabling subdomain isolation"). With data residency the same hosts below `SUB.ghe.com`.
    fn is_download(&self, url: &Url, base_url: Option<&Url>) -> bool {
        let Some(host) = url.host_str().filter(|_| is_public_https(url)) else { return false };
        let Some(base_host) = base_url.and_then(Url::host_str) else { return self.download_host(host) };
        let web_host = if base_url.is_some_and(is_enterprise_server) {
            base_host
        } else {
            match base_host.strip_prefix("api.").filter(|rest| rest.ends_with(".ghe.com")) {
                Some(rest) if !RESIDENCY_DOWNLOADS.iter().any(|rule| rule.matches(host)) => rest,
                Some(_) => return true,
                None => return self.download_host(host),
            }
        };
        let below = host.strip_suffix(web_host).and_then(|rest| rest.strip_suffix('.'));
        let folder = url.path_segments().and_then(|mut segments| segments.next()).unwrap_or_default();
        match below {
            Some(label) => matches!(label, "codeload" | "media" | "raw"),
            None => host == web_host && matches!(folder, "codeload" | "_codeload" | "media" | "raw"),
        }
    }

    fn version_header(&self, base_url: Option<&Url>) -> Option<(HeaderName, HeaderValue)> {
        let (name, value) =
            DESCRIPTION.version_header.filter(|_| !base_url.is_some_and(is_enterprise_server))?;
        Some((HeaderName::from_static(name), HeaderValue::from_static(value)))
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

/// Where files of tenants with data residency are, beside the hosts of the tenant ("Network details for GHE.com"): files of
/// repositories and releases, and artifacts and logs of Actions by region. The hosts of the US are not published.
const RESIDENCY_DOWNLOADS: [HostRule; 5] = [
    HostRule::Under("githubusercontent.com"),
    HostRule::Like("prodsdc01resultssa*.blob.core.windows.net"),
    HostRule::Like("prodweu01resultssa*.blob.core.windows.net"),
    HostRule::Like("prodae01resultssa*.blob.core.windows.net"),
    HostRule::Like("prodjpw01resultssa*.blob.core.windows.net"),
];

/// Uploads of release assets go here.
const UPLOADS: &str = "uploads.github.com";

/// Whether this is the base URL of a GitHub Enterprise Server: `https://HOST/api/v3`.
fn is_enterprise_server(base: &Url) -> bool {
    base.path().trim_end_matches('/') == "/api/v3"
}

/// The web origin that belongs to an enterprise API base, if it is one.
fn enterprise_web(base: &Url) -> Option<Cow<'static, str>> {
    if is_enterprise_server(base) {
        return Some(base.origin().ascii_serialization().into());
    }
    let tenant = base.host_str()?.strip_prefix("api.")?.strip_suffix(".ghe.com")?;
    (!tenant.contains('.')).then(|| format!("https://{tenant}.ghe.com").into())
}

#[cfg(test)]
mod declared_tests;
#[cfg(test)]
mod tests;
