//! What holds for every typed call.

use idp_adapters::{Kind, Outcome};

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
