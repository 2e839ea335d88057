//! The cache of verified tokens.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::json;

use super::fixture::{Keys, NOW, USER, at, bearer, rules, token};
use crate::Reason;
use crate::{Schemes, Verifier};

#[tokio::test(start_paused = true)]
async fn a_token_is_checked_once_until_the_keys_change() {
    let keys = Keys::tenant();
    let verifier = Verifier::with_rules(rules(), keys.clone());
    let parts = bearer(&token(json!({}), json!({})));
    let first = verifier.verify(&parts, Schemes::Standard, at(NOW)).await.unwrap().caller;
    for _ in 0..100 {
        let again = verifier.verify(&parts, Schemes::Standard, at(NOW)).await.unwrap().caller;
        assert!(std::sync::Arc::ptr_eq(&first, &again));
    }
    assert_eq!(keys.asked(), 1);

    keys.known.lock().unwrap().remove("k1");
    keys.generation.fetch_add(1, Ordering::Relaxed);
    let refusal = verifier.verify(&parts, Schemes::Standard, at(NOW)).await.unwrap_err();
    assert_eq!((refusal.reason, keys.asked()), (Reason::TokenInvalid, 2));
    assert_eq!(verifier.cached(), 0);
}

#[tokio::test(start_paused = true)]
async fn tm_j07_a_cached_success_ends_with_the_token() {
    let keys = Keys::tenant();
    let verifier = Verifier::with_rules(rules(), keys.clone());
    let parts = bearer(&token(json!({}), json!({ "exp": NOW + 60 })));
    assert!(verifier.verify(&parts, Schemes::Standard, at(NOW)).await.is_ok());
    assert!(verifier.verify(&parts, Schemes::Standard, at(NOW + 59)).await.is_ok());
    assert_eq!(keys.asked(), 1);
    // Within the leeway it is still good, but not out of the cache.
    assert!(verifier.verify(&parts, Schemes::Standard, at(NOW + 60)).await.is_ok());
    assert_eq!(keys.asked(), 2);
    let refusal = verifier.verify(&parts, Schemes::Standard, at(NOW + 90)).await.unwrap_err();
    assert_eq!(refusal.reason, Reason::TokenExpired);
    assert_eq!(verifier.cached(), 0);
}

#[tokio::test(start_paused = true)]
async fn tm_a08_a_wall_clock_that_stands_still_prolongs_nothing_in_the_cache() {
    let keys = Keys::tenant();
    let verifier = Verifier::with_rules(rules(), keys.clone());
    let parts = bearer(&token(json!({}), json!({ "exp": NOW + 60 })));
    assert!(verifier.verify(&parts, Schemes::Standard, at(NOW)).await.is_ok());
    tokio::time::advance(Duration::from_secs(61)).await;
    assert!(verifier.verify(&parts, Schemes::Standard, at(NOW)).await.is_ok());
    assert_eq!(keys.asked(), 2);
}

#[tokio::test]
async fn failures_are_not_kept_and_forgetting_forgets() {
    let keys = Keys::tenant();
    let verifier = Verifier::with_rules(rules(), keys.clone());
    let bad = bearer(&token(json!({ "kid": "nobody" }), json!({})));
    for _ in 0..3 {
        assert!(verifier.verify(&bad, Schemes::Standard, at(NOW)).await.is_err());
    }
    assert_eq!((keys.asked(), verifier.cached()), (3, 0));

    for client in ["a", "b"] {
        let parts = bearer(&token(json!({}), json!({ "azp": client })));
        assert!(verifier.verify(&parts, Schemes::Standard, at(NOW)).await.is_ok());
    }
    let other = bearer(&token(json!({}), json!({ "sub": "github|1" })));
    assert!(verifier.verify(&other, Schemes::Standard, at(NOW)).await.is_ok());
    assert_eq!(verifier.forget(USER), 2);
    assert_eq!(verifier.forget(USER), 0);
    assert_eq!(verifier.forget_all(), 1);
}

#[tokio::test]
async fn the_cache_is_bounded() {
    let mut small = rules();
    small.cache_capacity = 8;
    let verifier = Verifier::with_rules(small, Keys::tenant());
    for number in 0..50 {
        let parts = bearer(&token(json!({}), json!({ "sub": format!("github|{number}") })));
        assert!(verifier.verify(&parts, Schemes::Standard, at(NOW)).await.is_ok());
    }
    assert!(verifier.cached() <= 8);
}

#[tokio::test]
async fn tm_a11_ever_new_users_with_long_claims_stay_within_the_bytes() {
    let mut small = rules();
    small.cache_bytes = 64 * 1024;
    let verifier = Verifier::with_rules(small, Keys::tenant());
    for number in 0..200 {
        let scope = "read:something ".repeat(number);
        let claims = json!({ "sub": format!("github|{number}"), "scope": scope });
        assert!(
            verifier.verify(&bearer(&token(json!({}), claims)), Schemes::Standard, at(NOW)).await.is_ok()
        );
        assert!(verifier.cached_bytes() <= 64 * 1024, "{} bytes", verifier.cached_bytes());
    }
    assert!((1..200).contains(&verifier.cached()));
}

#[tokio::test]
async fn what_the_tokens_of_many_users_have_in_common_is_kept_once() {
    let mut small = rules();
    small.cache_bytes = 16 << 20;
    let verifier = Verifier::with_rules(small, Keys::tenant());
    let scope = "read:something ".repeat(100);
    let mut callers = Vec::new();
    for number in 0..100 {
        let claims = json!({ "sub": format!("github|{number}"), "scope": scope });
        let parts = bearer(&token(json!({}), claims));
        callers.push(verifier.verify(&parts, Schemes::Standard, at(NOW)).await.unwrap().caller);
    }
    assert!(verifier.cached_bytes() < 100 * 300 + 3000, "{} bytes", verifier.cached_bytes());
    assert!(callers.iter().all(|caller| caller.size() < 100 && caller.has("read:something")));
    assert_eq!(callers[7].subject(), "github|7");
}
