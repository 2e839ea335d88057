//! Which part of the surface a request is for: a provider, by path or by virtual host, or the gateway itself.

use std::collections::HashMap;
use std::sync::Arc;

/// What a request's authority and path mean, before anything is looked up or checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route<'a> {
    /// `/proxy/{provider}/...`, perhaps with `~host`.
    Proxy(ProxyRoute<'a>),
    /// Everything else: `/v1`, `/hooks`, documents.
    Own(&'a str),
}

/// A call to a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProxyRoute<'a> {
    /// The provider's name, as the caller or the virtual host says.
    pub provider: &'a str,
    /// The provider host, where one was named.
    pub host: Option<&'a str>,
    /// The path under that host; empty means `/`.
    pub path: &'a str,
    /// The public host name, when the request came by virtual host.
    pub virtual_host: Option<&'a str>,
}

/// The configured virtual hosts: public host name, in lower case, to provider and provider host.
#[derive(Clone, Debug, Default)]
pub(crate) struct VirtualHosts(HashMap<String, (Arc<str>, String)>);

impl VirtualHosts {
    /// Adds one. Later entries replace earlier ones; the configuration refuses duplicates.
    pub(crate) fn insert(&mut self, public: &str, provider: Arc<str>, host: &str) {
        self.0.insert(public.to_ascii_lowercase(), (provider, host.to_ascii_lowercase()));
    }

    /// The entry for a request's authority: exact, without port and case.
    fn find(&self, authority: Option<&str>) -> Option<(&str, &str, &str)> {
        if self.0.is_empty() {
            return None;
        }
        let host = host_of(authority?).to_ascii_lowercase();
        let (public, (provider, host)) = self.0.get_key_value(&host)?;
        Some((public, provider, host))
    }
}

/// The host of an authority: without port; brackets of IPv6 stay.
pub(crate) fn host_of(authority: &str) -> &str {
    match authority.rfind(':') {
        Some(colon) if !authority.get(colon..).unwrap_or_default().contains(']') => {
            authority.get(..colon).unwrap_or_default()
        }
        _ => authority,
    }
}

/// Reads the route. On a virtual host every path belongs to the provider.
pub(crate) fn route<'a>(hosts: &'a VirtualHosts, authority: Option<&str>, path: &'a str) -> Route<'a> {
    if let Some((public, provider, host)) = hosts.find(authority) {
        return Route::Proxy(ProxyRoute { provider, host: Some(host), path, virtual_host: Some(public) });
    }
    proxied(path).map_or(Route::Own(path), Route::Proxy)
}

/// The call that a path under `/proxy` means.
pub(crate) fn proxied(path: &str) -> Option<ProxyRoute<'_>> {
    let rest = path.strip_prefix("/proxy/")?;
    let (provider, rest) = split_segment(rest);
    match rest.strip_prefix("/~") {
        Some(rest) => {
            let (host, path) = split_segment(rest);
            Some(ProxyRoute { provider, host: Some(host), path, virtual_host: None })
        }
        None => Some(ProxyRoute { provider, host: None, path: rest, virtual_host: None }),
    }
}

/// Everything up to the next slash, and the rest from that slash on.
fn split_segment(text: &str) -> (&str, &str) {
    text.find('/').map_or((text, ""), |at| text.split_at(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts() -> VirtualHosts {
        let mut hosts = VirtualHosts::default();
        hosts.insert("People.gw.example.com", "google".into(), "people.googleapis.com");
        hosts
    }

    fn proxy<'a>(provider: &'a str, host: Option<&'a str>, path: &'a str) -> Route<'a> {
        Route::Proxy(ProxyRoute { provider, host, path, virtual_host: None })
    }

    #[test]
    fn paths_name_provider_and_host() {
        let none = VirtualHosts::default();
        for (path, want) in [
            ("/proxy/github/user/repos", proxy("github", None, "/user/repos")),
            ("/proxy/github", proxy("github", None, "")),
            ("/proxy/github/", proxy("github", None, "/")),
            ("/proxy/github//user", proxy("github", None, "//user")),
            (
                "/proxy/google/~people.googleapis.com/v1/x",
                proxy("google", Some("people.googleapis.com"), "/v1/x"),
            ),
            ("/proxy/google/~people.googleapis.com", proxy("google", Some("people.googleapis.com"), "")),
            ("/proxy/google/~", proxy("google", Some(""), "")),
            ("/proxy/google/%7Epeople.googleapis.com/", proxy("google", None, "/%7Epeople.googleapis.com/")),
            ("/proxy//github", proxy("", None, "/github")),
            ("/proxy", Route::Own("/proxy")),
            ("/proxyfoo/x", Route::Own("/proxyfoo/x")),
            ("/v1/me", Route::Own("/v1/me")),
        ] {
            assert_eq!(route(&none, None, path), want, "{path}");
        }
    }

    #[test]
    fn tm_f08_virtual_hosts_match_exactly_without_port_and_case() {
        let hosts = hosts();
        let want = Route::Proxy(ProxyRoute {
            provider: "google",
            host: Some("people.googleapis.com"),
            path: "/v1/me",
            virtual_host: Some("people.gw.example.com"),
        });
        assert_eq!(route(&hosts, Some("PEOPLE.gw.example.com:8443"), "/v1/me"), want);
        for other in ["people.gw.example.com.", "x.people.gw.example.com", "gw.example.com", "[::1]:80"] {
            assert_eq!(route(&hosts, Some(other), "/v1/me"), Route::Own("/v1/me"), "{other}");
        }
        assert_eq!(host_of("[::1]:80"), "[::1]");
        assert_eq!(host_of("[::1]"), "[::1]");
    }
}
