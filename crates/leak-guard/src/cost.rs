//! The work of a search is bounded by the length of the data, whatever the data is.

use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;

use crate::PreparedToken;
use crate::needle::Needles;
use crate::scrub::Scrubber;
use crate::search::Search;

/// Steps for each byte of a body in which the letters of a token stand, and of one that repeats parts of it.
const MOST: u64 = 1;
const MOST_OF_PARTS: u64 = 8;

fn jwt() -> String {
    let mut rng = fastrand::Rng::with_seed(4);
    let part = |rng: &mut fastrand::Rng, length| -> String {
        let letter = |_| {
            char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[rng.usize(..64)])
        };
        (0..length).map(letter).collect()
    };
    let (claims, signature) = (part(&mut rng, 1500), part(&mut rng, 342));
    format!("eyJhbGciOiJSUzI1NiIsInR5cCI6ImF0K2p3dCIsImtpZCI6IkFCQyJ9.{claims}.{signature}")
}

fn needles(tokens: &[&str]) -> Arc<Needles> {
    Arc::new(Needles::new(tokens.iter().map(|token| PreparedToken::new(token)).collect()))
}

fn steps(tokens: &[&str], body: &[u8]) -> u64 {
    let mut search = Search::new(needles(tokens));
    search.feed(body, true);
    search.steps()
}

/// Each byte in the way that `how` says.
fn spelled(text: &str, how: u8) -> String {
    let write = |byte: u8| match how {
        0 => char::from(byte).to_string(),
        1 => format!("%{byte:02X}"),
        2 => format!("\\u{byte:04x}"),
        3 => format!("\\\\u{byte:04x}"),
        4 => format!("&#{byte};"),
        _ if byte.is_multiple_of(2) => format!("%{byte:02x}"),
        _ => char::from(byte).to_string(),
    };
    text.bytes().map(write).collect()
}

#[test]
fn tm_o11_escapes_of_the_letters_of_a_long_token_cost_a_few_steps_a_byte() {
    let token = jwt();
    let letters: String = (b'A'..=b'z').filter(u8::is_ascii_alphanumeric).map(char::from).collect();
    for how in 0..6 {
        let body = spelled(&letters, how).repeat(1 << 12);
        let (steps, length) = (steps(&[&token], body.as_bytes()), body.len() as u64);
        assert!(steps <= MOST * length, "{steps} steps for {length} bytes, spelled {how}");
    }
}

#[test]
fn a_long_token_that_comes_back_byte_by_byte_costs_a_few_steps_a_byte() {
    let token = jwt();
    for how in 0..6 {
        let body = spelled(&token[..token.len() - 1], how);
        let mut scrubber = Scrubber::new(needles(&[&token]));
        let out: usize =
            body.as_bytes().chunks(1).map(|byte| scrubber.push(Bytes::copy_from_slice(byte)).len()).sum();
        assert_eq!(out + scrubber.held(), body.len());
        let steps = scrubber.steps();
        assert!(
            steps <= 4 * MOST_OF_PARTS * body.len() as u64,
            "{steps} steps for {} bytes, spelled {how}",
            body.len()
        );
    }
}

#[test]
fn a_body_made_of_a_token_that_repeats_itself_does_not_pass() {
    let token = "aaaa".repeat(500);
    let body = "a".repeat(1999).repeat(200);
    let guard = crate::LeakGuard::new(&[&token], false);
    let (clean, hits) = guard.scrub(body.as_bytes()).unwrap();
    assert!(hits > 0);
    assert!(clean.iter().all(|byte| *byte == b'*'));
    // Four needles; one step more may be taken with each comparison that was going on.
    let most = crate::search::FREE_STEPS + (4 * crate::search::STEPS_PER_BYTE + 1) * body.len() as u64;
    assert!(steps(&[&token], body.as_bytes()) <= most);
}

#[test]
fn tm_o11_a_token_of_backslashes_costs_no_more_than_its_share() {
    let token = "\\".repeat(60);
    let body = "\\".repeat(128 * 1024);
    let mut search = Search::new(needles(&[&token]));
    let count = needles(&[&token]).iter().count() as u64;
    search.feed(body.as_bytes(), true);
    assert!(search.is_exhausted(), "nothing of it passes");
    let most = crate::search::FREE_STEPS + crate::search::STEPS_PER_BYTE * count * body.len() as u64;
    assert!(search.tried() <= most / 4 + 64, "{} of {most}", search.tried());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Bodies by somebody who knows the token: pieces of it in any spelling, again and again.
    #[test]
    fn any_hostile_body_costs_a_few_steps_a_byte(
        parts in prop::collection::vec((0_u8..6, any::<prop::sample::Index>(), 1_usize..2000, 1_usize..40), 1..6),
        chunk in prop_oneof![Just(1_usize), 2_usize..100, Just(16 * 1024)],
    ) {
        let token = jwt();
        let mut body = String::new();
        for (how, from, length, times) in parts {
            let from = from.index(token.len());
            let piece = &token[from..token.len().min(from + length)];
            body.push_str(&spelled(piece, how).repeat(times.min(1 + 20_000 / (piece.len() * 6))));
        }
        let most = 4 * MOST_OF_PARTS * body.len() as u64 + 10_000;
        prop_assert!(steps(&[&token], body.as_bytes()) <= most);
        let mut scrubber = Scrubber::new(needles(&[&token]));
        for chunk in body.as_bytes().chunks(chunk) {
            scrubber.push(Bytes::copy_from_slice(chunk));
        }
        scrubber.finish();
        prop_assert!(scrubber.steps() <= most, "{} steps for {} bytes in chunks of {}", scrubber.steps(), body.len(), chunk);
    }
}
