//! Which addresses an upstream may have (threat R05).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether an address is one that no provider on the internet has: private, link-local, loopback, metadata,
/// NAT64, documentation, multicast, and IPv4 addresses in any IPv6 disguise.
pub(super) fn is_internal(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_internal_v4(ip),
        IpAddr::V6(ip) => is_internal_v6(ip),
    }
}

fn is_internal_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_broadcast()
        || ip.is_documentation()
        || ip.is_multicast()
        || a == 0
        || a >= 240
        // Shared address space of carriers (RFC 6598), where clouds keep metadata services too.
        || (a == 100 && (64..128).contains(&b))
        // IETF protocol assignments and benchmarking.
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (18..20).contains(&b))
        // Azure's wire server, reachable from any virtual machine there.
        || ip == Ipv4Addr::new(168, 63, 129, 16)
}

fn is_internal_v6(ip: Ipv6Addr) -> bool {
    let segments = ip.segments();
    if let Some(mapped) = ip.to_ipv4_mapped() {
        return is_internal_v4(mapped);
    }
    // Global unicast addresses are 2000::/3 (RFC 4291 section 2.4). Outside of it are loopback, private and link-local
    // addresses, multicast, and IPv4 addresses behind a translator or in another spelling.
    (segments[0] & 0xe000) != 0x2000
        // 6to4 2002::/16, Teredo 2001::/32, documentation.
        || segments[0] == 0x2002
        || (segments[0] == 0x2001 && segments[1] == 0)
        || (segments[0] == 0x2001 && segments[1] == 0xdb8)
        || (segments[0] == 0x3fff && segments[1] < 0x1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tm_r05_internal_addresses_are_recognised() {
        for text in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.100.100.200",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "198.18.0.1",
            "168.63.129.16",
            "::1",
            "::",
            "fe80::1",
            "fd00:ec2::254",
            "fec0::1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:0:169.254.169.254",
            "100::1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "::7f00:1",
            "2002:7f00:1::",
            "2001:0:1::",
            "ff02::1",
            "2001:db8::1",
        ] {
            assert!(is_internal(text.parse().unwrap()), "{text}");
        }
        for text in
            ["140.82.121.6", "8.8.8.8", "2606:50c0:8000::154", "172.32.0.1", "100.128.0.1", "::ffff:8.8.8.8"]
        {
            assert!(!is_internal(text.parse().unwrap()), "{text}");
        }
    }
}
