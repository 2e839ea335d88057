//! What the list of Connected Accounts costs the tenant.

use std::time::Duration;

use idp_adapters::Kind;
use user_store::{ConnectedAccount, Fault};

use super::{
    revoke::{exchanging, vault},
    rig::*,
};
use crate::{Provider, Source};

/// Two sources of one provider.
fn both() -> Provider {
    Provider { sources: vec![Source::Vault, Source::Identities], ..vault() }
}

/// All that a user can do, as often as quotas allow.
async fn hammer(rig: &Rig, broker: &crate::Broker, times: usize) {
    for number in 0..times {
        let _ = broker.accounts(&rig.ask("")).await;
        let named = selector(&format!("google-oauth2|made-up-{number}"));
        for account in [None, Some(&named)] {
            let _ = broker.revoke(&rig.ask("google").account(account)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn tm_a02_a_list_that_cannot_be_read_is_not_asked_for_at_each_request() {
    // Calls in half a minute, as far as look-ups take no time.
    for (fault, most) in [(Fault::Operator, 1), (Fault::NotFound, 6), (Fault::Tenant, 12)] {
        let rig = exchanging();
        *rig.tenant.connected_fault.lock().unwrap() = Some(fault);
        let several = Provider {
            name: "several".into(),
            connections: ["acme-other", "google-oauth2"].map(str::to_owned).to_vec(),
            ..vault()
        };
        let broker = rig.replica([both(), several]);
        hammer(&rig, &broker, 30).await;
        assert_eq!(rig.tenant.connected_reads(), 1, "{fault:?}");
        for _ in 0..30 {
            hammer(&rig, &broker, 2).await;
            let _ = broker.revoke(&rig.ask("several")).await;
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert!(rig.tenant.connected_reads() <= most, "{fault:?}: {}", rig.tenant.connected_reads());
    }
}

/// The account is not disconnected, and nothing says that it is.
#[tokio::test(start_paused = true)]
async fn a_disconnection_fails_while_the_list_cannot_be_read() {
    let rig = exchanging();
    let broker = rig.replica([vault()]);
    *rig.tenant.connected_fault.lock().unwrap() = Some(Fault::Tenant);
    for _ in 0..3 {
        let error = broker.revoke(&rig.ask("google")).await.unwrap_err();
        assert!(error.is_transient(), "{error:?}");
    }
    *rig.tenant.connected_fault.lock().unwrap() = None;
    tokio::time::advance(Duration::from_secs(1)).await;
    revoke(&broker, &rig.ask("google")).await.unwrap();
    assert!(broker.token(&rig.ask("google")).await.unwrap_err().is_reconnect());
}

/// Nothing is connected, so no revocation is stored that later ones could go by.
#[tokio::test(start_paused = true)]
async fn tm_a18_disconnections_of_made_up_accounts_read_the_list_once_in_5_seconds() {
    for connected in [false, true] {
        let rig = exchanging();
        if connected {
            let other = ConnectedAccount::new("cac_1", "another-connection");
            rig.tenant.connected.lock().unwrap().push(other);
        }
        let broker = rig.replica([both(), provider(Kind::GitHub)]);
        hammer(&rig, &broker, 30).await;
        // One for the list that is shown, one for the first disconnection.
        assert_eq!(rig.tenant.connected_reads(), 2);
        for _ in 0..30 {
            hammer(&rig, &broker, 2).await;
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert!(rig.tenant.connected_reads() <= 9, "{}", rig.tenant.connected_reads());
    }
}
