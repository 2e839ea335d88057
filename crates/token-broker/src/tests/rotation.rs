use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, SystemTime},
};

use idp_adapters::Kind;
use secrecy::ExposeSecret;
use serde_json::json;

use super::rig::*;
use crate::{
    Broker, BrokerBuilder, BuildError, Error, GrantKey, GrantRecord, GrantState, GrantStore, IdpToken,
    MemoryStore, Reason, TransportErrorKind,
};

pub(super) fn key() -> GrantKey {
    identity_key(&refreshing(Kind::Bitbucket), "bitbucket", "{b}")
}

pub(super) async fn stored(rig: &Rig) -> Option<GrantRecord> {
    rig.store.inner.load(&key()).await.unwrap().map(|found| found.record)
}

pub(super) async fn token(broker: &Broker, rig: &Rig) -> IdpToken {
    broker.token(&rig.ask("bitbucket")).await.unwrap()
}

pub(super) async fn reject(broker: &Broker, rig: &Rig, dead: &IdpToken) -> Result<String, Error> {
    Ok(broker.token_rejected(&rig.ask("bitbucket"), dead).await?.bearer().expose().to_owned())
}

#[tokio::test(start_paused = true)]
async fn tm_c06_three_replicas_and_two_hundred_callers_refresh_once() {
    let rig = Rig::new(bitbucket("a0", "r0"));
    let (answer, reused) = rotating(7200);
    rig.provider.answers(answer);
    let replicas: Vec<_> = (0..3).map(|_| rig.replica([refreshing(Kind::Bitbucket)])).collect();
    let dead = token(&replicas[0], &rig).await;
    let all = (0..200).map(|n: usize| {
        let (broker, rig, dead) = (&replicas[n % 3], &rig, &dead);
        async move { reject(broker, rig, dead).await.unwrap() }
    });
    assert!(futures_util::future::join_all(all).await.iter().all(|token| token == "a1"));
    assert_eq!((rig.provider.calls(), reused.load(Ordering::SeqCst)), (1, 0));
    assert_eq!(stored(&rig).await.unwrap().refresh_token.unwrap().expose_secret(), "r1");
}

#[tokio::test(start_paused = true)]
async fn each_refresh_spends_the_newest_token_also_after_a_restart() {
    let rig = Rig::new(bitbucket("a0", "r0"));
    let (answer, reused) = rotating(7200);
    rig.provider.answers(answer);
    let dead = token(&rig.replica([refreshing(Kind::Bitbucket)]), &rig).await;
    assert_eq!(reject(&rig.replica([refreshing(Kind::Bitbucket)]), &rig, &dead).await.unwrap(), "a1");
    for round in 2..6 {
        rig.end_in("bitbucket", "{b}", -1).await;
        let token = token(&rig.replica([refreshing(Kind::Bitbucket)]), &rig).await;
        assert_eq!(token.bearer().expose(), format!("a{round}"));
    }
    assert_eq!((rig.provider.calls(), reused.load(Ordering::SeqCst)), (5, 0), "a spent token was never sent");
    let record = stored(&rig).await.unwrap();
    assert_eq!(record.refresh_token.unwrap().expose_secret(), &format!("r{}", rig.provider.calls()));
}

#[tokio::test(start_paused = true)]
async fn the_new_refresh_token_is_stored_before_its_access_token_is_used() {
    let rig = Rig::new(bitbucket("a0", "r0"));
    let (answer, reused) = rotating(7200);
    rig.provider.answers(answer);
    let broker = rig.replica([refreshing(Kind::Bitbucket)]);
    let dead = token(&broker, &rig).await;
    rig.store.no_writes.store(true, Ordering::SeqCst);
    let error = reject(&broker, &rig, &dead).await.unwrap_err();
    assert_eq!(*error.reason(), Reason::StoreUnavailable);
    assert!(stored(&rig).await.unwrap().intent.is_some());
    // The store comes back: the kept answer is written, nothing is spent twice.
    rig.store.no_writes.store(false, Ordering::SeqCst);
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(reject(&broker, &rig, &dead).await.unwrap(), "a1");
    assert_eq!((rig.provider.calls(), reused.load(Ordering::SeqCst)), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn without_the_store_nothing_is_spent() {
    let rig = Rig::new(bitbucket("a0", "r0"));
    let broker = rig.replica([refreshing(Kind::Bitbucket)]);
    let dead = token(&broker, &rig).await;
    rig.store.down.store(true, Ordering::SeqCst);
    assert_eq!(*reject(&broker, &rig, &dead).await.unwrap_err().reason(), Reason::StoreUnavailable);
    assert_eq!(rig.provider.calls(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_answer_lost_on_the_way_is_refresh_lost_once_and_never_a_loop() {
    let rig = Rig::new(bitbucket("a0", "r0"));
    let (mut inner, _) = rotating(7200);
    let mut first = true;
    rig.provider.answers(move |form| {
        let answer = inner(form);
        if std::mem::take(&mut first) { Err(TransportErrorKind::Broken.into()) } else { answer }
    });
    let broker = rig.replica([refreshing(Kind::Bitbucket)]);
    let dead = token(&broker, &rig).await;
    assert_eq!(*reject(&broker, &rig, &dead).await.unwrap_err().reason(), Reason::ProviderUnreachable);
    assert!(stored(&rig).await.unwrap().intent.is_some(), "a successor must know");
    // Another process finds the intent, tries the stored token once and then says so.
    let successor = rig.replica([refreshing(Kind::Bitbucket)]);
    for _ in 0..5 {
        let error = reject(&successor, &rig, &dead).await.unwrap_err();
        assert!(error.is_reconnect(), "{error:?}");
    }
    let error = rig
        .replica([refreshing(Kind::Bitbucket)])
        .token_rejected(&rig.ask("bitbucket"), &dead)
        .await
        .unwrap_err();
    assert!(matches!(error.reason(), Reason::ReconnectRequired { refresh_lost: true, .. }), "{error:?}");
    assert_eq!(rig.provider.calls(), 2);
    assert!(matches!(stored(&rig).await.unwrap().state, GrantState::Dead { lost: true, .. }));
}

/// A try that does not reach the provider, or that the tenant's outage leaves undecided, does not answer for the lost one.
#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_remembered_over_tries_that_decide_nothing() {
    for tenant_down in [false, true] {
        let rig = Rig::new(bitbucket("a0", "r0"));
        let (mut inner, _) = rotating(7200);
        let mut tries = 0;
        rig.provider.answers(move |form| {
            tries += 1;
            match tries {
                // The first is spent at the provider, and its answer is lost.
                1 => inner(form).and(Err(TransportErrorKind::Broken.into())),
                2 if !tenant_down => Err(TransportErrorKind::Connect.into()),
                _ => inner(form),
            }
        });
        let broker = rig.replica([refreshing(Kind::Bitbucket)]);
        let dead = token(&broker, &rig).await;
        assert_eq!(*reject(&broker, &rig, &dead).await.unwrap_err().reason(), Reason::ProviderUnreachable);
        *rig.tenant.fault.lock().unwrap() = tenant_down.then_some(user_store::Fault::Tenant);
        tokio::time::advance(Duration::from_secs(120)).await;
        let undecided = reject(&broker, &rig, &dead).await.unwrap_err();
        assert!(!undecided.is_reconnect(), "{undecided:?}");
        *rig.tenant.fault.lock().unwrap() = None;
        tokio::time::advance(Duration::from_secs(120)).await;
        let error = reject(&broker, &rig, &dead).await.unwrap_err();
        assert!(
            matches!(error.reason(), Reason::ReconnectRequired { refresh_lost: true, .. }),
            "{tenant_down}: {error:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_cut_off_refresh_whose_token_was_not_spent_goes_on() {
    let rig = Rig::new(bitbucket("a0", "r0"));
    rig.provider.answers(|_| Ok((503, json!({}))));
    let broker = rig.replica([refreshing(Kind::Bitbucket)]);
    let dead = token(&broker, &rig).await;
    assert_eq!(*reject(&broker, &rig, &dead).await.unwrap_err().reason(), Reason::ProviderError);
    let (answer, _) = rotating(7200);
    rig.provider.answers(answer);
    assert_eq!(reject(&rig.replica([refreshing(Kind::Bitbucket)]), &rig, &dead).await.unwrap(), "a1");
    assert!(stored(&rig).await.unwrap().intent.is_none());
}

#[tokio::test(start_paused = true)]
async fn auth0s_copy_wins_only_when_it_changed() {
    let rig = Rig::new(bitbucket("a0", "r0"));
    let (answer, _) = rotating(7200);
    rig.provider.answers(answer);
    let broker = rig.replica([refreshing(Kind::Bitbucket)]);
    let dead = token(&broker, &rig).await;
    assert_eq!(reject(&broker, &rig, &dead).await.unwrap(), "a1");
    // The same copy, read anew, with another last_login and another identity's tokens changed.
    rig.tenant.users.lock().unwrap().get_mut(USER).unwrap()["last_login"] = json!("2026-11-24T10:00:00Z");
    rig.tenant.users.lock().unwrap().get_mut(USER).unwrap()["identities"][0]["access_token"] =
        json!("ya29.z");
    let mut ask = rig.ask("bitbucket");
    ask.issued_at = SystemTime::now() + Duration::from_secs(30);
    assert_eq!(broker.token(&ask).await.unwrap().bearer().expose(), "a1");
    tokio::time::advance(Duration::from_secs(61)).await;
    rig.tenant.put(bitbucket("a-login", "r-login"));
    ask.issued_at += Duration::from_secs(60);
    assert_eq!(broker.token(&ask).await.unwrap().bearer().expose(), "a-login");
}

#[tokio::test(start_paused = true)]
async fn tm_c06_a_loser_reads_the_store_before_it_believes_invalid_grant() {
    let rig = Rig::new(bitbucket("a0", "r0"));
    let broker = rig.replica([refreshing(Kind::Bitbucket)]);
    let dead = token(&broker, &rig).await;
    // While our request is under way, a process whose lease we have outlived stores its result.
    let store = rig.store.clone();
    rig.provider.answers(move |form| {
        if form["refresh_token"] == "r0" {
            let found =
                futures_util::FutureExt::now_or_never(store.inner.load(&key())).unwrap().unwrap().unwrap();
            let mut record = found.record;
            record.refresh_token = Some("r1".to_owned().into());
            record.access_token = Some(token_keeper::BearerToken::new("a1").unwrap());
            record.intent = None;
            let key = key();
            let swapped = store.inner.swap(&key, Some(found.version), &record);
            let _ = futures_util::FutureExt::now_or_never(swapped).unwrap();
        }
        Ok((400, json!({ "error": "invalid_grant" })))
    });
    assert_eq!(reject(&broker, &rig, &dead).await.unwrap(), "a1");
    assert_eq!((rig.provider.calls(), rig.tenant.lookups()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn tm_c06_rotation_in_memory_is_refused_with_the_remedy() {
    let rig = Rig::new(bitbucket("a0", "r0"));
    let builder = |provider| {
        let users = user_store::UserStore::over(TenantDirectory(rig.tenant.clone()), "acme.test").build();
        BrokerBuilder::over("acme.test".into(), rig.vault.clone(), Box::new(|| false), users)
            .provider(provider)
            .transport(rig.provider.clone())
            .store(Arc::new(MemoryStore::new().unwrap()))
            .build()
    };
    let error = builder(refreshing(Kind::Bitbucket)).unwrap_err();
    assert!(matches!(&error, BuildError::RotationInMemory(name) if name == "bitbucket"));
    assert!(error.to_string().contains("allow_rotation_in_memory"));
    let mut insisting = refreshing(Kind::Bitbucket);
    insisting.allow_rotation_in_memory = true;
    assert!(builder(insisting).is_ok());
    let mut resting = refreshing(Kind::Bitbucket);
    resting.refresh = false;
    assert!(builder(resting).is_ok());
    assert!(builder(refreshing(Kind::Google)).is_ok());
}

#[tokio::test(start_paused = true)]
async fn tm_c09_another_client_or_token_endpoint_does_not_spend_the_grant() {
    let rig = Rig::new(bitbucket("a0", "r0"));
    let (answer, _) = rotating(7200);
    rig.provider.answers(answer);
    let broker = rig.replica([refreshing(Kind::Bitbucket)]);
    let dead = token(&broker, &rig).await;
    assert_eq!(reject(&broker, &rig, &dead).await.unwrap(), "a1");
    let (mut elsewhere, mut another) = (refreshing(Kind::Bitbucket), refreshing(Kind::Bitbucket));
    elsewhere.token_url = Some("https://other.test/token".parse().unwrap());
    another.credentials.as_mut().unwrap().client_id = "another".to_owned();
    for other in [elsewhere, another] {
        let other = rig.replica([other]);
        assert_eq!(
            token(&other, &rig).await.bearer().expose(),
            "a0",
            "Auth0's copy, not the other client's grant"
        );
    }
    assert_eq!(token(&broker, &rig).await.bearer().expose(), "a1");
}

#[tokio::test(start_paused = true)]
async fn a_grant_of_an_older_version_moves_to_its_clients_key() {
    let rig = Rig::new(bitbucket("a0", "r0"));
    let (answer, reused) = rotating(7200);
    rig.provider.answers(answer);
    let broker = rig.replica([refreshing(Kind::Bitbucket)]);
    let dead = token(&broker, &rig).await;
    reject(&broker, &rig, &dead).await.unwrap();
    let record = stored(&rig).await.unwrap();
    let plain = key().with_client(None);
    rig.store.inner.delete(&key()).await.unwrap();
    rig.store.inner.swap(&plain, None, &record).await.unwrap();
    let successor = rig.replica([refreshing(Kind::Bitbucket)]);
    let dead = token(&successor, &rig).await;
    assert_eq!(dead.bearer().expose(), "a1");
    assert!(rig.store.inner.load(&plain).await.unwrap().is_none() && stored(&rig).await.is_some());
    rig.end_in("bitbucket", "{b}", -1).await;
    assert_eq!(token(&successor, &rig).await.bearer().expose(), "a2");
    assert_eq!((rig.provider.calls(), reused.load(Ordering::SeqCst)), (2, 0));
}
