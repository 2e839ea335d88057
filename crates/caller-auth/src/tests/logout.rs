//! Logout tokens and what they leave behind.

use std::time::Duration;

use serde_json::{Value, json};

use super::fixture::{ISSUER, Keys, NOW, USER, at, bearer, head, merge, raw, rules, token};
use crate::Reason;
use crate::{KeysUnavailable, Logout, LogoutMarks, LogoutRefusal, Schemes, Verifier};

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

fn logout_token(over_head: Value, over_claims: Value) -> String {
    let claims = json!({
        "iss": ISSUER, "sub": USER, "aud": "spa", "iat": NOW, "exp": NOW + 120, "jti": "one", "sid": "s", "events": { EVENT: {} },
    });
    let head = merge(head(json!({ "typ": "logout+jwt" })), over_head);
    raw(&head.to_string(), &merge(claims, over_claims).to_string(), "RS256")
}

fn verifier() -> Verifier {
    let mut rules = rules();
    rules.logout_clients = vec!["spa".to_owned()];
    Verifier::with_rules(rules, Keys::tenant())
}

#[tokio::test]
async fn a_logout_refuses_older_tokens_and_no_others() {
    let verifier = verifier();
    let old = bearer(&token(json!({}), json!({ "iat": NOW })));
    let newer = bearer(&token(json!({}), json!({ "iat": NOW + 1 })));
    let other = bearer(&token(json!({}), json!({ "iat": NOW, "sub": "github|1" })));
    assert!(verifier.verify(&old, Schemes::Standard, at(NOW)).await.is_ok());

    let logout = verifier.log_out(&logout_token(json!({}), json!({})), at(NOW)).await.unwrap();
    assert_eq!(logout, Logout { subject: USER.to_owned(), issued_at: at(NOW) });
    assert_eq!(verifier.cached(), 0);
    for _ in 0..2 {
        let refusal = verifier.verify(&old, Schemes::Standard, at(NOW + 1)).await.unwrap_err();
        assert_eq!(refusal.reason, Reason::TokenInvalid);
        assert!(verifier.verify(&newer, Schemes::Standard, at(NOW + 1)).await.is_ok());
        assert!(verifier.verify(&other, Schemes::Standard, at(NOW + 1)).await.is_ok());
    }
}

#[tokio::test]
async fn only_genuine_logout_tokens_work_and_only_once() {
    for (name, over_head, over_claims) in [
        ("typ at+jwt", json!({ "typ": "at+jwt" }), json!({})),
        ("no typ", json!({ "typ": null }), json!({})),
        ("nonce", json!({}), json!({ "nonce": "n" })),
        ("no events", json!({}), json!({ "events": null })),
        ("other event", json!({}), json!({ "events": { "x": {} } })),
        ("event is no object", json!({}), json!({ "events": { EVENT: true } })),
        ("sid alone", json!({}), json!({ "sub": null })),
        ("no jti", json!({}), json!({ "jti": null })),
        ("no iat", json!({}), json!({ "iat": null })),
        ("no exp", json!({}), json!({ "exp": null })),
        ("expired", json!({}), json!({ "iat": NOW - 200, "exp": NOW - 31 })),
        ("future", json!({}), json!({ "iat": NOW + 31 })),
        ("other client", json!({}), json!({ "aud": "other" })),
        ("other issuer", json!({}), json!({ "iss": "https://evil/" })),
        ("alg", json!({ "alg": "HS256" }), json!({})),
        ("kid", json!({ "kid": "nobody" }), json!({})),
        ("too long", json!({}), json!({ "x": "y".repeat(16 * 1024) })),
    ] {
        let answer = verifier().log_out(&logout_token(over_head, over_claims), at(NOW)).await;
        assert!(matches!(answer, Err(LogoutRefusal::Invalid(_))), "{name}: {answer:?}");
    }
    let verifier = verifier();
    let access = token(json!({}), json!({ "aud": "spa" }));
    assert!(verifier.log_out(&access, at(NOW)).await.is_err());
    let once = logout_token(json!({ "typ": "JWT" }), json!({ "x": "y".repeat(9 * 1024) }));
    assert!(verifier.log_out(&once, at(NOW)).await.is_ok());
    let again = verifier.log_out(&once, at(NOW)).await;
    assert!(matches!(again, Err(LogoutRefusal::Invalid("jti was used before"))), "{again:?}");
}

#[tokio::test]
async fn a_logout_that_cannot_be_checked_says_what_lies_behind() {
    let keys = Keys::tenant();
    let mut rules = rules();
    rules.logout_clients.push("spa".into());
    let verifier = Verifier::with_rules(rules, keys.clone());
    *keys.down.lock().unwrap() =
        Some(KeysUnavailable::new(None, false).caused_by(std::io::Error::other("no route")));
    let refusal = verifier.log_out(&logout_token(json!({}), json!({})), at(NOW)).await.unwrap_err();
    assert!(matches!(refusal, LogoutRefusal::Unavailable { .. }), "{refusal}");
    assert_eq!(std::error::Error::source(&refusal).unwrap().to_string(), "no route");
}

#[tokio::test]
async fn without_clients_nobody_can_log_anybody_out() {
    let verifier = Verifier::with_rules(rules(), Keys::tenant());
    assert!(verifier.log_out(&logout_token(json!({}), json!({})), at(NOW)).await.is_err());
}

#[test]
fn marks_only_move_forward_and_go_when_they_are_of_no_use() {
    let marks = LogoutMarks::default();
    assert!(!marks.refuses(USER, at(NOW)));
    marks.add(USER, at(NOW));
    marks.merge([(USER, at(NOW - 5)), ("github|1", at(NOW - 100))]);
    assert!(marks.refuses(USER, at(NOW)) && !marks.refuses(USER, at(NOW + 1)));
    assert_eq!(marks.all().len(), 2);
    marks.prune(at(NOW), Duration::from_secs(50));
    assert_eq!(marks.all(), [(USER.to_owned(), at(NOW))]);
    marks.prune(at(NOW + 51), Duration::from_secs(50));
    assert!(!marks.clone().refuses(USER, at(NOW)));
}
