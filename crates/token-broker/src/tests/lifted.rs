//! What lifts a revocation, and what does not.

use std::{sync::Arc, sync::Mutex, time::Duration};

use idp_adapters::Kind;
use serde_json::json;
use user_store::ConnectedAccount;

use super::{
    revoke::{exchanging, vault},
    rig::*,
};
use crate::{
    Account, GrantFilter, GrantKey, GrantStore as _, Provider, Reason, RevokedAtProvider, Source,
    vault::Refused,
};

/// Two sources of one provider.
fn both() -> Provider {
    Provider { sources: vec![Source::Vault, Source::Identities], ..vault() }
}

#[tokio::test(start_paused = true)]
async fn every_source_that_holds_the_account_is_revoked() {
    let rig = exchanging();
    rig.tenant.connected.lock().unwrap().push(ConnectedAccount::new("cac_1", "google-oauth2"));
    let broker = rig.replica([both()]);
    rig.provider.answers(|_| Ok((200, json!({}))));
    let done = broker.revoke(&rig.ask("google")).await.unwrap();
    let sources: Vec<_> = done.iter().map(|one| (one.revoked.key.source, one.at_provider)).collect();
    assert_eq!(
        sources,
        [(Source::Vault, RevokedAtProvider::Yes), (Source::Identities, RevokedAtProvider::Yes)]
    );
    let revoked: Vec<_> =
        rig.provider.asked.lock().unwrap().iter().map(|form| form["token"].clone()).collect();
    assert_eq!(revoked, ["ya29.any", "ya29.a"]);
    let named = selector("google-oauth2|1");
    for account in [None, Some(&named)] {
        let error = broker.token(&rig.ask("google").account(account)).await.unwrap_err();
        assert!(matches!(error.reason(), Reason::ReconnectRequired { revoked: true, .. }), "{error}");
    }
}

/// The vault has nothing, so calls are served by the sign-in's grant.
#[tokio::test(start_paused = true)]
async fn a_user_without_a_vault_account_loses_the_grant_of_the_sign_in() {
    let rig = Rig::new(google("ya29.a"));
    let nothing = "federated_connection_refresh_token_not_found".to_owned();
    let nothing = Refused { code: Some(nothing), status: Some(401), ..Refused::default() };
    *rig.vault.answer.lock().unwrap() = Box::new(move |_| Err(nothing.clone()));
    let broker = rig.replica([both()]);
    rig.provider.answers(|_| Ok((200, json!({}))));
    let done = revoke(&broker, &rig.ask("google")).await.unwrap();
    assert_eq!((done.revoked.key.source, done.at_provider), (Source::Identities, RevokedAtProvider::Yes));
    assert_eq!(rig.provider.asked.lock().unwrap()[0]["token"], "ya29.a");
    assert!(broker.token(&rig.ask("google")).await.unwrap_err().is_reconnect());
    // A new sign-in is enough.
    rig.tenant.put(google("ya29.b"));
    let newer = rig.ask("google").issued_at(rig.tenant.wall.now() + Duration::from_secs(61));
    tokio::time::advance(Duration::from_secs(61)).await;
    assert_eq!(broker.token(&newer).await.unwrap().bearer().expose(), "ya29.b");
}

/// The sign-in was before the disconnection, and the broker had not read it.
#[tokio::test(start_paused = true)]
async fn tm_c13_a_sign_in_before_the_revocation_does_not_lift_it() {
    let rig = Rig::new(google("ya29.a"));
    let broker = rig.replica([refreshing(Kind::Google)]);
    rig.provider.answers(|_| Ok((200, json!({}))));
    assert_eq!(broker.token(&rig.ask("google")).await.unwrap().bearer().expose(), "ya29.a");
    rig.tenant.put(google("ya29.b"));
    revoke(&broker, &rig.ask("google")).await.unwrap();
    assert_eq!(rig.provider.asked.lock().unwrap()[0]["token"], "ya29.b");
    broker
        .forget(&crate::Selector { user: Some(USER.to_owned()), ..crate::Selector::default() })
        .await
        .unwrap();
    assert!(broker.token(&rig.ask("google")).await.unwrap_err().is_reconnect());
    // The same before a repeated disconnection, of which there were some.
    let cached = crate::Selector { user: Some(USER.to_owned()), ..crate::Selector::default() };
    for token in ["ya29.c", "ya29.d"] {
        for _ in 0..30 {
            tokio::time::advance(Duration::from_secs(1)).await;
            revoke(&broker, &rig.ask("google")).await.unwrap();
        }
        rig.tenant.put(google(token));
        tokio::time::advance(Duration::from_secs(6)).await;
        revoke(&broker, &rig.ask("google")).await.unwrap();
        broker.forget(&cached).await.unwrap();
        assert!(broker.token(&rig.ask("google")).await.unwrap_err().is_reconnect(), "{token}");
    }
}

/// Auth0 leaves the token out for a while, and the user disconnects the account meanwhile.
#[tokio::test(start_paused = true)]
async fn tm_c13_a_token_that_was_left_out_at_the_disconnection_is_no_new_one() {
    let rig = Rig::new(google("ya29.a"));
    let broker = rig.replica([refreshing(Kind::Google)]);
    assert_eq!(broker.token(&rig.ask("google")).await.unwrap().bearer().expose(), "ya29.a");
    let mut without = google("ya29.a");
    without[0].as_object_mut().unwrap().retain(|name, _| !name.contains("token"));
    rig.tenant.put(without);
    assert_eq!(
        revoke(&broker, &rig.ask("google")).await.unwrap().at_provider,
        RevokedAtProvider::Unsupported
    );
    let cached = crate::Selector { user: Some(USER.to_owned()), ..crate::Selector::default() };
    rig.tenant.put(google("ya29.a"));
    broker.forget(&cached).await.unwrap();
    assert!(broker.token(&rig.ask("google")).await.unwrap_err().is_reconnect());
    // A sign-in lifts it.
    tokio::time::advance(Duration::from_secs(61)).await;
    let now = rig.tenant.wall.now();
    rig.tenant.put(google("ya29.b"));
    let seconds = now.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    rig.tenant.users.lock().unwrap().get_mut(USER).unwrap()["last_login"] = json!(seconds);
    broker.forget(&cached).await.unwrap();
    let newer = rig.ask("google").issued_at(now);
    assert_eq!(broker.token(&newer).await.unwrap().bearer().expose(), "ya29.b");
}

/// An emptied store, or one that a reload has changed.
#[tokio::test(start_paused = true)]
async fn tm_c13_a_store_that_lost_the_grant_lifts_no_revocation() {
    let rig = Rig::new(google("ya29.a"));
    let (one, two) = (rig.replica([refreshing(Kind::Google)]), rig.replica([refreshing(Kind::Google)]));
    rig.provider.answers(|_| Ok((200, json!({}))));
    let revoked = revoke(&one, &rig.ask("google")).await.unwrap().revoked;
    two.apply_revocations(&[revoked]);
    for summary in rig.store.inner.list(&GrantFilter::default()).await.unwrap() {
        assert!(rig.store.inner.delete(&summary.key).await.unwrap());
    }
    tokio::time::advance(Duration::from_secs(61)).await;
    for broker in [&one, &two] {
        broker.invalidate_grants(USER);
        for _ in 0..2 {
            assert!(broker.token(&rig.ask("google")).await.unwrap_err().is_reconnect());
        }
    }
}

/// The second disconnection is another replica's, while this one reads the list that lifts the first.
#[tokio::test(start_paused = true)]
async fn a_later_revocation_is_not_lifted_with_an_earlier_one() {
    let rig = exchanging();
    rig.tenant.connected.lock().unwrap().push(ConnectedAccount::new("cac_1", "google-oauth2"));
    let (one, two) = (rig.replica([vault()]), rig.replica([vault()]));
    rig.provider.answers(|_| Ok((200, json!({}))));
    revoke(&one, &rig.ask("google")).await.unwrap();
    let key = GrantKey::new("acme.test", USER, Source::Vault, &Account::new("google-oauth2", None));
    let seen = one.inner.grants.read(&key).await.unwrap();
    rig.tenant.connected.lock().unwrap().push(ConnectedAccount::new("cac_2", "google-oauth2"));
    tokio::time::advance(Duration::from_secs(10)).await;
    revoke(&two, &rig.ask("google")).await.unwrap();
    assert!(!one.inner.lift_seen(&key, seen.record().unwrap()).await.unwrap());
    assert!(one.token(&rig.ask("google")).await.unwrap_err().is_reconnect());
    let latest = one.inner.grants.read(&key).await.unwrap();
    assert!(one.inner.lift_seen(&key, latest.record().unwrap()).await.unwrap());
    assert!(rig.store.inner.load(&key).await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_gives_no_answer_does_not_keep_an_account_from_being_revoked() {
    let rig = Rig::new(google("ya29.a"));
    let broker = rig.replica([refreshing(Kind::Google)]);
    rig.provider.answers(|_| Ok((200, json!({}))));
    broker.token(&rig.ask("google")).await.unwrap();
    *rig.tenant.fault.lock().unwrap() = Some(user_store::Fault::Tenant);
    assert_eq!(revoke(&broker, &rig.ask("google")).await.unwrap().at_provider, RevokedAtProvider::Yes);
    assert!(broker.token(&rig.ask("google")).await.unwrap_err().is_reconnect());
}

#[tokio::test(start_paused = true)]
async fn connecting_one_account_again_lifts_no_other() {
    let two = json!([
        { "provider": "google-oauth2", "connection": "google-oauth2", "user_id": "1", "access_token": "ya29.1" },
        { "provider": "google-oauth2", "connection": "google-oauth2", "user_id": "2", "access_token": "ya29.2" },
    ]);
    let rig = Rig::new(two);
    let broker = rig.replica([refreshing(Kind::Google)]);
    rig.provider.answers(|_| Ok((200, json!({}))));
    let (one, two) = (selector("google-oauth2|1"), selector("google-oauth2|2"));
    for account in [&one, &two] {
        revoke(&broker, &rig.ask("google").account(Some(account))).await.unwrap();
    }
    let serves = async |account| broker.token(&rig.ask("google").account(Some(account))).await.is_ok();
    // It is not known which of them it was.
    broker.reconnected(USER, Source::Identities, &Account::new("google-oauth2", None)).await.unwrap();
    assert!(!serves(&one).await && !serves(&two).await);
    let connected = Account::new("google-oauth2", Some("1".to_owned()));
    broker.reconnected(USER, Source::Identities, &connected).await.unwrap();
    assert!(serves(&one).await && !serves(&two).await);
}

/// A reload makes a new broker and tells it what the fleet knows.
#[tokio::test(start_paused = true)]
async fn what_was_lifted_stays_lifted_in_every_replica() {
    let rig = exchanging();
    rig.tenant.connected.lock().unwrap().push(ConnectedAccount::new("cac_1", "google-oauth2"));
    let fleet: Arc<Mutex<Vec<crate::RevokedGrant>>> = Arc::default();
    let started = || {
        let told = fleet.clone();
        let broker = rig.replica_with([both()], |builder| {
            builder.on_revoked(move |one| {
                let mut fleet = told.lock().unwrap();
                if !fleet.iter().any(|known| known.key == one.key && !one.supersedes(known)) {
                    fleet.retain(|known| known.key != one.key);
                    fleet.push(one);
                }
            })
        });
        broker.apply_revocations(&*fleet.lock().unwrap());
        broker
    };
    let (first, other) = (started(), started());
    rig.provider.answers(|_| Ok((200, json!({}))));
    let refused = async |broker: &crate::Broker| broker.token(&rig.ask("google")).await.is_err();
    for _ in 0..2 {
        first.revoke(&rig.ask("google")).await.unwrap();
        other.apply_revocations(&*fleet.lock().unwrap());
        assert!(refused(&first).await && refused(&other).await && refused(&started()).await);
        first.reconnected(USER, Source::Vault, &Account::new("google-oauth2", None)).await.unwrap();
        other.apply_revocations(&*fleet.lock().unwrap());
        assert!(!refused(&first).await && !refused(&other).await && !refused(&started()).await);
    }
    first.revoke(&rig.ask("google")).await.unwrap();
    let all = crate::Selector { user: Some(USER.to_owned()), grants: true, ..crate::Selector::default() };
    first.forget(&all).await.unwrap();
    assert!(!refused(&first).await && !refused(&started()).await);
}

/// The list that the second disconnection compares with is up to a minute old.
#[tokio::test(start_paused = true)]
async fn tm_c13_an_entry_that_was_made_before_a_repeated_revocation_does_not_lift_it() {
    let rig = exchanging();
    let broker = rig.replica([vault()]);
    rig.provider.answers(|_| Ok((500, json!({}))));
    let start = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_893_456_000);
    rig.tenant.wall.set_to(start);
    let entry = |id: &str| {
        let mut entry = ConnectedAccount::new(id, "google-oauth2");
        let since = rig.tenant.wall.now().duration_since(start).unwrap().as_secs();
        entry.created_at = Some(format!("2030-01-01T00:{:02}:{:02}.000Z", since / 60, since % 60));
        entry
    };
    rig.tenant.connected.lock().unwrap().push(entry("cac_1"));
    // The pause between two readings grows.
    for _ in 0..40 {
        revoke(&broker, &rig.ask("google")).await.unwrap();
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    let reads = rig.tenant.connected_reads();
    rig.tenant.connected.lock().unwrap().push(entry("cac_2"));
    tokio::time::advance(Duration::from_secs(6)).await;
    revoke(&broker, &rig.ask("google")).await.unwrap();
    assert_eq!(rig.tenant.connected_reads(), reads, "the list is an old one");
    tokio::time::advance(Duration::from_secs(61)).await;
    assert!(broker.token(&rig.ask("google")).await.unwrap_err().is_reconnect());
    rig.tenant.connected.lock().unwrap().push(entry("cac_3"));
    tokio::time::advance(Duration::from_secs(61)).await;
    assert!(broker.token(&rig.ask("google")).await.is_ok());
}

/// One of several entries is removed at Auth0.
#[tokio::test(start_paused = true)]
async fn tm_c13_an_entry_that_disappears_does_not_lift_a_revocation() {
    let rig = exchanging();
    for id in ["cac_1", "cac_2"] {
        rig.tenant.connected.lock().unwrap().push(ConnectedAccount::new(id, "google-oauth2"));
    }
    let broker = rig.replica([vault()]);
    rig.provider.answers(|_| Ok((200, json!({}))));
    revoke(&broker, &rig.ask("google")).await.unwrap();
    rig.tenant.connected.lock().unwrap().remove(0);
    tokio::time::advance(Duration::from_secs(61)).await;
    assert!(broker.token(&rig.ask("google")).await.unwrap_err().is_reconnect());
}

#[tokio::test(start_paused = true)]
async fn a_preview_knows_what_the_user_has_disconnected() {
    let rig = exchanging();
    rig.tenant.connected.lock().unwrap().push(ConnectedAccount::new("cac_1", "google-oauth2"));
    let broker = rig.replica([vault()]);
    rig.provider.answers(|_| Ok((200, json!({}))));
    broker.token(&rig.ask("google")).await.unwrap();
    assert_eq!(broker.preview(&rig.ask("google")).await.unwrap().unwrap().state, crate::AccountState::Usable);
    revoke(&broker, &rig.ask("google")).await.unwrap();
    assert!(broker.preview(&rig.ask("google")).await.unwrap_err().is_reconnect());
    broker.reconnected(USER, Source::Vault, &Account::new("google-oauth2", None)).await.unwrap();
    let token = broker.token(&rig.ask("google")).await.unwrap();
    assert!(broker.token_rejected(&rig.ask("google"), &token).await.is_err(), "the same token again");
    assert!(broker.preview(&rig.ask("google")).await.unwrap_err().is_reconnect());
    revoke(&broker, &rig.ask("google")).await.unwrap();
    // The list is too old to say.
    tokio::time::advance(Duration::from_secs(61)).await;
    let reads = rig.tenant.connected_reads();
    assert_eq!(broker.preview(&rig.ask("google")).await.unwrap(), None);
    assert_eq!(rig.tenant.connected_reads(), reads);
}
