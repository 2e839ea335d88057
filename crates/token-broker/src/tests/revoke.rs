use std::{sync::Arc, sync::Mutex, time::Duration};

use idp_adapters::Kind;
use serde_json::json;
use token_keeper::BearerToken;
use user_store::ConnectedAccount;

use super::rig::*;
use crate::{Account, Provider, RevokedAtProvider, Source, vault::Exchanged};

/// A vault account of a provider that revokes.
pub(super) fn vault() -> Provider {
    Provider { credentials: Some(credentials()), ..sources(Kind::Google, &[Source::Vault]) }
}

pub(super) fn exchanging() -> Rig {
    let rig = Rig::new(google("ya29.a"));
    *rig.vault.answer.lock().unwrap() = Box::new(|form| {
        let token = format!("ya29.{}", form.get("login_hint").map_or("any", String::as_str));
        Ok(Exchanged { bearer: BearerToken::new(&token).unwrap(), scope: None, expires_in: None })
    });
    rig
}

#[tokio::test(start_paused = true)]
async fn tm_a18_a_repeated_disconnection_of_a_vault_account_costs_the_tenant_nothing() {
    for status in [200, 500] {
        let rig = exchanging();
        let broker = rig.replica([vault()]);
        rig.provider.answers(move |_| Ok((status, json!({}))));
        let first = revoke(&broker, &rig.ask("google")).await.unwrap();
        let expected = if status == 200 { RevokedAtProvider::Yes } else { RevokedAtProvider::No };
        assert_eq!((first.at_provider, first.changed, first.again), (expected, true, false));
        let cost =
            || (rig.tenant.lookups(), rig.tenant.connected_reads(), rig.vault.asked.lock().unwrap().len());
        let before = cost();
        assert_eq!((before.1, before.2, rig.provider.calls()), (1, 1, 1));
        for _ in 0..50 {
            let again = revoke(&broker, &rig.ask("google")).await.unwrap();
            assert_eq!((again.at_provider, again.changed, again.again), (expected, false, true));
            assert!(again.detail.is_some());
        }
        // Whatever account of the connection is named.
        for number in 0..100 {
            let named = selector(&format!("google-oauth2|{number}"));
            if let Ok(other) = revoke(&broker, &rig.ask("google").account(Some(&named))).await {
                assert_eq!((other.at_provider, other.changed), (RevokedAtProvider::No, false));
            }
        }
        assert_eq!((cost(), rig.provider.calls()), (before, 1), "{status}");
        // In time it is done again, and the list of the accounts is looked at less and less often.
        tokio::time::advance(Duration::from_secs(61)).await;
        revoke(&broker, &rig.ask("google")).await.unwrap();
        assert_eq!((rig.vault.asked.lock().unwrap().len(), rig.provider.calls()), (2, 2), "{status}");
        for _ in 0..60 {
            revoke(&broker, &rig.ask("google")).await.unwrap();
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert!(rig.tenant.connected_reads() <= before.1 + 5, "{}", rig.tenant.connected_reads());
    }
}

#[tokio::test(start_paused = true)]
async fn disconnections_at_the_same_time_are_one_at_the_provider() {
    let rig = exchanging();
    let broker = rig.replica([vault()]);
    rig.provider.answers(|_| Ok((200, json!({}))));
    let asked = rig.ask("google");
    let all = futures_util::future::join_all((0..20).map(|_| revoke(&broker, &asked))).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!((rig.vault.asked.lock().unwrap().len(), rig.provider.calls()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn an_account_that_was_connected_again_is_disconnected_again() {
    let rig = exchanging();
    let broker = rig.replica([vault()]);
    rig.provider.answers(|_| Ok((200, json!({}))));
    revoke(&broker, &rig.ask("google")).await.unwrap();
    // By hosted connect, which says so.
    broker.reconnected(USER, Source::Vault, &Account::new("google-oauth2", None)).await.unwrap();
    rig.tenant.connected.lock().unwrap().push(ConnectedAccount::new("cac_2", "google-oauth2"));
    let second = revoke(&broker, &rig.ask("google")).await.unwrap();
    assert_eq!((second.at_provider, second.changed, rig.provider.calls()), (RevokedAtProvider::Yes, true, 2));
    // By the app itself.
    tokio::time::advance(Duration::from_secs(6)).await;
    rig.tenant.connected.lock().unwrap().push(ConnectedAccount::new("cac_3", "google-oauth2"));
    let third = revoke(&broker, &rig.ask("google")).await.unwrap();
    assert_eq!((third.at_provider, third.changed, rig.provider.calls()), (RevokedAtProvider::Yes, true, 3));
    assert!(broker.token(&rig.ask("google")).await.unwrap_err().is_reconnect());
}

/// The tenant's list is another one then, and the account of the sign-in would be the next source's.
#[tokio::test(start_paused = true)]
async fn an_account_that_was_removed_is_not_one_that_was_connected_again() {
    let rig = exchanging();
    rig.tenant.connected.lock().unwrap().push(ConnectedAccount::new("cac_1", "google-oauth2"));
    let broker = rig.replica([Provider {
        credentials: Some(credentials()),
        ..sources(Kind::Google, &[Source::Vault, Source::Identities])
    }]);
    rig.provider.answers(|_| Ok((200, json!({}))));
    assert_eq!(broker.token(&rig.ask("google")).await.unwrap().source(), Source::Vault);
    broker.revoke(&rig.ask("google")).await.unwrap();
    rig.tenant.connected.lock().unwrap().clear();
    for _ in 0..3 {
        tokio::time::advance(Duration::from_secs(61)).await;
        assert!(broker.token(&rig.ask("google")).await.unwrap_err().is_reconnect());
    }
    rig.tenant.connected.lock().unwrap().push(ConnectedAccount::new("cac_2", "google-oauth2"));
    tokio::time::advance(Duration::from_secs(61)).await;
    assert_eq!(broker.token(&rig.ask("google")).await.unwrap().source(), Source::Vault);
}

#[tokio::test(start_paused = true)]
async fn of_several_connections_the_one_that_is_connected_is_disconnected() {
    let rig = exchanging();
    rig.tenant.connected.lock().unwrap().push(ConnectedAccount::new("cac_1", "google-oauth2"));
    let connections = ["acme-other", "google-oauth2"].map(str::to_owned).to_vec();
    let broker = rig.replica([Provider { connections, ..vault() }]);
    rig.provider.answers(|_| Ok((200, json!({}))));
    // The list that is cached is an old one.
    rig.tenant.connected.lock().unwrap()[0].connection = "acme-other".to_owned();
    broker.accounts(&rig.ask("")).await.unwrap();
    rig.tenant.connected.lock().unwrap()[0].connection = "google-oauth2".to_owned();
    let revoked = revoke(&broker, &rig.ask("google")).await.unwrap();
    assert_eq!(
        (revoked.account.connection(), revoked.at_provider),
        ("google-oauth2", RevokedAtProvider::Yes)
    );
}

#[tokio::test(start_paused = true)]
async fn where_nobody_can_be_asked_no_token_is_exchanged() {
    let rig = exchanging();
    let broker = rig.replica([sources(Kind::Google, &[Source::Vault])]);
    for _ in 0..3 {
        let revoked = revoke(&broker, &rig.ask("google")).await.unwrap();
        assert_eq!(revoked.at_provider, RevokedAtProvider::Unsupported);
    }
    assert!(rig.vault.asked.lock().unwrap().is_empty());
    assert!(broker.token(&rig.ask("google")).await.unwrap_err().is_reconnect());
}

/// Each telling is a command that all replicas read.
#[tokio::test(start_paused = true)]
async fn tm_a18_a_repeated_disconnection_is_told_once() {
    let rig = exchanging();
    let told = Arc::new(Mutex::new(0));
    let telling = told.clone();
    let broker = rig
        .replica_with([vault(), Provider { name: "login".into(), ..refreshing(Kind::Google) }], |builder| {
            builder.on_revoked(move |_| *telling.lock().unwrap() += 1)
        });
    rig.provider.answers(|_| Ok((500, json!({}))));
    for (name, expected) in [("google", 1), ("login", 2)] {
        for _ in 0..20 {
            revoke(&broker, &rig.ask(name)).await.unwrap();
        }
        assert_eq!(*told.lock().unwrap(), expected);
    }
    // A sign-in would lift it: it is told anew.
    tokio::time::advance(Duration::from_secs(10)).await;
    let now = rig.tenant.wall.now();
    let seconds = now.duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap().as_secs();
    rig.tenant.users.lock().unwrap().get_mut(USER).unwrap()["last_login"] = json!(seconds);
    let newer = rig.ask("login").issued_at(now);
    revoke(&broker, &newer).await.unwrap();
    assert_eq!(*told.lock().unwrap(), 3);
}
