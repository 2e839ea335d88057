//! What the server needs of the settings, in plain types.

use crate::cors::Cors;
use ipnet::IpNet;
use std::{net::SocketAddr, path::PathBuf, time::Duration};

/// Settings of the listeners, named as in `[server]`.
#[derive(Clone, Debug)]
pub struct Options {
    /// Public address.
    pub listen: SocketAddr,
    /// Admin address.
    pub admin_listen: SocketAddr,
    /// Hosts that are served; empty: any.
    pub allowed_hosts: Vec<AllowedHost>,
    /// Public names of virtual hosts, in lower case without port. Served whatever `allowed_hosts` says.
    pub virtual_hosts: Vec<String>,
    /// Peers whose forwarding headers and trace context count.
    pub trusted_proxies: Vec<IpNet>,
    /// Certificate and key of the public listener.
    pub tls: Option<TlsFiles>,
    /// Clocks.
    pub timeouts: Timeouts,
    /// Limits.
    pub limits: Limits,
    /// The end.
    pub drain: Drain,
    /// Web pages that may read answers.
    pub cors: Cors,
    /// Holds the bearer token of `/admin/*`.
    pub admin_token_file: Option<PathBuf>,
}

/// One entry of `server.allowed_hosts`: a name, with a port if only that port is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedHost {
    name: String,
    port: Option<u16>,
}

impl AllowedHost {
    /// Reads `name` or `name:port`; case does not matter.
    #[must_use]
    pub fn parse(entry: &str) -> Self {
        let (name, port) = super::wire::names::split_port(entry.trim().as_bytes());
        Self {
            name: String::from_utf8_lossy(name).to_ascii_lowercase(),
            port: port.and_then(|digits| str::from_utf8(digits).ok()).and_then(|digits| digits.parse().ok()),
        }
    }

    /// Whether a valid `Host` value is this one.
    #[must_use]
    pub fn matches(&self, host: &str) -> bool {
        let (name, port) = super::wire::names::split_port(host.as_bytes());
        let port_is_fine = self.port.is_none_or(|wanted| {
            port.and_then(|digits| str::from_utf8(digits).ok()).and_then(|digits| digits.parse().ok())
                == Some(wanted)
        });
        port_is_fine && name.eq_ignore_ascii_case(self.name.as_bytes())
    }
}

/// PEM files of `server.tls`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// Certificate chain, leaf first.
    pub cert_file: PathBuf,
    /// Private key.
    pub key_file: PathBuf,
}

/// The part of `server.timeouts` that concerns this side.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// From the first byte of a request head to its last; also the TLS handshake.
    pub header: Duration,
    /// Gap between body bytes coming in.
    pub body_idle: Duration,
    /// A peer that does not take the answer.
    pub write_idle: Duration,
    /// A connection without a request.
    pub idle: Duration,
}

/// `server.limits`.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Open connections.
    pub connections: usize,
    /// Running requests.
    pub in_flight: usize,
    /// Bytes of a request body.
    pub body: u64,
    /// Bytes of all header fields.
    pub headers: usize,
    /// Number of header fields.
    pub header_count: usize,
    /// Bytes of the target.
    pub uri: usize,
    /// Open streams of one HTTP/2 connection.
    pub streams: u32,
}

/// `server.drain`.
#[derive(Clone, Copy, Debug)]
pub struct Drain {
    /// Unready but still accepting.
    pub delay: Duration,
    /// For requests in flight after that.
    pub timeout: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            header: Duration::from_secs(10),
            body_idle: Duration::from_secs(15),
            write_idle: Duration::from_secs(30),
            idle: Duration::from_secs(60),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            in_flight: 1024,
            body: 100 * 1024 * 1024,
            headers: 32 * 1024,
            header_count: 100,
            uri: 8 * 1024,
            streams: 100,
        }
    }
}

impl Default for Drain {
    fn default() -> Self {
        Self { delay: Duration::from_secs(5), timeout: Duration::from_secs(25) }
    }
}

impl Default for Options {
    /// The contract's defaults, on free ports of 127.0.0.1.
    fn default() -> Self {
        let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
        Self {
            listen: any_port,
            admin_listen: any_port,
            allowed_hosts: Vec::new(),
            virtual_hosts: Vec::new(),
            trusted_proxies: Vec::new(),
            tls: None,
            timeouts: Timeouts::default(),
            limits: Limits::default(),
            drain: Drain::default(),
            cors: Cors::default(),
            admin_token_file: None,
        }
    }
}

impl Options {
    /// Whether `host` (a valid `Host` value) is served here.
    #[must_use]
    pub fn serves(&self, host: &str) -> bool {
        self.allowed_hosts.is_empty()
            || self.allowed_hosts.iter().any(|allowed| allowed.matches(host))
            || self.is_virtual(host)
    }

    /// Whether `host` is the public name of a virtual host.
    #[must_use]
    pub fn is_virtual(&self, host: &str) -> bool {
        let (name, _) = super::wire::names::split_port(host.as_bytes());
        self.virtual_hosts.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tm_f08_hosts_match_exactly_but_for_case_and_port() {
        let options = Options {
            allowed_hosts: vec![
                AllowedHost::parse("GW.example.com"),
                AllowedHost::parse("b.example.com:8443"),
            ],
            virtual_hosts: vec!["people.gw.example.com".to_owned()],
            ..Options::default()
        };
        for good in ["gw.example.com", "GW.EXAMPLE.COM:80", "b.example.com:8443", "People.gw.example.com:1"] {
            assert!(options.serves(good), "{good}");
        }
        for bad in [
            "example.com",
            "b.example.com",
            "b.example.com:443",
            "gw.example.com.evil",
            "gw.example.com.",
            "x.gw.example.com",
        ] {
            assert!(!options.serves(bad), "{bad}");
        }
        assert!(Options::default().serves("anything"));
    }
}
