use serde_json::json;

use super::fixture::*;
use crate::{Caller, Reason};

#[tokio::test]
async fn the_texts_of_named_claims_are_kept() {
    let mut rules = rules();
    rules.claims = ["https://acme/role", "plan", "level", "none"].map(str::to_owned).into();
    let claims = json!({
        "https://acme/role": ["admin", 7, "editor", ["nested"]], "plan": "gold plan", "level": 3, "other": "x",
    });
    let verified = verify(rules, &token(json!({}), claims)).await.unwrap();
    let texts = |name: &str| verified.caller.claim(name).collect::<Vec<_>>();
    assert_eq!(texts("https://acme/role"), ["admin", "editor"]);
    assert_eq!(texts("plan"), ["gold plan"], "a text is one value, whatever it holds");
    for empty in ["level", "none", "other"] {
        assert!(texts(empty).is_empty(), "{empty}");
    }
}

#[test]
fn claims_alone_describe_the_caller_that_a_token_would() {
    let mut rules = rules();
    rules.claims = ["role".to_owned()].into();
    let claims = json!({ "sub": "auth0|ana", "azp": "spa", "scope": "read", "role": "admin", "act": { "sub": "planner" } });
    let caller = Caller::from_claims(&claims.to_string(), &rules).unwrap();
    assert_eq!((caller.subject(), caller.client()), ("auth0|ana", Some("spa")));
    assert!(caller.has("read") && !caller.has("write"));
    assert_eq!(caller.actors()[0].subject(), "planner");
    assert_eq!(caller.claim("role").collect::<Vec<_>>(), ["admin"]);

    rules.actors = crate::Actors::None;
    let refused = Caller::from_claims(&claims.to_string(), &rules).unwrap_err();
    assert_eq!(refused.reason, Reason::NotAllowed);
    for (unclean, reason) in [
        ("[]", Reason::TokenInvalid),
        (r#"{"sub":"auth0|a","sub":"auth0|b"}"#, Reason::TokenInvalid),
        (r#"{"sub":"auth0|a","aud":"another"}"#, Reason::TokenInvalid),
        (r#"{"sub":"auth0|a","iss":"https://evil.example/"}"#, Reason::TokenInvalid),
        (r#"{"sub":"client@clients"}"#, Reason::NotAUser),
    ] {
        assert_eq!(Caller::from_claims(unclean, &rules).unwrap_err().reason, reason, "{unclean}");
    }
}
