//! Who is on the other side.

use http::{HeaderMap, HeaderName};
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};

/// The other side of a request: the TCP peer, and what it may say about the client behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    addr: SocketAddr,
    tls: bool,
    trusted: bool,
    client: IpAddr,
    https: bool,
}

impl Peer {
    /// A peer of a connection. `trusted` is the list of `server.trusted_proxies`.
    #[must_use]
    pub fn new(addr: SocketAddr, tls: bool, trusted: &[IpNet]) -> Self {
        let ip = addr.ip().to_canonical();
        Self { addr, tls, trusted: trusted.iter().any(|net| net.contains(&ip)), client: ip, https: tls }
    }

    /// The peer as one request shows it: a trusted proxy's forwarding headers count, anybody else's do not.
    #[must_use]
    pub(crate) fn of_request(mut self, headers: &HeaderMap, trusted: &[IpNet]) -> Self {
        const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
        const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
        if !self.trusted {
            return self;
        }
        let hops = headers
            .get_all(FORWARDED_FOR)
            .iter()
            .rev()
            .flat_map(|value| value.as_bytes().rsplit(|byte| *byte == b','));
        // From the right: each trusted proxy says whom it was called by. What stands to the left of an entry that is no address,
        // or no trusted proxy, is the client's own word.
        for client in hops.map_while(hop) {
            self.client = client;
            if !trusted.iter().any(|net| net.contains(&client)) {
                break;
            }
        }
        if let Some(proto) =
            headers.get_all(FORWARDED_PROTO).iter().next_back().and_then(|value| value.to_str().ok())
        {
            let last = proto.rsplit(',').next().unwrap_or_default().trim();
            self.https =
                last.eq_ignore_ascii_case("https") || (self.https && !last.eq_ignore_ascii_case("http"));
        }
        self
    }

    /// The TCP peer.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Whether the peer is one of `server.trusted_proxies`.
    #[must_use]
    pub fn is_trusted(&self) -> bool {
        self.trusted
    }

    /// The client's address, for logging only.
    #[must_use]
    pub fn client(&self) -> IpAddr {
        self.client
    }

    /// `https` or `http`, as the client sees it.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if self.https { "https" } else { "http" }
    }
}

/// The address in an entry of `X-Forwarded-For`, which may have a port.
fn hop(entry: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(entry).ok()?.trim();
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(addr: &str, forwarded: &str) -> Peer {
        let trusted: Vec<IpNet> = vec!["10.0.0.0/8".parse().expect("a net")];
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", forwarded.parse().expect("a value"));
        headers.insert("x-forwarded-proto", "https".parse().expect("a value"));
        Peer::new(addr.parse().expect("an address"), false, &trusted).of_request(&headers, &trusted)
    }

    #[test]
    fn tm_f07_only_trusted_peers_speak_for_a_client() {
        let stranger = peer("192.0.2.1:5", "198.51.100.7");
        assert_eq!((stranger.client().to_string().as_str(), stranger.scheme()), ("192.0.2.1", "http"));
        let proxy = peer("10.1.2.3:5", "203.0.113.9, 198.51.100.7, 10.9.9.9");
        assert_eq!((proxy.client().to_string().as_str(), proxy.scheme()), ("198.51.100.7", "https"));
        for forged in ["6.6.6.6, x, 203.0.113.9", "6.6.6.6,,203.0.113.9", "6.6.6.6, 203.0.113.9:4711"] {
            assert_eq!(peer("10.1.2.3:5", forged).client().to_string(), "203.0.113.9", "{forged}");
        }
        assert_eq!(peer("10.1.2.3:5", "6.6.6.6, x, 10.0.0.7").client().to_string(), "10.0.0.7");
        assert_eq!(peer("10.1.2.3:5", "[2001:db8::1]:80, 10.0.0.7").client().to_string(), "2001:db8::1");
        assert_eq!(peer("10.1.2.3:5", "[2001:db8::1]").client().to_string(), "2001:db8::1");
        assert_eq!(peer("10.1.2.3:5", "nonsense").client().to_string(), "10.1.2.3");
        assert!(peer("[::ffff:10.0.0.1]:5", "1.2.3.4").is_trusted());
    }
}
