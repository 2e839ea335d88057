//! A management token that lacks a required scope, and an operator who grants it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use mgmt_auth::{Error, Priority, Tenant};
use serde_json::{Value, json};
use tokio::time::{advance, sleep};

use crate::{
    fleet::Shared,
    script::{Script, builder, jwt, reply, seconds, settle, with_headers},
};

const IDP_TOKENS: &str = "read:user_idp_tokens";

/// A tenant whose grant has the scope once `granted` is set; tokens live a day.
fn tenant_script(granted: &Arc<AtomicBool>) -> Arc<Script> {
    let granted = granted.clone();
    Script::new(move |request, number| {
        if request.uri().path() != "/oauth/token" {
            return reply(200, json!({}));
        }
        let scope =
            if granted.load(Ordering::SeqCst) { "read:users read:user_idp_tokens" } else { "read:users" };
        reply(200, json!({ "access_token": jwt(number, json!({})), "expires_in": 86400, "scope": scope }))
    })
}

fn requests(script: &Script) -> usize {
    script.count("/oauth/token")
}

async fn read(tenant: &Tenant) -> Result<Value, Error> {
    tenant.get(&["users", "a|1"], &[], Priority::Caller).await
}

#[tokio::test(start_paused = true)]
async fn a_granted_scope_is_noticed_within_a_minute_at_one_request_a_minute() {
    let granted = Arc::default();
    let script = tenant_script(&granted);
    let tenant = crate::script::tenant(&script);
    for _ in 0..600 {
        assert!(tenant.management_token_with(IDP_TOKENS).await.unwrap().lacks_idp_tokens());
        read(&tenant).await.unwrap();
        sleep(seconds(1)).await;
    }
    let asked = requests(&script);
    assert!((9..=11).contains(&asked), "once a minute: {asked}");
    granted.store(true, Ordering::SeqCst);
    advance(seconds(60)).await;
    assert!(!tenant.management_token_with(IDP_TOKENS).await.unwrap().lacks_idp_tokens());
    let asked = requests(&script);
    for _ in 0..600 {
        assert!(!tenant.management_token_with(IDP_TOKENS).await.unwrap().lacks_idp_tokens());
        sleep(seconds(1)).await;
    }
    assert_eq!(requests(&script), asked, "a token with all scopes lives its usual life");
}

#[tokio::test(start_paused = true)]
async fn it_is_noticed_without_requests_too_and_at_once_on_reload() {
    let granted = Arc::default();
    let script = tenant_script(&granted);
    let tenant = crate::script::tenant(&script);
    let keeping = tokio::spawn({
        let tenant = tenant.clone();
        async move { tenant.keep_management_token().await }
    });
    settle().await;
    sleep(seconds(590)).await;
    let asked = requests(&script);
    assert_eq!(asked, 10, "once a minute");
    granted.store(true, Ordering::SeqCst);
    assert!(tenant.recheck_scopes().await.unwrap().missing_scopes().is_empty());
    assert_eq!(requests(&script), asked + 1);
    tenant.recheck_scopes().await.unwrap();
    assert_eq!(requests(&script), asked + 1, "nothing is missing any more");
    keeping.abort();
}

#[tokio::test(start_paused = true)]
async fn a_stored_token_that_lacks_the_scope_is_no_reason_not_to_ask() {
    let granted = Arc::default();
    let script = tenant_script(&granted);
    let store = Arc::new(Shared::default());
    let builder = || builder(&script).clock(store.clock.clone());
    let replica = || builder().token_store(store.clone()).build().unwrap();
    let first = replica();
    first.management_token().await.unwrap();
    granted.store(true, Ordering::SeqCst);
    sleep(seconds(1)).await;
    // A restart notices at once, and so does the rest of the fleet, within a minute.
    assert!(!replica().management_token().await.unwrap().lacks_idp_tokens());
    assert_eq!(requests(&script), 2);
    advance(seconds(60)).await;
    assert!(!first.management_token_with(IDP_TOKENS).await.unwrap().lacks_idp_tokens());
    assert_eq!(requests(&script), 2, "taken from the store");
}

#[tokio::test(start_paused = true)]
async fn replicas_that_start_together_share_a_token_although_it_lacks_a_scope() {
    let granted = Arc::default();
    let script = tenant_script(&granted);
    let store = Arc::new(Shared::default());
    let starting: Vec<_> = (0..5)
        .map(|_| {
            let tenant = builder(&script).token_store(store.clone()).build().unwrap();
            tokio::spawn(async move { tenant.management_token().await.map(drop) })
        })
        .collect();
    for one in starting {
        one.await.unwrap().unwrap();
    }
    assert_eq!(requests(&script), 1);
}

#[tokio::test(start_paused = true)]
async fn the_required_scopes_are_the_embedders() {
    let granted = Arc::default();
    let script = tenant_script(&granted);
    let tenant = builder(&script).required_scopes(["read:users"]).build().unwrap();
    for _ in 0..10 {
        let token = tenant.management_token_with(IDP_TOKENS).await.unwrap();
        assert!(token.missing_scopes().is_empty() && token.excess_scopes().is_empty());
        assert!(token.lacks_idp_tokens());
        advance(seconds(600)).await;
    }
    assert_eq!(requests(&script), 1);
    let tenant = builder(&script).required_scopes(["read:logs"]).build().unwrap();
    let token = tenant.management_token().await.unwrap();
    assert_eq!(
        (token.missing_scopes(), token.excess_scopes()),
        (vec!["read:logs".into()], vec!["read:users".into()])
    );
}

#[tokio::test(start_paused = true)]
async fn a_token_quota_spreads_the_requests_and_a_refusal_waits_for_its_reset() {
    let remaining = Arc::new(AtomicUsize::new(10));
    let script = Script::new({
        let remaining = remaining.clone();
        move |_, number| {
            let left = remaining.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
            let quota = format!("b=per_hour;q=20;r={};t=3000", left.unwrap_or(1) - 1);
            let headers = [("auth0-client-quota-limit", quota)];
            if left.is_err() {
                return with_headers(429, &headers, r#"{"error":"too_many_requests"}"#);
            }
            let body =
                json!({ "access_token": jwt(number, json!({})), "expires_in": 7200, "scope": "read:users" });
            with_headers(200, &headers, &body.to_string())
        }
    });
    let tenant = crate::script::tenant(&script);
    tenant.management_token().await.unwrap();
    let quota = tenant.token_quota().unwrap();
    assert_eq!((quota.limit, quota.remaining, quota.reset_in), (20, 9, seconds(3000)));
    // Although a scope is missing: nine requests for 3,000 s are one in 333 s.
    for _ in 0..330 {
        tenant.management_token().await.unwrap();
        sleep(seconds(1)).await;
    }
    assert_eq!(requests(&script), 1);
    remaining.store(0, Ordering::SeqCst);
    sleep(seconds(10)).await;
    for _ in 0..2900 {
        assert!(tenant.management_token().await.is_ok(), "the old token serves");
        sleep(seconds(1)).await;
    }
    assert_eq!(requests(&script), 2, "a refused client waits until the reset");
}
