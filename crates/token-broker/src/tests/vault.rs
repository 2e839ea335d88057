use std::time::Duration;

use futures_util::FutureExt;
use idp_adapters::Kind;
use token_keeper::BearerToken;

use super::rig::*;
use crate::{
    Cached, Provider, Reason, Source,
    vault::{Exchanged, Refused},
};

fn exchanged(token: &str, expires_in: Option<u64>) -> Result<Exchanged, Refused> {
    Ok(Exchanged {
        bearer: BearerToken::new(token).unwrap(),
        scope: Some("openid calendar".into()),
        expires_in: expires_in.map(Duration::from_secs),
    })
}

fn refused(code: &str, status: u16) -> Refused {
    Refused { code: Some(code.into()), status: Some(status), ..Refused::default() }
}

#[tokio::test(start_paused = true)]
async fn the_exchange_is_asked_as_the_facts_say_and_kept() {
    let rig = Rig::new(google("ya29.a"));
    let broker = rig.replica([sources(Kind::Google, &[Source::Vault])]);
    *rig.vault.answer.lock().unwrap() = Box::new(|_| exchanged("ya29.vault", Some(1377)));
    let token = broker.token(&rig.ask("google")).await.unwrap();
    assert_eq!(
        (token.bearer().expose(), token.cache(), token.source()),
        ("ya29.vault", Cached::Loaded, Source::Vault)
    );
    assert_eq!(token.scopes().unwrap(), ["openid", "calendar"]);
    let form = rig.vault.asked.lock().unwrap()[0].clone();
    assert_eq!(
        form["grant_type"],
        "urn:auth0:params:oauth:grant-type:token-exchange:federated-connection-access-token"
    );
    assert_eq!(form["subject_token"], "caller.token.1");
    assert_eq!(form["subject_token_type"], "urn:ietf:params:oauth:token-type:access_token");
    assert_eq!(
        form["requested_token_type"],
        "http://auth0.com/oauth/token-type/federated-connection-access-token"
    );
    assert_eq!((form["connection"].as_str(), form.get("login_hint"), form.len()), ("google-oauth2", None, 5));

    // A new caller token is no cold start; another account, organisation or user is.
    let other = BearerToken::new("caller.token.2").unwrap();
    let mut ask = rig.ask("google");
    ask.subject_token = Some(&other);
    assert_eq!(broker.token(&ask).await.unwrap().cache(), Cached::Hit);
    ask.organization = Some("org_1");
    assert_eq!(broker.token(&ask).await.unwrap().cache(), Cached::Loaded);
    let hint = selector("google-oauth2|77");
    ask.account = Some(&hint);
    broker.token(&ask).await.unwrap();
    assert_eq!(rig.vault.asked.lock().unwrap().len(), 3);
    assert_eq!(rig.vault.asked.lock().unwrap()[2]["login_hint"], "77");
}

#[tokio::test(start_paused = true)]
async fn results_end_with_the_token_and_with_the_cache() {
    for (life, kept) in [(Some(100), 94), (None, 599), (Some(100_000), 599)] {
        let rig = Rig::new(google("ya29.a"));
        let broker = rig.replica([sources(Kind::Google, &[Source::Vault])]);
        *rig.vault.answer.lock().unwrap() = Box::new(move |_| exchanged("ya29.vault", life));
        broker.token(&rig.ask("google")).await.unwrap();
        tokio::time::advance(Duration::from_secs(kept)).await;
        broker.token(&rig.ask("google")).await.unwrap();
        assert_eq!(rig.vault.asked.lock().unwrap().len(), 1, "{life:?}");
        tokio::time::advance(Duration::from_secs(3)).await;
        broker.token(&rig.ask("google")).await.unwrap();
        assert_eq!(rig.vault.asked.lock().unwrap().len(), 2, "{life:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_refusal_is_its_own_outcome() {
    let limited = Refused { rate_limited: true, transient: true, status: Some(429), ..Refused::default() };
    let down = Refused { transient: true, status: Some(503), ..Refused::default() };
    let cases = [
        (refused("federated_connection_refresh_token_not_found", 401), "AccountNotConnected"),
        (refused("federated_connection_refresh_token_flow_failed", 401), "ReconnectRequired"),
        (refused("invalid_grant", 403), "CallerTokenInvalid"),
        (refused("expired_token", 400), "CallerTokenInvalid"),
        (refused("access_denied", 401), "TenantMisconfigured"),
        (refused("access_denied", 403), "TenantMisconfigured"),
        (refused("invalid_client", 401), "TenantMisconfigured"),
        (refused("unauthorized_client", 403), "TenantMisconfigured"),
        (refused("mfa_required", 401), "TenantMisconfigured"),
        (refused("not_found", 404), "AccountNotConnected"),
        (refused("invalid_request", 400), "TenantMisconfigured"),
        (limited, "TenantRateLimited"),
        (down, "TenantUnavailable"),
    ];
    for (refusal, expected) in cases {
        let rig = Rig::new(google("ya29.a"));
        // Only "nothing there" hands over to the next source.
        let through = refusal.code.as_deref() == Some("federated_connection_refresh_token_not_found");
        let broker = rig.replica([
            sources(Kind::Google, &[Source::Vault]),
            Provider { name: "both".into(), ..sources(Kind::Google, &[Source::Vault, Source::Identities]) },
        ]);
        let answer = refusal.clone();
        *rig.vault.answer.lock().unwrap() = Box::new(move |_| Err(answer.clone()));
        let error = broker.token(&rig.ask("google")).await.unwrap_err();
        assert!(format!("{:?}", error.reason()).starts_with(expected), "{refusal:?}: {error:?}");
        assert_eq!(broker.token(&rig.ask("both")).await.is_ok(), through, "{refusal:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn callers_the_vault_cannot_serve_go_to_the_next_source() {
    let rig = Rig::new(google("ya29.a"));
    let both = [Source::Vault, Source::Identities];
    let broker = rig.replica([
        sources(Kind::Google, &both),
        Provider { name: "vault".into(), ..sources(Kind::Google, &[Source::Vault]) },
    ]);
    let elsewhere = vec!["https://other.test".to_owned()];
    for bound in [true, false] {
        for name in ["google", "vault"] {
            let mut ask = rig.ask(name);
            if bound {
                ask.subject_token = None
            } else {
                ask.audience = &elsewhere
            }
            match broker.token(&ask).await {
                Ok(token) => assert_eq!((name, token.source()), ("google", Source::Identities)),
                Err(error) => {
                    assert_eq!(name, "vault");
                    assert!(matches!(
                        error.reason(),
                        Reason::AccountNotConnected { source: Source::Vault, .. }
                    ));
                }
            }
        }
    }
    assert!(rig.vault.asked.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn one_exchange_for_many_and_no_foreign_refusals() {
    let rig = Rig::new(google("ya29.a"));
    let broker = rig.replica([sources(Kind::Google, &[Source::Vault])]);
    *rig.vault.answer.lock().unwrap() = Box::new(|form| match form["subject_token"].as_str() {
        "caller.token.1" => exchanged("ya29.vault", Some(3600)),
        _ => Err(refused("invalid_grant", 401)),
    });
    let bad = BearerToken::new("expired.token").unwrap();
    let mut first = rig.ask("google");
    first.subject_token = Some(&bad);
    let spoiled = broker.token(&first);
    let later = async {
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    let good = later.then(|()| {
        futures_util::future::join_all((0..50).map(|_| {
            let (broker, ask) = (broker.clone(), rig.ask("google"));
            async move { broker.token(&ask).await }
        }))
    });
    let (spoiled, good) = tokio::join!(spoiled, good);
    assert_eq!(*spoiled.unwrap_err().reason(), Reason::CallerTokenInvalid);
    assert!(good.iter().all(Result::is_ok));
    assert_eq!(rig.vault.asked.lock().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_dead_vault_token_is_exchanged_once() {
    let rig = Rig::new(google("ya29.a"));
    let broker = rig.replica([sources(Kind::Google, &[Source::Vault])]);
    *rig.vault.answer.lock().unwrap() = Box::new(|_| exchanged("ya29.vault", Some(3600)));
    let dead = broker.token(&rig.ask("google")).await.unwrap();
    for _ in 0..5 {
        assert!(broker.token_rejected(&rig.ask("google"), &dead).await.unwrap_err().is_reconnect());
        assert!(broker.token(&rig.ask("google")).await.unwrap_err().is_reconnect());
    }
    assert_eq!(rig.vault.asked.lock().unwrap().len(), 2);
    tokio::time::advance(Duration::from_secs(61)).await;
    *rig.vault.answer.lock().unwrap() = Box::new(|_| exchanged("ya29.new", Some(3600)));
    let token = broker.token_rejected(&rig.ask("google"), &dead).await.unwrap();
    assert_eq!(token.bearer().expose(), "ya29.new");
}

#[tokio::test(start_paused = true)]
async fn a_vault_that_holds_nothing_is_not_asked_at_every_call_where_another_source_serves() {
    let rig = Rig::new(google("ya29.a"));
    let broker = rig.replica([
        sources(Kind::Google, &[Source::Vault, Source::Identities]),
        Provider { name: "vault".into(), ..sources(Kind::Google, &[Source::Vault]) },
    ]);
    let nothing = refused("federated_connection_refresh_token_not_found", 401);
    *rig.vault.answer.lock().unwrap() = Box::new(move |_| Err(nothing.clone()));
    let asked = || rig.vault.asked.lock().unwrap().len();
    for _ in 0..5 {
        assert_eq!(broker.token(&rig.ask("google")).await.unwrap().source(), Source::Identities);
    }
    assert_eq!(asked(), 1);
    // Who has nothing else is told the truth of this moment.
    assert!(broker.token(&rig.ask("vault")).await.unwrap_err().is_not_found());
    assert_eq!(asked(), 2);
    *rig.vault.answer.lock().unwrap() = Box::new(|_| exchanged("ya29.v", Some(3600)));
    let mut ask = rig.ask("google");
    assert_eq!(broker.token(&ask).await.unwrap().source(), Source::Identities);
    // A newer caller token may come from somebody who has just connected.
    ask.issued_at = std::time::SystemTime::now() + Duration::from_secs(1);
    assert_eq!(broker.token(&ask).await.unwrap().source(), Source::Vault);
    assert_eq!(asked(), 3);
    broker.forget(&crate::Selector { user: Some(USER.into()), ..Default::default() }).await.unwrap();
    let nothing = refused("federated_connection_refresh_token_not_found", 401);
    *rig.vault.answer.lock().unwrap() = Box::new(move |_| Err(nothing.clone()));
    broker.token(&rig.ask("google")).await.unwrap();
    tokio::time::advance(Duration::from_millis(5_100)).await;
    broker.token(&rig.ask("google")).await.unwrap();
    assert_eq!(asked(), 5, "and in time it is asked again anyway");
}

#[tokio::test(start_paused = true)]
async fn a_grant_that_the_provider_refused_can_still_be_disconnected() {
    let rig = Rig::new(google("ya29.a"));
    let broker = rig.replica([sources(Kind::Google, &[Source::Vault])]);
    let failed = refused("federated_connection_refresh_token_flow_failed", 401);
    *rig.vault.answer.lock().unwrap() = Box::new(move |_| Err(failed.clone()));
    let revoked = revoke(&broker, &rig.ask("google")).await.unwrap();
    assert_eq!(revoked.at_provider, crate::RevokedAtProvider::Unsupported);
    *rig.vault.answer.lock().unwrap() = Box::new(|_| exchanged("ya29.v", Some(3600)));
    let error = broker.token(&rig.ask("google")).await.unwrap_err();
    assert!(matches!(error.reason(), Reason::ReconnectRequired { .. }), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn tm_c11_accounts_that_callers_make_up_are_bounded() {
    let rig = Rig::new(google("ya29.a"));
    let broker = rig.replica([sources(Kind::Google, &[Source::Vault])]);
    let nothing = refused("federated_connection_refresh_token_not_found", 401);
    *rig.vault.answer.lock().unwrap() = Box::new(move |_| Err(nothing.clone()));
    let asked = || rig.vault.asked.lock().unwrap().len();
    for number in 0..200 {
        let hint = selector(&format!("google-oauth2|{number}"));
        assert!(broker.token(&rig.ask("google").account(Some(&hint))).await.unwrap_err().is_not_found());
    }
    assert_eq!(asked(), 16);
    // Who names nothing is served, and so is one that was named before.
    broker.token(&rig.ask("google")).await.unwrap_err();
    let known = selector("google-oauth2|3");
    broker.token(&rig.ask("google").account(Some(&known))).await.unwrap_err();
    assert_eq!(asked(), 18);
    tokio::time::advance(Duration::from_secs(601)).await;
    let late = selector("google-oauth2|500");
    broker.token(&rig.ask("google").account(Some(&late))).await.unwrap_err();
    assert_eq!(asked(), 19);
}

#[tokio::test(start_paused = true)]
async fn tm_c11_connected_accounts_are_read_once_for_many() {
    let rig = Rig::new(google("ya29.a"));
    let broker = rig.replica([sources(Kind::Google, &[Source::Vault])]);
    *rig.vault.answer.lock().unwrap() = Box::new(|_| exchanged("ya29.vault", Some(3600)));
    revoke(&broker, &rig.ask("google")).await.unwrap();
    let before = rig.tenant.connected_reads();
    for _ in 0..50 {
        assert!(broker.token(&rig.ask("google")).await.is_err());
        broker.accounts(&rig.ask("")).await.unwrap();
    }
    assert!(rig.tenant.connected_reads() - before <= 1);
    tokio::time::advance(Duration::from_secs(61)).await;
    broker.accounts(&rig.ask("")).await.unwrap();
    assert!(rig.tenant.connected_reads() > before);
}
