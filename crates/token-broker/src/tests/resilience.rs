//! Stores that fail in the middle, keys that rotate, processes that end.

use std::{
    sync::atomic::Ordering,
    time::{Duration, SystemTime},
};

use idp_adapters::Kind;
use secrecy::ExposeSecret;
use serde_json::json;
use tokio_util::task::TaskTracker;

use super::{
    rig::*,
    rotation::{key, reject, stored, token},
};
#[cfg(feature = "file")]
use crate::{FileStore, KeyRing};
use crate::{GrantState, GrantStore, Reason, store::Versioned};

#[tokio::test(start_paused = true)]
async fn invalid_grant_is_not_believed_while_the_store_cannot_be_read() {
    let rig = Rig::new(bitbucket("a0", "r0"));
    let broker = rig.replica([refreshing(Kind::Bitbucket)]);
    let dead = token(&broker, &rig).await;
    let store = rig.store.clone();
    rig.provider.answers(move |_| {
        store.down.store(true, Ordering::SeqCst);
        Ok((400, json!({ "error": "invalid_grant" })))
    });
    let error = reject(&broker, &rig, &dead).await.unwrap_err();
    assert_eq!(*error.reason(), Reason::StoreUnavailable, "another replica may have refreshed meanwhile");
    rig.store.down.store(false, Ordering::SeqCst);
    assert_eq!(stored(&rig).await.unwrap().state, GrantState::Live);
    let (answer, _) = rotating(7200);
    rig.provider.answers(answer);
    tokio::time::advance(Duration::from_secs(5)).await;
    assert_eq!(reject(&broker, &rig, &dead).await.unwrap(), "a1");
}

#[tokio::test(start_paused = true)]
async fn a_refreshed_grant_gets_into_the_store_without_any_further_request() {
    let rig = Rig::new(bitbucket("a0", "r0"));
    let (answer, reused) = rotating(7200);
    rig.provider.answers(answer);
    let tasks = TaskTracker::new();
    let broker = rig.replica_over(rig.store.clone(), [refreshing(Kind::Bitbucket)], tasks.clone());
    let other = rig.replica([refreshing(Kind::Bitbucket)]);
    let dead = token(&broker, &rig).await;
    rig.store.no_writes.store(true, Ordering::SeqCst);
    assert_eq!(*reject(&broker, &rig, &dead).await.unwrap_err().reason(), Reason::StoreUnavailable);
    assert_eq!(tasks.len(), 1);
    // Nobody else spends the token meanwhile: the lease is not given back.
    assert_eq!(*reject(&other, &rig, &dead).await.unwrap_err().reason(), Reason::StoreUnavailable);
    // The broker may go (a reload); its errand does not.
    drop(broker);
    rig.store.no_writes.store(false, Ordering::SeqCst);
    finished(&tasks).await;
    let record = stored(&rig).await.unwrap();
    assert_eq!((record.refresh_token.unwrap().expose_secret(), record.intent), ("r1", None));
    tokio::time::advance(Duration::from_secs(5)).await;
    assert_eq!(reject(&other, &rig, &dead).await.unwrap(), "a1");
    assert_eq!((rig.provider.calls(), reused.load(Ordering::SeqCst)), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_refresh_outlives_its_caller_and_an_orderly_end_waits_for_it() {
    let rig = Rig::new(bitbucket("a0", "r0"));
    let (answer, _) = rotating(7200);
    rig.provider.answers(answer);
    let tasks = TaskTracker::new();
    let broker = rig.replica_over(rig.store.clone(), [refreshing(Kind::Bitbucket)], tasks.clone());
    let dead = token(&broker, &rig).await;
    let gone = tokio::time::timeout(Duration::from_millis(10), reject(&broker, &rig, &dead)).await;
    assert!(gone.is_err(), "the caller has hung up");
    assert_eq!(tasks.len(), 1);
    finished(&tasks).await;
    assert_eq!(stored(&rig).await.unwrap().refresh_token.unwrap().expose_secret(), "r1");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_went_back_gets_the_newer_grant_and_no_token_is_spent_twice() {
    let rig = Rig::new(bitbucket("a0", "r0"));
    let (answer, reused) = rotating(7200);
    rig.provider.answers(answer);
    let broker = rig.replica([refreshing(Kind::Bitbucket)]);
    let dead = token(&broker, &rig).await;
    assert_eq!(reject(&broker, &rig, &dead).await.unwrap(), "a1");
    let old = rig.store.inner.load(&key()).await.unwrap().unwrap();
    rig.end_in("bitbucket", "{b}", -1).await;
    assert_eq!(token(&broker, &rig).await.bearer().expose(), "a2");
    // A failover loses the last write.
    let spent =
        |record: &crate::GrantRecord| record.refresh_token.as_ref().unwrap().expose_secret().to_owned();
    assert_eq!(spent(&old.record), "r1");
    let past =
        Versioned::new(crate::GrantRecord { updated_at: SystemTime::UNIX_EPOCH, ..old.record }, old.version);
    *rig.store.past.lock().unwrap() = Some(past);
    let dead = token(&broker, &rig).await;
    assert_eq!(reject(&broker, &rig, &dead).await.unwrap(), "a3");
    assert_eq!((rig.provider.calls(), reused.load(Ordering::SeqCst)), (3, 0));
    assert!(rig.store.past.lock().unwrap().is_none());
    assert_eq!(spent(&stored(&rig).await.unwrap()), "r3");
}

#[tokio::test(start_paused = true)]
async fn without_lease_enough_for_the_answer_nothing_is_noted_and_nothing_sent() {
    let rig = Rig::new(bitbucket("a0", "r0"));
    let broker = rig.replica([refreshing(Kind::Bitbucket)]);
    let dead = token(&broker, &rig).await;
    rig.store.short_leases.store(true, Ordering::SeqCst);
    assert_eq!(*reject(&broker, &rig, &dead).await.unwrap_err().reason(), Reason::StoreUnavailable);
    assert_eq!(rig.provider.calls(), 0);
    assert!(stored(&rig).await.is_none());
}

#[cfg(feature = "file")]
fn ring(ids: &[(&str, u8)]) -> KeyRing {
    use base64::{Engine, prelude::BASE64_STANDARD};
    let lines: Vec<_> =
        ids.iter().map(|(id, byte)| format!("{id}:{}", BASE64_STANDARD.encode([*byte; 32]))).collect();
    KeyRing::parse(&lines.join("\n").into()).unwrap()
}

/// Real time: the store's file is written by threads.
#[cfg(feature = "file")]
#[tokio::test]
async fn an_old_key_can_go_once_the_records_are_sealed_with_the_new_one() {
    let rig = Rig::new(bitbucket("a0", "r0"));
    let (answer, reused) = rotating(7200);
    rig.provider.answers(answer);
    let folder = tempfile::tempdir().unwrap();
    let file = FileStore::open(folder.path().join("grants.redb"), ring(&[("old", 1)])).await.unwrap();
    let over = |file: FileStore| {
        rig.replica_over(std::sync::Arc::new(file), [refreshing(Kind::Bitbucket)], TaskTracker::new())
    };
    let both = file.with_keys(ring(&[("new", 2), ("old", 1)])).await.unwrap();
    let broker = over(file);
    let dead = token(&broker, &rig).await;
    assert_eq!(reject(&broker, &rig, &dead).await.unwrap(), "a1");
    // The ring grows; the next refresh seals anew.
    let check = both.with_keys(ring(&[("new", 2)])).await;
    assert!(check.unwrap_err().is_damaged(), "the old key is still needed");
    let broker = over(both.with_keys(ring(&[("new", 2), ("old", 1)])).await.unwrap());
    let dead = token(&broker, &rig).await;
    assert_eq!(dead.bearer().expose(), "a1");
    assert_eq!(reject(&broker, &rig, &dead).await.unwrap(), "a2");
    // Two refreshes in a minute are all that there are.
    rig.tenant.wall.set_to(rig.tenant.wall.now() + Duration::from_secs(61));
    // And without the old key Auth0's copy, spent long ago, is still known for what it is.
    let broker = over(both.with_keys(ring(&[("new", 2)])).await.unwrap());
    let dead = token(&broker, &rig).await;
    assert_eq!(dead.bearer().expose(), "a2");
    assert_eq!(reject(&broker, &rig, &dead).await.unwrap(), "a3");
    assert_eq!((rig.provider.calls(), reused.load(Ordering::SeqCst)), (3, 0));
}

async fn finished(tasks: &TaskTracker) {
    tasks.close();
    tasks.wait().await;
}
