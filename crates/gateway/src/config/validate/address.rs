//! Rules for URLs and host names.

use std::net::IpAddr;

use url::{Host, Url};

use super::super::problems::Collector;

/// Whether a URL points at this machine: `127.0.0.0/8`, `[::1]` or `localhost`.
pub(in super::super) fn is_loopback(url: &Url) -> bool {
    url.host_str().is_some_and(api_transport::is_loopback)
}

/// What a URL may contain besides scheme and host.
#[derive(Clone, Copy, Debug)]
pub(super) struct UrlRules {
    /// A path other than `/`.
    pub(super) path: bool,
    /// Addresses instead of names, private ones included.
    pub(super) private: bool,
}

/// An https URL, or an http one to loopback, without user name, query and fragment.
pub(super) fn check_url(key: &str, url: &Url, rules: UrlRules, collector: &mut Collector) {
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(url) => {}
        "http" => collector.report(
            key,
            format!("plain http is used for `{}`, which is not a loopback address", host(url)),
            "use https://; http:// is accepted for 127.0.0.0/8, [::1] and localhost only",
        ),
        other => collector.report(key, format!("`{other}` is not an allowed scheme"), "use https://"),
    }
    if !url.username().is_empty() || url.password().is_some() {
        collector.report(
            key,
            "the URL contains a user name or a password",
            "remove it from the URL; credentials have their own keys",
        );
    }
    if url.query().is_some() || url.fragment().is_some() {
        collector.report(key, "the URL contains a query or a fragment", "end the URL after its path");
    }
    if !rules.path && url.path() != "/" {
        collector.report(
            key,
            format!("the URL has the path `{}`", url.path()),
            "give an origin: scheme, host and port",
        );
    }
    if !rules.private && !is_loopback(url) {
        check_host_address(key, url, collector);
    }
}

fn check_host_address(key: &str, url: &Url, collector: &mut Collector) {
    let problem = match url.host() {
        Some(Host::Ipv4(address)) => describe(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => describe(IpAddr::V6(address)),
        _ => return,
    };
    collector.report(
        key,
        format!("`{}` is {problem}", host(url)),
        "use the host's name; for a provider in a private network set its `allow_private_network = true`",
    );
}

fn describe(address: IpAddr) -> &'static str {
    let private = match address {
        IpAddr::V4(address) => {
            address.is_private()
                || address.is_link_local()
                || address.is_unspecified()
                || address.octets()[0] == 0
                || (address.octets()[0] == 100 && address.octets()[1] & 0xc0 == 64)
        }
        IpAddr::V6(address) => {
            address.is_unique_local() || address.is_unicast_link_local() || address.is_unspecified()
        }
    };
    if private { "a private, link-local or metadata address" } else { "an IP address instead of a name" }
}

fn host(url: &Url) -> &str {
    url.host_str().unwrap_or_default()
}

/// Whether `text` is a host name or address, without scheme, port and path.
pub(super) fn is_host(text: &str) -> bool {
    let parsed = Url::parse(&format!("https://{text}/")).ok();
    parsed.is_some_and(|url| {
        url.host_str().is_some_and(|host| host.eq_ignore_ascii_case(text)) && url.port().is_none()
    }) && !text.contains(['/', '@', '?', '#', '*', '_', ' ', '%'])
}

/// Whether `text` is a host with an optional port.
pub(super) fn is_authority(text: &str) -> bool {
    match text.rsplit_once(':') {
        Some((name, port)) if !name.ends_with(':') && !port.contains(']') => {
            is_host(name) && port.parse::<u16>().is_ok_and(|port| port > 0)
        }
        _ => is_host(text),
    }
}
