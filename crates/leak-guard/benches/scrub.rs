//! What the leak guard costs: nanoseconds per KiB of body, beside copying the body once, and microseconds to prepare it for a
//! token. The hostile bodies are what somebody who knows the token would write to make it slow.
//!
//! `cargo bench -p leak-guard`
#![expect(clippy::print_stdout, reason = "a benchmark reports on the terminal")]

use std::hint::black_box;
use std::time::Duration;

use bytes::Bytes;
use leak_guard::{LeakGuard, MemberStripper, PreparedToken};
use tokio::time::Instant;

const CHUNK: usize = 16 * 1024;

fn main() {
    let github = "gho_16C7e42F292c6912E7710c838347Ae178B4a".to_owned();
    let google = format!("ya29.a0AfH6SM{}", noise(192));
    let jwt = format!("eyJ0eXAiOiJKV1QiLCJub25jZSI6{}", noise(1820));
    let clean = [
        ("plain text", "The quick brown fox jumps over the lazy dog. "),
        (
            "JSON",
            r#"{"id":12345,"login":"octocat","url":"https://api.github.com/users/octocat","admin":false},"#,
        ),
        (
            "JSON, escaped",
            r#"{"picture":"https:\/\/scontent.xx.fbcdn.net\/v\/t1.0-1?x=%2Fa%3D1","name":"J\u00fcrgen \u003cb\u003e"},"#,
        ),
    ];
    let body = repeated(clean[0].1);
    let copied = best(|| {
        for chunk in body.chunks(CHUNK) {
            black_box(chunk.to_vec());
        }
    });
    println!("copying: {:.0} ns per KiB", per_kib(copied, body.len()));
    let (mut ratios, mut hostile_ratios) = (Vec::new(), Vec::new());
    for (name, token) in [("GitHub, 40", &github), ("Google, 205", &google), ("JWT, 1848", &jwt)] {
        let build = best(|| {
            black_box(LeakGuard::new(&[token], false));
        });
        let prepared = PreparedToken::new(token);
        let again = best(|| {
            black_box(LeakGuard::from_prepared([prepared.clone()], false));
        });
        let (build, again) = (build.as_secs_f64() * 1e6, again.as_secs_f64() * 1e6);
        println!("{name} bytes: built in {build:.2} us, of a prepared token in {again:.2} us");
        let guard = LeakGuard::new(&[token], false);
        let mut fastest_clean = Duration::MAX;
        for (kind, text) in clean {
            let took = scrubbed(&guard, &repeated(text), CHUNK);
            println!("  {kind}: {:.0} ns per KiB", per_kib(took, CHUNK * 64));
            if !text.contains(['%', '\\']) {
                ratios.push(took.as_secs_f64() / copied.as_secs_f64());
            }
            fastest_clean = fastest_clean.min(took);
        }
        for (kind, text, chunk) in hostile(token) {
            let took = scrubbed(&guard, &repeated(&text), chunk);
            let same_frames = |text: &str| scrubbed(&guard, &repeated(text), chunk);
            let slowest_clean = clean.iter().map(|(_, text)| same_frames(text)).max().unwrap_or_default();
            let over = |clean: Duration| took.as_secs_f64() / clean.as_secs_f64();
            println!(
                "  hostile, {kind}: {:.0} ns per KiB, {:.1} times the fastest clean body, {:.1} the slowest in such frames",
                per_kib(took, CHUNK * 64),
                over(fastest_clean),
                over(slowest_clean),
            );
            hostile_ratios.push(over(slowest_clean));
        }
    }
    for (kind, text) in clean {
        let body = repeated(text);
        let took = best(|| {
            let mut stripper = MemberStripper::new();
            for at in (0..body.len()).step_by(CHUNK) {
                black_box(stripper.push(body.slice(at..(at + CHUNK).min(body.len()))));
            }
        });
        println!("member stripper, {kind}: {:.0} ns per KiB", per_kib(took, body.len()));
    }
    ratios.sort_by(f64::total_cmp);
    println!("clean bodies over copying: {:.2} (must 4, goal 2)", ratios[ratios.len() / 2]);
    hostile_ratios.sort_by(f64::total_cmp);
    println!(
        "worst hostile body over clean: {:.2} (must 3, goal 2)",
        hostile_ratios.last().copied().unwrap_or_default()
    );
}

/// What somebody would answer who knows the token.
fn hostile(token: &str) -> Vec<(&'static str, String, usize)> {
    let percent: String = token.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let unicode: String = token.bytes().map(|byte| format!("\\u{byte:04x}")).collect();
    let entities: String = token.bytes().map(|byte| format!("&#{byte};")).collect();
    let mut rng = fastrand::Rng::with_seed(9);
    let mixed: String = (0..64)
        .flat_map(|_| token.bytes().take(token.len() - 1).collect::<Vec<_>>())
        .map(|byte| match rng.u8(..5) {
            0 => format!("%{byte:02x}"),
            1 => format!("\\u{byte:04x}"),
            2 => format!("&#{byte};"),
            _ => char::from(byte).to_string(),
        })
        .collect();
    let letters: String = (b'A'..=b'z').map(|byte| format!("%{byte:02X}")).collect();
    let without_last = &token[..token.len() - 1];
    vec![
        ("nothing but escapes", r"%65%79\u004a\u0030%65%58\u0041%69".to_owned(), CHUNK),
        ("every letter, escaped", letters, CHUNK),
        ("the token without its last byte", format!("{without_last}!"), CHUNK),
        ("the token without its first byte", format!("!{}", &token[1..]), CHUNK),
        ("its first 39 bytes", format!("{}!", &token[..39.min(token.len() - 1)]), CHUNK),
        (
            "the token without its last byte, percent-encoded",
            format!("{}!", &percent[..percent.len() - 3]),
            CHUNK,
        ),
        ("its first 12 bytes", token[..12].to_owned(), CHUNK),
        ("the same, percent-encoded", percent[..36].to_owned(), CHUNK),
        (
            "the token without its last byte, as HTML entities",
            entities[..entities.len() - 5].to_owned(),
            CHUNK,
        ),
        ("the token without its last byte, in mixed spellings", mixed, CHUNK),
        ("the token without its last byte, in frames of 512 bytes", format!("{without_last}!"), 512),
        ("backslashes", "\\".to_owned(), CHUNK),
        (
            "the token without its last byte, as JSON escapes",
            format!("{}!", &unicode[..unicode.len() - 6]),
            CHUNK,
        ),
    ]
}

fn scrubbed(guard: &LeakGuard, body: &Bytes, chunk: usize) -> Duration {
    best(|| {
        let mut scrubber = guard.scrubber();
        for at in (0..body.len()).step_by(chunk) {
            black_box(scrubber.push(body.slice(at..(at + chunk).min(body.len()))));
        }
        black_box(scrubber.finish());
    })
}

/// A megabyte of `text`, again and again.
fn repeated(text: &str) -> Bytes {
    let mut body = text.repeat(CHUNK * 64 / text.len() + 1).into_bytes();
    body.truncate(CHUNK * 64);
    body.into()
}

/// Letters as a signature has them, always the same.
fn noise(length: usize) -> String {
    let mut rng = fastrand::Rng::with_seed(7);
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    (0..length).map(|_| char::from(letters[rng.usize(..letters.len())])).collect()
}

fn best(mut run: impl FnMut()) -> Duration {
    (0..30)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed()
        })
        .min()
        .unwrap_or_default()
}

fn per_kib(took: Duration, bytes: usize) -> f64 {
    took.as_secs_f64() * 1e9 / (bytes as f64 / 1024.0)
}
