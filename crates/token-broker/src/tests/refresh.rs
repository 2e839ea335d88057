use std::{
    sync::atomic::Ordering,
    time::{Duration, SystemTime},
};

use idp_adapters::Kind;
use serde_json::{Value, json};

use super::rig::*;
use crate::{AccountState, Broker, Reason, TransportErrorKind};

pub(super) fn google_identity(token: &str, refresh: &str) -> Value {
    json!([{ "provider": "google-oauth2", "connection": "google-oauth2", "user_id": "1", "access_token": token,
        "refresh_token": refresh, "expires_in": 3599 }])
}

pub(super) fn refreshed(token: &str, expires_in: u64) -> (u16, Value) {
    (
        200,
        json!({ "access_token": token, "expires_in": expires_in, "token_type": "Bearer", "scope": "openid" }),
    )
}

pub(super) async fn kill(broker: &Broker, rig: &Rig, name: &str) -> Result<String, crate::Error> {
    let dead = broker.token(&rig.ask(name)).await?;
    Ok(broker.token_rejected(&rig.ask(name), &dead).await?.bearer().expose().to_owned())
}

#[tokio::test(start_paused = true)]
async fn a_dead_token_is_refreshed_without_asking_auth0() {
    let rig = Rig::new(google_identity("ya29.0", "1//r"));
    let broker = rig.replica([refreshing(Kind::Google)]);
    rig.provider.answers(|_| Ok(refreshed("ya29.1", 3600)));
    let dead = broker.token(&rig.ask("google")).await.unwrap();
    assert!(dead.is_refreshable() && dead.expires_at().is_none());
    let all = (0..200).map(|_| {
        let (broker, dead, ask) = (broker.clone(), dead.clone(), rig.ask("google"));
        async move { broker.token_rejected(&ask, &dead).await.unwrap().bearer().expose().to_owned() }
    });
    assert!(futures_util::future::join_all(all).await.iter().all(|token| token == "ya29.1"));
    let token = broker.token(&rig.ask("google")).await.unwrap();
    assert!(token.expires_at().is_some(), "learned from the refresh");
    assert_eq!((token.bearer().expose(), rig.provider.calls(), rig.tenant.lookups()), ("ya29.1", 1, 1));
    let form = rig.provider.asked.lock().unwrap()[0].clone();
    assert_eq!((form["refresh_token"].as_str(), form["client_id"].as_str()), ("1//r", "client-id"));
    let status = broker.accounts(&rig.ask("")).await.unwrap();
    assert_eq!((status[0].state, status[0].refreshable), (AccountState::Usable, true));
}

#[tokio::test(start_paused = true)]
async fn tm_o14_a_token_that_was_refreshed_for_a_call_says_what_the_provider_saw() {
    use secrecy::ExposeSecret as _;
    let rig = Rig::new(google_identity("ya29.0", "1//r"));
    let broker = rig.replica([refreshing(Kind::Google)]);
    rig.provider.answers(|_| {
        Ok((200, json!({ "access_token": "ya29.1", "refresh_token": "1//s", "id_token": "e.y.J", "expires_in": 3600,
            "scope": "openid 1//r" })))
    });
    let dead = broker.token(&rig.ask("google")).await.unwrap();
    assert!(dead.exchanged().is_empty());
    let token = broker.token_rejected(&rig.ask("google"), &dead).await.unwrap();
    let seen: Vec<&str> = token.exchanged().iter().map(|secret| secret.expose_secret()).collect();
    for secret in ["1//r", "1//s", "e.y.J"] {
        assert!(seen.contains(&secret), "{secret}");
    }
    assert_eq!(seen.len(), 4, "and the client's secret");
    assert_eq!(token.scopes(), None, "a secret among them");
    let next = broker.token(&rig.ask("google")).await.unwrap();
    assert!(next.exchanged().is_empty() && next.scopes().is_none());
}

#[tokio::test(start_paused = true)]
async fn what_only_the_user_can_lift_costs_a_look_and_no_refresh() {
    let rig = Rig::new(google_identity("ya29.0", "1//r"));
    let broker = rig.replica([refreshing(Kind::Google)]);
    let dead = broker.token(&rig.ask("google")).await.unwrap();
    assert!(broker.login_required(&rig.ask("google"), &dead).await.unwrap_err().is_reconnect());
    assert!(broker.token(&rig.ask("google")).await.unwrap_err().is_reconnect(), "for a minute");
    assert_eq!((rig.provider.calls(), rig.tenant.lookups()), (0, 2));

    let dead = {
        tokio::time::advance(Duration::from_secs(61)).await;
        broker.token(&rig.ask("google")).await.unwrap()
    };
    rig.tenant.put(google_identity("ya29.1", "1//s"));
    let new = broker.login_required(&rig.ask("google"), &dead).await.unwrap();
    assert_eq!((new.bearer().expose(), rig.provider.calls(), rig.tenant.lookups()), ("ya29.1", 0, 3));
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_about_to_end_is_refreshed_behind_and_one_that_has_ended_ahead() {
    let rig = Rig::new(google_identity("ya29.0", "1//r"));
    let mut serial = 0;
    rig.provider.answers(move |_| {
        serial += 1;
        Ok(refreshed(&format!("ya29.{serial}"), 3600))
    });
    let served = async |rig: &Rig| {
        let broker = rig.replica([refreshing(Kind::Google)]);
        let token = broker.token(&rig.ask("google")).await.unwrap().bearer().expose().to_owned();
        tokio::time::sleep(Duration::from_secs(1)).await;
        (token, broker.token(&rig.ask("google")).await.unwrap().bearer().expose().to_owned())
    };
    kill(&rig.replica([refreshing(Kind::Google)]), &rig, "google").await.unwrap();
    assert_eq!(served(&rig).await, ("ya29.1".into(), "ya29.1".into()));
    rig.end_in("google-oauth2", "1", 200).await;
    assert_eq!(served(&rig).await, ("ya29.1".into(), "ya29.2".into()));
    rig.end_in("google-oauth2", "1", -1).await;
    assert_eq!(served(&rig).await, ("ya29.3".into(), "ya29.3".into()));
    // A token that still lives is served although it cannot be refreshed; one that has ended is not.
    rig.provider.answers(|_| Ok((503, json!({}))));
    rig.end_in("google-oauth2", "1", 60).await;
    assert_eq!(served(&rig).await, ("ya29.3".into(), "ya29.3".into()));
    rig.end_in("google-oauth2", "1", -1).await;
    let error = rig.replica([refreshing(Kind::Google)]).token(&rig.ask("google")).await.unwrap_err();
    assert_eq!(*error.reason(), Reason::ProviderError);
}

#[tokio::test(start_paused = true)]
async fn permanent_and_transient_failures_are_never_mixed_up() {
    let permanent = |_: &Form| Ok((400, json!({ "error": "invalid_grant" })));
    let rig = Rig::new(google_identity("ya29.0", "1//r"));
    let broker = rig.replica([refreshing(Kind::Google)]);
    rig.provider.answers(permanent);
    for _ in 0..10 {
        let error = kill(&broker, &rig, "google").await.unwrap_err();
        assert!(error.is_reconnect(), "{error:?}");
    }
    assert_eq!((rig.provider.calls(), rig.tenant.lookups()), (1, 2), "a cool-down, not a loop");
    // A minute later one more look at Auth0's copy, and a new login ends it.
    tokio::time::advance(Duration::from_secs(61)).await;
    rig.tenant.put(google_identity("ya29.login", "1//new"));
    assert_eq!(broker.token(&rig.ask("google")).await.unwrap().bearer().expose(), "ya29.login");

    type Case = (fn(&Form) -> Reply, Reason);
    let cases: [Case; 6] = [
        (|_| Ok((500, json!({ "error": "invalid_grant" }))), Reason::ProviderError),
        (|_| Ok((429, json!({}))), Reason::ProviderRateLimited),
        (|_| Err(TransportErrorKind::Connect.into()), Reason::ProviderUnreachable),
        (|_| Err(TransportErrorKind::Timeout.into()), Reason::ProviderTimeout),
        (|_| Ok((401, json!({ "error": "invalid_client" }))), Reason::ProviderMisconfigured),
        (|_| Ok((200, json!("<html>"))), Reason::ProviderError),
    ];
    for (answer, reason) in cases {
        let rig = Rig::new(google_identity("ya29.0", "1//r"));
        let broker = rig.replica([refreshing(Kind::Google)]);
        rig.provider.answers(answer);
        for _ in 0..10 {
            let error = kill(&broker, &rig, "google").await.unwrap_err();
            assert_eq!(*error.reason(), reason);
            assert!(std::error::Error::source(&error).is_some(), "{reason:?}: the cause is kept");
        }
        assert_eq!(rig.provider.calls(), 1, "{reason:?}: paused");
        rig.provider.answers(|_| Ok(refreshed("ya29.1", 3600)));
        tokio::time::advance(Duration::from_secs(301)).await;
        assert_eq!(kill(&broker, &rig, "google").await.unwrap(), "ya29.1", "{reason:?}: still alive");
    }
}

/// Google sends a refresh token at the first consent only: a later sign-in brings an access token alone.
#[tokio::test(start_paused = true)]
async fn a_sign_in_without_a_refresh_token_keeps_the_one_we_hold() {
    let rig = Rig::new(google_identity("ya29.0", "1//r"));
    let broker = rig.replica([refreshing(Kind::Google)]);
    let mut serial = 0;
    rig.provider.answers(move |form| {
        serial += 1;
        assert_eq!(form["refresh_token"], "1//r");
        Ok(refreshed(&format!("ya29.{serial}"), 3600))
    });
    assert_eq!(kill(&broker, &rig, "google").await.unwrap(), "ya29.1");
    rig.tenant.put(google("ya29.login"));
    let later = SystemTime::now() + Duration::from_secs(30);
    let request = rig.ask("google").issued_at(later);
    let token = broker.token(&request).await.unwrap();
    assert_eq!(token.bearer().expose(), "ya29.login", "the new access token wins");
    assert!(token.is_refreshable());
    assert_eq!(broker.token_rejected(&request, &token).await.unwrap().bearer().expose(), "ya29.2");
    // A sign-in with another refresh token replaces it.
    tokio::time::advance(Duration::from_secs(61)).await;
    rig.tenant.put(google_identity("ya29.consent", "1//new"));
    rig.provider.answers(|form| {
        assert_eq!(form["refresh_token"], "1//new");
        Ok(refreshed("ya29.3", 3600))
    });
    let request = rig.ask("google").issued_at(later + Duration::from_secs(60));
    let token = broker.token(&request).await.unwrap();
    assert_eq!(token.bearer().expose(), "ya29.consent");
    assert_eq!(broker.token_rejected(&request, &token).await.unwrap().bearer().expose(), "ya29.3");
}

#[tokio::test(start_paused = true)]
async fn a_refused_refresh_token_does_not_come_back_with_a_new_access_token() {
    let rig = Rig::new(google_identity("ya29.0", "1//r"));
    let broker = rig.replica([refreshing(Kind::Google)]);
    rig.provider.answers(|_| Ok((400, json!({ "error": "invalid_grant" }))));
    assert!(kill(&broker, &rig, "google").await.is_err());
    rig.tenant.put(google("ya29.login"));
    let request = rig.ask("google").issued_at(SystemTime::now() + Duration::from_secs(30));
    let token = broker.token(&request).await.unwrap();
    assert_eq!((token.bearer().expose(), token.is_refreshable()), ("ya29.login", false));
    assert!(broker.token_rejected(&request, &token).await.is_err());
    assert_eq!(rig.provider.calls(), 1);
}

/// One error word has many causes: Entra's numbers are read before the word, and a grant of another client is one user's
/// trouble.
#[tokio::test(start_paused = true)]
async fn the_cause_decides_who_has_to_act() {
    use idp_adapters::Cause;
    let microsoft = || {
        json!([{ "provider": "windowslive", "connection": "windowslive", "user_id": "1", "access_token": "EwB.0",
            "refresh_token": "M.C0" }])
    };
    let entra = |number: u32, word: &str| (400, json!({ "error": word, "error_codes": [number] }));
    let cases = [
        (Kind::Microsoft, entra(50_194, "invalid_request"), Err(Reason::ProviderMisconfigured)),
        (Kind::Microsoft, entra(90_002, "invalid_request"), Err(Reason::ProviderMisconfigured)),
        (Kind::Microsoft, entra(7_000_215, "invalid_client"), Err(Reason::ProviderMisconfigured)),
        (Kind::Microsoft, entra(50_196, "invalid_grant"), Err(Reason::ProviderRateLimited)),
        (Kind::Microsoft, entra(700_007, "invalid_grant"), Ok(Cause::OtherClient)),
        (Kind::Microsoft, entra(65_001, "invalid_grant"), Ok(Cause::ConsentMissing)),
        (Kind::Microsoft, entra(700_082, "invalid_grant"), Ok(Cause::GrantExpired)),
        (Kind::Microsoft, entra(50_173, "invalid_grant"), Ok(Cause::GrantRevoked)),
        (Kind::Microsoft, entra(53_003, "invalid_grant"), Ok(Cause::PolicyBlocked)),
        (Kind::Google, (401, json!({ "error": "unauthorized_client" })), Ok(Cause::OtherClient)),
        (Kind::Google, (400, json!({ "error": "invalid_grant" })), Ok(Cause::GrantInvalid)),
    ];
    for (kind, answer, expected) in cases {
        let google = kind == Kind::Google;
        let rig = Rig::new(if google { google_identity("ya29.0", "1//r") } else { microsoft() });
        let broker = rig.replica([refreshing(kind)]);
        let said = answer.clone();
        rig.provider.answers(move |_| Ok(said.clone()));
        // The second time the record says it.
        for _ in 0..2 {
            let error = kill(&broker, &rig, kind.as_str()).await.unwrap_err();
            match (&expected, error.reason()) {
                (Ok(cause), Reason::ReconnectRequired { cause: found, .. }) => {
                    assert_eq!(found.as_ref(), Some(cause), "{answer:?}");
                    assert_eq!(error.detail(), cause.text());
                }
                (Err(reason), found) => assert_eq!(found, reason, "{answer:?}"),
                (Ok(_), found) => panic!("{answer:?}: {found:?}"),
            }
        }
        assert_eq!(rig.provider.calls(), 1, "{answer:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn tm_s09_no_secret_is_sent_over_plain_http_to_another_machine() {
    let rig = Rig::new(google_identity("ya29.0", "1//r"));
    for (url, sent) in [("http://id.test/token", 0), ("http://127.0.0.1:1/token", 1)] {
        let mut provider = refreshing(Kind::Google);
        provider.token_url = Some(url.parse().unwrap());
        provider.revoke_url = Some(url.to_owned());
        let broker = rig.replica([provider]);
        rig.provider.answers(|_| Ok((503, json!({}))));
        let error = kill(&broker, &rig, "google").await.unwrap_err();
        assert_eq!(*error.reason() == Reason::ProviderMisconfigured, sent == 0, "{url}: {error:?}");
        assert_eq!(rig.provider.calls(), sent, "{url}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_credentials_the_dead_token_rule_holds() {
    let rig = Rig::new(google_identity("ya29.0", "1//r"));
    let broker = rig.replica([provider(Kind::Google)]);
    assert!(kill(&broker, &rig, "google").await.unwrap_err().is_reconnect());
    assert_eq!((rig.provider.calls(), rig.tenant.lookups()), (0, 2));
}

#[tokio::test(start_paused = true)]
async fn a_harmless_refresh_works_without_the_store() {
    let rig = Rig::new(google_identity("ya29.0", "1//r"));
    let broker = rig.replica([refreshing(Kind::Google)]);
    rig.store.down.store(true, Ordering::SeqCst);
    rig.provider.answers(|_| Ok(refreshed("ya29.1", 3600)));
    assert_eq!(kill(&broker, &rig, "google").await.unwrap(), "ya29.1");
}

#[tokio::test(start_paused = true)]
async fn facebooks_exchange_happens_while_the_token_lives() {
    let rig = Rig::new(
        json!([{ "provider": "facebook", "connection": "facebook", "user_id": "9", "access_token": "EAAshort" }]),
    );
    let broker = rig.replica([refreshing(Kind::Facebook)]);
    rig.provider.answers(|_| Ok(refreshed("EAAlong", 5_183_944)));
    assert_eq!(broker.token(&rig.ask("facebook")).await.unwrap().bearer().expose(), "EAAshort");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(broker.token(&rig.ask("facebook")).await.unwrap().bearer().expose(), "EAAlong");
    assert_eq!(rig.provider.asked.lock().unwrap()[0]["fb_exchange_token"], "EAAshort");
    assert_eq!(rig.provider.calls(), 1);
}
