use http::Method;

use super::Google;
use crate::{Adapter, Failure, Outcome, Revoked, testing::*};

fn forbidden(reason: &str, domain: &str, status: &str) -> String {
    format!(
        r#"{{"error":{{"code":403,"message":"Words.","status":"{status}","errors":[{{"message":"Words.","domain":"{domain}","reason":"{reason}"}}]}}}}"#
    )
}

#[test]
fn expired_or_revoked_token_is_a_401_with_challenge() {
    let body = r#"{"error":{"code":401,"message":"Request had invalid authentication credentials.","status":"UNAUTHENTICATED","errors":[{"message":"Invalid Credentials","domain":"global","reason":"authError","location":"Authorization","locationType":"header"}],"details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"ACCESS_TOKEN_EXPIRED","domain":"googleapis.com"}]}}"#;
    let challenge =
        [("www-authenticate", r#"Bearer realm="https://accounts.google.com/", error="invalid_token""#)];
    let got = classify(&Google, 401, &challenge, body);
    assert_eq!((got.outcome, got.code.as_deref()), (Outcome::TokenDead, Some("authError")));
    assert_eq!(classify(&Google, 401, &[], "").outcome, Outcome::TokenDead);
}

#[test]
fn a_401_for_another_kind_of_credentials_is_not_a_dead_token() {
    let challenge =
        [("www-authenticate", r#"Bearer realm="https://accounts.google.com/", error="invalid_token""#)];
    for reason in ["ACCESS_TOKEN_TYPE_UNSUPPORTED", "CREDENTIALS_MISSING"] {
        let body = format!(
            r#"{{"error":{{"code":401,"status":"UNAUTHENTICATED","details":[{{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"{reason}","domain":"googleapis.com"}}]}}}}"#
        );
        let got = classify(&Google, 401, &challenge, &body);
        assert_eq!((got.outcome, got.code.as_deref()), (Outcome::Denied, Some(reason)));
    }
}

#[test]
fn userinfo_answers_a_dead_token_in_the_oauth_envelope() {
    let got = classify(
        &Google,
        401,
        &[],
        r#"{"error":"invalid_request","error_description":"Invalid Credentials"}"#,
    );
    assert_eq!(got.outcome, Outcome::TokenDead);
    assert_eq!(got.detail.as_deref(), Some("Invalid Credentials"));
}

#[test]
fn scope_missing_in_body_and_challenge() {
    let body = r#"{"error":{"code":403,"message":"Request had insufficient authentication scopes.","status":"PERMISSION_DENIED","errors":[{"message":"Insufficient Permission","domain":"global","reason":"insufficientPermissions"}],"details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"ACCESS_TOKEN_SCOPE_INSUFFICIENT"}]}}"#;
    let scope = "https://www.googleapis.com/auth/calendar https://www.googleapis.com/auth/calendar.readonly";
    let challenge = format!(
        r#"Bearer realm="https://accounts.google.com/", error="insufficient_scope", scope="{scope}""#
    );
    let got = classify(&Google, 403, &[("www-authenticate", &challenge)], body);
    assert_eq!(got.outcome, Outcome::ScopeMissing);
    assert_eq!(got.required_scopes, scope.split(' ').collect::<Vec<_>>());
    assert_eq!(got.connection_scope.as_deref(), Some("https://www.googleapis.com/auth/calendar.readonly"));
    // Body alone: the table of known calls says what to ask for, next to what is held.
    let call = ("GET", "www.googleapis.com", "/drive/v3/files");
    let got = classify_call(&Google, call, Some(&["openid", "email"]), (403, &[], body));
    assert_eq!(
        got.connection_scope.as_deref(),
        Some("openid,email,https://www.googleapis.com/auth/drive.metadata.readonly")
    );
    // Old services give a message and no reason.
    let old = r#"{"error":{"code":403,"message":"Request had insufficient authentication scopes.","status":"PERMISSION_DENIED"}}"#;
    assert_eq!(classify(&Google, 403, &[], old).outcome, Outcome::ScopeMissing);
}

#[test]
fn throttling_403_and_429() {
    for reason in ["userRateLimitExceeded", "rateLimitExceeded"] {
        for status in [403, 429] {
            let got = classify(&Google, status, &[], &forbidden(reason, "usageLimits", "RESOURCE_EXHAUSTED"));
            assert_eq!((got.outcome, got.retry_after), (Outcome::RateLimited, secs(60)), "{reason} {status}");
        }
    }
    for reason in ["quotaExceeded", "dailyLimitExceeded", "downloadQuotaExceeded"] {
        let got = classify(&Google, 403, &[], &forbidden(reason, "usageLimits", "PERMISSION_DENIED"));
        assert_eq!((got.outcome, got.retry_after), (Outcome::RateLimited, secs(3600)), "{reason}");
    }
    // Limits for calls without credentials: time does not help, the token was lost on its way.
    for reason in ["dailyLimitExceededUnreg", "userRateLimitExceededUnreg"] {
        let got = classify(&Google, 403, &[], &forbidden(reason, "usageLimits", "PERMISSION_DENIED"));
        assert_eq!((got.outcome, got.retry_after), (Outcome::Misconfigured, None), "{reason}");
    }
    let got = classify(&Google, 429, &[("retry-after", "7")], "not json");
    assert_eq!((got.outcome, got.retry_after), (Outcome::RateLimited, secs(7)));
    let status_word_alone =
        r#"{"error":{"code":429,"message":"Quota exceeded.","status":"RESOURCE_EXHAUSTED"}}"#;
    assert_eq!(classify(&Google, 403, &[], status_word_alone).outcome, Outcome::RateLimited);
}

#[test]
fn gmail_hides_the_hint_in_the_message() {
    let body = r#"{"error":{"code":403,"message":"User-rate limit exceeded.  Retry after 2026-01-02T03:14:05.678Z","errors":[{"domain":"usageLimits","reason":"userRateLimitExceeded"}]}}"#;
    let got = classify(&Google, 403, &[], body);
    assert_eq!((got.outcome, got.retry_after), (Outcome::RateLimited, secs(601)));
}

#[test]
fn permission_403_is_denied() {
    for reason in ["insufficientFilePermissions", "forbidden", "domainPolicy", "appNotAuthorizedToFile"] {
        let got = classify(&Google, 403, &[], &forbidden(reason, "global", "PERMISSION_DENIED"));
        assert_eq!((got.outcome, got.code.as_deref()), (Outcome::Denied, Some(reason)));
    }
    assert_eq!(classify(&Google, 403, &[], "<html>forbidden</html>").outcome, Outcome::Denied);
}

#[test]
fn api_off_for_the_project_is_the_operators() {
    let old = forbidden("accessNotConfigured", "usageLimits", "PERMISSION_DENIED");
    assert_eq!(classify(&Google, 403, &[], &old).outcome, Outcome::Misconfigured);
    let new = r#"{"error":{"code":403,"message":"People API has not been used in project 1 before or it is disabled.","status":"PERMISSION_DENIED","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"SERVICE_DISABLED","domain":"googleapis.com"}]}}"#;
    assert_eq!(classify(&Google, 403, &[], new).outcome, Outcome::Misconfigured);
}

#[test]
fn other_statuses() {
    for (status, outcome) in [
        (404, Outcome::Rejected),
        (400, Outcome::Rejected),
        (500, Outcome::Error),
        (503, Outcome::Error),
        (308, Outcome::Ok),
    ] {
        assert_eq!(classify(&Google, status, &[], "").outcome, outcome, "{status}");
    }
}

#[test]
fn calls_by_grpc_are_guarded() {
    for path in [
        "/$rpc/google.people.v1.PeopleService/DeleteContact",
        "/google.people.v1.PeopleService/DeleteContact",
    ] {
        assert!(Google.guards(&Method::POST, "people.googleapis.com", path).is_some(), "{path}");
    }
    assert!(Google.guards(&Method::POST, "people.googleapis.com", "/v1/people:createContact").is_none());
}

#[test]
fn tm_r20_hosts_are_one_label_under_googleapis() {
    for host in [
        "www.googleapis.com",
        "people.googleapis.com",
        "GMAIL.googleapis.com",
        "openidconnect.googleapis.com",
    ] {
        assert!(Google.allows_host(host), "{host}");
    }
    for host in [
        "googleapis.com",
        "oauth2.googleapis.com",
        "STS.googleapis.com",
        "iamcredentials.googleapis.com",
        "storage.googleapis.com",
        "x.storage.googleapis.com",
        "content-iamcredentials.googleapis.com",
        "Content-STS.googleapis.com",
        "storage-download.googleapis.com",
        "commondatastorage.googleapis.com",
        "content.googleapis.com",
        "content-people.googleapis.com",
        "a.b.googleapis.com",
        ".googleapis.com",
        "www.googleapis.com.",
        "evilgoogleapis.com",
        "googleapis.com.evil.test",
        "a%2egoogleapis.com",
        "accounts.google.com",
        "",
    ] {
        assert!(!Google.allows_host(host), "{host}");
    }
}

#[test]
fn openidconnect_serves_userinfo_alone() {
    let host = "openidconnect.googleapis.com";
    assert!(Google.allows_path(host, "/v1/userinfo"));
    assert!(Google.allows_path("people.googleapis.com", "/v1/people/me"));
    for path in ["/", "/v1/userinfo/", "/v1/token", "/v1%2Fuserinfo"] {
        assert!(!Google.allows_path("OpenIDConnect.googleapis.com", path), "{path}");
    }
}

#[test]
fn batches_and_token_inspection_are_denied() {
    for path in
        ["/batch", "/batch/drive/v3", "/batch%2Fdrive", "/oauth2/v3/tokeninfo", "/oauth2/v1/%74okeninfo"]
    {
        assert!(Google.denies(&Method::POST, "www.googleapis.com", path).is_some(), "{path}");
    }
    assert!(Google.denies(&Method::GET, "www.googleapis.com", "/oauth2/v3/userinfo").is_none());
    assert!(Google.denies(&Method::GET, "people.googleapis.com", "/v1/people:batchGet").is_none());
}

#[test]
fn refresh_keeps_the_old_refresh_token() {
    let body = r#"{"access_token":"ya29.a","expires_in":3599,"scope":"openid https://www.googleapis.com/auth/calendar","token_type":"Bearer","id_token":"x.y.z"}"#;
    let got = refresh_response(&Google, 200, &[], body).unwrap();
    assert!(got.refresh_token.is_none());
    assert_eq!(got.expires_in, secs(3599));
    assert_eq!(got.scopes.unwrap(), ["openid", "https://www.googleapis.com/auth/calendar"]);
    let text = r#"{"access_token":"ya29.a","expires_in":"3599"}"#;
    assert_eq!(refresh_response(&Google, 200, &[], text).unwrap().expires_in, secs(3599));
}

#[test]
fn refresh_failures() {
    for (status, body, failure) in [
        (
            400,
            r#"{"error":"invalid_grant","error_description":"Token has been expired or revoked."}"#,
            Failure::Permanent,
        ),
        (400, r#"{"error":"invalid_grant","error_subtype":"invalid_rapt"}"#, Failure::Permanent),
        (
            401,
            r#"{"error":"invalid_client","error_description":"The OAuth client was not found."}"#,
            Failure::Misconfigured,
        ),
        (401, r#"{"error":"unauthorized_client"}"#, Failure::Permanent),
        (200, r#"{"error":"internal_failure"}"#, Failure::Transient),
        (503, r#"{"error":"invalid_grant"}"#, Failure::Transient),
        (429, "", Failure::Transient),
        (502, "<html>Bad gateway</html>", Failure::Transient),
        (200, "<html>error=login</html>", Failure::Transient),
        (403, "<html>blocked</html>", Failure::Transient),
    ] {
        assert_eq!(
            refresh_response(&Google, status, &[], body).unwrap_err().failure(),
            failure,
            "{status} {body}"
        );
    }
    let error = refresh_response(&Google, 429, &[("retry-after", "9")], "").unwrap_err();
    assert_eq!(error.retry_after(), secs(9));
}

#[test]
fn revocation_prefers_the_refresh_token() {
    let request = revoke_request(&Google, "https://oauth2.googleapis.com/revoke", Some("1//rt")).unwrap();
    assert_eq!(form(&request), [("token".to_owned(), "1//rt".to_owned())]);
    assert!(!request.headers.contains_key("authorization"));
    let request = revoke_request(&Google, "https://oauth2.googleapis.com/revoke", None).unwrap();
    assert_eq!(form(&request), [("token".to_owned(), "at-1".to_owned())]);
    assert_eq!(revoke_response(&Google, 200, "{}").unwrap(), Revoked::Now);
    assert_eq!(revoke_response(&Google, 400, r#"{"error":"invalid_token"}"#).unwrap(), Revoked::Before);
    assert!(revoke_response(&Google, 500, "").is_err());
}

#[test]
fn another_base_has_no_profile_and_no_endpoints() {
    let base = url::Url::parse("http://127.0.0.1:9/x").unwrap();
    assert_eq!(Google.endpoints(Some(&base)), crate::Endpoints::default());
    assert_eq!(Google.endpoints(None).token_url.as_deref(), Some("https://oauth2.googleapis.com/token"));
}

#[test]
fn profile_in_standard_claims() {
    let body = br#"{"sub":"1000000001","name":"Ana Roe","given_name":"Ana","family_name":"Roe","picture":"https://p.test","email":"ana@example.test","email_verified":"true","hd":"example.test"}"#;
    let got = Google.profile(body).unwrap();
    assert_eq!((got.sub.as_str(), got.email_verified), ("1000000001", Some(true)));
    assert_eq!(got.given_name.as_deref(), Some("Ana"));
}

#[test]
fn retry_info_says_when() {
    let body = r#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"Quota exceeded","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"13.2s"}]}}"#;
    assert_eq!(classify(&Google, 429, &[], body).retry_after, secs(14));
    // A header goes first, and what is no duration is passed over.
    assert_eq!(classify(&Google, 429, &[("retry-after", "3")], body).retry_after, secs(3));
    for odd in ["soon", "13", "-1s", "0s", "s"] {
        let body = body.replace("13.2s", odd);
        assert_eq!(classify(&Google, 429, &[], &body).retry_after, secs(60), "{odd}");
    }
}

#[test]
fn long_gets_come_as_form_posts() {
    assert_eq!(Google.method_override(), crate::MethodOverride::FormPostAsGet);
    assert_eq!(crate::adapter(crate::Kind::Microsoft).method_override(), crate::MethodOverride::Refused);
}
