use std::{sync::atomic::Ordering, time::Duration, time::SystemTime};

use idp_adapters::Kind;
use serde_json::json;

use super::rig::*;
use crate::{Account, AccountState, GrantStore, Reason, RevokedAtProvider, Selector, Source};

#[tokio::test(start_paused = true)]
async fn a_revoked_account_stays_refused_until_auth0s_copy_changes() {
    let rig = Rig::new(google("ya29.a"));
    let broker = rig.replica([refreshing(Kind::Google)]);
    rig.provider.answers(|_| Ok((200, json!({}))));
    let revocation = revoke(&broker, &rig.ask("google")).await.unwrap();
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
async fn an_account_that_was_connected_again_is_taken_though_auth0s_copy_is_the_same() {
    let rig = Rig::new(google("ya29.a"));
    let broker = rig.replica([refreshing(Kind::Google)]);
    rig.provider.answers(|_| Ok((200, json!({}))));
    revoke(&broker, &rig.ask("google")).await.unwrap();
    let connected = |user, source, connection: &str, id: Option<&str>| {
        let (broker, account) = (&broker, Account::new(connection, id.map(str::to_owned)));
        async move { broker.reconnected(user, source, &account).await }
    };
    for (user, source, connection, id) in [
        (USER, Source::Identities, "github", None),
        (USER, Source::Vault, "google-oauth2", None),
        (USER, Source::Identities, "google-oauth2", Some("2")),
    ] {
        let known = connected(user, source, connection, id).await.unwrap();
        assert_eq!(known.user_id(), None, "an account that the user does not have is not named");
        let refused = broker.token(&rig.ask("google")).await.unwrap_err();
        assert!(refused.is_reconnect(), "{user} {source:?} {connection} {id:?}");
    }
    assert!(connected("auth0|other", Source::Identities, "google-oauth2", Some("1")).await.is_err());
    assert!(broker.token(&rig.ask("google")).await.unwrap_err().is_reconnect());
    let known = connected(USER, Source::Identities, "google-oauth2", None).await.unwrap();
    assert_eq!(known.to_string(), "google-oauth2|1");
    assert_eq!(broker.token(&rig.ask("google")).await.unwrap().bearer().expose(), "ya29.a");
}

#[tokio::test(start_paused = true)]
async fn a_repeated_revocation_asks_the_provider_once_in_a_minute() {
    let rig = Rig::new(google("ya29.a"));
    let broker = rig.replica([refreshing(Kind::Google)]);
    rig.provider.answers(|_| Ok((500, json!({}))));
    assert_eq!(revoke(&broker, &rig.ask("google")).await.unwrap().at_provider, RevokedAtProvider::No);
    rig.provider.answers(|_| Ok((200, json!({}))));
    for _ in 0..5 {
        let revocation = revoke(&broker, &rig.ask("google")).await.unwrap();
        assert_eq!(revocation.at_provider, RevokedAtProvider::Yes);
    }
    assert_eq!(rig.provider.calls(), 2, "one that failed, and one that did not");
    // Another grant of the same account is another matter.
    rig.tenant.put(google("ya29.b"));
    let newer = rig.ask("google").issued_at(rig.tenant.wall.now() + Duration::from_secs(30));
    revoke(&broker, &newer).await.unwrap();
    assert_eq!(rig.provider.calls(), 3);
    tokio::time::advance(Duration::from_secs(61)).await;
    revoke(&broker, &newer).await.unwrap();
    assert_eq!(rig.provider.calls(), 4);
}

#[tokio::test(start_paused = true)]
async fn tm_o07_a_refused_revocation_does_not_repeat_the_token() {
    let rig = Rig::new(google("ya29.a"));
    let broker = rig.replica([refreshing(Kind::Google)]);
    rig.provider.answers(|_| Ok((400, json!({ "error": "ya29.a" }))));
    let revocation = revoke(&broker, &rig.ask("google")).await.unwrap();
    assert_eq!(revocation.at_provider, RevokedAtProvider::No);
    assert!(!revocation.detail.unwrap().contains("ya29.a"));
}

/// The provider hands out the same token at the next sign-in: the copy does not change, and the user is not shut out.
#[tokio::test(start_paused = true)]
async fn a_new_sign_in_lifts_a_revocation_also_with_the_same_token() {
    let rig = Rig::new(google("ya29.a"));
    let broker = rig.replica([refreshing(Kind::Google)]);
    rig.provider.answers(|_| Ok((200, json!({}))));
    revoke(&broker, &rig.ask("google")).await.unwrap();
    tokio::time::advance(Duration::from_secs(120)).await;
    let now = rig.tenant.wall.now();
    // A renewed caller token is no sign-in.
    let renewed = rig.ask("google").issued_at(now);
    assert!(broker.token(&renewed).await.unwrap_err().is_reconnect());
    tokio::time::advance(Duration::from_secs(61)).await;
    let seconds = now.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    rig.tenant.users.lock().unwrap().get_mut(USER).unwrap()["last_login"] = json!(seconds);
    let newer = rig.ask("google").issued_at(now + Duration::from_secs(60));
    assert_eq!(broker.token(&newer).await.unwrap().bearer().expose(), "ya29.a");
    // Lifted for all callers, in all replicas.
    assert_eq!(broker.token(&rig.ask("google")).await.unwrap().bearer().expose(), "ya29.a");
    assert_eq!(
        rig.replica([refreshing(Kind::Google)]).token(&rig.ask("google")).await.unwrap().bearer().expose(),
        "ya29.a"
    );
}

/// The list of revocations is applied again whenever it changes, also after one of them was lifted.
#[tokio::test(start_paused = true)]
async fn a_lifted_revocation_that_is_told_again_costs_no_newer_grant() {
    let rig = Rig::new(bitbucket("a0", "r0"));
    let broker = rig.replica([refreshing(Kind::Bitbucket)]);
    let revoked = revoke(&broker, &rig.ask("bitbucket")).await.unwrap().revoked;
    tokio::time::advance(Duration::from_secs(120)).await;
    // The same tokens after another sign-in: the copy is the same, and its refresh token lives.
    let now = rig.tenant.wall.now();
    let seconds = now.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    rig.tenant.users.lock().unwrap().get_mut(USER).unwrap()["last_login"] = json!(seconds);
    let newer = || rig.ask("bitbucket").issued_at(now + Duration::from_secs(60));
    let (answer, reused) = rotating(7200);
    rig.provider.answers(answer);
    let token = broker.token(&newer()).await.unwrap();
    assert_eq!(broker.token_rejected(&newer(), &token).await.unwrap().bearer().expose(), "a1");
    for broker in [&broker, &rig.replica([refreshing(Kind::Bitbucket)])] {
        broker.apply_revocations([&revoked]);
        for _ in 0..3 {
            assert_eq!(broker.token(&newer()).await.unwrap().bearer().expose(), "a1");
            tokio::time::sleep(Duration::from_secs(3)).await;
        }
    }
    let stored = rig.store.inner.load(&identity_key(&refreshing(Kind::Bitbucket), "bitbucket", "{b}")).await;
    let stored = stored.unwrap().unwrap().record;
    assert_eq!(secrecy::ExposeSecret::expose_secret(&stored.refresh_token.unwrap()), "r1");
    assert_eq!(reused.load(Ordering::SeqCst), 0);
}

/// A revocation that another replica told while the store is down holds also for a grant that was refreshed meanwhile and
/// is kept here alone.
#[tokio::test(start_paused = true)]
async fn tm_c10_a_refresh_under_way_undoes_no_revocation_while_the_store_is_down() {
    let rig = Rig::new(json!([{ "provider": "google-oauth2", "connection": "google-oauth2", "user_id": "1",
        "access_token": "ya29.a", "refresh_token": "1//r" }]));
    let (one, two) = (rig.replica([refreshing(Kind::Google)]), rig.replica([refreshing(Kind::Google)]));
    rig.provider.answers(|_| Ok((200, json!({"access_token": "ya29.b", "expires_in": 3600}))));
    let dead = two.token(&rig.ask("google")).await.unwrap();
    let revoked = revoke(&one, &rig.ask("google")).await.unwrap().revoked;
    // The second replica has read the grant before, and cannot read it now.
    rig.store.down.store(true, Ordering::SeqCst);
    let (asked, refused) = (rig.ask("google"), rig.ask("google"));
    let refresh = two.token_rejected(&asked, &dead);
    let tell = async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        two.apply_revocations([&revoked]);
    };
    let (_, ()) = tokio::join!(refresh, tell);
    assert!(two.token(&refused).await.unwrap_err().is_reconnect());
}

#[tokio::test(start_paused = true)]
async fn a_vault_revocation_is_lifted_in_memory_too() {
    let rig = Rig::new(google("ya29.a"));
    let vault_token = |_: &Form| {
        Ok(crate::vault::Exchanged {
            bearer: token_keeper::BearerToken::new("ya29.vault").unwrap(),
            scope: None,
            expires_in: None,
        })
    };
    *rig.vault.answer.lock().unwrap() = Box::new(vault_token);
    let store = std::sync::Arc::new(crate::MemoryStore::new().unwrap());
    let tasks = tokio_util::task::TaskTracker::new();
    let broker = rig.replica_over(store, [sources(Kind::Google, &[Source::Vault])], tasks);
    revoke(&broker, &rig.ask("google")).await.unwrap();
    assert!(broker.token(&rig.ask("google")).await.unwrap_err().is_reconnect());
    let entry = user_store::ConnectedAccount::new("cac_2", "google-oauth2");
    rig.tenant.connected.lock().unwrap().push(entry);
    tokio::time::advance(Duration::from_secs(120)).await;
    assert_eq!(broker.token(&rig.ask("google")).await.unwrap().bearer().expose(), "ya29.vault");
    // It stays so when the accounts cannot be read any more.
    *rig.tenant.fault.lock().unwrap() = Some(user_store::Fault::Tenant);
    broker.forget(&Selector { user: Some(USER.into()), ..Selector::default() }).await.unwrap();
    assert_eq!(broker.token(&rig.ask("google")).await.unwrap().bearer().expose(), "ya29.vault");
}

/// The tenant's answer to the exchange decides nothing: the account is refused first.
#[tokio::test(start_paused = true)]
async fn a_vault_account_is_refused_also_when_the_tenant_fails() {
    let rig = Rig::new(google("ya29.a"));
    *rig.vault.answer.lock().unwrap() =
        Box::new(|_| Err(crate::vault::Refused { transient: true, ..crate::vault::Refused::default() }));
    let broker = rig.replica([sources(Kind::Google, &[Source::Vault])]);
    let revocation = revoke(&broker, &rig.ask("google")).await.unwrap();
    assert_ne!(revocation.at_provider, RevokedAtProvider::Yes);
    assert!(broker.token(&rig.ask("google")).await.unwrap_err().is_reconnect());
}

/// A caller who leaves while the provider answers, and the replicas that must know all the same.
#[tokio::test(start_paused = true)]
async fn a_revocation_is_told_before_the_provider_is_asked() {
    let rig = Rig::new(google("ya29.a"));
    let told = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let (telling, provider) = (told.clone(), rig.provider.clone());
    let broker = rig.replica_with([refreshing(Kind::Google)], |builder| {
        builder.on_revoked(move |revoked| telling.lock().unwrap().push((revoked, provider.calls())))
    });
    rig.provider.answers(|_| Ok((200, json!({}))));
    let asked = rig.ask("google");
    let left = tokio::time::timeout(Duration::from_millis(40), revoke(&broker, &asked)).await;
    assert!(left.is_err(), "the caller leaves before the provider answers");
    let told = told.lock().unwrap();
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].0.key.user.as_str(), told[0].1), (USER, 0));
}

#[tokio::test(start_paused = true)]
async fn a_sign_in_before_the_revocation_lifts_nothing() {
    let rig = Rig::new(google("ya29.a"));
    let broker = rig.replica([refreshing(Kind::Google)]);
    rig.provider.answers(|_| Ok((200, json!({}))));
    broker.token(&rig.ask("google")).await.unwrap();
    let before = rig.tenant.wall.now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    tokio::time::advance(Duration::from_secs(120)).await;
    revoke(&broker, &rig.ask("google")).await.unwrap();
    rig.tenant.users.lock().unwrap().get_mut(USER).unwrap()["last_login"] = json!(before);
    let newer = rig.ask("google").issued_at(rig.tenant.wall.now() + Duration::from_secs(60));
    assert!(broker.token(&newer).await.unwrap_err().is_reconnect());
}

#[tokio::test(start_paused = true)]
async fn tm_c10_a_revoked_vault_connection_is_refused_whatever_account_a_call_names() {
    let rig = Rig::new(google("ya29.a"));
    *rig.vault.answer.lock().unwrap() = Box::new(|_| {
        Ok(crate::vault::Exchanged {
            bearer: token_keeper::BearerToken::new("ya29.vault").unwrap(),
            scope: None,
            expires_in: None,
        })
    });
    let broker = rig.replica([sources(Kind::Google, &[Source::Vault])]);
    let (hint, other, whole) =
        (selector("google-oauth2|77"), selector("google-oauth2|78"), selector("google-oauth2"));
    let named = |account| rig.ask("google").account(account);
    revoke(&broker, &named(Some(&hint))).await.unwrap();
    // Made-up accounts cost no exchange each.
    for number in 0..100 {
        let made_up = selector(&format!("google-oauth2|made-up-{number}"));
        let _ = revoke(&broker, &rig.ask("google").account(Some(&made_up))).await;
    }
    assert!(rig.vault.asked.lock().unwrap().len() <= 16);
    for account in [None, Some(&whole), Some(&hint), Some(&other)] {
        let error = broker.token(&named(account)).await.unwrap_err();
        assert!(error.is_reconnect(), "{account:?}: {error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn another_replica_learns_of_a_revocation_within_seconds() {
    let rig = Rig::new(google("ya29.a"));
    let (one, two) = (rig.replica([refreshing(Kind::Google)]), rig.replica([refreshing(Kind::Google)]));
    two.token(&rig.ask("google")).await.unwrap();
    revoke(&one, &rig.ask("google")).await.unwrap();
    tokio::time::advance(Duration::from_secs(3)).await;
    let _ = two.token(&rig.ask("google")).await;
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert!(two.token(&rig.ask("google")).await.unwrap_err().is_reconnect());
}

#[tokio::test(start_paused = true)]
async fn revocations_say_honestly_what_happened() {
    let rig = Rig::new(bitbucket("a0", "r0"));
    let broker = rig.replica([provider(Kind::Google), refreshing(Kind::Bitbucket)]);
    let google = revoke(&broker, &rig.ask("google")).await.unwrap();
    let bitbucket = revoke(&broker, &rig.ask("bitbucket")).await.unwrap();
    for revocation in [google, bitbucket] {
        assert_eq!(revocation.at_provider, RevokedAtProvider::Unsupported);
        assert!(revocation.detail.is_some());
    }
    let rig = Rig::new(self::google("ya29.a"));
    let broker = rig.replica([refreshing(Kind::Google)]);
    rig.provider.answers(|_| Ok((503, json!({}))));
    let revocation = revoke(&broker, &rig.ask("google")).await.unwrap();
    assert_eq!(revocation.at_provider, RevokedAtProvider::No);
    assert!(broker.token(&rig.ask("google")).await.unwrap_err().is_reconnect());
    rig.store.down.store(true, Ordering::SeqCst);
    assert_eq!(*revoke(&broker, &rig.ask("google")).await.unwrap_err().reason(), Reason::StoreUnavailable);
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

/// A replica that never saw the grant, told by the control state while the store is down.
#[tokio::test(start_paused = true)]
async fn tm_c10_a_revocation_holds_in_every_replica_also_while_the_store_is_down() {
    let rig = Rig::new(google("ya29.a"));
    let (one, two) = (rig.replica([refreshing(Kind::Google)]), rig.replica([refreshing(Kind::Google)]));
    rig.provider.answers(|_| Ok((200, json!({}))));
    let revoked = revoke(&one, &rig.ask("google")).await.unwrap().revoked;
    // As the control state keeps it.
    let text = serde_json::to_string(&revoked).unwrap();
    assert!(!text.contains("ya29"), "{text}");
    rig.store.down.store(true, Ordering::SeqCst);
    assert!(two.token(&rig.ask("google")).await.is_ok(), "not told yet");
    two.apply_revocations(&[serde_json::from_str(&text).unwrap()]);
    assert!(two.token(&rig.ask("google")).await.unwrap_err().is_reconnect());
    // The same client, and any other.
    assert!(one.token(&rig.ask("google")).await.unwrap_err().is_reconnect());
    let without = rig.replica([provider(Kind::Google)]);
    without.apply_revocations(&[revoked]);
    assert!(without.token(&rig.ask("google")).await.unwrap_err().is_reconnect());
    // The store is back: what it says counts, and a new sign-in lifts the revocation.
    rig.store.down.store(false, Ordering::SeqCst);
    rig.tenant.put(google("ya29.b"));
    let newer = rig.ask("google").issued_at(rig.tenant.wall.now() + Duration::from_secs(30));
    assert_eq!(two.token(&newer).await.unwrap().bearer().expose(), "ya29.b");
}

#[tokio::test(start_paused = true)]
async fn a_revocation_holds_for_every_client() {
    let rig = Rig::new(google("ya29.a"));
    rig.provider.answers(|_| Ok((200, json!({}))));
    revoke(&rig.replica([refreshing(Kind::Google)]), &rig.ask("google")).await.unwrap();
    for provider in [provider(Kind::Google), refreshing(Kind::Google)] {
        assert!(rig.replica([provider]).token(&rig.ask("google")).await.unwrap_err().is_reconnect());
    }
}
