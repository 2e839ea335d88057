//! The leak guard against a search without any cleverness over the whole body.

use leak_guard::LeakGuard;

#[path = "../../../leak-guard/src/naive.rs"]
mod naive;

use naive::{in_chunks, naive};

/// Tokens of one request: one; several that begin and end alike; short ones; ones that hold what escapes are made of.
const TOKENS: [&[&str]; 4] = [
    &["gho_/+a~Token-1234"],
    &["gho_/+a~Token-1234", "gho_/+a~Tok", "Token-1234gho_/"],
    &["ab", "abc", "b%25", "a\\b\""],
    &["t%25\\u0041%\\", "%%2525"],
];

/// First byte: the tokens (its two highest bits) and the length of chunks (the others); 0xFF stands for the first token, 0xFE
/// for the last one. However the body is cut, the result is what the naive search says.
pub fn leak(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let tokens = TOKENS[usize::from(first >> 6)];
    let mut body = Vec::new();
    for byte in rest {
        match byte {
            0xFF => body.extend_from_slice(tokens.first().unwrap_or(&"").as_bytes()),
            0xFE => body.extend_from_slice(tokens.last().unwrap_or(&"").as_bytes()),
            byte => body.push(*byte),
        }
    }
    let guard = LeakGuard::new(tokens, false);
    let clean = naive(tokens, &body);
    let whole = guard.scrub(&body).map_or_else(|| body.clone(), |(clean, _)| clean);
    assert_eq!(whole.escape_ascii().to_string(), clean.escape_ascii().to_string());
    let length = usize::from(first & 63).max(1);
    for length in [length, body.len().div_ceil(2).max(1)] {
        let streamed = in_chunks(&guard, body.chunks(length));
        assert_eq!(streamed.escape_ascii().to_string(), clean.escape_ascii().to_string(), "in {length}s");
    }
}
