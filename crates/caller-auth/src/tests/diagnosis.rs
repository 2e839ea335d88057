//! A diagnosis says what verification does, and more.

use serde_json::json;

use super::fixture::{ISSUER, Keys, NOW, at, bearer, rules, token};
use crate::{Check, CheckOutcome, Claim, KeysUnavailable, Schemes, Verifier};

fn step<'a>(checks: &'a [Check], name: &str) -> &'a Check {
    checks.iter().find(|check| check.step == name).expect(name)
}

fn failed(checks: &[Check]) -> Vec<&str> {
    checks.iter().filter(|check| check.outcome == CheckOutcome::Failed).map(|check| check.step).collect()
}

#[tokio::test]
async fn each_failure_is_named_and_agrees_with_verification() {
    let good = token(json!({}), json!({}));
    let forged = format!("{}.AAAA", good.rsplit_once('.').unwrap().0);
    for (name, token, expected) in [
        ("good", good, vec![]),
        ("bound", token(json!({}), json!({ "cnf": { "jkt": crate::jose::encode(&[7; 32]) } })), vec![]),
        ("forged", forged, vec!["signature"]),
        ("opaque", "abc".to_owned(), vec!["form"]),
        ("HS256", token(json!({ "alg": "HS256" }), json!({})), vec!["algorithm"]),
        ("key for another algorithm", token(json!({ "alg": "PS256" }), json!({})), vec!["signature"]),
        ("unknown key", token(json!({ "kid": "x" }), json!({})), vec!["key"]),
        ("type", token(json!({ "typ": "x" }), json!({})), vec!["type"]),
        ("ID token", token(json!({}), json!({ "nonce": "n" })), vec!["kind"]),
        ("expired", token(json!({}), json!({ "exp": NOW - 60 })), vec!["times"]),
        ("certificate", token(json!({}), json!({ "cnf": {} })), vec!["binding"]),
        ("scope list", token(json!({}), json!({ "scope": [] })), vec!["claims"]),
        ("machine", token(json!({}), json!({ "sub": "x@clients" })), vec!["user"]),
        (
            "several at once",
            token(json!({}), json!({ "iss": "https://x/", "aud": "y", "sub": "agt_1" })),
            vec!["issuer", "audience", "user"],
        ),
    ] {
        let verifier = Verifier::with_rules(rules(), Keys::tenant());
        let checks = verifier.explain(&format!(" {token}\n"), at(NOW)).await;
        assert_eq!(checks.len(), 16, "{name}");
        assert_eq!(failed(&checks), expected, "{name}: {checks:?}");
        assert!(token.len() < 20 || !format!("{checks:?}").contains(&token[..20]), "{name}");
        let verified = verifier.verify(&bearer(&token), Schemes::Standard, at(NOW)).await.is_ok();
        // A bound token needs a proof besides, which a file does not have.
        assert_eq!(verified, expected.is_empty() && name != "bound", "{name}");
    }
}

#[tokio::test]
async fn both_values_are_there_and_a_silent_tenant_proves_nothing() {
    let verifier = Verifier::with_rules(rules(), Keys::tenant());
    let checks =
        verifier.explain(&token(json!({}), json!({ "iss": "https://login.acme.com/" })), at(NOW)).await;
    let mismatch = step(&checks, "issuer").mismatch.as_ref().unwrap();
    assert_eq!(
        (mismatch.claim, &*mismatch.expected, &*mismatch.found),
        (Claim::Issuer, ISSUER, "https://login.acme.com/")
    );
    assert_eq!(step(&checks, "signature").outcome, CheckOutcome::Passed);

    let keys = Keys::tenant();
    *keys.down.lock().unwrap() = Some(KeysUnavailable::new(None, false));
    let checks = Verifier::with_rules(rules(), keys).explain(&token(json!({}), json!({})), at(NOW)).await;
    for name in ["key", "signature"] {
        assert_eq!(step(&checks, name).outcome, CheckOutcome::Skipped, "{name}");
    }
    assert!(failed(&checks).is_empty());
}

#[tokio::test]
async fn a_logout_is_seen() {
    let verifier = Verifier::with_rules(rules(), Keys::tenant());
    verifier.marks().add(super::fixture::USER, at(NOW));
    assert_eq!(failed(&verifier.explain(&token(json!({}), json!({})), at(NOW)).await), ["logout"]);
}
