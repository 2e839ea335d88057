//! The work of a search is bounded by the length of the data, whatever the data is.

use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;

use crate::PreparedToken;
use crate::budget::{BYTES_PER_COMPARISON, FREE_COMPARISONS, FREE_READINGS, READINGS_PER_BYTE};
use crate::needle::Needles;
use crate::scrub::Scrubber;
use crate::search::Search;

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

/// The most comparisons for a body that arrives in frames of `frame` bytes: what it may cost, and those that were going on.
fn most(length: usize, frame: usize) -> u64 {
    let tried = length.div_ceil(frame) * frame.min(64);
    FREE_COMPARISONS + length as u64 / BYTES_PER_COMPARISON + tried as u64 + 4096
}

fn search(tokens: &[&str], body: &[u8]) -> Search {
    let mut search = Search::new(needles(tokens));
    search.feed(body, true);
    search
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
        let search = search(&[&token], body.as_bytes());
        assert!(!search.is_exhausted(), "it holds no secret, spelled {how}");
        let (comparisons, length) = (search.comparisons(), body.len() as u64);
        assert!(comparisons <= length / 64, "{comparisons} for {length} bytes, spelled {how}");
    }
}

#[test]
fn a_long_token_that_comes_back_byte_by_byte_is_held_and_compared_once() {
    let token = jwt();
    for how in 0..6 {
        let body = spelled(&token[..token.len() - 1], how);
        let mut scrubber = Scrubber::new(needles(&[&token]));
        let out: usize =
            body.as_bytes().chunks(1).map(|byte| scrubber.push(Bytes::copy_from_slice(byte)).len()).sum();
        assert_eq!(out + scrubber.held(), body.len());
        assert!(scrubber.held() > 0, "the beginning of a token waits for the rest, spelled {how}");
        let comparisons = scrubber.comparisons();
        assert!(
            comparisons <= 4 * body.len() as u64,
            "{comparisons} for {} bytes, spelled {how}",
            body.len()
        );
    }
}

#[test]
fn lists_of_tokens_of_the_same_kind_pass_and_echoes_lose_the_token_alone() {
    let token = jwt();
    // Others of the same tenant: the header and the first claims are equal.
    let other = format!("{}{}", &token[..150], "x".repeat(900));
    let facebook = format!("EAAGm0PX4ZCpsBA{}", &token[200..380]);
    let page = format!("EAAGm0PX4ZCpsBA{}", &token[500..680]);
    for (secret, other) in [(&token, &other), (&facebook, &page)] {
        let list = format!("{{\"token\":\"{other}\"}},").repeat(4_000);
        assert!(crate::LeakGuard::new(&[secret], false).scrub(list.as_bytes()).is_none());
    }
    let escaped = r"%65%79\u004a&#65;".repeat(8_000);
    let mut scrubber = Scrubber::new(needles(&[&token]));
    let out: usize =
        escaped.as_bytes().chunks(1).map(|byte| scrubber.push(Bytes::copy_from_slice(byte)).len()).sum();
    assert_eq!((out + scrubber.held(), scrubber.take_hits()), (escaped.len(), 0));
    let echo = format!("Authorization: Bearer {facebook}; ").repeat(300);
    let (clean, hits) = crate::LeakGuard::new(&[&facebook], false).scrub(echo.as_bytes()).unwrap();
    assert_eq!(hits, 300);
    assert_eq!(String::from_utf8(clean).unwrap(), echo.replace(&facebook, &"*".repeat(facebook.len())));
}

#[test]
fn tm_o11_of_a_body_made_of_parts_of_the_secret_only_the_beginning_is_searched() {
    let token = jwt();
    for how in 0..6 {
        let body = spelled(&token[..token.len() - 1], how).repeat(400);
        let search = search(&[&token], body.as_bytes());
        assert!(search.is_exhausted(), "spelled {how}");
        assert!(search.comparisons() <= most(body.len(), body.len()), "spelled {how}");
        let (clean, hits) = crate::LeakGuard::new(&[&token], false).scrub(body.as_bytes()).unwrap();
        assert!(hits > 0 && clean.iter().all(|byte| *byte == b'*'), "nothing of it passes, spelled {how}");
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
    assert!(search(&[&token], body.as_bytes()).comparisons() <= most(body.len(), body.len()));
}

#[test]
fn a_token_of_backslashes_costs_no_more_than_its_share() {
    let token = "\\".repeat(60);
    let body = "\\".repeat(128 * 1024);
    let search = search(&[&token], body.as_bytes());
    let needles = needles(&[&token]).iter().filter(|needle| !needle.sampled).count() as u64;
    assert!(search.is_exhausted(), "nothing of it passes");
    let most = FREE_READINGS + READINGS_PER_BYTE * needles * body.len() as u64;
    assert!(search.readings() <= most + 64, "{} of {most}", search.readings());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Bodies by somebody who knows the token: pieces of it in any spelling, again and again.
    #[test]
    fn any_hostile_body_costs_what_it_may(
        parts in prop::collection::vec((0_u8..6, any::<prop::sample::Index>(), 1_usize..2000, 1_usize..40), 1..6),
        frame in prop_oneof![Just(1_usize), 2_usize..100, Just(16 * 1024)],
    ) {
        let token = jwt();
        let mut body = String::new();
        for (how, from, length, times) in parts {
            let from = from.index(token.len());
            let piece = &token[from..token.len().min(from + length)];
            body.push_str(&spelled(piece, how).repeat(times.min(1 + 20_000 / (piece.len() * 6))));
        }
        let whole = search(&[&token], body.as_bytes()).comparisons();
        prop_assert!(whole <= most(body.len(), body.len()), "{whole}");
        let mut scrubber = Scrubber::new(needles(&[&token]));
        for chunk in body.as_bytes().chunks(frame) {
            scrubber.push(Bytes::copy_from_slice(chunk));
        }
        scrubber.finish();
        let streamed = scrubber.comparisons();
        prop_assert!(streamed <= most(body.len(), frame), "{streamed} for {} bytes in frames of {frame}", body.len());
    }
}
