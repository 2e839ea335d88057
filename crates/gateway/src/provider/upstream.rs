//! The origin where a provider host is reached.

use std::net::Ipv4Addr;

use http::uri::{Authority, Scheme};
use url::Url;

/// Where calls for one provider host really go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Upstream {
    scheme: Scheme,
    authority: Authority,
    base: Box<str>,
}

impl Upstream {
    /// An origin with an optional path, from a validated URL.
    pub(crate) fn from_url(url: &Url) -> Option<Self> {
        let scheme = match url.scheme() {
            "https" => Scheme::HTTPS,
            "http" => Scheme::HTTP,
            _ => return None,
        };
        let host = url.host_str()?;
        let authority = match url.port() {
            Some(port) => format!("{host}:{port}").parse().ok()?,
            None => host.parse().ok()?,
        };
        let base = url.path().trim_end_matches('/').into();
        Some(Self { scheme, authority, base })
    }

    /// A provider host by its own name.
    pub(super) fn https(host: &str) -> Option<Self> {
        let authority = host.parse().ok()?;
        Some(Self { scheme: Scheme::HTTPS, authority, base: "".into() })
    }

    /// `https`, or `http` on loopback.
    pub(crate) fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    /// Host and port.
    pub(crate) fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The path put before the caller's, without trailing slash.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// Whether a URL's origin is this one, ports made explicit.
    pub(crate) fn is_origin_of(&self, url: &Url) -> bool {
        let default = if self.scheme == Scheme::HTTPS { 443 } else { 80 };
        url.scheme() == self.scheme.as_str()
            && url.host_str().is_some_and(|host| host.eq_ignore_ascii_case(self.authority.host()))
            && url.port_or_known_default() == Some(self.authority.port_u16().unwrap_or(default))
    }
}

/// Dot-separated labels of letters, digits and hyphens; no port, no userinfo, no trailing dot, no address.
pub(super) fn is_host_name(host: &str) -> bool {
    host.len() <= 253
        && host.parse::<Ipv4Addr>().is_err()
        && host.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        })
}
