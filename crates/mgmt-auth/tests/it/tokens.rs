//! The management token's life.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use mgmt_auth::{Fault, NEEDED_SCOPES};
use serde_json::{Value, json};
use tokio::time::{Instant, advance, sleep};

use crate::script::{Script, jwt, reply, seconds, settle, tenant, token, with_headers};

#[tokio::test(start_paused = true)]
async fn five_hundred_first_callers_cause_one_request_also_when_the_first_hangs_up() {
    let script = Script::new(|_, number| token(number, 86400));
    let tenant = tenant(&script);
    let mut callers: Vec<_> = (0..500)
        .map(|_| {
            let tenant = tenant.clone();
            tokio::spawn(async move { tenant.management_token().await })
        })
        .collect();
    settle().await;
    callers.remove(0).abort();
    for caller in callers {
        caller.await.unwrap().unwrap();
    }
    for _ in 0..10_000 {
        tenant.management_token().await.unwrap();
    }
    assert_eq!(script.count("/oauth/token"), 1);
    let form: Vec<_> = url::form_urlencoded::parse(script.last().body()).into_owned().collect();
    assert!(form.contains(&("grant_type".into(), "client_credentials".into())));
    assert!(form.contains(&("audience".into(), "https://acme.eu.auth0.com/api/v2/".into())));
    assert!(form.contains(&("client_id".into(), "client".into())));
    assert!(form.contains(&("client_secret".into(), "a-secret".into())));
}

#[tokio::test(start_paused = true)]
async fn the_answers_lifetime_counts_whatever_its_type_and_length() {
    for (said, lifetime) in
        [(json!(60), 60), (json!("60"), 60), (json!(86400), 86400), (json!(2_592_000), 2_592_000)]
    {
        let script = Script::new(move |_, number| token(number, said.clone()));
        let tenant = tenant(&script);
        tenant.management_token().await.unwrap();
        let left = tenant.management_status().expires_in;
        assert!(left <= seconds(lifetime) && left >= seconds(lifetime - 1), "{left:?}");
        advance(seconds(lifetime)).await;
        assert!(tenant.current_management_token().is_none(), "served past its end");
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_stated_lifetime_the_tokens_own_end_counts_else_a_short_default() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    for (claims, expected) in [
        (json!({ "exp": now + 5000 }), 4990..=5000),
        (json!({ "exp": now - 10 }), 299..=300),
        (json!({}), 299..=300),
    ] {
        let script = Script::new(move |_, number| {
            reply(200, json!({ "access_token": jwt(number, claims.clone()), "token_type": "Bearer" }))
        });
        let tenant = tenant(&script);
        tenant.management_token().await.unwrap();
        let left = tenant.management_status().expires_in.as_secs();
        assert!(expected.contains(&left), "{left}");
    }
    let script = Script::new(|_, _| reply(200, json!({ "access_token": "opaque", "expires_in": 0 })));
    let tenant = tenant(&script);
    tenant.management_token().await.unwrap();
    assert!(tenant.management_status().expires_in <= seconds(300));
}

#[tokio::test(start_paused = true)]
async fn it_is_renewed_ahead_of_its_end_in_the_background_and_asked_for_once_a_lifetime() {
    let script = Script::new(|_, number| token(number, "60"));
    let tenant = tenant(&script);
    let keeping = tokio::spawn({
        let tenant = tenant.clone();
        async move { tenant.keep_management_token().await }
    });
    settle().await;
    sleep(seconds(1)).await;
    let start = Instant::now();
    while start.elapsed() < seconds(3600) {
        sleep(seconds(1)).await;
        assert!(tenant.current_management_token().is_some(), "a gap");
    }
    keeping.abort();
    // 48 to 54 seconds each.
    assert!((66..=77).contains(&script.count("/oauth/token")), "{}", script.count("/oauth/token"));
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_survived_until_the_real_end_and_ends_without_a_burst() {
    let down = Arc::new(AtomicBool::new(false));
    let script = Script::new({
        let down = down.clone();
        move |_, number| {
            if down.load(Ordering::SeqCst) { with_headers(503, &[], "<html>") } else { token(number, 7200) }
        }
    });
    let tenant = tenant(&script);
    let first = tenant.management_token().await.unwrap();
    down.store(true, Ordering::SeqCst);
    advance(seconds(3600)).await;
    for _ in 0..3500 {
        let token = tenant.management_token().await.unwrap();
        assert!(Arc::ptr_eq(&token, &first));
        sleep(seconds(1)).await;
    }
    let during = script.count("/oauth/token");
    assert!((2..80).contains(&during), "backs off: {during}");
    advance(seconds(100)).await;
    let error = tenant.management_token().await.unwrap_err();
    assert!(error.is_transient() && error.fault() == Fault::Tenant, "{error:?}");
    down.store(false, Ordering::SeqCst);
    advance(seconds(61)).await;
    let before = script.count("/oauth/token");
    for _ in 0..100 {
        tenant.management_token().await.unwrap();
    }
    assert_eq!(script.count("/oauth/token"), before + 1);
}

#[tokio::test(start_paused = true)]
async fn tm_a01_a_failing_token_endpoint_is_left_alone_for_as_long_as_it_says() {
    let script = Script::new(|_, number| match number {
        0 => with_headers(429, &[("retry-after", "40".into())], r#"{"error":"too_many_requests"}"#),
        _ => token(number, 60),
    });
    let tenant = tenant(&script);
    let error = tenant.management_token().await.unwrap_err();
    assert!(error.is_rate_limited());
    assert_eq!(error.code(), Some("too_many_requests"));
    for _ in 0..1000 {
        let error = tenant.management_token().await.unwrap_err();
        assert!(error.retry_after().unwrap() > seconds(39), "the rest of the wait is said");
    }
    advance(seconds(39)).await;
    assert!(tenant.management_token().await.is_err());
    assert_eq!(script.count("/oauth/token"), 1);
    advance(seconds(10)).await;
    assert!(tenant.management_token().await.is_ok());
}

fn granting(scope: Option<&'static str>, claims: Value) -> Arc<Script> {
    Script::new(move |_, number| {
        let mut body = json!({ "access_token": jwt(number, claims.clone()), "expires_in": 60 });
        if let Some(scope) = scope {
            body["scope"] = scope.into();
        }
        reply(200, body)
    })
}

#[tokio::test(start_paused = true)]
async fn granted_scopes_come_from_the_answer_or_the_claim_and_are_compared_with_the_needed_ones() {
    let both = NEEDED_SCOPES.join(" ");
    let cases = [
        (Some("read:users read:user_idp_tokens"), json!({}), vec![], vec![], false),
        (Some("read:users"), json!({ "scope": both }), vec!["read:user_idp_tokens"], vec![], true),
        (
            None,
            json!({ "scope": "read:users delete:users" }),
            vec!["read:user_idp_tokens"],
            vec!["delete:users"],
            true,
        ),
        (None, json!({ "scope": both }), vec![], vec![], false),
        (None, json!({}), vec![], vec![], false),
    ];
    for (scope, claims, missing, excess, lacks) in cases {
        let known = scope.is_some() || claims.get("scope").is_some();
        let token = tenant(&granting(scope, claims)).management_token().await.unwrap();
        assert_eq!(token.scopes().is_some(), known);
        assert_eq!(
            (token.missing_scopes(), token.excess_scopes()),
            (missing.into_iter().map(String::from).collect(), excess.into_iter().map(String::from).collect(),)
        );
        assert_eq!(token.lacks_idp_tokens(), lacks);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_client_and_a_bound_token_are_the_operators_fault() {
    let refusing = Script::new(|_, _| {
        reply(401, json!({ "error": "access_denied", "error_description": "Unauthorized" }))
    });
    let error = tenant(&refusing).management_token().await.unwrap_err();
    assert_eq!(
        (error.fault(), error.is_transient(), error.code()),
        (Fault::Operator, false, Some("access_denied"))
    );
    let binding = Script::new(|_, _| {
        reply(200, json!({ "access_token": "t", "expires_in": 60, "token_type": "DPoP" }))
    });
    assert_eq!(tenant(&binding).management_token().await.unwrap_err().fault(), Fault::Operator);
}

#[tokio::test(start_paused = true)]
async fn tm_s01_nothing_that_can_be_printed_shows_a_secret() {
    let script = Script::new(|_, _| {
        reply(200, json!({ "access_token": "sentinel-token", "scope": "read:users", "expires_in": 60 }))
    });
    let tenant = tenant(&script);
    let token = tenant.management_token().await.unwrap();
    assert_eq!(token.bearer().expose(), "sentinel-token");
    for text in [format!("{tenant:#?}"), format!("{token:#?}"), format!("{:#?}", tenant.credentials())] {
        assert!(!text.contains("sentinel") && !text.contains("a-secret"), "{text}");
    }
}
