//! Requests of somebody who wants to fill the metrics with series: everything that a caller may choose is different in each.

use reqwest::{Client, Method, RequestBuilder};
use sandbox::Sandbox;
use serde_json::json;

/// Once around all kinds of requests.
const KINDS: usize = 14;
/// Enough for caches to be as full as they get, and for each kind to have met each state of them.
const WARM_UP: usize = 40 * KINDS;
const AT_ONCE: usize = 8;
const USUALLY: usize = 3_000;

/// How many to send; `HOSTILE_REQUESTS` says otherwise.
pub(crate) fn count() -> usize {
    std::env::var("HOSTILE_REQUESTS").ok().and_then(|count| count.parse().ok()).unwrap_or(USUALLY)
}

/// Sends them, and returns the number of series before and after; the first ones bring each kind's series into being.
pub(crate) async fn rounds(
    client: &Client,
    base: &str,
    sandbox: &Sandbox,
    user: &str,
    series: impl Fn() -> usize,
) -> (usize, usize) {
    send(client, base, sandbox, user, 0..WARM_UP).await;
    let before = series();
    send(client, base, sandbox, user, WARM_UP..WARM_UP + count()).await;
    (before, series())
}

async fn send(client: &Client, base: &str, sandbox: &Sandbox, user: &str, numbers: std::ops::Range<usize>) {
    let good = sandbox.caller_token(user);
    let mut tasks = tokio::task::JoinSet::new();
    for lane in 0..AT_ONCE {
        let (client, base, good) = (client.clone(), base.to_owned(), good.clone());
        let forged = sandbox.mint();
        let numbers = numbers.clone().skip(lane).step_by(AT_ONCE);
        tasks.spawn(async move {
            for number in numbers {
                let token = forged.clone().header(json!({ "kid": format!("kid-{number}") })).sign();
                let request = hostile(&client, &base, &good, &token, number);
                let answer = request.send().await.unwrap();
                answer.bytes().await.unwrap();
            }
        });
    }
    tasks.join_all().await;
}

fn hostile(client: &Client, base: &str, good: &str, forged: &str, number: usize) -> RequestBuilder {
    let request = |method: &str, path: String| {
        client
            .request(Method::from_bytes(method.as_bytes()).unwrap(), format!("{base}{path}"))
            .header("host", format!("host-{number}.example.com"))
            .header("user-agent", format!("agent-{number}"))
            .header("x-request-id", format!("id-{number}"))
            .header("origin", format!("https://origin-{number}.example.com"))
            .header("traceparent", format!("00-{number:032x}-{number:016x}-01"))
    };
    let get = |path: String| request("GET", path);
    match number % KINDS {
        0 => request(&format!("BREW{number}"), format!("/pot/{number}")),
        1 => get(format!("/{number}?{number}={number}")),
        2 => get(format!("/proxy/provider-{number}/user")).bearer_auth(good),
        3 => get(format!("/proxy/github/{number}")),
        4 => get(format!("/proxy/github/repos/{number}/{number}")).bearer_auth(good),
        5 => get(format!("/proxy/github/~host-{number}.example.com/user")).bearer_auth(good),
        6 => get(format!("/proxy/github/%5c{number}/x")).bearer_auth(good),
        7 => get("/proxy/github/user".to_owned())
            .bearer_auth(good)
            .header("idp-account", format!("connection-{number}|{number}")),
        8 => get("/proxy/github/user".to_owned()).bearer_auth(forged),
        9 => get("/proxy/github/user".to_owned()).bearer_auth(format!("opaque-{number}")),
        10 => get(format!("/v1/me/provider-{number}/profile")).bearer_auth(good),
        11 => get(format!("/v1/explain/{number:032x}")).bearer_auth(good),
        12 => {
            request("POST", "/hooks/backchannel-logout".to_owned()).body(format!("logout_token=x.{number}.y"))
        }
        _ => request("DELETE", format!("/proxy/github/repos/{number}")).bearer_auth(good),
    }
}
