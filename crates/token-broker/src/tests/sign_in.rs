//! A user who signs in again just after the stored grant was written: what the calls that follow cost the tenant.

use std::time::Duration;

use idp_adapters::Kind;
use serde_json::json;

use super::rig::*;
use crate::{Broker, Selector};

/// How the stored grant came to be older than Auth0's copy.
#[derive(Clone, Copy, Debug)]
enum Before {
    Revoked,
    Dead,
}

/// What makes the process read the user again.
#[derive(Clone, Copy, Debug)]
enum Then {
    Forget,
    NewerCallerToken,
    OtherReplica,
}

/// A user who has signed in again, and a process that has read the new copy.
async fn signed_in_again(rig: &Rig, before: Before, then: Then) -> Broker {
    let broker = rig.replica([refreshing(Kind::Bitbucket)]);
    let token = broker.token(&rig.ask("bitbucket")).await.unwrap();
    match before {
        Before::Revoked => {
            rig.provider.answers(|_| Ok((200, json!({}))));
            revoke(&broker, &rig.ask("bitbucket")).await.unwrap();
        }
        Before::Dead => {
            rig.provider.answers(|_| Ok((400, json!({ "error": "invalid_grant" }))));
            assert!(broker.token_rejected(&rig.ask("bitbucket"), &token).await.is_err());
        }
    }
    rig.tenant.put(bitbucket("a-new", "r-new"));
    match then {
        Then::Forget => {
            let user = Selector { user: Some(USER.into()), ..Selector::default() };
            broker.forget(&user).await.unwrap();
            broker
        }
        Then::NewerCallerToken => {
            let newer = rig.ask("bitbucket").issued_at(rig.tenant.wall.now() + Duration::from_secs(1));
            broker.token(&newer).await.unwrap();
            broker
        }
        Then::OtherReplica => rig.replica([refreshing(Kind::Bitbucket)]),
    }
}

#[tokio::test(start_paused = true)]
async fn tm_a02_a_sign_in_just_after_a_write_of_the_grant_is_read_once_for_all_calls() {
    for before in [Before::Revoked, Before::Dead] {
        for then in [Then::Forget, Then::NewerCallerToken, Then::OtherReplica] {
            let rig = Rig::new(bitbucket("a0", "r0"));
            let broker = signed_in_again(&rig, before, then).await;
            let reads = rig.tenant.lookups();
            for number in 0..50 {
                let token = broker.token(&rig.ask("bitbucket")).await.unwrap();
                assert_eq!(token.bearer().expose(), "a-new", "{before:?} {then:?} {number}");
            }
            // The copy of before the first call may be older than the stored grant, the one that is read then is not.
            let cost = rig.tenant.lookups() - reads;
            assert!(cost <= 2, "{before:?} {then:?}: {cost} reads");
            tokio::time::advance(Duration::from_secs(10)).await;
            broker.token(&rig.ask("bitbucket")).await.unwrap();
            assert_eq!(rig.tenant.lookups() - reads, cost, "{before:?} {then:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn calls_at_the_same_time_read_a_sign_in_once() {
    let rig = Rig::new(bitbucket("a0", "r0"));
    let broker = signed_in_again(&rig, Before::Revoked, Then::Forget).await;
    let (reads, ask) = (rig.tenant.lookups(), rig.ask("bitbucket"));
    for _ in 0..3 {
        let all = futures_util::future::join_all((0..50).map(|_| broker.token(&ask))).await;
        assert!(all.iter().all(|token| token.as_ref().unwrap().bearer().expose() == "a-new"));
    }
    assert!(rig.tenant.lookups() - reads <= 2, "{}", rig.tenant.lookups() - reads);
}

/// Another replica has read the user after the sign-in, refreshed, and stored that. This one still has the copy of before.
#[tokio::test(start_paused = true)]
async fn a_copy_of_before_the_stored_grant_is_read_again_before_it_serves() {
    let rig = Rig::new(bitbucket("a0", "r0"));
    let (one, two) = (rig.replica([refreshing(Kind::Bitbucket)]), rig.replica([refreshing(Kind::Bitbucket)]));
    two.token(&rig.ask("bitbucket")).await.unwrap();
    for serial in 1..4 {
        tokio::time::advance(Duration::from_secs(3)).await;
        rig.tenant.put(bitbucket(&format!("a{serial}"), &format!("r{serial}")));
        let user = Selector { user: Some(USER.into()), ..Selector::default() };
        one.forget(&user).await.unwrap();
        let dead = one.token(&rig.ask("bitbucket")).await.unwrap();
        assert_eq!(dead.bearer().expose(), format!("a{serial}"));
        let body = json!({ "access_token": format!("fresh-{serial}"), "refresh_token": format!("next-{serial}"),
            "expires_in": 7200 });
        rig.provider.answers(move |_| Ok((200, body.clone())));
        one.token_rejected(&rig.ask("bitbucket"), &dead).await.unwrap();
        two.invalidate_grants(USER);
        let token = two.token(&rig.ask("bitbucket")).await.unwrap();
        assert_eq!(token.bearer().expose(), format!("fresh-{serial}"));
    }
}
