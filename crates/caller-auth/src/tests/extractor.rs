use std::sync::Arc;

use axum_core::extract::OptionalFromRequestParts;
use serde_json::json;

use super::fixture::{Keys, NOW, at, bearer, claims, parts, rules, token};
use crate::{Reason, Schemes, Verified, Verifier};

#[tokio::test]
async fn a_caller_may_be_left_out_and_a_refused_one_may_not() {
    let verifier = Arc::new(Verifier::with_rules(rules(), Keys::tenant()));
    let caller = async |mut parts| {
        <Verified as OptionalFromRequestParts<_>>::from_request_parts(&mut parts, &verifier).await
    };
    assert!(caller(parts(&[])).await.unwrap().is_none());
    let refused = caller(bearer(&token(json!({}), json!({ "aud": "https://other.test" })))).await;
    assert_eq!(refused.unwrap_err().reason, Reason::TokenInvalid);
    // As the layer leaves it.
    let mut layered = bearer(&token(json!({}), json!({})));
    let verified = verifier.verify(&layered, Schemes::Standard, at(NOW)).await.unwrap();
    layered.extensions.insert(verified);
    assert_eq!(caller(layered).await.unwrap().unwrap().caller.subject(), claims(json!({}))["sub"]);
}
