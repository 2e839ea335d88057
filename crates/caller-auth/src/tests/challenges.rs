//! What a 401 says, and what it does not.

use std::collections::BTreeSet;

use serde_json::json;

use super::fixture::{Keys, NOW, at, bearer, parts, rules, token, verify};
use crate::{Dpop, Rules, Schemes, Verifier, resource_metadata};

async fn challenges(rules: Rules, headers: &[(&str, &str)]) -> Vec<String> {
    let refusal = Verifier::with_rules(rules, Keys::tenant())
        .verify(&parts(headers), Schemes::Standard, at(NOW))
        .await
        .unwrap_err();
    refusal.challenge.values.iter().map(|value| value.to_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn nothing_sent_gets_a_challenge_without_an_error() {
    assert_eq!(challenges(rules(), &[]).await, ["Bearer realm=\"api\""]);
    let mut public = rules();
    public.public_url = Some("https://idp.acme.com/base/".parse().unwrap());
    public.dpop = Dpop::Allow;
    let metadata = "resource_metadata=\"https://idp.acme.com/.well-known/oauth-protected-resource/base\"";
    assert_eq!(
        challenges(public.clone(), &[]).await,
        [
            format!("Bearer realm=\"api\", {metadata}"),
            format!("DPoP realm=\"api\", algs=\"ES256\", {metadata}")
        ]
    );
    public.dpop = Dpop::Require;
    let only = challenges(public, &[]).await;
    assert!(only.len() == 1 && only[0].starts_with("DPoP "));
}

#[tokio::test]
async fn tm_j08_all_that_fails_up_to_the_signature_reads_alike() {
    let good = token(json!({}), json!({}));
    let middle = good.len() - 20;
    let other = if good.as_bytes()[middle] == b'A' { "B" } else { "A" };
    let broken = format!("{}{other}{}", &good[..middle], &good[middle + 1..]);
    let mut seen = BTreeSet::new();
    for forged in [
        token(json!({ "alg": "HS256" }), json!({})),
        token(json!({ "kid": "nobody" }), json!({})),
        token(json!({}), json!({ "iss": "https://evil/" })),
        token(json!({ "crit": [] }), json!({})),
        broken,
    ] {
        let refusal = verify(rules(), &forged).await.unwrap_err();
        let value = refusal.challenge.values[0].to_str().unwrap().to_owned();
        assert!(value.contains("error=\"invalid_token\""), "{value}");
        seen.insert((refusal.reason, refusal.detail, value));
    }
    assert_eq!(seen.len(), 1, "{seen:?}");
}

#[tokio::test]
async fn a_missing_scope_is_named() {
    let verifier = Verifier::with_rules(rules(), Keys::tenant());
    let caller = verifier
        .verify(&bearer(&token(json!({}), json!({}))), Schemes::Standard, at(NOW))
        .await
        .unwrap()
        .caller;
    let value = verifier.insufficient_scope(&caller, "github:write").values.remove(0);
    let value = value.to_str().unwrap();
    assert!(
        value.contains("error=\"insufficient_scope\"") && value.contains("scope=\"github:write\""),
        "{value}"
    );
    let value = verifier.insufficient_scope(&caller, "a\"b").values.remove(0);
    assert!(!value.to_str().unwrap().contains("scope=\"a"));
}

#[test]
fn the_metadata_document_says_what_the_rules_say() {
    let mut rules = rules();
    let scopes = BTreeSet::from(["github:read".to_owned()]);
    let plain = resource_metadata(&rules, "https://idp.acme.com", &scopes);
    assert_eq!(plain["resource"], "https://idp.acme.com");
    assert_eq!(plain["authorization_servers"], json!(["https://acme.eu.auth0.com/"]));
    assert_eq!(plain["bearer_methods_supported"], json!(["header"]));
    assert_eq!(plain["scopes_supported"], json!(["github:read"]));
    assert!(plain.get("dpop_signing_alg_values_supported").is_none());
    rules.dpop = Dpop::Require;
    let bound = resource_metadata(&rules, "https://idp.acme.com", &BTreeSet::new());
    assert_eq!(bound["dpop_signing_alg_values_supported"], json!(["ES256"]));
    assert_eq!(bound["dpop_bound_access_tokens_required"], json!(true));
    assert!(bound.get("scopes_supported").is_none());
}
