//! What is handed out without waiting: the decision of now, never that of an earlier call.

use std::time::Duration;

use idp_adapters::Kind;
use serde_json::{Value, json};

use super::rig::*;
use crate::{Broker, Cached, Reason, Selector, Source, TokenRequest};

fn at_hand(broker: &Broker, ask: &TokenRequest<'_>) -> Option<String> {
    broker.token_at_hand(ask).map(|token| token.bearer().expose().to_owned())
}

/// A broker that has just served a call.
async fn warm(rig: &Rig) -> Broker {
    let broker = rig.replica([refreshing(Kind::Google)]);
    assert_eq!(at_hand(&broker, &rig.ask("google")), None, "nothing is known yet");
    assert_eq!(broker.token(&rig.ask("google")).await.unwrap().bearer().expose(), "ya29.a");
    assert_eq!(at_hand(&broker, &rig.ask("google")).as_deref(), Some("ya29.a"));
    broker
}

fn of_user() -> Selector {
    Selector { user: Some(USER.to_owned()), ..Selector::default() }
}

#[tokio::test(start_paused = true)]
async fn it_is_the_token_that_a_search_finds() {
    let rig = Rig::new(google("ya29.a"));
    let broker = warm(&rig).await;
    let (found, waited) =
        (broker.token_at_hand(&rig.ask("google")).unwrap(), broker.token(&rig.ask("google")).await.unwrap());
    assert_eq!(found.sha256(), waited.sha256());
    assert_eq!((found.account(), found.provider()), (waited.account(), waited.provider()));
    assert_eq!((found.source(), found.cache()), (Source::Identities, Cached::Hit));
    assert_eq!(at_hand(&broker, &rig.ask("github")), None, "no such provider");
    assert_eq!(rig.tenant.lookups(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_revocation_and_a_forgotten_user_count_at_once() {
    let rig = Rig::new(google("ya29.a"));
    let (broker, other) = (warm(&rig).await, rig.replica([refreshing(Kind::Google)]));
    assert_eq!(broker.forget(&of_user()).await.unwrap(), 1);
    assert_eq!(at_hand(&broker, &rig.ask("google")), None, "forgotten");
    assert!(broker.token(&rig.ask("google")).await.is_ok());
    assert!(at_hand(&broker, &rig.ask("google")).is_some());
    rig.provider.answers(|_| Ok((200, json!({}))));
    let revoked = revoke(&other, &rig.ask("google")).await.unwrap().revoked;
    broker.apply_revocations(&[revoked]);
    assert_eq!(at_hand(&broker, &rig.ask("google")), None, "revoked at another replica");
    assert_eq!(at_hand(&other, &rig.ask("google")), None, "revoked here");
    assert!(broker.token(&rig.ask("google")).await.unwrap_err().is_reconnect());
}

#[tokio::test(start_paused = true)]
async fn a_dead_token_is_not_handed_out_while_it_is_marked() {
    let rig = Rig::new(google("ya29.a"));
    let broker = rig.replica([provider(Kind::Google)]);
    let token = broker.token(&rig.ask("google")).await.unwrap();
    assert!(broker.token_rejected(&rig.ask("google"), &token).await.unwrap_err().is_reconnect());
    assert_eq!(at_hand(&broker, &rig.ask("google")), None);
    tokio::time::advance(Duration::from_secs(61)).await;
    assert_eq!(at_hand(&broker, &rig.ask("google")), None, "the shared store is looked at again");
    assert!(broker.token(&rig.ask("google")).await.is_ok());
    // The look at the store goes on in the background.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(at_hand(&broker, &rig.ask("google")).as_deref(), Some("ya29.a"));
}

#[tokio::test(start_paused = true)]
async fn a_new_record_a_newer_caller_token_and_an_old_record_count_at_once() {
    let rig = Rig::new(google("ya29.a"));
    let broker = warm(&rig).await;
    let newer = rig.ask("google").issued_at(rig.tenant.wall.now() + Duration::from_secs(1));
    assert_eq!(at_hand(&broker, &newer), None, "the user may have signed in again");
    rig.tenant.put(google("ya29.b"));
    assert_eq!(broker.token(&newer).await.unwrap().bearer().expose(), "ya29.b");
    assert_eq!(at_hand(&broker, &rig.ask("google")).as_deref(), Some("ya29.b"));
    let blocked = json!({ "user_id": USER, "blocked": true, "identities": google("ya29.b") });
    rig.tenant.users.lock().unwrap().insert(USER.into(), blocked);
    // Longer than any record serves.
    tokio::time::advance(Duration::from_secs(86_400)).await;
    assert_eq!(at_hand(&broker, &rig.ask("google")), None, "the record is too old");
    assert_eq!(*broker.token(&rig.ask("google")).await.unwrap_err().reason(), Reason::UserBlocked);
    assert_eq!(at_hand(&broker, &rig.ask("google")), None, "the user is blocked");
}

#[tokio::test(start_paused = true)]
async fn each_account_and_organisation_has_its_own() {
    let two: Value = json!([
        { "provider": "github", "connection": "github", "user_id": 1, "access_token": "gho_1" },
        { "provider": "github", "connection": "github", "user_id": 2, "access_token": "gho_2" },
    ]);
    let rig = Rig::new(two);
    let vault = sources(Kind::Google, &[Source::Vault, Source::Identities]);
    let broker = rig.replica([provider(Kind::GitHub), vault]);
    let (one, two, three) = (selector("github|1"), selector("github|2"), selector("github|3"));
    let ask = |account| rig.ask("github").account(account);
    assert_eq!(broker.token(&ask(Some(&one))).await.unwrap().bearer().expose(), "gho_1");
    assert_eq!(at_hand(&broker, &ask(Some(&two))), None, "the store was not asked about this one");
    assert_eq!(broker.token(&ask(Some(&two))).await.unwrap().bearer().expose(), "gho_2");
    for (account, token) in [(Some(&one), Some("gho_1")), (Some(&two), Some("gho_2")), (Some(&three), None)] {
        assert_eq!(at_hand(&broker, &ask(account)).as_deref(), token);
    }
    assert_eq!(at_hand(&broker, &ask(None)), None, "the caller has to say which");
    assert_eq!(at_hand(&broker, &rig.ask("google").organization(Some("org_1"))), None, "the vault is asked");
}

#[tokio::test(start_paused = true)]
async fn a_stored_token_is_at_hand_until_it_has_to_be_refreshed() {
    let rig = Rig::new(bitbucket("a0", "r0"));
    rig.provider.answers(rotating(7200).0);
    let broker = rig.replica([refreshing(Kind::Bitbucket)]);
    let refused = broker.token(&rig.ask("bitbucket")).await.unwrap();
    let fresh = broker.token_rejected(&rig.ask("bitbucket"), &refused).await.unwrap();
    assert_eq!((refused.bearer().expose(), fresh.bearer().expose()), ("a0", "a1"));
    assert_eq!(at_hand(&broker, &rig.ask("bitbucket")).as_deref(), Some("a1"), "not Auth0's copy");
    rig.end_in("bitbucket", "{b}", 100).await;
    assert_eq!(at_hand(&broker, &rig.ask("bitbucket")), None, "it is refreshed ahead of its end");
    rig.end_in("bitbucket", "{b}", -1).await;
    assert_eq!(at_hand(&broker, &rig.ask("bitbucket")), None, "it has ended");
}
