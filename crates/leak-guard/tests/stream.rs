//! Fifty megabytes through the leak guard in a process of their own, so that its memory is the guard's alone.
#![expect(clippy::unwrap_used, reason = "tests assert by unwrapping")]

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use leak_guard::LeakGuard;

const MIB: usize = 1024 * 1024;

/// Bytes of memory this process occupies.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

/// A text that holds the token in every encoding, and beginnings of it between.
fn text(token: &str) -> String {
    let escaped = |write: fn(u8) -> String| token.bytes().map(write).collect::<String>();
    let mut text = format!("plain {token} and {}\n", &token[..token.len() - 1]);
    for spelled in [
        escaped(|byte| format!("%{byte:02x}")),
        escaped(|byte| format!("%{byte:02X}")),
        escaped(|byte| format!("\\u{byte:04x}")),
        escaped(|byte| if byte % 2 == 0 { format!("\\u{byte:04X}") } else { char::from(byte).to_string() }),
        token.replace('/', "\\/"),
    ] {
        text.push_str(&format!("{{\"a\":\"{spelled}\",\"b\":\"{}\"}}\n", &spelled[..spelled.len() - 1]));
    }
    for lead in ["", "a", "ab"] {
        text.push_str(&format!("{} \n", STANDARD.encode(format!("{lead}{token}"))));
        text.push_str(&format!("{} \n", URL_SAFE_NO_PAD.encode(format!("{lead}{token}\u{fe}"))));
    }
    text.push_str(&"nothing to see here 100% \\n ".repeat(600));
    text.push('\n');
    text
}

#[test]
fn tm_o01_fifty_megabytes_in_pieces_of_any_size_take_no_memory() {
    let long = format!("eyJ0eXAiOiJKV1Qi/+{}", "aB3_dE6-hI9kLm".repeat(130));
    // A body of long tokens in escapes ends the search: one text with each spelling stays below.
    for (token, least, total) in
        [("gho_16C7e42F/92c69+2E7710c838347Ae178B4a", 1, 50 * MIB), (long.as_str(), 4096, 1)]
    {
        let text = text(token);
        let guard = LeakGuard::new(&[token], false);
        let (clean, hits) = guard.scrub(text.as_bytes()).unwrap();
        assert_eq!(clean.len(), text.len());
        assert_eq!(hits, 12, "every encoding once");
        let (body, clean) = (Bytes::from(text.repeat(3)), clean.repeat(3));
        // Whole texts, so that nothing is cut off in the middle of a token.
        let total = total.next_multiple_of(text.len());
        let (mut scrubber, mut rng) = (guard.scrubber(), fastrand::Rng::with_seed(7));
        let (mut fed, mut checked, mut found, mut warm) = (0, 0, 0, None);
        let mut check = |out: &[u8]| {
            let at = checked % text.len();
            assert!(out == &clean[at..at + out.len()], "after {checked} bytes");
            checked += out.len();
        };
        while fed < total {
            // From single bytes to whole frames; the borders fall everywhere.
            let most = [1, 7, 64, 1500, text.len()][rng.usize(..5)].max(least);
            let at = fed % text.len();
            let length = rng.usize(least..=most).min(total - fed);
            let chunk = body.slice(at..at + length);
            fed += chunk.len();
            check(&scrubber.push(chunk));
            found += scrubber.take_hits();
            assert!(scrubber.held() <= scrubber.longest_hold());
            if fed > total / 4 {
                let warm = *warm.get_or_insert_with(resident);
                assert!(resident() < warm + MIB, "grew from {warm} to {}", resident());
            }
        }
        check(&scrubber.finish());
        assert_eq!(checked, fed);
        assert_eq!(found + scrubber.take_hits(), 12 * (total / text.len()) as u64);
    }
}
