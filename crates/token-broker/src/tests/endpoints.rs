//! Endpoints that refuse tokens which are good elsewhere.

use std::time::Duration;

use idp_adapters::Kind;
use serde_json::json;

use super::{
    refresh::{google_identity, kill, refreshed},
    rig::*,
};
use crate::Reason;

#[tokio::test(start_paused = true)]
async fn a_token_that_is_refused_right_after_its_refresh_is_no_dead_token() {
    let rig = Rig::new(google_identity("ya29.0", "1//r"));
    let broker = rig.replica([refreshing(Kind::Google)]);
    let mut serial = 0;
    rig.provider.answers(move |_| {
        serial += 1;
        Ok(refreshed(&format!("ya29.{serial}"), 3600))
    });
    assert_eq!(kill(&broker, &rig, "google").await.unwrap(), "ya29.1");
    // It may have been withdrawn early: one more, and then the endpoint is to blame.
    assert_eq!(kill(&broker, &rig, "google").await.unwrap(), "ya29.2");
    for _ in 0..5 {
        let error = kill(&broker, &rig, "google").await.unwrap_err();
        assert!(matches!(error.reason(), Reason::EndpointRefused { .. }), "{error:?}");
    }
    assert_eq!(rig.provider.calls(), 2);
    assert_eq!(
        broker.token(&rig.ask("google")).await.unwrap().bearer().expose(),
        "ya29.2",
        "the account is open"
    );
    // After a while it is refused as any other token; the endpoint that refuses everything is left alone for longer.
    tokio::time::advance(Duration::from_secs(61)).await;
    assert!(kill(&broker, &rig, "google").await.is_err());
    let request = rig.ask("google").endpoint("GET /other");
    let token = broker.token(&request).await.unwrap();
    assert_eq!(broker.token_rejected(&request, &token).await.unwrap().bearer().expose(), "ya29.3");
}

/// A token that worked has ended when it is refused later. That holds across restarts: the next process does not know what worked.
#[tokio::test(start_paused = true)]
async fn tokens_that_work_are_replaced_as_often_as_they_end() {
    let rig = Rig::new(bitbucket("a0", "r0"));
    let (answer, _) = rotating(7200);
    rig.provider.answers(answer);
    for round in 1..=6 {
        let broker = rig.replica([refreshing(Kind::Bitbucket)]);
        for _ in 0..2 {
            let token = broker.token(&rig.ask("bitbucket")).await.unwrap();
            let next = broker.token_rejected(&rig.ask("bitbucket"), &token).await.unwrap();
            broker.token_accepted(&rig.ask("bitbucket"), &next);
        }
        assert_eq!(rig.provider.calls(), 2 * round);
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_spends_one_refresh_token_and_a_second_refusal_is_the_endpoints() {
    let rig = Rig::new(bitbucket("a0", "r0"));
    let broker = rig.replica([refreshing(Kind::Bitbucket)]);
    let (answer, _) = rotating(7200);
    rig.provider.answers(answer);
    let request = rig.ask("bitbucket").endpoint("GET /bad");
    let first = broker.token(&request).await.unwrap();
    let second = broker.token_rejected(&request, &first).await.unwrap();
    let error = broker.token_rejected(&request, &second).await.unwrap_err();
    assert!(matches!(error.reason(), Reason::EndpointRefused { .. }), "{error:?}");
    assert_eq!((second.bearer().expose(), rig.provider.calls()), ("a1", 1));
}

/// Sixty calls in a minute, each refused at another endpoint or at the same one, also where one endpoint accepts every token.
#[tokio::test(start_paused = true)]
async fn tm_a09_a_provider_that_refuses_everything_costs_two_refreshes_a_minute_at_most() {
    for (endpoints, accepting) in [(1, false), (60, false), (60, true)] {
        for (kind, identity) in
            [(Kind::Bitbucket, bitbucket("a0", "r0")), (Kind::Google, google_identity("ya29.0", "1//r"))]
        {
            let rig = Rig::new(identity);
            let broker = rig.replica([refreshing(kind)]);
            let mut serial = 0;
            rig.provider.answers(move |_| {
                serial += 1;
                Ok((
                    200,
                    json!({ "access_token": format!("a{serial}"), "refresh_token": format!("r{serial}"),
                    "expires_in": 3600 }),
                ))
            });
            for minute in 1..=5 {
                for call in 0..60 {
                    let endpoint = format!("GET /{}", call % endpoints);
                    let request = rig.ask(kind.as_str()).endpoint(&endpoint);
                    if accepting {
                        let good = rig.ask(kind.as_str()).endpoint("GET /good");
                        let token = broker.token(&good).await.expect("the account stays open");
                        broker.token_accepted(&good, &token);
                    }
                    // As the gateway does: once more with the replacement, which is refused too.
                    if let Ok(token) = broker.token(&request).await
                        && let Ok(token) = broker.token_rejected(&request, &token).await
                    {
                        assert!(broker.token_rejected(&request, &token).await.is_err());
                    }
                    tokio::time::advance(Duration::from_millis(900)).await;
                }
                tokio::time::advance(Duration::from_secs(6)).await;
                assert!(rig.provider.calls() <= 2 * minute, "{} in {minute} minutes", rig.provider.calls());
            }
            if endpoints == 1 {
                assert_eq!(rig.provider.calls(), 1, "an endpoint that refuses a new token is left alone");
            }
            assert!(
                rig.provider.calls() > 0 && rig.tenant.lookups() <= 3,
                "{} look-ups",
                rig.tenant.lookups()
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_refresh_that_brings_the_refused_token_again_is_final() {
    let rig = Rig::new(bitbucket("a0", "r0"));
    let broker = rig.replica([refreshing(Kind::Bitbucket)]);
    let mut serial = 0;
    rig.provider.answers(move |_| {
        serial += 1;
        Ok((200, json!({ "access_token": "a0", "refresh_token": format!("r{serial}"), "expires_in": 3600 })))
    });
    for _ in 0..5 {
        let error = kill(&broker, &rig, "bitbucket").await.unwrap_err();
        assert!(matches!(error.reason(), Reason::EndpointRefused { .. }), "{error:?}");
    }
    assert_eq!((rig.provider.calls(), rig.tenant.lookups()), (1, 1));
    assert_eq!(
        broker.token(&rig.ask("bitbucket")).await.unwrap().bearer().expose(),
        "a0",
        "the account is open"
    );
}

#[tokio::test(start_paused = true)]
async fn tm_a09_one_endpoint_closes_no_account_whose_token_works_elsewhere() {
    let rig = Rig::new(google("ya29.a"));
    let broker = rig.replica([provider(Kind::Google)]);
    let (good, bad) = (rig.ask("google").endpoint("GET /good"), rig.ask("google").endpoint("GET /bad"));
    for _ in 0..30 {
        let token = broker.token(&good).await.unwrap();
        broker.token_accepted(&good, &token);
        let token = broker.token(&bad).await.unwrap();
        let error = broker.token_rejected(&bad, &token).await.unwrap_err();
        assert!(matches!(error.reason(), Reason::EndpointRefused { .. }), "{error:?}");
        tokio::time::advance(Duration::from_secs(5)).await;
    }
    assert_eq!(rig.tenant.lookups(), 2, "one look for the endpoint, not one for each call");
    // Nothing has spoken for it for a minute, and another endpoint refuses it: that is a dead token.
    tokio::time::advance(Duration::from_secs(61)).await;
    let third = rig.ask("google").endpoint("GET /third");
    let token = broker.token(&third).await.unwrap();
    assert!(matches!(
        broker.token_rejected(&third, &token).await.unwrap_err().reason(),
        Reason::ReconnectRequired { .. }
    ));
    assert!(broker.token(&good).await.is_err(), "marked");
}

/// The refresh token is refused while the access token works: its end is soon enough.
#[tokio::test(start_paused = true)]
async fn a_dead_refresh_token_closes_no_account_whose_token_works() {
    let rig = Rig::new(google_identity("ya29.0", "1//r"));
    let broker = rig.replica([refreshing(Kind::Google)]);
    rig.provider.answers(|_| Ok((400, json!({ "error": "invalid_grant" }))));
    let (good, bad) = (rig.ask("google").endpoint("GET /good"), rig.ask("google").endpoint("GET /bad"));
    let token = broker.token(&good).await.unwrap();
    broker.token_accepted(&good, &token);
    let error = broker.token_rejected(&bad, &token).await.unwrap_err();
    assert!(matches!(error.reason(), Reason::EndpointRefused { .. }), "{error:?}");
    assert_eq!(broker.token(&good).await.unwrap().bearer().expose(), "ya29.0");
    assert_eq!((rig.provider.calls(), rig.tenant.lookups()), (1, 2));
}
