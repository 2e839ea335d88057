use secrecy::ExposeSecret;

use super::Bitbucket;
use crate::{Adapter, Failure, Outcome, RefreshRule, testing::*};

#[test]
fn expired_token_is_a_401() {
    let body = r#"{"type":"error","error":{"message":"Access token expired. Use your refresh token to obtain a new access token."}}"#;
    let got = classify(&Bitbucket, 401, &[], body);
    assert_eq!(got.outcome, Outcome::TokenDead);
    assert!(got.detail.unwrap().starts_with("Access token expired."));
}

#[test]
fn revoked_or_invalid_token_is_a_401() {
    let body = r#"{"type":"error","error":{"message":"Token is invalid, expired, or not supported for this endpoint."}}"#;
    // The same sentence stands for an endpoint that takes no OAuth token.
    assert_eq!(classify(&Bitbucket, 401, &[], body).outcome, Outcome::TokenDead);
    assert_eq!(classify(&Bitbucket, 401, &[], "").outcome, Outcome::TokenDead);
}

#[test]
fn an_endpoint_that_takes_no_such_token_is_denied() {
    let body =
        r#"{"type":"error","error":{"message":"This type of token is not supported for this endpoint."}}"#;
    assert_eq!(classify(&Bitbucket, 401, &[], body).outcome, Outcome::Denied);
}

#[test]
fn scope_missing_names_required_and_granted() {
    let body = r#"{"type":"error","error":{"message":"Your credentials lack one or more required privilege scopes.","detail":{"required":["pullrequest:write","account"],"granted":["account"]}}}"#;
    let got = classify(&Bitbucket, 403, &[], body);
    assert_eq!(got.outcome, Outcome::ScopeMissing);
    assert_eq!(got.required_scopes, ["pullrequest:write", "account"]);
    assert_eq!(got.missing_scopes, ["pullrequest:write"]);
    assert_eq!(got.connection_scope.as_deref(), Some("account,pullrequest:write"));
    let included = r#"{"type":"error","error":{"message":"m","detail":{"required":["repository","issue"],"granted":["pullrequest"]}}}"#;
    assert_eq!(classify(&Bitbucket, 403, &[], included).missing_scopes, ["issue"]);
    // Without the lists the headers, then the table of known calls.
    let bare = r#"{"type":"error","error":{"message":"Your credentials lack one or more required privilege scopes."}}"#;
    let headers = [("x-oauth-scopes", "account"), ("x-accepted-oauth-scopes", "repository")];
    assert_eq!(
        classify(&Bitbucket, 403, &headers, bare).connection_scope.as_deref(),
        Some("account,repository")
    );
    let call = ("GET", "api.bitbucket.org", "/2.0/repositories/w/r/pullrequests");
    assert_eq!(classify_call(&Bitbucket, call, None, (403, &[], bare)).missing_scopes, ["pullrequest"]);
}

#[test]
fn permission_403_is_denied() {
    let body = r#"{"type":"error","error":{"message":"You may not have access to this repository","detail":"Ask its owner."}}"#;
    let got = classify(&Bitbucket, 403, &[], body);
    assert_eq!(got.outcome, Outcome::Denied);
    assert_eq!(got.detail.as_deref(), Some("You may not have access to this repository Ask its owner."));
}

#[test]
fn limit_as_json_or_plain_text() {
    let json = r#"{"type":"error","error":{"message":"Rate limit for this resource has been exceeded"}}"#;
    for body in [json, "Rate limit for this resource has been exceeded"] {
        let got = classify(&Bitbucket, 429, &[], body);
        assert_eq!((got.outcome, got.retry_after), (Outcome::RateLimited, secs(60)));
        assert_eq!(got.detail.as_deref(), Some("Rate limit for this resource has been exceeded"));
    }
}

#[test]
fn reset_is_seconds_left_or_a_point_in_time() {
    let headers = [
        ("x-ratelimit-limit", "60, 60;w=3600"),
        ("x-ratelimit-remaining", "0"),
        ("x-ratelimit-reset", "745"),
    ];
    assert_eq!(classify(&Bitbucket, 429, &headers, "").retry_after, secs(745));
    let epoch = (NOW_EPOCH + 90).to_string();
    assert_eq!(classify(&Bitbucket, 429, &[("x-ratelimit-reset", &epoch)], "").retry_after, secs(90));
    let both = [("retry-after", "3"), ("x-ratelimit-reset", "745")];
    assert_eq!(classify(&Bitbucket, 429, &both, "").retry_after, secs(3));
}

#[test]
fn other_statuses() {
    for (status, outcome) in [
        (404, Outcome::Rejected),
        (410, Outcome::Rejected),
        (400, Outcome::Rejected),
        (503, Outcome::Error),
        (204, Outcome::Ok),
    ] {
        assert_eq!(classify(&Bitbucket, status, &[("x-ratelimit-reset", "5")], "").retry_after, None);
        assert_eq!(classify(&Bitbucket, status, &[], "").outcome, outcome, "{status}");
    }
}

#[test]
fn row_1_5_links_and_downloads() {
    for member in ["next", "previous"] {
        assert!(rewrites(&Bitbucket, &[Some(member)]), "{member}");
    }
    assert!(!rewrites(&Bitbucket, &[Some("nextish")]));
    assert!(Bitbucket.download_host("bbuseruploads.s3.amazonaws.com"));
    assert!(!Bitbucket.download_host("other.s3.amazonaws.com"));
    assert!(!Bitbucket.allows_host("bitbucket.org"));
}

#[test]
fn refresh_uses_basic_and_rotates() {
    assert_eq!(Bitbucket.refresh_rule(), RefreshRule::Rotating);
    let request =
        refresh_request(&Bitbucket, "https://bitbucket.org/site/oauth2/access_token", None).unwrap();
    // client-1:s3cret%2F%2B%20value
    assert_eq!(request.headers["authorization"], "Basic Y2xpZW50LTE6czNjcmV0JTJGJTJCJTIwdmFsdWU=");
    assert_eq!(form(&request).len(), 2, "no credentials in the form");
    for member in ["scope", "scopes"] {
        let body = format!(
            r#"{{"access_token":"a","token_type":"bearer","expires_in":7200,"refresh_token":"b","state":"refresh_token","{member}":"account pullrequest"}}"#
        );
        let got = refresh_response(&Bitbucket, 200, &[], &body).unwrap();
        assert_eq!(got.scopes.unwrap(), ["account", "pullrequest"]);
        assert_eq!(got.refresh_token.unwrap().expose_secret(), "b");
    }
    let dead = r#"{"error":"invalid_grant","error_description":"Invalid refresh_token"}"#;
    assert_eq!(refresh_response(&Bitbucket, 400, &[], dead).unwrap_err().failure(), Failure::Permanent);
}

#[test]
fn there_is_no_revocation() {
    assert!(revoke_request(&Bitbucket, "https://bitbucket.org/", None).is_none());
    assert_eq!(Bitbucket.endpoints(None).revoke_url, None);
}

#[test]
fn profile_in_standard_claims() {
    let body = br#"{"type":"user","uuid":"{6f1c}","account_id":"557058:1","display_name":"Ana","nickname":"ana","links":{"html":{"href":"https://bitbucket.org/ana"}},"has_2fa_enabled":null}"#;
    let got = Bitbucket.profile(body).unwrap();
    assert_eq!((got.sub.as_str(), got.preferred_username.as_deref()), ("{6f1c}", Some("ana")));
    assert_eq!(got.profile.as_deref(), Some("https://bitbucket.org/ana"));
}
