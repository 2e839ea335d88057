//! What an adapter declares about its provider as plain data.

mod hosts;
mod members;
mod paths;
mod readings;

pub(crate) use self::paths::{Reading, folds, is_page};
pub use self::{
    hosts::{BadHostPattern, HostPattern, HostRule},
    members::{
        ADDRESS_HEADERS, DeniedValue, Depth, LinkMember, LinkPurpose, METHOD_OVERRIDE_HEADERS, MemberName,
        MethodOverride,
    },
    paths::{Alias, DeniedPath, GraphQl, ScopeRule, Segment},
    readings::{PathReadings, SegmentForms},
};

use crate::Kind;

/// The declared side of an adapter: everything about a provider that is data and not behaviour.
///
/// An operator's overrides (`base_url`, `upstreams`, `token_url`, ...) are not here: they belong to the program that forwards
/// calls, which starts from these values.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Description {
    /// Which adapter this is.
    pub kind: Kind,
    /// The Auth0 names (connection or strategy) whose identities belong to this provider.
    pub connections: &'static [&'static str],
    /// Where calls without an explicit host go, as an origin.
    pub default_origin: Option<&'static str>,
    /// Hosts that may receive the IdP token.
    pub hosts: &'static [HostRule],
    /// Hosts that serve nothing but the listed exact paths: `(host, paths)`.
    pub pinned_paths: &'static [(&'static str, &'static [&'static str])],
    /// Hosts a redirected download may be fetched from, always without any credential.
    pub download_hosts: &'static [HostRule],
    /// Pages of these hosts that are for a browser with a session (a sign-in), and no downloads.
    pub session_pages: &'static [(HostRule, &'static [Segment])],
    /// Paths that are refused under every access setting.
    pub denied: &'static [DeniedPath],
    /// Paths that a `read` default or a wildcard never opens: they need full access or a rule of their own.
    pub guarded: &'static [DeniedPath],
    /// Where the provider serves GraphQL, if it does.
    pub graphql: Option<&'static GraphQl>,
    /// Query members (percent-decoded names) that are refused.
    pub denied_query: &'static [&'static str],
    /// Words that are refused in the values of query members.
    pub denied_values: &'static [DeniedValue],
    /// The member of a query, form, multipart body or JSON object by which the provider takes a request for one with another
    /// method. Where there is one, the provider reads the members of a body as it reads those of the query.
    pub method_member: Option<&'static str>,
    /// What becomes of a request with a method override.
    pub method_override: MethodOverride,
    /// Whether the provider ignores ASCII case in paths.
    pub ignores_case: bool,
    /// Patterns that hold for the beginning of a path; at a [`Segment::Name`] the provider ignores ASCII case.
    pub folded: &'static [&'static [Segment]],
    /// Where the API begins besides `/`, as segments: on a GitHub Enterprise Server `/api/v3` and `/api`. The deny list,
    /// the guarded paths and the scope table hold below each of them too.
    pub api_roots: &'static [&'static [&'static str]],
    /// Paths that the provider writes in two ways.
    pub aliases: &'static [Alias],
    /// Whether `%2F` inside a segment is needed by this provider's clients and passes verbatim.
    pub encoded_slash: bool,
    /// Whether answers are known to repeat the token that was sent.
    pub echo_prone: bool,
    /// Whether JSON answers carry *other* tokens in `access_token` members that must not pass.
    pub strips_token_members: bool,
    /// Whether this provider's SDKs say `Authorization: token ...`.
    pub accepts_token_scheme: bool,
    /// JSON members whose URL points at the provider and is rewritten.
    pub links: &'static [LinkMember],
    /// Whether an answer with `Content-Disposition: attachment` is a file as it is stored, even if it is JSON: its members are
    /// not links.
    pub attaches_files: bool,
    /// The request header that selects a version of the API, and the version that is sent where the caller names none.
    pub version_header: Option<(&'static str, &'static str)>,
    /// JSON members (at any depth) that hold short-lived links usable without a token.
    pub capability_members: &'static [&'static str],
    /// What a refresh outside Auth0 means here.
    pub refresh_rule: RefreshRule,
    /// The token endpoint.
    pub token_url: Option<&'static str>,
    /// The revocation endpoint; may hold `{client_id}`.
    pub revoke_url: Option<&'static str>,
    /// The profile endpoint.
    pub profile_url: Option<&'static str>,
    /// Which scopes the most used calls need.
    pub scopes: &'static [ScopeRule],
}

impl Description {
    pub(crate) fn reading(&self) -> Reading {
        Reading { ignores_case: self.ignores_case, roots: self.api_roots }
    }

    /// A description with nothing allowed, nothing denied and no endpoints.
    pub(crate) const fn empty(kind: Kind) -> Self {
        Self {
            kind,
            connections: &[],
            default_origin: None,
            hosts: &[],
            pinned_paths: &[],
            download_hosts: &[],
            session_pages: &[],
            denied: &[],
            guarded: &[],
            graphql: None,
            denied_query: &[],
            denied_values: &[],
            method_member: None,
            method_override: MethodOverride::Refused,
            ignores_case: false,
            folded: &[],
            api_roots: &[],
            aliases: &[],
            encoded_slash: false,
            echo_prone: false,
            strips_token_members: false,
            accepts_token_scheme: false,
            links: &[],
            attaches_files: false,
            version_header: None,
            capability_members: &[],
            refresh_rule: RefreshRule::Rotating,
            token_url: None,
            revoke_url: None,
            profile_url: None,
            scopes: &[],
        }
    }
}

/// What refreshing a token outside Auth0 does to the grant that Auth0 holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefreshRule {
    /// The old refresh token stays valid: refresh wherever you like (Google, Microsoft).
    Harmless,
    /// Refresh tokens are single use: the new one must be stored durably before anything else
    /// (Bitbucket, GitHub App tokens, generic providers).
    Rotating,
    /// There are no refresh tokens; a living access token is exchanged for a longer one (Facebook).
    Exchange,
    /// Nothing can be refreshed.
    Impossible,
}
