use std::{sync::atomic::Ordering, time::Duration, time::SystemTime};

use idp_adapters::Kind;
use serde_json::json;

use super::rig::*;
use crate::{AccountState, Reason, RevokedAtProvider, Selector, Source};

#[tokio::test(start_paused = true)]
async fn a_revoked_account_stays_refused_until_auth0s_copy_changes() {
    let rig = Rig::new(google("ya29.a"));
    let broker = rig.replica([refreshing(Kind::Google)]);
    rig.provider.answers(|_| Ok((200, json!({}))));
    let revocation = broker.revoke(&rig.ask("google")).await.unwrap();
    assert_eq!((revocation.at_provider, revocation.detail), (RevokedAtProvider::Yes, None));
    let form = rig.provider.asked.lock().unwrap()[0].clone();
    assert_eq!(
        (form["url"].as_str(), form["token"].as_str()),
        ("https://oauth2.googleapis.com/revoke", "ya29.a")
    );
    for broker in [&broker, &rig.replica([refreshing(Kind::Google)])] {
        assert!(broker.token(&rig.ask("google")).await.unwrap_err().is_reconnect());
        assert_eq!(broker.accounts(&rig.ask("")).await.unwrap()[0].state, AccountState::Reconnect);
    }
    rig.tenant.put(google("ya29.b"));
    let mut ask = rig.ask("google");
    ask.issued_at = SystemTime::now() + Duration::from_secs(30);
    assert_eq!(broker.token(&ask).await.unwrap().bearer().expose(), "ya29.b");
}

#[tokio::test(start_paused = true)]
async fn another_replica_learns_of_a_revocation_within_seconds() {
    let rig = Rig::new(google("ya29.a"));
    let (one, two) = (rig.replica([refreshing(Kind::Google)]), rig.replica([refreshing(Kind::Google)]));
    two.token(&rig.ask("google")).await.unwrap();
    one.revoke(&rig.ask("google")).await.unwrap();
    tokio::time::advance(Duration::from_secs(3)).await;
    let _ = two.token(&rig.ask("google")).await;
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert!(two.token(&rig.ask("google")).await.unwrap_err().is_reconnect());
}

#[tokio::test(start_paused = true)]
async fn revocations_say_honestly_what_happened() {
    let rig = Rig::new(bitbucket("a0", "r0"));
    let broker = rig.replica([provider(Kind::Google), refreshing(Kind::Bitbucket)]);
    let google = broker.revoke(&rig.ask("google")).await.unwrap();
    let bitbucket = broker.revoke(&rig.ask("bitbucket")).await.unwrap();
    for revocation in [google, bitbucket] {
        assert_eq!(revocation.at_provider, RevokedAtProvider::Unsupported);
        assert!(revocation.detail.is_some());
    }
    let rig = Rig::new(self::google("ya29.a"));
    let broker = rig.replica([refreshing(Kind::Google)]);
    rig.provider.answers(|_| Ok((503, json!({}))));
    let revocation = broker.revoke(&rig.ask("google")).await.unwrap();
    assert_eq!(revocation.at_provider, RevokedAtProvider::No);
    assert!(broker.token(&rig.ask("google")).await.unwrap_err().is_reconnect());
    rig.store.down.store(true, Ordering::SeqCst);
    assert_eq!(*broker.revoke(&rig.ask("google")).await.unwrap_err().reason(), Reason::StoreUnavailable);
}

#[tokio::test(start_paused = true)]
async fn forgetting_drops_caches_and_leaves_grants_unless_told() {
    let rig = Rig::new(bitbucket("a0", "r0"));
    let broker = rig.replica([refreshing(Kind::Bitbucket)]);
    let (answer, _) = rotating(7200);
    rig.provider.answers(answer);
    let dead = broker.token(&rig.ask("bitbucket")).await.unwrap();
    broker.token_rejected(&rig.ask("bitbucket"), &dead).await.unwrap();
    let user = Selector { user: Some(USER.into()), ..Selector::default() };
    assert_eq!(broker.forget(&user).await.unwrap(), 1);
    assert_eq!(
        broker.token(&rig.ask("bitbucket")).await.unwrap().bearer().expose(),
        "a1",
        "the grant survived"
    );
    assert_eq!(rig.tenant.lookups(), 2);
    let other = Selector { connection: Some("github".into()), ..Selector::default() };
    assert_eq!(broker.forget(&other).await.unwrap(), 0);
    let all = Selector { provider: Some("bitbucket".into()), grants: true, ..Selector::default() };
    assert_eq!(broker.forget(&all).await.unwrap(), 2);
    assert_eq!(broker.token(&rig.ask("bitbucket")).await.unwrap().bearer().expose(), "a0");
}

#[tokio::test(start_paused = true)]
async fn the_callers_view_shows_every_account_and_no_token() {
    let rig = Rig::new(json!([
        { "provider": "google-oauth2", "connection": "google-oauth2", "user_id": "1", "access_token": "ya29.a", "expires_in": 3599 },
        { "provider": "github", "connection": "github", "user_id": 583231, "access_token": "gho_1" },
        { "provider": "bitbucket", "connection": "bitbucket", "user_id": "b" },
        { "provider": "auth0", "connection": "Users", "user_id": "5" },
    ]));
    let broker = rig.replica([provider(Kind::Google), provider(Kind::GitHub), refreshing(Kind::Bitbucket)]);
    let list = broker.accounts(&rig.ask("")).await.unwrap();
    let states: Vec<_> =
        list.iter().map(|entry| (entry.account.to_string(), entry.state, entry.source)).collect();
    assert_eq!(
        states,
        [
            ("bitbucket|b".to_owned(), AccountState::Reconnect, Source::Identities),
            ("github|583231".to_owned(), AccountState::Usable, Source::Identities),
            ("google-oauth2|1".to_owned(), AccountState::Unknown, Source::Identities),
        ]
    );
    assert_eq!(broker.accounts(&rig.ask("github")).await.unwrap().len(), 1);
    assert!(!format!("{list:?}").contains("gho_1"));
}
