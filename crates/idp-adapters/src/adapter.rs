//! The interface every provider's knowledge is behind.

use std::{borrow::Cow, fmt::Debug, time::SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use secrecy::SecretString;
use token_keeper::BearerToken;
use url::Url;

use crate::{
    Alias, Classified, DeniedPath, DeniedValue, Description, Endpoints, GraphQl, Head, HttpRequest, Kind,
    LinkMember, MalformedProfile, MethodOverride, PathReadings, Profile, RefreshError, RefreshInput,
    RefreshRule, Refreshed, Reply, RevokeError, RevokeInput, Revoked, Verdict,
    description::{folds, is_page},
};

/// What an adapter adds to an outbound request.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Outbound {
    /// The headers as they will be sent.
    pub headers: HeaderMap,
    /// Query members to append to the caller's query, not yet encoded.
    pub query: Vec<(&'static str, SecretString)>,
}

impl Outbound {
    /// These headers, and no query members yet.
    #[must_use]
    pub fn new(headers: HeaderMap) -> Self {
        Self { headers, query: Vec::new() }
    }
}

/// One provider's API: what it declares ([`Description`]) and how it behaves. Pure: nothing here does I/O,
/// reads a clock or keeps state.
///
/// The operator's overrides live with the caller of this trait; [`Adapter::endpoints`] says what is left of the
/// adapter's own endpoints under another base URL.
///
/// ```
/// use idp_adapters::{Kind, adapter, http::Method};
///
/// let github = adapter(Kind::GitHub);
/// assert!(github.allows_host("api.github.com"));
/// assert!(github.denies(&Method::GET, "api.github.com", "/user").is_none());
/// ```
pub trait Adapter: Debug + Send + Sync {
    /// Everything about the provider that is data.
    fn description(&self) -> &Description;

    /// Puts the token where the provider wants it. `app_secret` is the OAuth client's secret, where the provider
    /// wants a proof of it (Facebook). Headers already there under the same name are replaced.
    fn place_token(&self, token: &BearerToken, app_secret: Option<&SecretString>, outbound: &mut Outbound);

    /// Adds the headers without which the provider refuses a request, unless the caller sent them.
    fn required_headers(&self, _host: &str, _headers: &mut HeaderMap) {}

    /// Classifies by the head. [`Verdict::NeedsBody`] asks for [`Adapter::classify_body`].
    fn classify(&self, head: &Head<'_>, now: SystemTime) -> Verdict;

    /// Classifies by the head and the first 64 KiB of the body. At least as telling as [`Adapter::classify`],
    /// and never contradicts it; also right where the head would have been enough (for the `detail`).
    fn classify_body(&self, head: &Head<'_>, body: &[u8], now: SystemTime) -> Classified;

    /// Writes the refresh request; `None` where nothing can be refreshed.
    fn refresh_request(&self, input: &RefreshInput<'_>) -> Option<HttpRequest>;

    /// Reads the answer to [`Adapter::refresh_request`].
    ///
    /// # Errors
    /// Says whether the grant is dead, the provider busy, or the client set up wrongly.
    fn refresh_response(&self, reply: &Reply<'_>) -> Result<Refreshed, RefreshError>;

    /// Writes the revocation request; `None` where the provider has no revocation.
    fn revoke_request(&self, input: &RevokeInput<'_>) -> Option<HttpRequest>;

    /// Reads the answer to [`Adapter::revoke_request`].
    ///
    /// # Errors
    /// The grant may be alive.
    fn revoke_response(&self, reply: &Reply<'_>) -> Result<Revoked, RevokeError>;

    /// Reads the profile endpoint's answer.
    ///
    /// # Errors
    /// The body is no profile of this provider.
    fn profile(&self, body: &[u8]) -> Result<Profile, MalformedProfile>;

    /// Token, revocation and profile endpoint when calls go to `base_url` (`None`: the adapter's own hosts).
    /// A secret never follows a changed base URL by itself.
    fn endpoints(&self, base_url: Option<&Url>) -> Endpoints {
        default_endpoints(self.description(), base_url)
    }

    /// Whether holding the scope `held` includes the rights of `wanted`.
    fn includes_scope(&self, held: &str, wanted: &str) -> bool {
        held == wanted
    }

    // What follows reads the description; the generic adapter overrides some of it with settings.

    /// Which adapter this is.
    fn kind(&self) -> Kind {
        self.description().kind
    }

    /// The Auth0 names (connection or strategy) whose identities belong to this provider.
    fn connections(&self) -> &'static [&'static str] {
        self.description().connections
    }

    /// Where calls without an explicit host go.
    fn default_origin(&self) -> Option<&'static str> {
        self.description().default_origin
    }

    /// Whether `host` (no port) may receive the IdP token.
    fn allows_host(&self, host: &str) -> bool {
        self.description().hosts.iter().any(|rule| rule.matches(host))
    }

    /// Whether `path` exists for callers under an allowed host.
    fn allows_path(&self, host: &str, path: &str) -> bool {
        let pinned = self.description().pinned_paths.iter().find(|(name, _)| host.eq_ignore_ascii_case(name));
        pinned.is_none_or(|(_, paths)| paths.contains(&path))
    }

    /// Whether a redirected download may be fetched, without any credential, from `host`.
    fn download_host(&self, host: &str) -> bool {
        self.description().download_hosts.iter().any(|rule| rule.matches(host))
    }

    /// Paths refused under every access setting.
    fn denied(&self) -> &'static [DeniedPath] {
        self.description().denied
    }

    /// The entry of the deny list that means this request; `path` is the raw path. Holds under every root of the API
    /// ([`Description::api_roots`]), so that neither a base URL with a path nor one without hides a denied path.
    fn denies(&self, method: &Method, host: &str, path: &str) -> Option<&'static DeniedPath> {
        let (reading, others) = (self.description().reading(), PathReadings::of(path));
        self.denied().iter().find(|entry| entry.matches(method, host, (path, others.as_ref()), reading))
    }

    /// The entry that makes this request need full access or a rule that names it (GitHub's `/graphql`). Holds under
    /// every root of the API.
    fn guards(&self, method: &Method, host: &str, path: &str) -> Option<&'static DeniedPath> {
        let own = self.description();
        if own.guarded.is_empty() {
            return None;
        }
        let others = PathReadings::of(path);
        own.guarded.iter().find(|entry| entry.matches(method, host, (path, others.as_ref()), own.reading()))
    }

    /// What is known of the GraphQL that this raw path serves; `None` where it serves none. Holds under every root of the API.
    fn graphql(&self, path: &str) -> Option<&'static GraphQl> {
        let own = self.description();
        own.graphql.filter(|graphql| graphql.matches(path, own.reading()))
    }

    /// Names of refused query members, percent-decoded.
    fn denied_query(&self) -> &'static [&'static str] {
        self.description().denied_query
    }

    /// Words that are refused in the values of query members (Facebook's `fields=access_token`, whose answer would lose that
    /// member anyway).
    fn denied_values(&self) -> &'static [DeniedValue] {
        self.description().denied_values
    }

    /// The member that names another method ([`Description::method_member`]).
    fn method_member(&self) -> Option<&'static str> {
        self.description().method_member
    }

    /// What becomes of a request with one of [`METHOD_OVERRIDE_HEADERS`](crate::METHOD_OVERRIDE_HEADERS).
    fn method_override(&self) -> MethodOverride {
        self.description().method_override
    }

    /// Whether the provider ignores ASCII case in paths.
    fn ignores_case(&self) -> bool {
        self.description().ignores_case
    }

    /// Whether the provider ignores ASCII case in one segment of a raw path: `index` counts the segments that are not
    /// empty, from 0.
    fn ignores_case_at(&self, path: &str, index: usize) -> bool {
        let own = self.description();
        own.ignores_case || folds(own.folded, own.api_roots, path, index)
    }

    /// Paths that the provider writes by name and by id, for a warning where a rule opens only one of the two.
    fn aliases(&self) -> &'static [Alias] {
        self.description().aliases
    }

    /// Whether `%2F` passes by default.
    fn encoded_slash(&self) -> bool {
        self.description().encoded_slash
    }

    /// Whether answers are known to repeat the token.
    fn echo_prone(&self) -> bool {
        self.description().echo_prone
    }

    /// Whether `access_token` members of JSON answers are removed.
    fn strips_token_members(&self) -> bool {
        self.description().strips_token_members
    }

    /// Whether `Authorization: token ...` counts as bearer.
    fn accepts_token_scheme(&self) -> bool {
        self.description().accepts_token_scheme
    }

    /// JSON members whose URL is rewritten.
    fn links(&self) -> &[LinkMember] {
        self.description().links
    }

    /// Whether an answer with `Content-Disposition: attachment` is a file as it is stored.
    fn attaches_files(&self) -> bool {
        self.description().attaches_files
    }

    /// JSON members that hold short-lived links usable without a token.
    fn capability_members(&self) -> &'static [&'static str] {
        self.description().capability_members
    }

    /// What a refresh outside Auth0 means.
    fn refresh_rule(&self) -> RefreshRule {
        self.description().refresh_rule
    }

    /// The scopes of which one is enough for this call, narrowest first. `None` when the call is not a well-known one:
    /// nothing is known then. Empty when the call needs none. `path` is the raw path under the host.
    fn required_scopes(&self, method: &Method, host: &str, path: &str) -> Option<&'static [&'static str]> {
        let own = self.description();
        own.scopes.iter().find(|rule| rule.matches(method, host, path, own.reading())).map(|rule| rule.any_of)
    }

    /// The check before sending: what the answer would be if `granted` is all the token holds. `None` when the
    /// call is not a well-known one or the token holds enough.
    fn missing_scope(
        &self,
        method: &Method,
        host: &str,
        path: &str,
        granted: &[String],
    ) -> Option<Classified> {
        let any_of = self.required_scopes(method, host, path).filter(|scopes| !scopes.is_empty())?;
        let accepted = any_of.iter().map(|scope| (*scope).to_owned()).collect();
        crate::scopes::missing_any(
            &crate::scopes::Of(|held: &str, wanted: &str| self.includes_scope(held, wanted)),
            accepted,
            Some(granted),
        )
    }

    /// The path of the base URL for a call. `base` is the path of the configured base URL without trailing slash,
    /// `host` the provider host that is meant, `path` the raw path under it. A GitHub Enterprise Server with the base
    /// `/api/v3` has GraphQL at `/api/graphql` and uploads at `/api/uploads`; everywhere else this is `base`.
    fn base_path<'a>(&self, base: &'a str, _host: &str, _path: &str) -> Cow<'a, str> {
        Cow::Borrowed(base)
    }

    /// Whether calls for `host` go to the configured base URL, besides those of the adapter's default host (uploads of
    /// a GitHub Enterprise Server).
    fn served_by_base(&self, _base_url: &Url, _host: &str) -> bool {
        false
    }

    /// Whether a redirect may be followed to `url`, without any credential, when calls go to `base_url` (`None`: the
    /// adapter's own hosts).
    fn is_download(&self, url: &Url, _base_url: Option<&Url>) -> bool {
        let serves = |host: &str| self.download_host(host) && !self.is_session_page(host, url.path());
        is_public_https(url) && url.host_str().is_some_and(serves)
    }

    /// Whether a path of a download host is a page for a browser with a session. A redirect there says that the file is not
    /// to be had without one.
    fn is_session_page(&self, host: &str, path: &str) -> bool {
        let pages = self.description().session_pages;
        pages.iter().any(|(hosts, pattern)| hosts.matches(host) && is_page(pattern, path))
    }

    /// The header that selects the version of the API and the value to send where the caller names none; `None` where
    /// the provider has no such header, and for servers under a base URL of their own that choose the version
    /// themselves (GitHub Enterprise Server). An operator may set another value or switch it off.
    fn version_header(&self, _base_url: Option<&Url>) -> Option<(HeaderName, HeaderValue)> {
        let (name, value) = self.description().version_header?;
        Some((HeaderName::from_static(name), HeaderValue::from_static(value)))
    }
}

/// `https` on the usual port.
pub(crate) fn is_public_https(url: &Url) -> bool {
    url.scheme() == "https" && url.port().is_none() && url.username().is_empty() && url.password().is_none()
}

pub(crate) fn default_endpoints(own: &Description, base_url: Option<&Url>) -> Endpoints {
    match base_url.filter(|base| !is_own_origin(base, own.default_origin)) {
        None => Endpoints {
            token_url: own.token_url.map(str::to_owned),
            revoke_url: own.revoke_url.map(str::to_owned),
            profile_url: own.profile_url.map(str::to_owned),
        },
        Some(base) => Endpoints {
            profile_url: profile_under(base, own.default_origin, own.profile_url),
            ..Endpoints::default()
        },
    }
}

/// Whether `base` is the adapter's own origin without a path.
fn is_own_origin(base: &Url, own: Option<&str>) -> bool {
    own.and_then(|own| Url::parse(own).ok())
        .is_some_and(|own| own.origin() == base.origin() && matches!(base.path(), "" | "/"))
}

/// The usual profile path under another base, unless the profile lives on another host than the API.
fn profile_under(base: &Url, own: Option<&str>, profile: Option<&str>) -> Option<String> {
    let path = profile?.strip_prefix(own?)?;
    Some(format!("{}{path}", base.as_str().trim_end_matches('/')))
}
