use http::Method;
use secrecy::ExposeSecret;

use super::GitHub;
use crate::{Adapter, Failure, Outcome, Revoked, testing::*};

const FORBIDDEN: &str = r#"{"message":"Must have admin rights to Repository.","documentation_url":"https://docs.github.com/rest","status":"403"}"#;

#[test]
fn expired_or_revoked_token_is_a_401() {
    let got = classify(
        &GitHub,
        401,
        &[],
        r#"{"message":"Bad credentials","documentation_url":"https://docs.github.com/rest","status":"401"}"#,
    );
    assert_eq!(got.outcome, Outcome::TokenDead);
    assert_eq!(got.detail.as_deref(), Some("Bad credentials"));
}

#[test]
fn a_401_that_wants_other_credentials_is_no_dead_token() {
    for words in [
        "A JSON web token could not be decoded",
        "'Issuer' claim ('iss') must be an Integer",
        "Must specify two-factor authentication OTP code.",
    ] {
        let got = classify(&GitHub, 401, &[], &format!(r#"{{"message":"{words}","status":"401"}}"#));
        assert_eq!((got.outcome, got.detail.as_deref()), (Outcome::Denied, Some(words)));
    }
    assert_eq!(classify(&GitHub, 401, &[], "").outcome, Outcome::TokenDead);
}

#[test]
fn graphql_tells_a_limit_in_a_200() {
    let call = ("POST", "api.github.com", "/graphql");
    let limited = r#"{"data":null,"errors":[{"type":"RATE_LIMITED","message":"API rate limit exceeded for user ID 1."}]}"#;
    let reset = (NOW_EPOCH + 90).to_string();
    let exhausted = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", reset.as_str())];
    let got = classify_call(&GitHub, call, None, (200, &exhausted, limited));
    assert_eq!((got.outcome, got.retry_after), (Outcome::RateLimited, secs(90)));
    assert_eq!(got.code.as_deref(), Some("RATE_LIMITED"));
    let other = r#"{"errors":[{"type":"RATE_LIMIT","code":"graphql_rate_limit","message":"Wait."}]}"#;
    let got = classify_call(&GitHub, call, None, (200, &exhausted, other));
    assert_eq!((got.outcome, got.retry_after), (Outcome::RateLimited, secs(90)));
    let secondary = r#"{"errors":[{"message":"You have exceeded a secondary rate limit."}]}"#;
    let got = classify_call(&GitHub, call, None, (200, &[("retry-after", "7")], secondary));
    assert_eq!((got.outcome, got.retry_after), (Outcome::RateLimited, secs(7)));
    // The last answer of a window is an answer, and other errors are the query's own.
    for body in [r#"{"data":{"viewer":{"login":"a"}}}"#, r#"{"errors":[{"type":"NOT_FOUND","message":"x"}]}"#]
    {
        assert_eq!(
            classify_call(&GitHub, call, None, (200, &exhausted, body)).outcome,
            Outcome::Ok,
            "{body}"
        );
    }
    // Answers are held back for a look only where a limit is likely.
    let (method, quiet) = (Method::POST, headers(&[("x-ratelimit-remaining", "4000")]));
    let head = crate::Head::new(&method, http::StatusCode::OK, &quiet).target("api.github.com", "/graphql");
    assert!(matches!(GitHub.classify(&head, now()), crate::Verdict::Known(_)));
    let rest = crate::Head::new(&method, http::StatusCode::OK, &quiet).target("api.github.com", "/user");
    assert!(matches!(GitHub.classify(&rest, now()), crate::Verdict::Known(_)));
}

#[test]
fn scope_missing_403_is_told_by_the_scope_headers() {
    let headers = [("x-oauth-scopes", "read:user, gist"), ("x-accepted-oauth-scopes", "repo")];
    let got = classify(&GitHub, 403, &headers, FORBIDDEN);
    assert_eq!(got.outcome, Outcome::ScopeMissing);
    assert_eq!(got.missing_scopes, ["repo"]);
    assert_eq!(got.required_scopes, ["repo"]);
    assert_eq!(got.connection_scope.as_deref(), Some("read:user,gist,repo"));
}

/// Another scope would not lift these, and asking for one would send the user round for ever.
#[test]
fn rules_of_an_organisation_are_no_missing_scope() {
    let headers = [("x-oauth-scopes", "read:user"), ("x-accepted-oauth-scopes", "repo")];
    for message in [
        "Although you appear to have the correct authorization credentials, the `acme` organization has an IP allow list enabled, and your IP address is not permitted to access this resource.",
        "Although you appear to have the correct authorization credentials, the `acme` organization has enabled OAuth App access restrictions, meaning that data access to third-parties is limited.",
        "Sorry. Your account was suspended.",
    ] {
        let body = serde_json::json!({ "message": message }).to_string();
        assert_eq!(classify(&GitHub, 403, &headers, &body).outcome, Outcome::Denied, "{message}");
    }
}

#[test]
fn scope_missing_asks_for_the_narrowest_alternative() {
    let headers = [("x-oauth-scopes", "gist"), ("x-accepted-oauth-scopes", "admin:org, read:org, write:org")];
    let got = classify(&GitHub, 403, &headers, FORBIDDEN);
    assert_eq!(got.required_scopes, ["admin:org", "read:org", "write:org"]);
    assert_eq!(got.connection_scope.as_deref(), Some("gist,read:org"));
}

#[test]
fn implied_scopes_count_as_held() {
    for (held, accepted) in [
        ("repo", "public_repo"),
        ("user", "read:user"),
        ("user", "user:email"),
        ("admin:org", "read:org"),
        ("write:org", "read:org"),
        ("admin:repo_hook", "read:repo_hook"),
    ] {
        let headers = [("x-oauth-scopes", held), ("x-accepted-oauth-scopes", accepted)];
        assert_eq!(
            classify(&GitHub, 403, &headers, FORBIDDEN).outcome,
            Outcome::Denied,
            "{held} > {accepted}"
        );
    }
    let headers = [("x-oauth-scopes", "public_repo"), ("x-accepted-oauth-scopes", "repo")];
    assert_eq!(classify(&GitHub, 403, &headers, FORBIDDEN).outcome, Outcome::ScopeMissing);
}

#[test]
fn scope_missing_404_needs_proof() {
    let body = r#"{"message":"Not Found","documentation_url":"https://docs.github.com/rest","status":"404"}"#;
    assert_eq!(classify(&GitHub, 404, &[], body).outcome, Outcome::Rejected);
    let enough = [("x-oauth-scopes", "repo"), ("x-accepted-oauth-scopes", "repo")];
    assert_eq!(classify(&GitHub, 404, &enough, body).outcome, Outcome::Rejected);
    let nothing_needed = [("x-oauth-scopes", "gist"), ("x-accepted-oauth-scopes", "")];
    assert_eq!(classify(&GitHub, 404, &nothing_needed, body).outcome, Outcome::Rejected);
    let lacking = [("x-oauth-scopes", ""), ("x-accepted-oauth-scopes", "repo")];
    let got = classify(&GitHub, 404, &lacking, body);
    assert_eq!((got.outcome, got.connection_scope.as_deref()), (Outcome::ScopeMissing, Some("repo")));
}

#[test]
fn primary_limit_waits_for_the_reset() {
    let reset = (NOW_EPOCH + 1200).to_string();
    let headers = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", reset.as_str())];
    let body = r#"{"message":"API rate limit exceeded for user ID 1.","documentation_url":"..."}"#;
    for status in [403, 429] {
        let got = classify(&GitHub, status, &headers, body);
        assert_eq!((got.outcome, got.retry_after), (Outcome::RateLimited, secs(1200)));
    }
    // Also when the body is unreadable: the headers decide.
    assert_eq!(classify(&GitHub, 403, &headers, "<html>").outcome, Outcome::RateLimited);
    // A reset that has just passed still means a moment.
    let passed = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1")];
    assert_eq!(classify(&GitHub, 403, &passed, body).retry_after, secs(1));
}

#[test]
fn secondary_limit_without_hint_is_a_minute() {
    let body = r#"{"message":"You have exceeded a secondary rate limit. Please wait a few minutes before you try again."}"#;
    for status in [403, 429] {
        let got = classify(&GitHub, status, &[("x-ratelimit-remaining", "4711")], body);
        assert_eq!((got.outcome, got.retry_after), (Outcome::RateLimited, secs(60)));
        let got = classify(&GitHub, status, &[("retry-after", "17")], body);
        assert_eq!((got.outcome, got.retry_after), (Outcome::RateLimited, secs(17)));
    }
}

#[test]
fn too_many_bad_attempts_are_a_limit() {
    let body = r#"{"message":"Maximum number of login attempts exceeded. Please try again later."}"#;
    let got = classify(&GitHub, 403, &[], body);
    assert_eq!((got.outcome, got.retry_after), (Outcome::RateLimited, secs(60)));
}

#[test]
fn permission_403_is_denied_also_as_the_last_request_of_the_hour() {
    let headers = [
        ("x-ratelimit-remaining", "0"),
        ("x-accepted-github-permissions", "issues=read,contents=read; issues=write"),
    ];
    let got = classify(&GitHub, 403, &headers, r#"{"message":"Resource not accessible by integration"}"#);
    assert_eq!(got.outcome, Outcome::Denied);
    assert_eq!(got.required_scopes, ["issues=read", "contents=read"]);
    assert_eq!(got.connection_scope, None);
}

#[test]
fn single_sign_on_403_is_denied() {
    let headers = [("x-github-sso", "required; url=https://github.com/orgs/o/sso?authorization_request=A")];
    let got = classify(
        &GitHub,
        403,
        &headers,
        r#"{"message":"Resource protected by organization SAML enforcement."}"#,
    );
    assert_eq!(got.outcome, Outcome::Denied);
    assert!(!format!("{got:?}").contains("authorization_request"));
}

#[test]
fn other_statuses() {
    let invalid = r#"{"message":"Validation Failed","errors":[{"resource":"Issue","field":"title","code":"missing_field"}]}"#;
    let got = classify(&GitHub, 422, &[], invalid);
    assert_eq!((got.outcome, got.code.as_deref()), (Outcome::Rejected, Some("missing_field")));
    for (status, outcome) in [
        (200, Outcome::Ok),
        (304, Outcome::Ok),
        (302, Outcome::Ok),
        (400, Outcome::Rejected),
        (410, Outcome::Rejected),
        (502, Outcome::Error),
    ] {
        assert_eq!(classify(&GitHub, status, &[], "").outcome, outcome, "{status}");
    }
    assert_eq!(classify(&GitHub, 503, &[("retry-after", "5")], "").retry_after, secs(5));
}

#[test]
fn row_1_5_application_tokens_are_not_reachable() {
    for path in [
        "/applications/1/token",
        "/applications/x/grant",
        "/applications",
        "/credentials/revoke",
        "/copilot_internal/v2/token",
        "/%61pplications/1/token",
        "//applications//1/token",
        "/applications%2F1%2Ftoken",
        "/Applications/1",
        "/applications/1%3Fx",
    ] {
        assert!(GitHub.denies(&Method::GET, "api.github.com", path).is_some(), "{path}");
    }
    for path in ["/user", "/repos/applications/x", "/applicationsx"] {
        assert!(GitHub.denies(&Method::GET, "api.github.com", path).is_none(), "{path}");
    }
    assert!(GitHub.guards(&Method::POST, "api.github.com", "/graphql").is_some());
    for path in ["/graphql", "/graphql/", "/%67raphql", "/api/graphql"] {
        assert!(GitHub.graphql(path).is_some_and(|known| known.root_again == ["relay"]), "{path}");
    }
    for path in ["/", "/graphql/x", "/user", "/api/v3"] {
        assert!(GitHub.graphql(path).is_none(), "{path}");
    }
}

#[test]
fn row_1_5_archives_come_from_declared_hosts() {
    assert!(GitHub.download_host("codeload.github.com"));
    assert!(GitHub.download_host("objects.githubusercontent.com"));
    assert!(!GitHub.download_host("githubusercontent.com.evil.test"));
    assert!(!GitHub.download_host("evilgithubusercontent.com"));
    assert!(!GitHub.allows_host("codeload.github.com"));
    assert_eq!(GitHub.capability_members(), ["download_url", "temp_clone_token", "tempCloneToken"]);
}

#[test]
fn required_headers_only_fill_gaps() {
    let mut sent = headers(&[("user-agent", "octokit"), ("accept", "application/vnd.github.raw+json")]);
    GitHub.required_headers("api.github.com", &mut sent);
    assert_eq!(sent["user-agent"], "octokit");
    assert_eq!(sent["accept"], "application/vnd.github.raw+json");
    let mut sent = http::HeaderMap::new();
    GitHub.required_headers("api.github.com", &mut sent);
    assert!(sent["user-agent"].to_str().unwrap().starts_with("idp-gateway/"));
    assert_eq!(sent["accept"], "application/vnd.github+json");
}

#[test]
fn refresh_errors_come_with_status_200() {
    let dead = r#"{"error":"bad_refresh_token","error_description":"The refresh token passed is incorrect or expired.","error_uri":"https://docs.github.com"}"#;
    let error = refresh_response(&GitHub, 200, &[], dead).unwrap_err();
    assert_eq!((error.failure(), error.code()), (Failure::Permanent, Some("bad_refresh_token")));
    for word in ["incorrect_client_credentials", "unauthorized_client", "redirect_uri_mismatch"] {
        let error = refresh_response(&GitHub, 200, &[], &format!(r#"{{"error":"{word}"}}"#)).unwrap_err();
        assert!(error.is_misconfigured(), "{word}");
    }
    let as_form = "error=bad_refresh_token&error_description=The+refresh+token+passed+is+incorrect";
    assert!(refresh_response(&GitHub, 200, &[], as_form).unwrap_err().is_permanent());
}

#[test]
fn refresh_reads_json_and_forms() {
    let json = r#"{"access_token":"ghu_a","expires_in":28800,"refresh_token":"ghr_b","refresh_token_expires_in":15811200,"scope":"","token_type":"bearer"}"#;
    let form = "access_token=ghu_a&expires_in=28800&refresh_token=ghr_b&refresh_token_expires_in=15811200&scope=&token_type=bearer";
    for body in [json, form] {
        let got = refresh_response(&GitHub, 200, &[], body).unwrap();
        assert_eq!(got.access_token.expose(), "ghu_a");
        assert_eq!(got.refresh_token.as_ref().map(ExposeSecret::expose_secret), Some("ghr_b"));
        assert_eq!((got.expires_in, got.refresh_expires_in), (secs(28_800), secs(15_811_200)));
        assert_eq!(got.scopes, None);
        assert!(!format!("{got:?}").contains("gh"), "masked");
    }
}

#[test]
fn refresh_request_is_a_form_that_wants_json() {
    let request = refresh_request(&GitHub, "https://github.com/login/oauth/access_token", None).unwrap();
    assert_eq!(request.headers["accept"], "application/json");
    let form = form(&request);
    for (name, value) in [
        ("grant_type", "refresh_token"),
        ("refresh_token", "rt-1"),
        ("client_id", "client-1"),
        ("client_secret", SECRET),
    ] {
        assert!(form.contains(&(name.to_owned(), value.to_owned())), "{name}");
    }
    assert!(!format!("{request:?}").contains("rt-1"));
}

#[test]
fn revocation_deletes_the_grant() {
    let url = crate::fill_client_id("https://api.github.com/applications/{client_id}/grant", "Iv1.a/b");
    assert_eq!(url, "https://api.github.com/applications/Iv1.a%2Fb/grant");
    let request = revoke_request(&GitHub, &url, None).unwrap();
    assert_eq!(request.method, Method::DELETE);
    assert_eq!(request.body_bytes(), br#"{"access_token":"at-1"}"#);
    assert!(request.headers["authorization"].is_sensitive());
    assert!(request.headers.contains_key("user-agent"));
    assert_eq!(revoke_response(&GitHub, 204, "").unwrap(), Revoked::Now);
    assert_eq!(revoke_response(&GitHub, 404, "{}").unwrap(), Revoked::Before);
    let error = revoke_response(&GitHub, 401, r#"{"message":"Requires authentication"}"#).unwrap_err();
    assert_eq!(error.failure(), Failure::Misconfigured);
    assert_eq!(revoke_response(&GitHub, 502, "").unwrap_err().failure(), Failure::Transient);
}

#[test]
fn endpoints_follow_enterprise_bases_only() {
    let at = |base: &str| GitHub.endpoints(Some(&url::Url::parse(base).unwrap()));
    let server = at("https://ghe.example.com/api/v3");
    assert_eq!(server.token_url.as_deref(), Some("https://ghe.example.com/login/oauth/access_token"));
    assert_eq!(
        server.revoke_url.as_deref(),
        Some("https://ghe.example.com/api/v3/applications/{client_id}/grant")
    );
    assert_eq!(server.profile_url.as_deref(), Some("https://ghe.example.com/api/v3/user"));
    let residency = at("https://api.acme.ghe.com");
    assert_eq!(residency.token_url.as_deref(), Some("https://acme.ghe.com/login/oauth/access_token"));
    let emulator = at("http://127.0.0.1:4321");
    assert_eq!((emulator.token_url, emulator.revoke_url), (None, None));
    assert_eq!(emulator.profile_url.as_deref(), Some("http://127.0.0.1:4321/user"));
    let own = at("https://api.github.com/");
    assert_eq!(own, GitHub.endpoints(None));
    assert_eq!(own.token_url.as_deref(), Some("https://github.com/login/oauth/access_token"));
}

#[test]
fn profile_in_standard_claims() {
    let body = br#"{"login":"octocat","id":583231,"avatar_url":"https://a.test/1","html_url":"https://github.com/octocat","name":null,"email":null}"#;
    let got = GitHub.profile(body).unwrap();
    assert_eq!((got.sub.as_str(), got.preferred_username.as_deref()), ("583231", Some("octocat")));
    assert_eq!((got.name, got.email), (None, None));
    assert!(GitHub.profile(b"[]").is_err());
}
