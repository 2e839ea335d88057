//! Links that point at the provider point at the gateway instead (contract section 4, threat O03).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::header::{HeaderMap, HeaderName, HeaderValue, LINK};
use idp_adapters::{ADDRESS_HEADERS, link_header};
use url::Url;

use crate::provider::path;
use crate::provider::plan::{Plan, ProviderPlan};

/// Where the gateway's own links begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LinkBase {
    /// The request came by virtual host: that name, with the request's scheme and port.
    Virtual {
        /// `https` or `http`.
        scheme: &'static str,
        /// `:8443`, or nothing.
        port: String,
        /// The name it came by, and the provider host that name stands for.
        host: (String, String),
    },
    /// `server.public_url`, or scheme and validated `Host`; no trailing slash.
    Origin(String),
    /// Neither is known: path-absolute links.
    Path,
}

/// By how many bytes relative links may lengthen an answer, those included that were resolved and led nowhere. Those behind stay
/// relative, and a client resolves them itself.
const GROWTH: usize = 256 * 1024;

/// Rewrites the links of one answer.
#[derive(Clone, Debug)]
pub(crate) struct Links {
    plan: Arc<ProviderPlan>,
    provider: Arc<str>,
    base: LinkBase,
    /// Where links of hosts without a virtual host go, when the request came by virtual host.
    public: Option<String>,
    /// This provider's virtual hosts: public name, provider host.
    virtual_hosts: Arc<[(String, String)]>,
    /// The provider host that was called.
    called: Box<str>,
    /// The URL that was asked, for relative links.
    asked: Option<Url>,
    /// By how many bytes relative links may still lengthen this answer: each takes the place of what may be one byte.
    room: Arc<AtomicUsize>,
}

impl Links {
    pub(crate) fn new(
        plan: Arc<ProviderPlan>,
        provider: Arc<str>,
        base: LinkBase,
        public: Option<String>,
        virtual_hosts: Arc<[(String, String)]>,
        sent: &Plan,
    ) -> Self {
        let asked = Url::parse(&format!(
            "{}://{}{}",
            sent.upstream().scheme(),
            sent.upstream().authority(),
            sent.target().as_str()
        ));
        Self {
            plan,
            provider,
            base,
            public,
            virtual_hosts,
            called: sent.host().into(),
            asked: asked.ok(),
            room: Arc::new(AtomicUsize::new(GROWTH)),
        }
    }

    /// The absolute form of a link.
    pub(super) fn resolve(&self, link: &str) -> Option<Url> {
        match &self.asked {
            Some(asked) => asked.join(link).ok(),
            None => Url::parse(link).ok(),
        }
    }

    /// The gateway's address for a provider's URL. `None` leaves the link as it is: it is foreign, or could not be
    /// followed here.
    pub(super) fn rewrite(&self, link: &str) -> Option<String> {
        let absolute = raw_target(link);
        if absolute.is_some() {
            return self.rewrite_target(link, absolute);
        }
        let room = self.room.load(Ordering::Relaxed);
        if room == 0 {
            return None;
        }
        let new = self.rewrite_target(link, None);
        // One that leads nowhere was resolved against the whole address that was asked too.
        let cost = match &new {
            Some(new) => new.len().saturating_sub(link.len()),
            None => self.asked.as_ref().map_or(0, |asked| asked.as_str().len()),
        };
        self.room.store(room.saturating_sub(cost), Ordering::Relaxed);
        new
    }

    /// `absolute`: path, query and fragment where the link is absolute.
    fn rewrite_target(&self, link: &str, absolute: Option<String>) -> Option<String> {
        let url = self.resolve(link).filter(clean)?;
        let (host, upstream) = self.plan.owner(&url, &self.called)?;
        // Bytes as the provider wrote them where it wrote an absolute URL; parsing may respell a path.
        let raw = absolute.unwrap_or_else(|| url[url::Position::BeforePath..].to_owned());
        let (before, fragment) = raw.split_once('#').map_or((raw.as_str(), None), |(a, b)| (a, Some(b)));
        let (full, query) = before.split_once('?').map_or((before, None), |(a, b)| (a, Some(b)));
        let full = if full.is_empty() { "/" } else { full };
        let under = full.strip_prefix(upstream.base())?;
        if !(under.is_empty() || under.starts_with('/')) {
            return None;
        }
        path::check(if under.is_empty() { "/" } else { under }, true).ok()?;
        let query = query.map(|query| path::without_members(query, self.plan.adapter().denied_query()));
        let mut out = self.prefix(&host);
        out.push_str(under);
        if let Some(Some(query)) = query {
            out.push('?');
            out.push_str(&query);
        }
        if let Some(fragment) = fragment {
            out.push('#');
            out.push_str(fragment);
        }
        Some(out)
    }

    /// Everything before the provider's path.
    fn prefix(&self, host: &str) -> String {
        let by_path = |origin: &str| {
            if host == self.plan.default_host() {
                format!("{origin}/proxy/{}", self.provider)
            } else {
                format!("{origin}/proxy/{}/~{host}", self.provider)
            }
        };
        match &self.base {
            LinkBase::Virtual { scheme, port, host: (public, provider_host) } => {
                let own = (host == provider_host).then_some(public);
                let other =
                    || self.virtual_hosts.iter().find(|(_, known)| known == host).map(|(name, _)| name);
                match (own.or_else(other), &self.public) {
                    (Some(name), _) => format!("{scheme}://{name}{port}"),
                    (None, Some(public)) => by_path(public),
                    (None, None) => by_path(""),
                }
            }
            LinkBase::Origin(origin) => by_path(origin),
            LinkBase::Path => by_path(""),
        }
    }

    /// Removes an address that leads to no host of the provider: it may be a signed one, which is good without a token.
    pub(super) fn drop_foreign(&self, headers: &mut HeaderMap, name: &HeaderName) {
        let is_own = |value: &HeaderValue| {
            let url = std::str::from_utf8(value.as_bytes()).ok().and_then(|link| self.resolve(link));
            url.is_some_and(|url| self.plan.owner(&url, &self.called).is_some())
        };
        if !headers.get_all(name).iter().all(is_own) {
            headers.remove(name);
        }
    }

    /// Rewrites `Link` and every header that holds an address. What cannot be read, and so not checked, is removed.
    pub(super) fn rewrite_headers(&self, headers: &mut HeaderMap) {
        for name in ADDRESS_HEADERS.iter().map(|name| HeaderName::from_static(name)) {
            let Some(value) = headers.get(&name) else { continue };
            let Ok(text) = std::str::from_utf8(value.as_bytes()) else {
                headers.remove(&name);
                continue;
            };
            if let Some(new) = self.rewrite(text).and_then(|link| HeaderValue::try_from(link).ok()) {
                headers.insert(name, new);
            }
        }
        if headers.contains_key(LINK) {
            let lines: Vec<HeaderValue> =
                headers.get_all(LINK).iter().filter_map(|line| self.rewrite_line(line)).collect();
            headers.remove(LINK);
            for line in lines {
                headers.append(LINK, line);
            }
        }
    }

    /// Rewrites the target of every link of one `Link` line; `None` for a line that is no text.
    fn rewrite_line(&self, line: &HeaderValue) -> Option<HeaderValue> {
        let bytes = line.as_bytes();
        std::str::from_utf8(bytes).ok()?;
        let mut out = Vec::with_capacity(bytes.len());
        let mut from = 0;
        for link in link_header::links(bytes) {
            let Some(new) = link.target_text().and_then(|target| self.rewrite(target)) else { continue };
            out.extend_from_slice(bytes.get(from..link.span.start).unwrap_or_default());
            out.extend_from_slice(new.as_bytes());
            from = link.span.end;
        }
        out.extend_from_slice(bytes.get(from..).unwrap_or_default());
        HeaderValue::from_bytes(&out).ok()
    }
}

/// Whether there is a header that [`Links::rewrite_headers`] looks at.
pub(super) fn in_headers(headers: &HeaderMap) -> bool {
    headers.keys().any(|name| *name == LINK || ADDRESS_HEADERS.contains(&name.as_str()))
}

/// Without userinfo.
fn clean(url: &Url) -> bool {
    url.username().is_empty() && url.password().is_none()
}

/// Path, query and fragment of an absolute URL as written; `None` for a relative one (its query may hold `://` too), and for
/// one that a parser reads in another way than it is written.
fn raw_target(link: &str) -> Option<String> {
    let (scheme, rest) = link.split_once("://")?;
    let is_scheme = scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http");
    if !is_scheme || !link.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') {
        return None;
    }
    let target = rest.find(['/', '?', '#']).map_or("/", |at| rest.get(at..).unwrap_or_default());
    Some(if target.starts_with('/') { target.to_owned() } else { format!("/{target}") })
}

#[cfg(test)]
mod tests;
