//! What `Broker::reconnected` does for an account that is refused because its token or its stored grant is dead.

use std::time::Duration;

use idp_adapters::Kind;
use serde_json::json;
use token_keeper::BearerToken;
use user_store::Fault;

use super::rig::*;
use crate::{Account, Broker, Reason, Source, vault::Exchanged};

async fn reconnect(broker: &Broker, source: Source, connection: &str) -> Result<Account, crate::Error> {
    broker.reconnected(USER, source, &Account::new(connection, None)).await
}

/// A broker whose provider has refused the only token of the account, ten seconds ago.
async fn with_a_dead_token(rig: &Rig, kind: Kind, source: Source) -> Broker {
    let broker = rig.replica([sources(kind, &[source])]);
    let ask = rig.ask(kind.as_str());
    let token = broker.token(&ask).await.unwrap();
    let error = broker.token_rejected(&ask, &token).await.unwrap_err();
    assert!(matches!(error.reason(), Reason::ReconnectRequired { revoked: false, .. }), "{error}");
    assert_eq!(error.retry_after(), Some(Duration::from_secs(60)));
    tokio::time::advance(Duration::from_secs(10)).await;
    broker
}

#[tokio::test(start_paused = true)]
async fn a_dead_token_is_replaced_at_once() {
    let rig = Rig::new(google("ya29.a"));
    let broker = with_a_dead_token(&rig, Kind::Google, Source::Identities).await;
    rig.tenant.put(google("ya29.b"));
    let error = broker.token(&rig.ask("google")).await.unwrap_err();
    // The rest of the minute.
    let left = error.retry_after().unwrap();
    assert!(left > Duration::from_secs(49) && left <= Duration::from_secs(50), "{left:?}");
    let known = reconnect(&broker, Source::Identities, "google-oauth2").await.unwrap();
    assert_eq!(known.user_id(), Some("1"));
    assert_eq!(broker.token(&rig.ask("google")).await.unwrap().bearer().expose(), "ya29.b");
}

#[tokio::test(start_paused = true)]
async fn tm_c13_a_dead_token_that_auth0_still_has_stays_refused() {
    let rig = Rig::new(google("ya29.a"));
    let broker = with_a_dead_token(&rig, Kind::Google, Source::Identities).await;
    for _ in 0..3 {
        reconnect(&broker, Source::Identities, "google-oauth2").await.unwrap();
        let error = broker.token(&rig.ask("google")).await.unwrap_err();
        assert!(error.is_reconnect() && error.retry_after().is_some(), "{error}");
    }
    // Auth0 was asked, and had nothing: what comes later counts all the same.
    rig.tenant.put(google("ya29.b"));
    reconnect(&broker, Source::Identities, "google-oauth2").await.unwrap();
    assert_eq!(broker.token(&rig.ask("google")).await.unwrap().bearer().expose(), "ya29.b");
}

#[tokio::test(start_paused = true)]
async fn a_dead_grant_is_replaced_at_once_and_never_refreshed_again() {
    let rig = Rig::new(bitbucket("a0", "r0"));
    let broker = rig.replica([refreshing(Kind::Bitbucket)]);
    let token = broker.token(&rig.ask("bitbucket")).await.unwrap();
    rig.provider.answers(|_| Ok((400, json!({ "error": "invalid_grant" }))));
    let error = broker.token_rejected(&rig.ask("bitbucket"), &token).await.unwrap_err();
    assert_eq!((error.is_reconnect(), error.retry_after()), (true, Some(Duration::from_secs(60))));
    for _ in 0..2 {
        reconnect(&broker, Source::Identities, "bitbucket").await.unwrap();
        assert!(broker.token(&rig.ask("bitbucket")).await.unwrap_err().is_reconnect());
    }
    rig.tenant.put(bitbucket("a-new", "r-new"));
    assert!(broker.token(&rig.ask("bitbucket")).await.unwrap_err().is_reconnect());
    reconnect(&broker, Source::Identities, "bitbucket").await.unwrap();
    assert_eq!(broker.token(&rig.ask("bitbucket")).await.unwrap().bearer().expose(), "a-new");
    // The refused refresh token was sent once.
    assert_eq!(rig.provider.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_dead_token_of_the_vault_is_exchanged_anew() {
    let rig = Rig::new(google("ya29.a"));
    let gives = |token: &'static str| {
        *rig.vault.answer.lock().unwrap() = Box::new(move |_| {
            Ok(Exchanged { bearer: BearerToken::new(token).unwrap(), scope: None, expires_in: None })
        });
    };
    gives("ya29.vault");
    let broker = with_a_dead_token(&rig, Kind::Google, Source::Vault).await;
    reconnect(&broker, Source::Vault, "google-oauth2").await.unwrap();
    assert!(broker.token(&rig.ask("google")).await.unwrap_err().retry_after().is_some(), "the same token");
    gives("ya29.new");
    assert!(broker.token(&rig.ask("google")).await.unwrap_err().is_reconnect());
    reconnect(&broker, Source::Vault, "google-oauth2").await.unwrap();
    assert_eq!(broker.token(&rig.ask("google")).await.unwrap().bearer().expose(), "ya29.new");
}

#[tokio::test(start_paused = true)]
async fn an_account_that_was_linked_just_now_is_found() {
    let rig = Rig::new(google("ya29.a"));
    let broker = rig.replica([provider(Kind::Google), provider(Kind::Bitbucket)]);
    broker.token(&rig.ask("google")).await.unwrap();
    rig.tenant.put(bitbucket("a0", "r0"));
    let known = reconnect(&broker, Source::Identities, "bitbucket").await.unwrap();
    assert_eq!(known, Account::new("bitbucket", Some("{b}".into())));
    assert_eq!(broker.token(&rig.ask("bitbucket")).await.unwrap().bearer().expose(), "a0");
}

#[tokio::test(start_paused = true)]
async fn without_an_answer_of_the_tenant_the_account_stays_refused() {
    let rig = Rig::new(google("ya29.a"));
    let broker = with_a_dead_token(&rig, Kind::Google, Source::Identities).await;
    rig.tenant.put(google("ya29.b"));
    *rig.tenant.fault.lock().unwrap() = Some(Fault::Tenant);
    let error = reconnect(&broker, Source::Identities, "google-oauth2").await.unwrap_err();
    assert_eq!(*error.reason(), Reason::TenantUnavailable);
    assert!(broker.token(&rig.ask("google")).await.unwrap_err().is_reconnect());
    *rig.tenant.fault.lock().unwrap() = None;
    reconnect(&broker, Source::Identities, "google-oauth2").await.unwrap();
    assert_eq!(broker.token(&rig.ask("google")).await.unwrap().bearer().expose(), "ya29.b");
}

#[tokio::test(start_paused = true)]
async fn a_revocation_is_taken_back_without_an_answer_of_the_tenant() {
    let rig = Rig::new(google("ya29.a"));
    let broker = rig.replica([refreshing(Kind::Google)]);
    rig.provider.answers(|_| Ok((200, json!({}))));
    broker.token(&rig.ask("google")).await.unwrap();
    revoke(&broker, &rig.ask("google")).await.unwrap();
    let refused = broker.token(&rig.ask("google")).await.unwrap_err();
    assert!(matches!(refused.reason(), Reason::ReconnectRequired { revoked: true, .. }), "{refused}");
    assert_eq!(refused.retry_after(), None);
    *rig.tenant.fault.lock().unwrap() = Some(Fault::RateLimited);
    let error = reconnect(&broker, Source::Identities, "google-oauth2").await.unwrap_err();
    assert_eq!(*error.reason(), Reason::TenantRateLimited);
    assert_eq!(broker.token(&rig.ask("google")).await.unwrap().bearer().expose(), "ya29.a");
}
