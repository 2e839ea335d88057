use secrecy::SecretString;
use token_keeper::BearerToken;

use super::*;
use crate::{Failure, LimitUnit, Outcome, testing::*};

fn custom() -> OAuth2Settings {
    serde_json::from_value(serde_json::json!({
        "hosts": ["api.acme.test"],
        "download_hosts": ["files*.acme.test", "localhost"],
        "scheme": "Token",
        "headers": { "X-Api": "2" },
        "token_url": "https://id.acme.test/token",
        "token_auth": "basic",
        "scope_delimiter": "comma",
        "profile_path": "me",
        "profile": { "sub": "/user/id", "name": "/user/full" },
        "pagination": { "style": "next_url", "member": "/meta/next" },
        "errors": { "code": ["/err/no"], "message": ["/err/text"], "token_dead": ["17"], "rate_limited": ["42"],
                    "misconfigured": ["50"], "scope_missing": ["60"], "required_scopes": "/err/scopes" },
        "limits": [ { "name": "X-Reset-Ms", "unit": "epoch_millis" }, { "name": "X-Wait", "unit": "minutes" } ],
        "echo_prone": true
    }))
    .unwrap()
}

#[test]
fn rfc_6750_challenges() {
    let plain = OAuth2Adapter::plain();
    let several = [(
        "www-authenticate",
        r#"DPoP algs="ES256", Bearer realm="x", error="invalid_token", error_description="a, \"b\"=c""#,
    )];
    assert_eq!(classify(plain, 401, &several, "").outcome, Outcome::TokenDead);
    assert_eq!(classify(plain, 400, &several, "").outcome, Outcome::TokenDead);
    let scope =
        [("www-authenticate", r#"Bearer error=insufficient_scope, scope="read:things write:things""#)];
    let got = classify(plain, 403, &scope, "");
    assert_eq!(got.outcome, Outcome::ScopeMissing);
    assert_eq!(got.connection_scope.as_deref(), Some("read:things,write:things"));
    assert_eq!(classify(plain, 401, &[], r#"{"error":"insufficient_scope"}"#).outcome, Outcome::ScopeMissing);
    assert_eq!(classify(plain, 400, &[], r#"{"error":"invalid_request"}"#).outcome, Outcome::Rejected);
    assert_eq!(classify(plain, 403, &[], "no").outcome, Outcome::Denied);
    assert_eq!(classify(plain, 401, &[], "").outcome, Outcome::TokenDead);
}

#[test]
fn selectors_choose_the_outcome() {
    let adapter = OAuth2Adapter::new(custom());
    for (no, outcome) in [
        (17, Outcome::TokenDead),
        (42, Outcome::RateLimited),
        (50, Outcome::Misconfigured),
        (1, Outcome::Rejected),
    ] {
        let got = classify(&*adapter, 400, &[], &format!(r#"{{"err":{{"no":{no},"text":"words"}}}}"#));
        assert_eq!((got.outcome, got.detail.as_deref()), (outcome, Some("words")), "{no}");
    }
    let got = classify(&*adapter, 403, &[], r#"{"err":{"no":60,"scopes":["a","b"]}}"#);
    assert_eq!((got.outcome, got.missing_scopes.len()), (Outcome::ScopeMissing, 2));
}

#[test]
fn limit_headers_have_units() {
    let adapter = OAuth2Adapter::new(custom());
    let at = ((NOW_EPOCH + 8) * 1000 - 1).to_string();
    assert_eq!(classify(&*adapter, 429, &[("x-reset-ms", &at)], "").retry_after, secs(8));
    assert_eq!(classify(&*adapter, 429, &[("x-wait", "2")], "").retry_after, secs(120));
    assert_eq!(classify(&*adapter, 429, &[("x-wait", "soon")], "").retry_after, secs(60));
    assert_eq!(LimitUnit::Iso8601.wait("2026-01-02T03:05:05Z", now()), secs(60));
    assert_eq!(LimitUnit::Seconds.wait("1.2", now()), secs(2));
    assert_eq!(LimitUnit::Seconds.wait("-5", now()), None);
    assert_eq!(LimitUnit::EpochSeconds.wait("1", now()), secs(1));
}

#[test]
fn settings_decide_what_is_declared() {
    let adapter = OAuth2Adapter::new(custom());
    assert!(adapter.allows_host("API.acme.test") && !adapter.allows_host("id.acme.test"));
    assert!(adapter.download_host("files7.acme.test") && adapter.download_host("LOCALHOST"));
    assert!(!adapter.download_host("acme.test") && !adapter.download_host("x.files7.acme.test"));
    assert!(rewrites(&*adapter, &[Some("meta"), Some("next")]));
    assert!(!rewrites(&*adapter, &[Some("data"), Some("meta"), Some("next")]));
    assert!(adapter.echo_prone());
    let mut out = Outbound::default();
    adapter.place_token(&BearerToken::new("abc").unwrap(), Some(&SecretString::from("x")), &mut out);
    adapter.required_headers("api.acme.test", &mut out.headers);
    assert_eq!(
        (&out.headers["authorization"], &out.headers["x-api"]),
        (&"Token abc".parse().unwrap(), &"2".parse().unwrap())
    );
    assert!(out.headers["authorization"].is_sensitive() && out.query.is_empty());
    let base = Url::parse("https://api.acme.test/v2").unwrap();
    assert_eq!(adapter.endpoints(Some(&base)).profile_url.as_deref(), Some("https://api.acme.test/v2/me"));
    let profile = adapter.profile(br#"{"user":{"id":7,"full":"Ana"}}"#).unwrap();
    assert_eq!((profile.sub.as_str(), profile.name.as_deref()), ("7", Some("Ana")));
    assert!(serde_json::from_value::<OAuth2Settings>(serde_json::json!({ "host": [] })).is_err());
}

#[test]
fn refresh_with_the_quirks_of_the_field() {
    let adapter = OAuth2Adapter::new(custom());
    let scopes = ["a".to_owned(), "b".to_owned()];
    let request = refresh_request(&*adapter, "https://id.acme.test/token", Some(&scopes)).unwrap();
    assert!(request.headers.contains_key("authorization"));
    assert!(form(&request).contains(&("scope".into(), "a,b".into())));
    let got = refresh_response(
        &*adapter,
        200,
        &[],
        r#"{"access_token":"x","expires_in":"60","scope":"a,b","refresh_token":""}"#,
    )
    .unwrap();
    assert!(got.refresh_token.is_none());
    assert_eq!((got.expires_in, got.scopes.unwrap().len()), (secs(60), 2));
    let got = refresh_response(&*adapter, 201, &[], r#"{"access_token":"x","scope":["a"],"expires_in":-1}"#)
        .unwrap();
    assert_eq!((got.expires_in, got.scopes.unwrap().len()), (None, 1));
    let odd = r#"{"error":{"code":"invalid_grant","message":"m"}}"#;
    assert_eq!(refresh_response(&*adapter, 200, &[], odd).unwrap_err().failure(), Failure::Permanent);
    for body in [
        r#"{"access_token":""}"#,
        r#"{"access_token":"a b"}"#,
        "[]",
        "null",
        "",
        "access_token=",
        "{\"access_token\":7}",
    ] {
        assert!(refresh_response(&*adapter, 200, &[], body).unwrap_err().is_transient(), "{body}");
    }
}

#[test]
fn an_error_word_that_could_be_a_secret_is_dropped() {
    let long = "x".repeat(100);
    let error =
        refresh_response(OAuth2Adapter::plain(), 400, &[], &format!(r#"{{"error":"{long}"}}"#)).unwrap_err();
    assert_eq!(error.code(), None);
}

#[test]
fn revocation_by_rfc_7009() {
    let request = revoke_request(OAuth2Adapter::plain(), "https://id.acme.test/revoke", Some("r")).unwrap();
    let form = form(&request);
    assert!(
        form.contains(&("token".into(), "r".into()))
            && form.contains(&("token_type_hint".into(), "refresh_token".into()))
    );
    assert_eq!(revoke_response(OAuth2Adapter::plain(), 200, "").unwrap(), Revoked::Now);
    assert_eq!(revoke_response(OAuth2Adapter::plain(), 503, "").unwrap_err().failure(), Failure::Transient);
}
