//! Where credentials come from, and where not.

use serde_json::json;

use super::fixture::{Keys, NOW, at, parts, rules, token};
use crate::Reason;
use crate::{Schemes, Verifier};

async fn code(headers: &[(&str, &str)], uri: &str, schemes: Schemes) -> Option<Reason> {
    let mut parts = parts(headers);
    parts.uri = uri.parse().unwrap();
    match Verifier::with_rules(rules(), Keys::tenant()).verify(&parts, schemes, at(NOW)).await {
        Ok(_) => None,
        Err(refusal) => Some(refusal.reason),
    }
}

#[tokio::test]
async fn schemes_in_any_case_and_nothing_else() {
    let token = token(json!({}), json!({}));
    for (value, plain, github) in [
        (format!("Bearer {token}"), None, None),
        (format!("bEARER   {token} "), None, None),
        (format!("token {token}"), Some(Reason::TokenMissing), None),
        (format!("TOKEN {token}"), Some(Reason::TokenMissing), None),
        (format!("Basic {token}"), Some(Reason::TokenMissing), Some(Reason::TokenMissing)),
        (format!("Bearerx {token}"), Some(Reason::TokenMissing), Some(Reason::TokenMissing)),
        (token.clone(), Some(Reason::TokenMissing), Some(Reason::TokenMissing)),
        ("Bearer".to_owned(), Some(Reason::TokenMissing), Some(Reason::TokenMissing)),
        ("Bearer  ".to_owned(), Some(Reason::TokenMissing), Some(Reason::TokenMissing)),
        (String::new(), Some(Reason::TokenMissing), Some(Reason::TokenMissing)),
        (format!("Bearer {token} x"), Some(Reason::TokenInvalid), Some(Reason::TokenInvalid)),
    ] {
        let headers = [("authorization", value.as_str())];
        assert_eq!(code(&headers, "/proxy/github/user", Schemes::Standard).await, plain, "{value:.20}");
        assert_eq!(code(&headers, "/proxy/github/user", Schemes::WithToken).await, github, "{value:.20}");
    }
    assert_eq!(
        code(&[("cookie", "access_token=x")], "/v1/me", Schemes::Standard).await,
        Some(Reason::TokenMissing)
    );
}

#[tokio::test]
async fn a_placeholder_for_a_token_is_said_as_such() {
    for word in ["undefined", "null", "None", "nil", "[object Object]"] {
        for scheme in ["Bearer", "bearer ", "DPoP"] {
            let value = format!("{scheme} {word}");
            let request = parts(&[("authorization", &value)]);
            let refusal = Verifier::with_rules(rules(), Keys::tenant())
                .verify(&request, Schemes::Standard, at(NOW))
                .await
                .unwrap_err();
            assert_eq!(refusal.reason, Reason::TokenMissing, "{value}");
            assert!(refusal.detail.contains(word), "{value}: {}", refusal.detail);
        }
    }
    // Only the word itself is one.
    let value = "Bearer undefined2";
    assert_eq!(
        code(&[("authorization", value)], "/v1/me", Schemes::Standard).await,
        Some(Reason::TokenOpaque)
    );
}

#[tokio::test]
async fn tm_j10_two_credentials_are_a_bad_request() {
    let one = format!("Bearer {}", token(json!({}), json!({})));
    let joined = format!("{one}, {one}");
    for headers in [
        vec![("authorization", one.as_str()), ("authorization", one.as_str())],
        vec![("authorization", one.as_str()), ("authorization", "Basic eDp5")],
        vec![("authorization", joined.as_str())],
    ] {
        assert_eq!(code(&headers, "/v1/me", Schemes::Standard).await, Some(Reason::BadRequest));
    }
}

#[tokio::test]
async fn tm_r07_tokens_in_the_query_are_refused_however_the_name_is_written() {
    let one = format!("Bearer {}", token(json!({}), json!({})));
    let headers = [("authorization", one.as_str())];
    for uri in [
        "/proxy/github/user?access_token=x",
        "/proxy/github/user?a=b&oauth_token",
        "/proxy/github/user?bearer%5ftoken=x",
        "/proxy/github/user?%61ccess_token=",
        "/proxy/github/user?ACCESS_TOKEN=x",
        "/proxy/github/user?a=1;access_token=x",
        "/proxy/github/user?access_token[]=x",
        "/proxy/github/user?access_token%5B0%5D=x",
        "/proxy/github/user?access.token=x",
        "/proxy/github/user?+access_token=x",
        "/proxy/github/user?%20oauth_token=x",
    ] {
        assert_eq!(code(&headers, uri, Schemes::Standard).await, Some(Reason::TokenInQuery), "{uri}");
        assert_eq!(code(&[], uri, Schemes::Standard).await, Some(Reason::TokenInQuery), "{uri}");
    }
    for uri in
        ["/proxy/github/user?q=access_token=x", "/proxy/github/user?my_access_token=x", "/access_token=x"]
    {
        assert_eq!(code(&headers, uri, Schemes::Standard).await, None, "{uri}");
    }
}

#[tokio::test]
async fn the_callers_token_is_never_shown() {
    let text = token(json!({}), json!({}));
    let parts = parts(&[("authorization", &format!("Bearer {text}"))]);
    let verified = Verifier::with_rules(rules(), Keys::tenant())
        .verify(&parts, Schemes::Standard, at(NOW))
        .await
        .unwrap();
    assert_eq!(verified.token.as_ref().unwrap().expose(), text);
    assert!(!format!("{verified:?}").contains(&text[..12]));
}
