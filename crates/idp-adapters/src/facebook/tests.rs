use http::Method;
use secrecy::{ExposeSecret, SecretString};
use token_keeper::BearerToken;

use super::Facebook;
use crate::{Adapter, Failure, Outbound, Outcome, Revoked, testing::*};

fn error(code: i64, sub: Option<i64>, transient: bool) -> String {
    let sub = sub.map(|sub| format!(r#""error_subcode":{sub},"#)).unwrap_or_default();
    format!(
        r#"{{"error":{{"message":"(#{code}) Words","type":"OAuthException","code":{code},{sub}"is_transient":{transient},"fbtrace_id":"A1b2"}}}}"#
    )
}

#[test]
fn expired_token_is_a_400_with_code_190_sub_463() {
    let challenge = [(
        "www-authenticate",
        r#"OAuth "Facebook Platform" "invalid_token" "Error validating access token: Session has expired on Friday""#,
    )];
    let got = classify(&Facebook, 400, &challenge, &error(190, Some(463), false));
    assert_eq!((got.outcome, got.code.as_deref()), (Outcome::TokenDead, Some("190")));
    assert!(got.refresh_helps);
}

#[test]
fn revoked_or_invalid_token_sub_codes() {
    for sub in [None, Some(458), Some(460), Some(467), Some(492)] {
        let got = classify(&Facebook, 400, &[], &error(190, sub, false));
        assert_eq!((got.outcome, got.refresh_helps), (Outcome::TokenDead, true), "{sub:?}");
    }
    for sub in [459, 464] {
        let got = classify(&Facebook, 400, &[], &error(190, Some(sub), false));
        assert_eq!((got.outcome, got.refresh_helps), (Outcome::TokenDead, false), "{sub}");
    }
    for code in [102, 450, 452] {
        assert_eq!(
            classify(&Facebook, 400, &[], &error(code, None, false)).outcome,
            Outcome::TokenDead,
            "{code}"
        );
    }
    assert_eq!(classify(&Facebook, 400, &[], &error(1, Some(463), false)).outcome, Outcome::TokenDead);
}

fn said(code: i64, sub: Option<i64>, message: &str) -> String {
    error(code, sub, false).replace(&format!("(#{code}) Words"), message)
}

#[test]
fn code_2500_is_about_the_request_but_for_one_message() {
    for message in [
        "Syntax error \\\"Field picture specified more than once. This is only possible before version 2.1\\\" at character 8",
        "Unknown path components: /photoz",
    ] {
        let got = classify(&Facebook, 400, &[], &said(2500, None, message));
        assert_eq!((got.outcome, got.code.as_deref()), (Outcome::Rejected, Some("2500")), "{message}");
        assert!(got.detail.is_some());
    }
    let none = "An active access token must be used to query information about the current user.";
    assert_eq!(classify(&Facebook, 400, &[], &said(2500, None, none)).outcome, Outcome::TokenDead);
}

#[test]
fn another_kind_of_token_is_no_dead_token() {
    for (code, message) in [
        (190, "This method must be called with a Page Access Token"),
        (190, "User Access Token Is Not Supported: A Page access token is required"),
        (210, "(#210) A page access token is required to request this resource."),
        (15, "(#15) This method must be called with an app access_token"),
    ] {
        for status in [400, 401, 403] {
            assert_eq!(
                classify(&Facebook, status, &[], &said(code, None, message)).outcome,
                Outcome::Denied,
                "{status} {message}"
            );
        }
    }
    // A sub-code about the session goes before the words.
    let body = said(190, Some(492), "The session of the page access token is over");
    assert_eq!(classify(&Facebook, 400, &[], &body).outcome, Outcome::TokenDead);
}

#[test]
fn a_dead_token_is_seen_without_a_readable_body() {
    let challenge =
        [("www-authenticate", r#"OAuth "Facebook Platform" "invalid_token" "Malformed access token""#)];
    assert_eq!(classify(&Facebook, 400, &challenge, "\u{1}").outcome, Outcome::TokenDead);
    assert_eq!(classify(&Facebook, 400, &[], "").outcome, Outcome::Rejected);
    assert_eq!(classify(&Facebook, 401, &[], "").outcome, Outcome::TokenDead);
}

#[test]
fn scope_missing_codes_10_and_200_to_299() {
    for status in [400, 403] {
        for code in [10, 200, 230, 299] {
            let got = classify(&Facebook, status, &[], &error(code, None, false));
            assert_eq!(got.outcome, Outcome::ScopeMissing, "{status} {code}");
        }
    }
    let body = r#"{"error":{"message":"(#200) Requires pages_read_engagement permission to manage the object","type":"OAuthException","code":200}}"#;
    let got = classify_call(
        &Facebook,
        ("GET", "graph.facebook.com", "/v22.0/9/feed"),
        Some(&["email"]),
        (403, &[], body),
    );
    assert_eq!(got.missing_scopes, ["pages_read_engagement"]);
    assert_eq!(got.connection_scope.as_deref(), Some("email,pages_read_engagement"));
    let call = ("GET", "graph.facebook.com", "/V22.0/me/Photos");
    let got = classify_call(&Facebook, call, None, (403, &[], &error(10, None, false)));
    assert_eq!(got.missing_scopes, ["user_photos"]);
}

#[test]
fn limit_codes() {
    for status in [400, 403] {
        for code in [4, 17, 32, 341, 613, 80_000, 80_004, 80_014] {
            let got = classify(&Facebook, status, &[], &error(code, None, true));
            assert_eq!((got.outcome, got.retry_after), (Outcome::RateLimited, secs(300)), "{status} {code}");
        }
    }
    assert_eq!(classify(&Facebook, 400, &[], &error(80_015, None, false)).outcome, Outcome::Rejected);
}

#[test]
fn usage_headers_count_minutes() {
    let usage = r#"{"111":[{"type":"pages","call_count":95,"total_cputime":20,"total_time":20,"estimated_time_to_regain_access":19}],"222":[{"type":"ads","estimated_time_to_regain_access":3}]}"#;
    let got = classify(&Facebook, 400, &[("x-business-use-case-usage", usage)], &error(4, None, false));
    assert_eq!(got.retry_after, secs(19 * 60));
    assert_eq!(
        classify(&Facebook, 429, &[("x-business-use-case-usage", usage)], "").retry_after,
        secs(19 * 60)
    );
    for odd in [
        "{}",
        "not json",
        r#"{"1":[{"estimated_time_to_regain_access":0}]}"#,
        r#"{"1":[{"estimated_time_to_regain_access":-4}]}"#,
    ] {
        let got = classify(&Facebook, 400, &[("x-business-use-case-usage", odd)], &error(17, None, false));
        assert_eq!(got.retry_after, secs(300), "{odd}");
    }
    let ads = [("x-ad-account-usage", r#"{"acc_id_util_pct":100,"reset_time_duration":77}"#)];
    assert_eq!(classify(&Facebook, 400, &ads, &error(17, None, false)).retry_after, secs(77));
}

#[test]
fn other_codes() {
    for (code, outcome) in [
        (3, Outcome::Denied),
        (368, Outcome::Denied),
        (1, Outcome::Error),
        (2, Outcome::Error),
        (100, Outcome::Rejected),
        (506, Outcome::Rejected),
        (1_609_005, Outcome::Rejected),
        (101, Outcome::Misconfigured),
    ] {
        assert_eq!(classify(&Facebook, 400, &[], &error(code, None, false)).outcome, outcome, "{code}");
    }
    assert_eq!(classify(&Facebook, 400, &[], &error(99_999, None, true)).outcome, Outcome::Error);
    let proof = r#"{"error":{"message":"API calls from the server require an appsecret_proof argument","type":"GraphMethodException","code":100}}"#;
    assert_eq!(classify(&Facebook, 400, &[], proof).outcome, Outcome::Misconfigured);
}

#[test]
fn row_1_5_links_and_token_members() {
    for member in ["next", "previous"] {
        assert!(rewrites(&Facebook, &[Some("paging"), Some(member)]), "{member}");
        // Expanded edges, and several objects by `?ids=`.
        let expanded = [Some("data"), None, Some("photos"), Some("paging"), Some(member)];
        assert!(
            rewrites(&Facebook, &expanded) && rewrites(&Facebook, &[Some("9"), Some("paging"), Some(member)])
        );
        assert!(!rewrites(&Facebook, &[Some(member)]));
    }
    assert!(Facebook.strips_token_members() && Facebook.echo_prone() && Facebook.ignores_case());
}

#[test]
fn fields_that_ask_for_other_tokens_are_refused() {
    let [denied] = Facebook.denied_values() else { panic!("one word is denied") };
    assert_eq!(denied.member, "fields");
    for value in ["accounts%7Baccess_token%7D", "id,access_token.as(x)"] {
        assert!(denied.is_in(value.as_bytes()), "{value}");
    }
    assert!(!denied.is_in(b"id,name"));
    assert_eq!(Facebook.method_member(), Some("method"));
}

#[test]
fn batches_and_token_endpoints_are_denied_in_any_case() {
    let host = "graph.facebook.com";
    for path in ["/", "", "/v22.0", "/V22.0/", "/v3"] {
        assert!(Facebook.denies(&Method::POST, host, path).is_some(), "{path}");
        assert!(Facebook.denies(&Method::GET, host, path).is_none(), "{path}");
    }
    for path in [
        "/oauth/access_token",
        "/v22.0/OAuth/access_token",
        "/debug_token",
        "/v22.0/DEBUG_token",
        "/v22.0/debug%5Ftoken",
    ] {
        assert!(Facebook.denies(&Method::GET, host, path).is_some(), "{path}");
    }
    assert!(Facebook.denies(&Method::POST, host, "/v22.0/me/feed").is_none());
    assert_eq!(
        Facebook.denied_query(),
        ["method", "batch", "suppress_http_code", "callback", "appsecret_proof"]
    );
}

#[cfg(feature = "facebook-proof")]
#[test]
fn appsecret_proof_is_lower_case_hex_of_the_hmac() {
    let token = BearerToken::new("what-do-ya-want-for-nothing?").unwrap();
    let proof = super::proof::of(&token, &SecretString::from("Jefe")).unwrap();
    assert_eq!(proof.expose_secret().len(), 64);
    let mut out = Outbound::default();
    Facebook.place_token(&token, Some(&SecretString::from("Jefe")), &mut out);
    assert_eq!(out.query[0].0, "appsecret_proof");
    assert_eq!(out.query[0].1.expose_secret(), proof.expose_secret());
    assert_eq!(out.headers["authorization"], "Bearer what-do-ya-want-for-nothing?");
    let mut out = Outbound::default();
    Facebook.place_token(&token, None, &mut out);
    assert!(out.query.is_empty());
    // As `printf %s TOKEN | openssl dgst -sha256 -hmac Jefe` says.
    assert_eq!(proof.expose_secret(), "5a009baf454799a316a08e0261c4c31a58f951f1436904b5a7a883706501d927");
}

#[test]
fn exchange_for_a_long_lived_token() {
    let request =
        refresh_request(&Facebook, "https://graph.facebook.com/v22.0/oauth/access_token", None).unwrap();
    assert_eq!(request.method, Method::GET);
    let query: Vec<_> = request.url.query_pairs().into_owned().collect();
    assert!(query.contains(&("grant_type".into(), "fb_exchange_token".into())));
    assert!(query.contains(&("fb_exchange_token".into(), "rt-1".into())));
    assert!(query.contains(&("client_secret".into(), SECRET.into())));
    assert!(!format!("{request:?}").contains("rt-1"));
    let got =
        refresh_response(&Facebook, 200, &[], r#"{"access_token":"EAAnew","token_type":"bearer"}"#).unwrap();
    assert_eq!((got.expires_in, got.access_token.expose()), (None, "EAAnew"));
}

#[test]
fn exchange_failures_use_graph_codes() {
    for (status, body, failure) in [
        (400, error(190, Some(463), false), Failure::Permanent),
        (400, error(4, None, true), Failure::Transient),
        (400, error(2, None, true), Failure::Transient),
        (400, error(101, None, false), Failure::Misconfigured),
        (
            400,
            r#"{"error":{"message":"Error validating client secret.","type":"OAuthException","code":1}}"#
                .into(),
            Failure::Misconfigured,
        ),
        (503, String::new(), Failure::Transient),
        (500, error(190, Some(463), false), Failure::Transient),
        (429, error(190, None, false), Failure::Transient),
        (400, application(190), Failure::Misconfigured),
        (400, application(101), Failure::Misconfigured),
    ] {
        assert_eq!(refresh_response(&Facebook, status, &[], &body).unwrap_err().failure(), failure, "{body}");
    }
    let cause = |status, body: &str| refresh_response(&Facebook, status, &[], body).unwrap_err().cause();
    assert_eq!(cause(429, &error(190, None, false)), crate::Cause::Throttled);
    assert_eq!(cause(500, &error(4, None, false)), crate::Cause::Unavailable);
}

/// A refusal that is about the app, not about the user's token.
fn application(code: i64) -> String {
    format!(
        r#"{{"error":{{"message":"Error validating application. Application has been deleted.","type":"OAuthException","code":{code}}}}}"#
    )
}

#[test]
fn a_deleted_application_is_the_operators_whatever_the_code() {
    for code in [101, 190] {
        assert_eq!(
            classify(&Facebook, 400, &[], &application(code)).outcome,
            Outcome::Misconfigured,
            "{code}"
        );
    }
}

#[test]
fn revocation_deletes_all_permissions() {
    let request = revoke_request(&Facebook, "https://graph.facebook.com/v22.0/me/permissions", None).unwrap();
    assert_eq!((request.method.as_str(), request.url.path()), ("DELETE", "/v22.0/me/permissions"));
    assert_eq!(request.headers["authorization"], "Bearer at-1");
    let proof = request.url.query().is_some_and(|query| query.starts_with("appsecret_proof="));
    assert_eq!(proof, cfg!(feature = "facebook-proof"));
    assert_eq!(revoke_response(&Facebook, 200, r#"{"success":true}"#).unwrap(), Revoked::Now);
    assert_eq!(revoke_response(&Facebook, 400, &error(190, None, false)).unwrap(), Revoked::Before);
    assert!(revoke_response(&Facebook, 200, r#"{"success":false}"#).is_err());
    assert!(revoke_response(&Facebook, 400, &error(2, None, true)).is_err());
}

#[test]
fn profile_in_standard_claims() {
    let body =
        br#"{"id":"9","name":"Ana Roe","first_name":"Ana","picture":{"data":{"url":"https://p.test"}}}"#;
    let got = Facebook.profile(body).unwrap();
    assert_eq!((got.sub.as_str(), got.picture.as_deref(), got.email), ("9", Some("https://p.test"), None));
}
