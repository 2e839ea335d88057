//! Hosts, targets and field names: the syntax both protocol versions share.

use super::Fault;
use std::net::Ipv6Addr;

/// Whether `byte` may stand in a method or field name (RFC 9110, 5.6.2).
pub(crate) const fn is_token(byte: u8) -> bool {
    const TOKEN: [bool; 256] = {
        let (mut table, mut byte) = ([false; 256], 0_u8);
        while byte < 128 {
            table[byte as usize] = matches!(byte,
                b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
                | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z');
            byte += 1;
        }
        table
    };
    TOKEN[byte as usize]
}

/// Whether `host` is a host name or address with an optional port, and nothing else: no userinfo, list or escape.
pub(crate) fn is_authority(host: &[u8]) -> bool {
    let (name, port) = split_port(host);
    let name_is_fine = match name {
        [b'[', address @ .., b']'] => {
            str::from_utf8(address).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok())
        }
        _ => {
            !name.is_empty()
                && name.len() <= 253
                && !matches!(name[0], b'.' | b'-')
                && name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
        }
    };
    let port_is_fine = port.is_none_or(|digits| {
        (1..=5).contains(&digits.len())
            && digits.iter().all(u8::is_ascii_digit)
            && str::from_utf8(digits).is_ok_and(|text| text.parse::<u16>().is_ok())
    });
    name_is_fine && port_is_fine
}

/// An authority's name and, where there is one, its port. Brackets stay with the name.
pub(crate) fn split_port(authority: &[u8]) -> (&[u8], Option<&[u8]>) {
    let from = authority.iter().rposition(|byte| *byte == b']').unwrap_or(0);
    match authority[from..].iter().position(|byte| *byte == b':') {
        Some(at) => (&authority[..from + at], Some(&authority[from + at + 1..])),
        None => (authority, None),
    }
}

/// Whether an authority names this machine, as seen from itself.
pub(crate) fn is_loopback(authority: &[u8]) -> bool {
    std::str::from_utf8(split_port(authority).0).is_ok_and(api_transport::is_loopback)
}

/// Checks path and query of a request byte by byte; the caller has made sure that it begins with a slash.
///
/// What is left to the domain: dot segments, backslashes, escapes. A `#` must not get through: the `http` crate cuts the
/// target there without a word.
pub(crate) fn check_target(target: &[u8]) -> Result<(), Fault> {
    let mut in_query = false;
    for byte in target {
        match byte {
            b'?' => in_query = true,
            b'#' => return Err(Fault::Target("the target holds a fragment")),
            0..=0x20 | 0x7F => return Err(Fault::Target("the target holds a control byte or space")),
            0x80.. => {
                return Err(Fault::Target("the target holds a byte that is not ASCII; percent-encode it"));
            }
            b'<' | b'>' => return Err(Fault::Target("the target holds < or >; percent-encode them")),
            b'`' if !in_query => return Err(Fault::Target("the target holds a backtick; percent-encode it")),
            b'"' if in_query => {
                return Err(Fault::Target("the query holds a quotation mark; percent-encode it"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Longest method this gateway looks at.
pub(crate) const MAX_METHOD: usize = 32;

/// Methods that end at the wire.
pub(crate) fn check_method(method: &[u8]) -> Result<(), Fault> {
    match method {
        _ if method.len() > MAX_METHOD => Err(Fault::Framing("the method is longer than any known one")),
        b"CONNECT" => Err(Fault::Tunnel),
        b"TRACE" | b"TRACK" => Err(Fault::Method),
        _ => Ok(()),
    }
}

/// Whether an `Upgrade` asks for what only a tunnel could give. Any other upgrade may be ignored (RFC 9110, 7.8), and clients
/// that offer `h2c` expect no more.
pub(crate) fn asks_for_tunnel(upgrade: &[u8]) -> bool {
    upgrade.split(|byte| *byte == b',').any(|protocol| {
        let name = protocol.split(|byte| *byte == b'/').next().unwrap_or_default();
        name.trim_ascii().eq_ignore_ascii_case(b"websocket")
    })
}

/// A declared length: digits without sign, list or leading zero.
pub(crate) fn parse_length(value: &[u8]) -> Result<u64, Fault> {
    const WRONG: Fault = Fault::Framing("Content-Length must be one plain decimal number");
    let plain = matches!(value, [b'0'] | [b'1'..=b'9', ..]) && value.len() <= 18;
    if !plain {
        return Err(WRONG);
    }
    value.iter().try_fold(0_u64, |sum, byte| match byte {
        b'0'..=b'9' => Ok(sum * 10 + u64::from(byte - b'0')),
        _ => Err(WRONG),
    })
}

/// Whether this method's requests may carry a body.
pub(crate) fn takes_body(method: &[u8]) -> bool {
    !matches!(method, b"GET" | b"HEAD")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorities() {
        for good in [
            "a",
            "gw.example.com",
            "gw.example.com:8080",
            "127.0.0.1:1",
            "[::1]",
            "[::1]:443",
            "under_score.local",
        ] {
            assert!(is_authority(good.as_bytes()), "{good}");
        }
        for bad in [
            "", ":80", "a:", "a:b", "a:99999", "a:123456", "a:80:80", "a b", "a,b", "u@a", "a/b", "a?b",
            "[::1", "[x]", "::1", "a%41", ".a", "-a", "é", "a\0", "http://a",
        ] {
            assert!(!is_authority(bad.as_bytes()), "{bad:?}");
        }
    }

    #[test]
    fn only_websocket_asks_for_a_tunnel() {
        for tunnel in ["websocket", "WebSocket", "h2c, websocket", "websocket/13", " websocket "] {
            assert!(asks_for_tunnel(tunnel.as_bytes()), "{tunnel}");
        }
        for other in ["h2c", "TLS/1.2, HTTP/1.1", "", "websockets", "h2c/websocket"] {
            assert!(!asks_for_tunnel(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn lengths() {
        assert_eq!(parse_length(b"0"), Ok(0));
        assert_eq!(parse_length(b"120"), Ok(120));
        for bad in ["", "00", "003", "+5", "-1", "5,5", "5 5", "0x5", "1e3", "9999999999999999999"] {
            assert!(parse_length(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_accepted_target_survives_the_http_crate_unchanged() {
        for byte in 0..=255_u8 {
            for target in [vec![b'/', byte, b'x'], vec![b'/', b'?', byte, b'x']] {
                if check_target(&target).is_ok() {
                    let parsed = http::uri::PathAndQuery::try_from(&target[..]).expect("accepted by both");
                    assert_eq!(parsed.as_str().as_bytes(), target);
                }
            }
        }
    }
}
