//! What a builder refuses, and what it sets.

use serde_json::json;

use super::fixture::{AUDIENCE, ISSUER, Keys, NOW, at, bearer, token};
use crate::{BuildError, Dpop, Schemes, Verifier};

#[test]
fn what_is_missing_is_named() {
    assert!(matches!(Verifier::builder(ISSUER).build(), Err(BuildError::NoAudience)));
    let with = |issuer: &str| Verifier::builder(issuer).audience(AUDIENCE).build();
    assert!(matches!(with("acme"), Err(BuildError::Issuer(_))));
    let error = with("https://acme.eu.auth0.com").unwrap_err().to_string();
    assert!(error.contains("`https://acme.eu.auth0.com/`"), "{error}");
    let second = Verifier::builder(ISSUER).issuer("https://login.acme.com").audience(AUDIENCE).build();
    assert!(matches!(second, Err(BuildError::NoSlash(_))));
    assert!(matches!(with("http://acme.eu.auth0.com/"), Err(BuildError::Keys(_))));
    let bound = || Verifier::builder(ISSUER).audience(AUDIENCE).dpop(Dpop::Allow).keys(Keys::tenant());
    assert!(matches!(bound().build(), Err(BuildError::NoPublicUrl)));
    assert!(bound().public_url("https://api.acme.com".parse().unwrap()).build().is_ok());
}

#[tokio::test]
async fn several_issuers_audiences_clients_and_a_realm() {
    let verifier = Verifier::builder("https://login.acme.com/")
        .issuer(ISSUER)
        .audience("https://other")
        .audience(AUDIENCE)
        .client("spa")
        .realm("orders")
        .keys(Keys::tenant())
        .build()
        .unwrap();
    let verify =
        async |over| verifier.verify(&bearer(&token(json!({}), over)), Schemes::Standard, at(NOW)).await;
    assert!(verify(json!({})).await.is_ok());
    assert!(verify(json!({ "iss": "https://login.acme.com/" })).await.is_ok());
    assert!(verify(json!({ "azp": "other" })).await.is_err());
    let refusal = verify(json!({ "aud": "x" })).await.unwrap_err();
    let answer: http::Response<()> = refusal.response();
    assert_eq!(answer.status(), 401);
    let challenge = answer.headers()["www-authenticate"].to_str().unwrap();
    assert!(challenge.starts_with("Bearer realm=\"orders\", error=\"invalid_token\""), "{challenge}");
}
