//! What an adapter declares about its provider as plain data.

use std::borrow::Cow;

use http::Method;
use percent_encoding::percent_decode_str;

use crate::Kind;

/// The declared side of an adapter: everything about a provider that is data and not behaviour.
///
/// An operator's overrides (`base_url`, `upstreams`, `token_url`, ...) are not here: they belong to the
/// gateway and the broker, which start from these values.
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
    /// Paths that are refused under every access setting.
    pub denied: &'static [DeniedPath],
    /// Paths that a `read` default or a wildcard never opens: they need full access or a rule of their own.
    pub guarded: &'static [DeniedPath],
    /// Query members (percent-decoded names) that are refused.
    pub denied_query: &'static [&'static str],
    /// Whether the provider ignores ASCII case in paths.
    pub ignores_case: bool,
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
    /// A description with nothing allowed, nothing denied and no endpoints.
    pub(crate) const fn empty(kind: Kind) -> Self {
        Self {
            kind,
            connections: &[],
            default_origin: None,
            hosts: &[],
            pinned_paths: &[],
            download_hosts: &[],
            denied: &[],
            guarded: &[],
            denied_query: &[],
            ignores_case: false,
            encoded_slash: false,
            echo_prone: false,
            strips_token_members: false,
            accepts_token_scheme: false,
            links: &[],
            capability_members: &[],
            refresh_rule: RefreshRule::Rotating,
            token_url: None,
            revoke_url: None,
            profile_url: None,
            scopes: &[],
        }
    }
}

/// Which host names are meant. Hosts are compared without ASCII case; a trailing dot matches nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HostRule {
    /// Exactly this host.
    Exact(&'static str),
    /// Any host below this domain, however deep; not the domain itself.
    Under(&'static str),
    /// Exactly one label below `domain`, and not one of `except`.
    OneLabelUnder {
        /// The parent domain.
        domain: &'static str,
        /// Labels that are excluded.
        except: &'static [&'static str],
    },
}

impl HostRule {
    /// Whether `host` (no port) is meant.
    #[must_use]
    pub fn matches(&self, host: &str) -> bool {
        match self {
            HostRule::Exact(exact) => host.eq_ignore_ascii_case(exact),
            HostRule::Under(domain) => labels_below(host, domain).is_some_and(|mut rest| rest.all(is_label)),
            HostRule::OneLabelUnder { domain, except } => {
                let Some(mut labels) = labels_below(host, domain) else { return false };
                let (Some(label), None) = (labels.next(), labels.next()) else { return false };
                is_label(label) && !except.iter().any(|name| label.eq_ignore_ascii_case(name))
            }
        }
    }
}

/// The labels of `host` in front of `domain`, or `None` when it is not below that domain.
fn labels_below<'a>(host: &'a str, domain: &str) -> Option<std::str::Split<'a, char>> {
    let cut = host.len().checked_sub(domain.len() + 1)?;
    let (front, back) = (host.get(..cut)?, host.get(cut + 1..)?);
    (host.as_bytes().get(cut) == Some(&b'.') && back.eq_ignore_ascii_case(domain)).then(|| front.split('.'))
}

fn is_label(label: &str) -> bool {
    !label.is_empty()
        && label.len() <= 63
        && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// A family of paths, matched segment by segment.
///
/// Segments are compared after one percent-decoding, empty segments are ignored. An encoded slash stays inside
/// its segment; because some providers decode it all the same, a denied path is also recognised when its
/// encoded slashes are read as separators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeniedPath {
    /// The methods meant; empty means all.
    pub methods: &'static [&'static str],
    /// The host meant; `None` means every host of the adapter.
    pub host: Option<&'static str>,
    /// The segments, a final [`Segment::Rest`] for "and everything below".
    pub pattern: &'static [Segment],
    /// Why, in words for an operator.
    pub reason: &'static str,
}

/// One element of a [`DeniedPath`] pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Segment {
    /// This text.
    Literal(&'static str),
    /// A segment that starts with this text.
    Prefix(&'static str),
    /// An API version such as `v22.0`.
    Version,
    /// Any one segment.
    Any,
    /// Any number of segments, none included.
    Rest,
}

impl Segment {
    fn matches(&self, segment: &[u8], ignore_case: bool) -> bool {
        let same = |a: &[u8], b: &[u8]| if ignore_case { a.eq_ignore_ascii_case(b) } else { a == b };
        match self {
            Segment::Literal(text) => same(segment, text.as_bytes()),
            Segment::Prefix(text) => {
                segment.get(..text.len()).is_some_and(|start| same(start, text.as_bytes()))
            }
            Segment::Version => is_version(segment),
            Segment::Any | Segment::Rest => true,
        }
    }
}

/// `v22.0`, `V3`, ...: a letter v, digits and dots.
fn is_version(segment: &[u8]) -> bool {
    matches!(segment, [b'v' | b'V', b'0'..=b'9', rest @ ..]
        if rest.iter().all(|b| b.is_ascii_digit() || *b == b'.'))
}

impl DeniedPath {
    /// Whether this entry means the request: `path` is the raw path as it would be sent.
    #[must_use]
    pub fn matches(&self, method: &Method, host: &str, path: &str, ignore_case: bool) -> bool {
        (self.methods.is_empty() || self.methods.contains(&method.as_str()))
            && self.host.is_none_or(|only| host.eq_ignore_ascii_case(only))
            && (fits(self.pattern, decoded_segments(path), ignore_case)
                || (path.contains('%') && fits_split(self.pattern, path, ignore_case)))
    }
}

/// Whether `segments` (decoded) fit `pattern`. Looks no further than the first that does not: almost every call is none of
/// those on a list.
fn fits<'a>(
    pattern: &[Segment],
    mut segments: impl Iterator<Item = Cow<'a, [u8]>>,
    ignore_case: bool,
) -> bool {
    for element in pattern {
        if *element == Segment::Rest {
            return true;
        }
        if !segments.next().is_some_and(|segment| element.matches(&segment, ignore_case)) {
            return false;
        }
    }
    segments.next().is_none()
}

/// The segments of a raw path, each percent-decoded once, empty ones left out.
fn decoded_segments(path: &str) -> impl Iterator<Item = Cow<'_, [u8]>> {
    path.split('/').filter(|s| !s.is_empty()).map(|s| Cow::from(percent_decode_str(s)))
}

/// Whether the path fits when its encoded slashes are read as separators.
fn fits_split(pattern: &[Segment], path: &str, ignore_case: bool) -> bool {
    let whole = Cow::from(percent_decode_str(path));
    let segments = whole.split(|b| *b == b'/').filter(|s| !s.is_empty()).map(Cow::Borrowed);
    fits(pattern, segments, ignore_case)
}

/// A JSON member whose value is a URL at the provider: the path of member names from the top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkMember {
    /// Member names from the top of the document.
    pub path: Cow<'static, [Cow<'static, str>]>,
}

impl LinkMember {
    /// A member given by names known at compile time.
    #[must_use]
    pub const fn at(path: &'static [Cow<'static, str>]) -> Self {
        Self { path: Cow::Borrowed(path) }
    }

    /// The same place as a JSON pointer (RFC 6901).
    #[must_use]
    pub fn pointer(&self) -> String {
        self.path.iter().fold(String::new(), |mut pointer, name| {
            pointer.push('/');
            pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
            pointer
        })
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

/// Which scopes a call needs: any one of `any_of` is enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScopeRule {
    /// The method; `GET` covers `HEAD`.
    pub method: &'static str,
    /// The host meant; `None` means every host of the adapter.
    pub host: Option<&'static str>,
    /// The path.
    pub pattern: &'static [Segment],
    /// Scopes of which one is enough, narrowest first.
    pub any_of: &'static [&'static str],
}

impl ScopeRule {
    /// Whether this rule speaks about the request.
    #[must_use]
    pub fn matches(&self, method: &Method, host: &str, path: &str, ignore_case: bool) -> bool {
        let method = if method == Method::HEAD { &Method::GET } else { method };
        self.method == method.as_str()
            && self.host.is_none_or(|only| host.eq_ignore_ascii_case(only))
            && fits(self.pattern, decoded_segments(path), ignore_case)
    }
}
