//! Random calls, more of them near a closed path than a user would think of.

use fastrand::Rng;

use super::*;

/// Calls in a usual run; the full one sets PLANS to a million.
const FEW: u64 = 100_000;

const WORDS: [&str; 30] = [
    "applications",
    "credentials",
    "batch",
    "batch-x",
    "oauth2",
    "tokeninfo",
    "oauth",
    "debug_token",
    "access_token",
    "$batch",
    "v1.0",
    "v22.0",
    "beta",
    "v3",
    "user",
    "repos",
    "secret",
    "issues",
    "me",
    "ana",
    "app",
    ".",
    "..",
    "...",
    "",
    "graphql",
    "graph",
    "2.0",
    "a b",
    "é",
];
const HOSTS: [&str; 18] = [
    "api.github.com",
    "uploads.github.com",
    "ghe.corp",
    "www.googleapis.com",
    "people.googleapis.com",
    "gmail.googleapis.com",
    "storage.googleapis.com",
    "oauth2.googleapis.com",
    "openidconnect.googleapis.com",
    "a.b.googleapis.com",
    "graph.facebook.com",
    "graph-video.facebook.com",
    "api.bitbucket.org",
    "graph.microsoft.com",
    "mirror.example",
    "evil.example",
    "169.254.169.254",
    "",
];
const QUERIES: [&str; 12] = [
    "",
    "page=2",
    "1&2",
    "method=delete",
    "%6dethod=delete",
    "a=b;batch=1",
    "callback=x",
    "appsecret_proof=1",
    "a=%zz",
    "x#y",
    "$httpMethod=PUT",
    "q=é",
];

/// A text in one of its many spellings.
fn respelled(rng: &mut Rng, word: &str) -> String {
    let noise = if rng.u8(..4) == 0 { rng.u8(1..8) } else { 0 };
    let mut out = String::new();
    for c in word.chars() {
        let percent = |out: &mut String, upper: bool| {
            for byte in c.to_string().bytes() {
                out.push_str(&if upper { format!("%{byte:02X}") } else { format!("%{byte:02x}") });
            }
        };
        match rng.u8(..8) {
            0 if noise & 1 != 0 => percent(&mut out, true),
            1 if noise & 1 != 0 => percent(&mut out, false),
            2 if noise & 2 != 0 => out.extend(c.to_uppercase()),
            3 if noise & 4 != 0 && c.is_ascii() => out.push_str(&format!("%25{:02x}", c as u32)),
            _ => out.push(c),
        }
    }
    out
}

fn path(rng: &mut Rng) -> String {
    let mut path = String::new();
    let plain = rng.bool();
    for position in 0..rng.usize(..5) {
        let between = if plain { 0 } else { rng.u8(..24) };
        path.push_str(match between {
            0..=16 => "/",
            17 => "//",
            18 => "%2f",
            19 => "%2F",
            20 if position > 0 => "",
            21 => "\\",
            22 => "%5C",
            _ => "/;",
        });
        let word = WORDS[rng.usize(..WORDS.len())];
        path.push_str(&if plain { word.to_owned() } else { respelled(rng, word) });
        if !plain && rng.u8(..12) == 0 {
            path.push_str([";x=1", "%00", "%", "%zz", "\u{7f}", "/", "//", "?", "#a", "/."][rng.usize(..10)]);
        }
    }
    path
}

fn host(rng: &mut Rng) -> Option<String> {
    match rng.u8(..8) {
        0..=4 => None,
        5 | 6 => Some(HOSTS[rng.usize(..HOSTS.len())].to_owned()),
        _ => {
            let host = HOSTS[rng.usize(..HOSTS.len())];
            let odd = [".", ":443", "@evil.example", "/", "%2e", "-", "_", " "][rng.usize(..8)];
            Some(match rng.u8(..3) {
                0 => format!("{host}{odd}"),
                1 => format!("{odd}{host}"),
                _ => respelled(rng, host),
            })
        }
    }
}

#[test]
fn tm_r01_tm_r02_tm_r06_random_calls_go_where_they_may_and_as_they_were_judged() {
    let calls: u64 = std::env::var("PLANS").map_or(FEW, |text| text.parse().unwrap());
    let (mut sent, mut denied) = (0_u64, 0_u64);
    for seed in 0..calls {
        // The number of the call is its seed: a failure names the whole call.
        let mut rng = Rng::with_seed(seed);
        let (which, host, path) = (rng.usize(..), host(&mut rng), path(&mut rng));
        let query = rng.bool().then(|| QUERIES[rng.usize(..QUERIES.len())]);
        match check(Case { which, host: host.as_deref(), path: &path, query }) {
            Planned::Sent => sent += 1,
            Planned::Denied => denied += 1,
            Planned::Refused => {}
        }
    }
    // Otherwise the oracle was never asked.
    assert!(sent > calls / 20, "{sent} of {calls} were sent");
    assert!(denied > calls / 50, "{denied} of {calls} were on a deny list");
    println!("{calls} calls: {sent} sent, {denied} on a deny list");
}
