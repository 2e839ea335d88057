use std::{sync::atomic::Ordering, time::Duration, time::SystemTime};

use idp_adapters::Kind;
use serde_json::json;
use user_store::Fault;

use super::rig::*;
use crate::{Account, Cached, Reason, Source};

#[tokio::test(start_paused = true)]
async fn tm_c04_one_look_up_then_none() {
    let rig = Rig::new(google("ya29.a"));
    let broker = rig.replica([provider(Kind::Google)]);
    let all = (0..500).map(|_| {
        let broker = broker.clone();
        let ask = rig.ask("google");
        async move { broker.token(&ask).await.unwrap().bearer().expose().to_owned() }
    });
    let tokens = futures_util::future::join_all(all).await;
    assert!(tokens.iter().all(|token| token == "ya29.a"));
    let token = broker.token(&rig.ask("google")).await.unwrap();
    assert_eq!(
        (token.cache(), token.source(), token.account().to_string().as_str()),
        (Cached::Hit, Source::Identities, "google-oauth2|1")
    );
    assert_eq!(rig.tenant.lookups(), 1);
}

#[tokio::test(start_paused = true)]
async fn refusals_say_who_has_to_act() {
    let rig = Rig::new(json!([
        { "provider": "github", "connection": "github", "user_id": 1, "access_token": "gho_1" },
        { "provider": "github", "connection": "github", "user_id": 2, "access_token": "gho_2" },
        { "provider": "bitbucket", "connection": "bitbucket", "user_id": "b" },
    ]));
    let broker = rig.replica([provider(Kind::GitHub), provider(Kind::Bitbucket), provider(Kind::Google)]);
    let reason = async |name: &str| broker.token(&rig.ask(name)).await.unwrap_err().reason().clone();
    let accounts = ["1", "2"].map(|id| Account::new("github", Some(id.into())));
    assert_eq!(reason("github").await, Reason::AccountAmbiguous(accounts.into()));
    assert_eq!(reason("nobody").await, Reason::UnknownProvider);
    assert!(matches!(reason("google").await, Reason::AccountNotConnected { source: Source::Identities, .. }));
    assert!(matches!(reason("bitbucket").await, Reason::ReconnectRequired { refresh_lost: false, .. }));
    rig.lacks.store(true, Ordering::SeqCst);
    assert_eq!(reason("bitbucket").await, Reason::TenantMisconfigured);

    let (two, three) = (selector("github|2"), selector("github|3"));
    let mut ask = rig.ask("github");
    ask.account = Some(&two);
    assert_eq!(broker.token(&ask).await.unwrap().bearer().expose(), "gho_2");
    ask.account = Some(&three);
    assert!(matches!(broker.token(&ask).await.unwrap_err().reason(), Reason::AccountNotConnected { .. }));
    ask.user_id = "google-oauth2|404";
    assert_eq!(*broker.token(&ask).await.unwrap_err().reason(), Reason::UserUnknown);
}

#[tokio::test(start_paused = true)]
async fn blocked_users_get_nothing() {
    let rig = Rig::new(google("ya29.a"));
    let user = json!({ "user_id": USER, "blocked": true, "identities": google("ya29.a") });
    rig.tenant.users.lock().unwrap().insert(USER.into(), user);
    let broker = rig.replica([provider(Kind::Google)]);
    assert_eq!(*broker.token(&rig.ask("google")).await.unwrap_err().reason(), Reason::UserBlocked);
    assert_eq!(*broker.accounts(&rig.ask("")).await.unwrap_err().reason(), Reason::UserBlocked);
}

#[tokio::test(start_paused = true)]
async fn tenant_trouble_is_never_the_users_fault() {
    for (fault, reason) in [
        (Fault::Tenant, Reason::TenantUnavailable),
        (Fault::RateLimited, Reason::TenantRateLimited),
        (Fault::Operator, Reason::TenantMisconfigured),
    ] {
        let rig = Rig::new(google("ya29.a"));
        *rig.tenant.fault.lock().unwrap() = Some(fault);
        let broker = rig.replica([provider(Kind::Google)]);
        let error = broker.token(&rig.ask("google")).await.unwrap_err();
        assert_eq!(*error.reason(), reason);
        let source = std::error::Error::source(&error).unwrap();
        assert!(source.is::<user_store::Error>(), "{source}");
    }
}

#[tokio::test(start_paused = true)]
async fn tm_c05_a_revoked_grant_costs_two_look_ups_a_minute() {
    let rig = Rig::new(
        json!([{ "provider": "github", "connection": "github", "user_id": 1, "access_token": "gho_dead" }]),
    );
    let broker = rig.replica([provider(Kind::GitHub)]);
    let mut used = 0;
    for second in 0..59 {
        match broker.token(&rig.ask("github")).await {
            Ok(token) => {
                used += 1;
                let error = broker.token_rejected(&rig.ask("github"), &token).await.unwrap_err();
                assert!(error.is_reconnect(), "{second}: {error}");
            }
            Err(error) => assert!(error.is_reconnect(), "{second}: {error}"),
        }
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    assert_eq!((used, rig.tenant.lookups()), (1, 2));
    tokio::time::advance(Duration::from_secs(2)).await;
    let token = broker.token(&rig.ask("github")).await.unwrap();
    rig.tenant.put(
        json!([{ "provider": "github", "connection": "github", "user_id": 1, "access_token": "gho_new" }]),
    );
    let new = broker.token_rejected(&rig.ask("github"), &token).await.unwrap();
    assert_eq!((new.bearer().expose(), rig.tenant.lookups()), ("gho_new", 3));
}

#[tokio::test(start_paused = true)]
async fn a_crowd_with_a_dead_token_reads_again_once() {
    let rig = Rig::new(google("ya29.old"));
    let broker = rig.replica([provider(Kind::Google)]);
    let dead = broker.token(&rig.ask("google")).await.unwrap();
    rig.tenant.put(google("ya29.new"));
    let all = (0..100).map(|_| {
        let (broker, dead, ask) = (broker.clone(), dead.clone(), rig.ask("google"));
        async move { broker.token_rejected(&ask, &dead).await.unwrap().bearer().expose().to_owned() }
    });
    assert!(futures_util::future::join_all(all).await.iter().all(|token| token == "ya29.new"));
    assert_eq!(rig.tenant.lookups(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_is_down_marks_nothing_dead() {
    let rig = Rig::new(google("ya29.a"));
    let broker = rig.replica([provider(Kind::Google)]);
    let dead = broker.token(&rig.ask("google")).await.unwrap();
    *rig.tenant.fault.lock().unwrap() = Some(Fault::Tenant);
    let error = broker.token_rejected(&rig.ask("google"), &dead).await.unwrap_err();
    assert_eq!(*error.reason(), Reason::TenantUnavailable);
    assert_eq!(broker.token(&rig.ask("google")).await.unwrap().bearer().expose(), "ya29.a");
}

#[tokio::test(start_paused = true)]
async fn a_newer_caller_token_causes_one_re_read_a_minute() {
    let rig = Rig::new(google("ya29.a"));
    let broker = rig.replica([provider(Kind::Google)]);
    broker.token(&rig.ask("google")).await.unwrap();
    rig.tenant.put(google("ya29.b"));
    let mut ask = rig.ask("google");
    ask.issued_at = SystemTime::now() + Duration::from_secs(20);
    assert_eq!(broker.token(&ask).await.unwrap().bearer().expose(), "ya29.b");
    ask.issued_at += Duration::from_secs(10);
    broker.token(&ask).await.unwrap();
    assert_eq!(rig.tenant.lookups(), 2);
    tokio::time::advance(Duration::from_secs(61)).await;
    broker.token(&ask).await.unwrap();
    broker.token(&ask).await.unwrap();
    assert_eq!(rig.tenant.lookups(), 3);
}
