//! The guard against a naive search over the whole body.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use proptest::prelude::*;

use super::{LeakGuard, is_encoded};
use crate::naive::{in_chunks, naive};

const TOKEN: &str = "ya29.a0/Af_H6-SM+BcD~e%f\\g\"hIJ";

fn streamed(guard: &LeakGuard, chunks: &[&[u8]]) -> Vec<u8> {
    in_chunks(guard, chunks.iter().copied())
}

fn percent(token: &str, upper: bool, all: bool) -> String {
    token
        .bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' if !all => {
                char::from(byte).to_string()
            }
            _ if upper => format!("%{byte:02X}"),
            _ => format!("%{byte:02x}"),
        })
        .collect()
}

/// As an HTML entity by name, where there is one.
fn named(byte: u8) -> String {
    let name = match byte {
        b'&' => "amp",
        b'<' => "lt",
        b'>' => "gt",
        b'"' => "quot",
        b'\'' => "apos",
        b'/' => "sol",
        b'+' => "plus",
        b'=' => "equals",
        b'.' => "period",
        b'_' => "lowbar",
        b'-' => "hyphen",
        other => return char::from(other).to_string(),
    };
    format!("&{name};")
}

/// Everything the contract names, and more.
fn spellings(token: &str) -> Vec<String> {
    let mut all = vec![token.to_owned()];
    for upper in [true, false] {
        all.push(percent(token, upper, false));
        all.push(percent(token, upper, true));
    }
    all.push(serde_json::to_string(token).unwrap().trim_matches('"').replace('/', "\\/"));
    all.push(all[all.len() - 1].replace('\\', "\\\\").replace('"', "\\\""));
    all.push(token.replace('/', "\\\\/").replace('"', "\\\\\\\""));
    all.push(token.bytes().map(|byte| format!("\\\\u{byte:04x}")).collect());
    all.push(token.bytes().map(|byte| format!("&#{byte};")).collect());
    all.push(token.bytes().map(|byte| format!("&#x{byte:04x};")).collect());
    all.push(token.bytes().map(|byte| format!("&#X{byte:X};")).collect());
    all.push(token.bytes().map(|byte| format!("&#x{byte:08x};")).collect());
    all.push(token.bytes().map(|byte| format!("&#{byte:08};")).collect());
    all.push(token.bytes().map(|byte| format!("%25{byte:02x}")).collect());
    all.push(percent(token, true, false).replace('%', "%25"));
    all.push(token.bytes().map(named).collect());
    all.push(token.bytes().map(|byte| format!("\\u{byte:04x}")).collect());
    all.push(token.bytes().map(|byte| format!("\\u{byte:04X}")).collect());
    all
}

#[test]
fn a_token_of_nothing_but_backslashes_has_as_many_readings_as_places_and_no_more() {
    let token = "\\".repeat(64);
    let guard = LeakGuard::new(&[&token], false);
    let body = "\\".repeat(4096);
    let (clean, _) = guard.scrub(body.as_bytes()).expect("it is there");
    assert_eq!(clean.len(), body.len());
    assert!(clean.iter().all(|byte| *byte == b'*'));
    let short = "\\".repeat(63);
    assert!(guard.scrub(short.as_bytes()).is_none(), "one is missing");
}

#[test]
fn every_spelling_is_found_at_every_two_chunk_split() {
    for token in [TOKEN, "gho_16C7e42F292c6912E7710c838347Ae178B4a"] {
        let guard = LeakGuard::new(&[token], false);
        for spelling in spellings(token) {
            let body =
                format!("{{\"a\":\"100%{spelling}%2\\u00\",\"b\":\"{}\"}}", &spelling[..spelling.len() - 1]);
            let expected = naive(&[token], body.as_bytes());
            assert_eq!(expected.iter().filter(|byte| **byte == b'*').count(), spelling.len(), "{spelling}");
            for split in 0..=body.len() {
                let (left, right) = body.as_bytes().split_at(split);
                let found = streamed(&guard, &[left, right]);
                assert_eq!(
                    String::from_utf8_lossy(&found),
                    String::from_utf8_lossy(&expected),
                    "{spelling} {split}"
                );
            }
        }
    }
}

#[test]
fn base64_is_found_at_the_three_alignments_also_escaped() {
    let guard = LeakGuard::new(&[TOKEN], false);
    for lead in 0..3 {
        for engine in [&STANDARD, &URL_SAFE] {
            let text = engine.encode(format!("{}{TOKEN}:tail", &"user:"[..lead]));
            for spelled in
                [text.clone(), text.replace('/', "\\/"), text.replace('+', "%2B").replace('/', "%2f")]
            {
                let expected = naive(&[TOKEN], spelled.as_bytes());
                assert!(expected.iter().filter(|byte| **byte == b'*').count() >= TOKEN.len() * 4 / 3 - 3);
                for split in 0..=spelled.len() {
                    let (left, right) = spelled.as_bytes().split_at(split);
                    assert_eq!(streamed(&guard, &[left, right]), expected);
                }
            }
        }
    }
}

#[test]
fn one_byte_at_a_time_and_overlapping_tokens() {
    let tokens = ["abcabcab", "abcab", "cabcabca", "xabcabc"];
    let guard = LeakGuard::new(&tokens, false);
    let body = b"..xabcabcabcabcab..abcabcabca%62cab\\u0063..YWJjYWJjYWI=";
    let expected = naive(&tokens, body);
    let chunks: Vec<&[u8]> = body.chunks(1).collect();
    assert_eq!(streamed(&guard, &chunks), expected);
    assert_eq!(guard.scrub(body).unwrap().0, expected);
}

#[test]
fn a_short_seed_inside_a_longer_one_hides_nothing() {
    let tokens = ["0123456789abcdefGHIJ", "456789"];
    let guard = LeakGuard::new(&tokens, false);
    assert_eq!(guard.scrub_text("-0123456789abcdefGHIJ-"), "-********************-");
}

#[test]
fn only_what_may_become_a_token_is_held_back() {
    let guard = LeakGuard::new(&["gho_secret"], false);
    let mut scrubber = guard.scrubber();
    let event = Bytes::from_static(b"data: hello\n\n");
    let out = scrubber.push(event.clone());
    assert_eq!(out, event);
    assert_eq!(out.as_ptr(), event.as_ptr(), "clean chunks are not copied");
    assert_eq!(scrubber.push(Bytes::from_static(b"x gho_se")), "x ");
    assert_eq!(scrubber.push(Bytes::from_static(b"e")), "gho_see");
    assert_eq!(scrubber.push(Bytes::from_static(b"50%")), "50");
    assert_eq!(scrubber.push(Bytes::from_static(b" off \\")), "% off ");
    assert_eq!(scrubber.push(Bytes::from_static(b"!")), "\\!");
    assert_eq!(scrubber.held(), 0);
}

#[test]
fn headers_keep_length_and_sensitivity() {
    let guard = LeakGuard::new(&[TOKEN, ""], false);
    let mut headers = HeaderMap::new();
    let mut value =
        HeaderValue::from_str(&format!("Bearer error=\"{}\"", percent(TOKEN, false, false))).unwrap();
    value.set_sensitive(true);
    let length = value.len();
    headers.insert("x-echo", value);
    headers.append("x-echo", HeaderValue::from_static("clean"));
    headers.append("x-obs", HeaderValue::from_bytes(b"\xff\xfe").unwrap());
    assert_eq!(guard.prepare(&mut headers), 1);
    let value = headers.get("x-echo").unwrap();
    assert_eq!(value.len(), length);
    assert!(value.is_sensitive());
    assert!(value.to_str().unwrap().starts_with("Bearer error=\"****"));
    assert!(!format!("{guard:?}").contains("ya29"));
}

#[test]
fn tm_o13_a_header_whose_name_holds_the_token_is_removed() {
    let token = "Gho_16C7e42F292c6912E7710c838347Ae178B4a";
    let guard = LeakGuard::new(&[token], false);
    let encoded = STANDARD.encode(format!("a{token}")).replace('=', "");
    for name in
        [token.to_owned(), format!("x-{token}-y"), format!("x-{}", token.replace('_', "%5F")), encoded]
    {
        let mut headers = HeaderMap::new();
        headers.append(http::HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_static("1"));
        headers.insert("x-other", HeaderValue::from_static("2"));
        assert_eq!(guard.prepare(&mut headers), 1, "{name}");
        assert_eq!(headers.len(), 1, "{name}");
    }
    let mut headers = HeaderMap::new();
    headers.insert("x-gho-16c7e42f292c6912e7710c838347ae178b4", HeaderValue::from_static("1"));
    assert_eq!(guard.prepare(&mut headers), 0);
}

#[test]
fn tm_o13_two_layers_of_percent_encoding_and_long_entities_are_found() {
    let guard = LeakGuard::new(&[TOKEN], false);
    let spelled = |write: fn(u8) -> String| TOKEN.bytes().map(write).collect::<String>();
    for body in [
        spelled(|byte| format!("%25{byte:02X}")),
        spelled(|byte| format!("&#x{byte:08X};")),
        spelled(|byte| format!("&#0{byte:04};")),
    ] {
        let clean = guard.scrub_text(&format!("a{body}b"));
        assert_eq!(clean, format!("a{}b", "*".repeat(body.len())));
    }
}

#[test]
fn stripping_takes_length_and_digests_along() {
    let guard = LeakGuard::new(&[TOKEN], true);
    for (media, strips) in [
        ("application/json; charset=UTF-8", true),
        ("text/javascript; charset=UTF-8", true),
        ("application/vnd.api+json", true),
        ("text/plain", true),
        ("application/x-ndjson", true),
        ("application/json, text/plain", true),
        ("image/png", false),
        ("application/octet-stream", false),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("9"));
        headers.insert("content-digest", HeaderValue::from_static("sha-256=:x:"));
        assert_eq!(guard.strips(&headers), strips);
        guard.prepare(&mut headers);
        assert_eq!(headers.len(), if strips { 1 } else { 3 });
    }
    assert!(LeakGuard::new(&[TOKEN], true).strips(&HeaderMap::new()), "nobody says that it is not JSON");
    assert!(!LeakGuard::new(&[TOKEN], false).strips(&HeaderMap::new()));
}

#[test]
fn tm_o09_codings_are_seen_in_both_headers() {
    for (coding, encoded) in [
        ("gzip", true),
        ("gzip, chunked", true),
        ("chunked", false),
        ("Chunked", false),
        ("identity", false),
        ("", false),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert("transfer-encoding", HeaderValue::from_static(coding));
        assert_eq!(is_encoded(&headers), encoded, "{coding}");
    }
    for (kind, encoded) in [
        ("application/json; charset=utf-16", true),
        ("text/plain;CharSet = \"UTF-16LE\"", true),
        ("text/html; charset=utf-32", true),
        ("application/json; charset=utf-8", false),
        ("text/plain; x=utf-16", false),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        assert_eq!(is_encoded(&headers), encoded, "{kind}");
    }
    for (coding, encoded) in [("gzip", true), ("identity", false), ("identity, br", true), ("", false)] {
        let mut headers = HeaderMap::new();
        headers.insert("content-encoding", HeaderValue::from_static(coding));
        assert_eq!(is_encoded(&headers), encoded, "{coding}");
    }
}

/// Data frames made one after the other, then trailers, then an error if asked for.
struct Frames {
    left: u64,
    chunk: Bytes,
    trailers: bool,
    error: bool,
}

impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, &'static str>>> {
        if self.left > 0 {
            self.left -= 1;
            return std::task::Poll::Ready(Some(Ok(http_body::Frame::data(self.chunk.clone()))));
        }
        if std::mem::take(&mut self.error) {
            return std::task::Poll::Ready(Some(Err("reset")));
        }
        if std::mem::take(&mut self.trailers) {
            return std::task::Poll::Ready(Some(Ok(http_body::Frame::trailers(HeaderMap::new()))));
        }
        std::task::Poll::Ready(None)
    }
}

#[tokio::test]
async fn tm_o11_a_large_frame_is_searched_in_pieces() {
    use http_body_util::BodyExt as _;
    let guard = LeakGuard::new(&[TOKEN], false);
    let chunk = Bytes::from("x".repeat(8 * 1024 * 1024));
    let frames = Frames { left: 1, chunk, trailers: false, error: false };
    let mut body = guard.body(frames, false, |_| {});
    let mut lengths = Vec::new();
    while let Some(frame) = body.frame().await {
        lengths.push(frame.unwrap().into_data().unwrap().len());
    }
    assert_eq!(lengths.iter().sum::<usize>(), 8 * 1024 * 1024);
    assert!(lengths.len() >= 16 && lengths.iter().all(|length| *length <= 512 * 1024), "{lengths:?}");
}

#[tokio::test]
async fn fifty_megabytes_pass_with_every_token_found_and_next_to_nothing_held() {
    use http_body_util::BodyExt as _;
    // The chunk's length and that of the text inside share no factor with the frames, so that tokens fall on borders.
    let spelled = percent(TOKEN, false, false);
    let text = format!("{}{TOKEN}{}{spelled}", "plain text ".repeat(1500), "\\n\\/%20".repeat(100));
    let chunk = Bytes::from([text.as_bytes(), &TOKEN.as_bytes()[..9]].concat());
    let left = 50 * 1024 * 1024 / chunk.len() as u64;
    let guard = LeakGuard::new(&[TOKEN], false);
    let mut hits = 0;
    let frames = Frames { left, chunk: chunk.clone(), trailers: true, error: false };
    let mut body = std::pin::pin!(guard.body(frames, false, |count| hits += count));
    let (mut total, mut largest) = (0, 0);
    while let Some(frame) = body.frame().await {
        let data = frame.unwrap().into_data().expect("trailers are dropped");
        assert!(memchr::memmem::find(&data, &TOKEN.as_bytes()[..12]).is_none());
        largest = largest.max(data.len());
        total += data.len() as u64;
    }
    assert_eq!(total, left * chunk.len() as u64);
    assert!(largest <= chunk.len() + guard.scrubber().longest_hold());
    assert_eq!(hits, left * 2);
}

#[tokio::test]
async fn an_error_of_the_provider_passes_and_ends_the_body() {
    use http_body_util::BodyExt as _;
    let guard = LeakGuard::new(&["gho_secret"], true);
    let frames = Frames {
        left: 1,
        chunk: Bytes::from_static(b"{\"access_token\":1} gho_se"),
        trailers: true,
        error: true,
    };
    let mut hits = 0;
    let mut body = std::pin::pin!(guard.body(frames, true, |count| hits += count));
    let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(first, "{\"access_token\":\"[removed]\"} ");
    assert!(body.frame().await.unwrap().is_err());
    assert!(body.frame().await.is_none());
    assert_eq!(hits, 1);
}

proptest! {
    /// A small alphabet, so that near misses, overlaps and escapes that run into each other are the rule.
    #[test]
    fn any_body_any_chunks_equals_the_naive_search(
        tokens in prop::collection::vec(prop_oneof!["[a2f/]{2,7}", "[a2f/&%;\\\\]{1,7}", "[a2f/_]{11,90}"], 1..3),
        parts in prop::collection::vec((0_usize..20, any::<prop::sample::Index>()), 0..12),
        cuts in prop::collection::vec(1_usize..9, 1..6),
    ) {
        let names: Vec<&str> = tokens.iter().map(String::as_str).collect();
        let mut body = String::new();
        for (kind, index) in parts {
            let token = names[index.index(names.len())];
            let spelled = spellings(token);
            match kind {
                0 => body.push('%'),
                1 => body.push('\\'),
                2 => body.push_str("\\u00"),
                3 => body.push_str("%2"),
                10 => body.push_str("%25"),
                7 => body.push_str("&#x"),
                8 => body.push_str("&lowbar"),
                9 => body.push_str("\\\\"),
                4 => body.push_str(&STANDARD.encode(token)),
                5 => body.push_str(&token[..index.index(token.len())]),
                6 => body.push_str(&STANDARD.encode(format!("a{token}"))),
                _ => body.push_str(&spelled[index.index(spelled.len())]),
            }
        }
        let expected = naive(&names, body.as_bytes());
        let guard = LeakGuard::new(&names, false);
        prop_assert_eq!(guard.scrub(body.as_bytes()).map_or(body.clone().into_bytes(), |(clean, _)| clean), expected.clone());
        for split in 0..=body.len() {
            let (left, right) = body.as_bytes().split_at(split);
            prop_assert_eq!(streamed(&guard, &[left, right]), expected.clone());
        }
        let mut rest = body.as_bytes();
        let mut chunks = Vec::new();
        for cut in cuts.iter().cycle() {
            if rest.is_empty() { break }
            let (chunk, more) = rest.split_at((*cut).min(rest.len()));
            chunks.push(chunk);
            rest = more;
        }
        prop_assert_eq!(streamed(&guard, &chunks), expected);
    }
}

#[test]
fn what_could_be_an_escape_is_read_both_ways_at_the_end() {
    for (token, body) in
        [("ab%", "\\u0061b%"), ("ab\\", "%61b\\"), ("ab%25", "\\u0061b%25"), ("ab%2", "%61b%2")]
    {
        let guard = LeakGuard::new(&[token], false);
        let stars = "*".repeat(body.len());
        assert_eq!(guard.scrub_text(body), stars);
        let chunks: Vec<&[u8]> = body.as_bytes().chunks(1).collect();
        assert_eq!(streamed(&guard, &chunks), stars.as_bytes(), "{token}");
    }
}
