//! What the leak guard costs: nanoseconds per KiB of clean body, beside copying the body once, and microseconds to prepare it
//! for a token. The last bodies are what somebody would write to make it slow.
//!
//! `cargo bench -p leak-guard`
#![expect(clippy::print_stdout, reason = "a benchmark reports on the terminal")]

use std::hint::black_box;
use std::time::Duration;

use bytes::Bytes;
use leak_guard::{LeakGuard, MemberStripper};
use tokio::time::Instant;

const CHUNK: usize = 16 * 1024;

fn main() {
    let github = "gho_16C7e42F292c6912E7710c838347Ae178B4a".to_owned();
    let google = format!("ya29.a0AfH6SM{}", "xYz012-_".repeat(24));
    let jwt = format!("eyJ0eXAiOiJKV1QiLCJub25jZSI6{}", "aB3_dE6-hI9kLm".repeat(130));
    let bodies = [
        ("plain text", "The quick brown fox jumps over the lazy dog. "),
        (
            "JSON",
            r#"{"id":12345,"login":"octocat","url":"https://api.github.com/users/octocat","admin":false},"#,
        ),
        (
            "JSON, escaped",
            r#"{"picture":"https:\/\/scontent.xx.fbcdn.net\/v\/t1.0-1?x=%2Fa%3D1","name":"J\u00fcrgen \u003cb\u003e"},"#,
        ),
        ("hostile, nothing but escapes", r"%65%79\u004a\u0030%65%58\u0041%69"),
        ("hostile, beginnings of a JWT", "eyJ0eXAiOiJKV1QiLCJub25jZSI6eyJ0eXAi%4fiJKV1Qi"),
    ];
    let (_, text) = bodies[0];
    let body = Bytes::from(text.repeat(CHUNK * 64 / text.len()));
    let copied = best(|| {
        for chunk in body.chunks(CHUNK) {
            black_box(chunk.to_vec());
        }
    });
    println!("copying: {:.0} ns per KiB", per_kib(copied, body.len()));
    let mut ratios = Vec::new();
    for (name, token) in [("GitHub, 40", &github), ("Google, 205", &google), ("JWT, 1848", &jwt)] {
        let build = best(|| {
            black_box(LeakGuard::new(&[token], false));
        });
        println!("{name} bytes: built in {:.2} us", build.as_secs_f64() * 1e6);
        let guard = LeakGuard::new(&[token], false);
        for (kind, text) in bodies {
            let body = Bytes::from(text.repeat(CHUNK * 64 / text.len()));
            let took = best(|| {
                let mut scrubber = guard.scrubber();
                for at in (0..body.len()).step_by(CHUNK) {
                    black_box(scrubber.push(body.slice(at..(at + CHUNK).min(body.len()))));
                }
                black_box(scrubber.finish());
            });
            println!("  {kind}: {:.0} ns per KiB", per_kib(took, body.len()));
            if !text.contains(['%', '\\']) {
                ratios.push(took.as_secs_f64() / copied.as_secs_f64());
            }
        }
    }
    for (kind, text) in bodies {
        let body = Bytes::from(text.repeat(CHUNK * 64 / text.len()));
        let took = best(|| {
            let mut stripper = MemberStripper::new();
            for at in (0..body.len()).step_by(CHUNK) {
                black_box(stripper.push(body.slice(at..(at + CHUNK).min(body.len()))));
            }
        });
        println!("member stripper, {kind}: {:.0} ns per KiB", per_kib(took, body.len()));
    }
    ratios.sort_by(f64::total_cmp);
    println!("clean bodies over copying: {:.2}", ratios[ratios.len() / 2]);
}

fn best(mut run: impl FnMut()) -> Duration {
    (0..200)
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
