use super::*;

fn answer(status: u16, body: &str) -> Response<Bytes> {
    Response::builder().status(status).body(Bytes::copy_from_slice(body.as_bytes())).unwrap()
}

fn fault(endpoint: Endpoint, status: u16, body: &str) -> (Fault, Option<String>) {
    let error = decode(&answer(status, body), endpoint, SystemTime::now());
    assert_eq!(error.status().map(|status| status.as_u16()), Some(status));
    (error.fault(), error.code().map(str::to_owned))
}

#[test]
fn every_row_of_the_token_endpoints_table_has_its_fault() {
    let rows = [
        (
            401,
            r#"{"error":"access_denied","error_description":"Unauthorized"}"#,
            Fault::Operator,
            "access_denied",
        ),
        (401, r#"{"error":"invalid_client"}"#, Fault::Operator, "invalid_client"),
        (
            403,
            r#"{"error":"access_denied","error_description":"Service not enabled within domain: x"}"#,
            Fault::Operator,
            "access_denied",
        ),
        (403, r#"{"error":"unauthorized_client"}"#, Fault::Operator, "unauthorized_client"),
        (400, r#"{"error":"invalid_request"}"#, Fault::Operator, "invalid_request"),
        (400, r#"{"error":"unsupported_grant_type"}"#, Fault::Operator, "unsupported_grant_type"),
        (400, r#"{"error":"invalid_scope","statusCode":400}"#, Fault::Operator, "invalid_scope"),
        (429, r#"{"error":"too_many_requests"}"#, Fault::RateLimited, "too_many_requests"),
        (
            401,
            r#"{"error":"federated_connection_refresh_token_not_found"}"#,
            Fault::Request,
            "federated_connection_refresh_token_not_found",
        ),
        (
            401,
            r#"{"error":"federated_connection_refresh_token_flow_failed"}"#,
            Fault::Request,
            "federated_connection_refresh_token_flow_failed",
        ),
        (403, r#"{"error":"invalid_grant"}"#, Fault::Request, "invalid_grant"),
        (401, r#"{"error":"mfa_required","mfa_token":"x"}"#, Fault::Operator, "mfa_required"),
    ];
    for (status, body, expected, code) in rows {
        assert_eq!(fault(Endpoint::Token, status, body), (expected, Some(code.to_owned())), "{body}");
    }
}

#[test]
fn every_row_of_the_management_apis_table_has_its_fault() {
    let boom = |code: &str, message: &str| {
        format!(r#"{{"statusCode":1,"error":"x y","message":"{message}","errorCode":"{code}"}}"#)
    };
    let rows = [
        (400, boom("invalid_uri", "Object didn't pass validation"), Fault::Request),
        (400, boom("invalid_query_string", "fields"), Fault::Operator),
        (400, boom("Bearer", "Bad HTTP authentication header format"), Fault::Operator),
        (
            401,
            r#"{"statusCode":401,"error":"Unauthorized","message":"Invalid token"}"#.to_owned(),
            Fault::Operator,
        ),
        (403, boom("insufficient_scope", "Insufficient scope, expected any of: read:users"), Fault::Operator),
        (404, boom("inexistent_user", "The user does not exist."), Fault::NotFound),
        (
            404,
            r#"{"statusCode":404,"error":"Not Found","message":"The user does not exist."}"#.to_owned(),
            Fault::NotFound,
        ),
        (404, r#"{"statusCode":404,"error":"Not Found","message":"Not Found"}"#.to_owned(), Fault::Operator),
        (429, boom("too_many_requests", "Global limit has been reached"), Fault::RateLimited),
        (503, boom("unavailable", "try later"), Fault::Tenant),
        (302, String::new(), Fault::Operator),
    ];
    for (status, body, expected) in rows {
        assert_eq!(fault(Endpoint::Management, status, &body).0, expected, "{status} {body}");
    }
}

#[test]
fn the_global_limit_is_recognised_in_any_form() {
    for (status, body) in [
        (500, r#"{"statusCode":500,"message":"Global limit has been reached"}"#),
        (403, r#"{"error":"x","error_description":"GLOBAL LIMIT has been reached"}"#),
        (403, r#"{"errorCode":"too_many_requests"}"#),
    ] {
        for endpoint in [Endpoint::Token, Endpoint::Management, Endpoint::Document] {
            let error = decode(&answer(status, body), endpoint, SystemTime::now());
            assert!(error.is_rate_limited() && error.is_transient(), "{endpoint:?} {body}");
            assert_eq!(error.retry_after(), Some(SHORT));
        }
    }
}

#[test]
fn html_never_says_that_a_user_does_not_exist() {
    let page = "<html><body>nope</body></html>";
    assert_eq!(fault(Endpoint::Management, 404, page).0, Fault::Operator);
    assert_eq!(fault(Endpoint::Management, 403, page).0, Fault::Tenant);
    assert_eq!(fault(Endpoint::Management, 502, page).0, Fault::Tenant);
    assert_eq!(fault(Endpoint::Token, 403, page).0, Fault::Tenant);
    assert_eq!(fault(Endpoint::Token, 503, page).0, Fault::Tenant);
}

#[test]
fn nothing_of_the_answers_prose_gets_into_an_error() {
    let body =
        r#"{"error":"sentinel word","message":"sentinel auth0|123","errorCode":"sentinel with spaces"}"#;
    for endpoint in [Endpoint::Token, Endpoint::Management, Endpoint::Document] {
        for status in [400, 401, 403, 404, 429, 500] {
            let error = decode(&answer(status, body), endpoint, SystemTime::now());
            assert!(!format!("{error} {error:?}").contains("sentinel"), "{error:?}");
        }
    }
}

#[test]
fn a_limit_is_never_over_at_once() {
    for (name, value) in [("x-ratelimit-reset", "1500000000"), ("retry-after", "0"), ("x-other", "")] {
        let limited = Response::builder().status(429).header(name, value).body(Bytes::new()).unwrap();
        let error = decode(&limited, Endpoint::Management, SystemTime::now());
        assert_eq!(error.retry_after(), Some(Duration::from_secs(1)), "{name}: {value}");
    }
}

#[test]
fn tm_s02_an_error_word_that_may_be_a_token_is_not_shown() {
    for word in ["invalid_grant", "access_denied", "federated_connection_refresh_token_not_found"] {
        assert!(is_word(word), "{word}");
    }
    let secrets =
        ["x1".repeat(20), "eyJhbGciOi.eyJzdWIiOiJhdXRoMHxhbmEi.c2lnbmF0".to_owned(), "A".repeat(64)];
    for text in secrets.iter().map(String::as_str).chain(["", "two words", "a\nb"]) {
        assert!(!is_word(text), "{text}");
    }
}
