//! What holds for every typed call.

use std::collections::BTreeSet;

use idp_adapters::{Kind, Outcome};
use serde_json::{Value, json};

use crate::{
    TOKEN,
    cases::{Case, all},
    refusals,
    server::{Reply, Seen, Server, reply},
};

/// Runs a case against one answer.
async fn run(case: &Case, answer: Reply) -> (Result<String, idp_adapters::client::Error>, Seen) {
    let server = Server::saying(answer).await;
    let got = (case.call)(server.url.clone()).await;
    (got, server.only())
}

fn assert_target(case: &Case, seen: &Seen) {
    let wanted = Seen { target: case.target.to_owned(), ..seen.clone() };
    let sorted = |seen: &Seen| {
        let mut query = seen.query();
        query.sort();
        query
    };
    assert_eq!(seen.path(), wanted.path(), "{}", case.name);
    assert_eq!(sorted(seen), sorted(&wanted), "{}", case.name);
}

#[tokio::test]
async fn success() {
    for case in all() {
        let (got, seen) = run(&case, reply(200, case.good.clone())).await;
        let got = got.unwrap_or_else(|error| panic!("{} {}: {error}", case.kind, case.name));
        for part in case.shows {
            assert!(got.contains(part), "{} {}: no {part} in {got}", case.kind, case.name);
        }
        assert!(!got.contains("HUSH"), "{}: a capability shows in {got}", case.name);
        assert_target(&case, &seen);
        assert_eq!(seen.header("authorization"), Some(format!("Bearer {TOKEN}").as_str()));
        assert!(seen.header("user-agent").is_some() && seen.header("accept").is_some());
        assert!(!seen.target.contains(TOKEN));
    }
}

#[tokio::test]
async fn dead_token() {
    for case in all() {
        let (got, _) = run(&case, refusals::dead(case.kind)).await;
        let error = got.expect_err(case.name);
        assert!(error.is_token_dead(), "{} {}: {error}", case.kind, case.name);
        assert!(!error.is_transient() && !error.is_malformed());
        assert!(!format!("{error} {error:?}").contains(TOKEN));
    }
}

#[tokio::test]
async fn missing_scope() {
    for case in all() {
        let (got, _) = run(&case, refusals::scope_missing(case.kind, case.scope)).await;
        let error = got.expect_err(case.name);
        assert!(error.is_scope_missing(), "{} {}: {error}", case.kind, case.name);
        assert_eq!(error.missing_scopes(), [case.scope], "{} {}", case.kind, case.name);
        let asked = error.connection_scope().expect(case.name);
        assert!(asked.split(',').any(|scope| scope == case.scope), "{asked}");
    }
}

#[tokio::test]
async fn limit() {
    for case in all() {
        let (answer, seconds) = refusals::limited(case.kind);
        let (got, _) = run(&case, answer).await;
        let error = got.expect_err(case.name);
        assert!(error.is_rate_limited() && error.is_transient(), "{} {}: {error}", case.kind, case.name);
        assert_eq!(error.retry_after().map(|wait| wait.as_secs()), Some(seconds), "{}", case.name);
    }
}

#[tokio::test]
async fn malformed() {
    for case in all() {
        let half = &case.good[..case.good.len() / 2];
        for body in ["<html>hello</html>", "", half, "7", r#""text""#, "[[]]", r#"{"message":[]}"#] {
            // Google leaves empty lists out: an object without one is a good answer there.
            if case.kind == Kind::Google && body == r#"{"message":[]}"# && case.shows.contains(&"next: None")
            {
                continue;
            }
            let (got, _) = run(&case, reply(200, body.to_owned())).await;
            let error = got.expect_err(&format!("{} {}: {body}", case.kind, case.name));
            assert!(error.is_malformed(), "{} {}: {body}: {error}", case.kind, case.name);
            assert_eq!(error.outcome(), Outcome::Error);
        }
    }
}

#[tokio::test]
async fn failing_provider() {
    for case in all() {
        let (got, _) = run(&case, reply(503, "<html>down</html>")).await;
        let error = got.expect_err(case.name);
        assert_eq!((error.outcome(), error.is_transient()), (Outcome::Error, true), "{}", case.name);
    }
}

/// The calls of a client, read from its source: public methods that give a `Call` or a `Listing`.
fn calls(kind: Kind) -> BTreeSet<String> {
    let source = match kind {
        Kind::GitHub => include_str!("../../src/client/github/mod.rs"),
        Kind::Google => include_str!("../../src/client/google/mod.rs"),
        Kind::Facebook => include_str!("../../src/client/facebook/mod.rs"),
        Kind::Bitbucket => include_str!("../../src/client/bitbucket/mod.rs"),
        Kind::Microsoft => include_str!("../../src/client/microsoft/mod.rs"),
        _ => "",
    };
    let signatures = source.split("pub fn ").skip(1).filter_map(|rest| rest.split_once('{'));
    let calls = signatures.filter(|(line, _)| line.contains("-> Call<") || line.contains("-> Listing<"));
    calls.filter_map(|(line, _)| Some(line.split_once('(')?.0.to_owned())).collect()
}

#[test]
fn every_call_is_a_case_and_every_listing_a_list() {
    let mut count = 0;
    for kind in Kind::ALL {
        let cases: Vec<Case> = all().into_iter().filter(|case| case.kind == kind).collect();
        let first = |case: &Case| case.name.split(' ').next().unwrap().to_owned();
        let named: BTreeSet<String> = cases.iter().map(first).collect();
        assert_eq!(
            calls(kind),
            named,
            "{kind}: what a client can do, and what is tried with every kind of answer"
        );
        count += named.len();
    }
    assert!(count >= 25, "the sources are read: {count} calls");
}

/// The good answer as a first page, with the way to the next one that its provider uses.
fn with_next(case: &Case, seen: &Seen) -> Reply {
    let next = format!("http://{}{}?{}", seen.header("host").unwrap(), seen.path(), "page=opaque");
    if case.kind == Kind::GitHub {
        return reply(200, case.good.clone()).header("link", format!("<{next}>; rel=\"next\""));
    }
    let mut page: Value = serde_json::from_str(&case.good).unwrap();
    match case.kind {
        Kind::Google => page["nextPageToken"] = json!("opaque"),
        Kind::Facebook => page["paging"] = json!({ "next": format!("{next}&access_token={TOKEN}") }),
        Kind::Bitbucket => page["next"] = json!(next),
        _ => page["@odata.nextLink"] = json!(next),
    }
    reply(200, page.to_string())
}

#[tokio::test]
async fn every_list_ends_with_the_page_that_names_no_other() {
    for case in all() {
        let Some(list) = case.list else {
            assert!(!case.shows.contains(&"next: None"), "{} is a list", case.name);
            continue;
        };
        let pages = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let (kind, name, server) = (case.kind, case.name, {
            let (pages, case) = (pages.clone(), case);
            Server::start(move |seen| match pages.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
                0 => with_next(&case, seen),
                _ => reply(200, case.good.clone()),
            })
            .await
        });
        let items = list(server.url.clone()).await.unwrap_or_else(|error| panic!("{kind} {name}: {error}"));
        let seen = server.seen();
        assert_eq!(seen.len(), 2, "{kind} {name}: one page after the other, and none after the last");
        assert!(items >= 2 && items % 2 == 0, "{kind} {name}: {items} items on two alike pages");
        let param = if kind == Kind::Google { "pageToken" } else { "page" };
        assert_eq!(seen[1].param(param).as_deref(), Some("opaque"), "{kind} {name}");
        assert!(seen.iter().all(|seen| !seen.target.contains(TOKEN)), "{kind} {name}");
    }
}
