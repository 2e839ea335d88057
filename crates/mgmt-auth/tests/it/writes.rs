//! Writes, lists, and tokens that a program's own HTTP client had refused.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use http::Method;
use mgmt_auth::{Fault, Paging, Priority, TransportErrorKind};
use serde_json::{Value, json};

use crate::script::{Script, reply, tenant, token, with_headers};

const CALLER: Priority = Priority::Caller;

#[tokio::test(start_paused = true)]
async fn writes_carry_token_and_json_and_an_empty_answer_is_none() {
    let script = Script::new(|request, number| match request.uri().path() {
        "/oauth/token" => token(number, 60),
        _ if request.method() == Method::DELETE => with_headers(204, &[], ""),
        _ => reply(200, json!({ "method": request.method().as_str() })),
    });
    let tenant = tenant(&script);
    let body = json!({ "blocked": true });
    let answer: Value = tenant.patch(&["users", "a|1"], &body, CALLER).await.unwrap();
    assert_eq!(answer["method"], "PATCH");
    let request = script.last();
    assert_eq!((request.uri().path(), request.method()), ("/api/v2/users/a%7C1", &Method::PATCH));
    assert_eq!(request.headers()["content-type"], "application/json");
    assert!(request.headers()["authorization"].is_sensitive());
    assert_eq!(serde_json::from_slice::<Value>(request.body()).unwrap(), body);
    let answer: Value = tenant.post(&["users"], &body, CALLER).await.unwrap();
    assert_eq!(answer["method"], "POST");
    tenant.delete::<()>(&["users", "a|1"], CALLER).await.unwrap();
    let request = script.last();
    assert!(request.body().is_empty() && !request.headers().contains_key("content-type"));
    assert_eq!(tenant.delete::<()>(&["users", ""], CALLER).await.unwrap_err().fault(), Fault::Request);
}

#[tokio::test(start_paused = true)]
async fn a_write_is_repeated_only_when_it_was_not_carried_out() {
    let refusals = [
        (reply(401, json!({ "statusCode": 401, "message": "Invalid token" })), 2),
        (with_headers(429, &[("retry-after", "1".into())], r#"{"errorCode":"too_many_requests"}"#), 2),
        (reply(500, json!({ "statusCode": 500 })), 1),
        (Err(TransportErrorKind::Timeout.into()), 1),
        (Err(TransportErrorKind::Broken.into()), 1),
    ];
    for (refusal, requests) in refusals {
        let script = Script::new(move |request, number| match request.uri().path() {
            "/oauth/token" => token(number, 60),
            _ if number == 0 => refusal.clone(),
            _ => reply(201, json!({})),
        });
        let answer: Result<Value, _> = tenant(&script).post(&["roles"], &json!({}), CALLER).await;
        assert_eq!(script.count("/api/v2/"), requests);
        assert_eq!(answer.is_ok(), requests == 2);
    }
}

#[tokio::test(start_paused = true)]
async fn lists_are_read_page_by_page_by_number_or_checkpoint() {
    let entries = |range: std::ops::Range<usize>| range.map(Value::from).collect::<Vec<_>>();
    let script = Script::new(move |request, number| {
        let query = request.uri().query().unwrap_or_default();
        match request.uri().path() {
            "/oauth/token" => token(number, 60),
            "/api/v2/roles" if query.contains("&page=1&") => {
                reply(200, json!({ "roles": entries(100..130) }))
            }
            "/api/v2/roles" => reply(200, json!({ "start": 0, "roles": entries(0..100) })),
            "/api/v2/logs" if query.contains("page=0") => reply(200, json!(entries(0..7))),
            _ if query.contains("from=abc") => {
                reply(200, json!({ "organizations": entries(2..3), "next": "" }))
            }
            _ => reply(200, json!({ "organizations": entries(0..2), "next": "abc" })),
        }
    });
    let tenant = tenant(&script);
    let all = tenant.list::<usize>(&["roles"], &[("name_filter", "x")], Paging::Number, CALLER).all().await;
    assert_eq!(all.unwrap(), (0..130).collect::<Vec<_>>());
    assert_eq!(script.last().uri().query(), Some("name_filter=x&page=1&per_page=100"));
    let logs = tenant.list::<usize>(&["logs"], &[], Paging::Number, CALLER).all().await;
    assert_eq!(logs.unwrap().len(), 7);
    let mut pages = tenant.list::<usize>(&["organizations"], &[], Paging::Checkpoint, CALLER);
    assert_eq!(pages.next().await.unwrap(), Some(vec![0, 1]));
    assert_eq!(pages.next().await.unwrap(), Some(vec![2]));
    assert_eq!(pages.next().await.unwrap(), None);
    let wrong = tenant.list::<String>(&["logs"], &[], Paging::Number, CALLER).all().await;
    assert_eq!(wrong.unwrap_err().fault(), Fault::Tenant);
}

#[tokio::test(start_paused = true)]
async fn a_token_reported_as_refused_is_not_handed_out_again() {
    let script = Script::new(|_, number| token(number, 86400));
    let tenant = tenant(&script);
    let first = tenant.management_token().await.unwrap();
    assert!(tenant.reject(&first));
    let second = tenant.management_token().await.unwrap();
    assert!(!Arc::ptr_eq(&first, &second));
    assert_ne!(first.bearer().expose(), second.bearer().expose());
    // A tenant that refuses every token does not cost one token for each report.
    assert!(!tenant.reject(&second));
    assert!(Arc::ptr_eq(&tenant.management_token().await.unwrap(), &second));
    assert_eq!(script.count("/oauth/token"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_client_refused_for_what_cannot_be_seen_is_told() {
    let asked = Arc::new(AtomicUsize::new(0));
    let script = Script::new({
        let asked = asked.clone();
        move |_, _| {
            asked.fetch_add(1, Ordering::SeqCst);
            reply(401, json!({ "error": "access_denied", "error_description": "Unauthorized" }))
        }
    });
    for (id, secret, note) in [
        ("client", "a-secret ", "the client secret contains a blank"),
        ("client\u{200b}", "a-secret", "the client id contains an invisible character"),
    ] {
        let credentials = mgmt_auth::ClientCredentials::secret(id, secret);
        let tenant = crate::script::builder(&script).credentials(credentials).build().unwrap();
        let error = tenant.management_token().await.unwrap_err();
        assert!(error.to_string().contains(note), "{error}");
    }
    let error = tenant(&script).management_token().await.unwrap_err();
    assert!(!error.to_string().contains("contains"), "{error}");
    assert_eq!(asked.load(Ordering::SeqCst), 3);
}

#[tokio::test(start_paused = true)]
async fn causes_are_kept() {
    let script = Script::new(|_, _| Err(TransportErrorKind::TooLarge.into()));
    let error = tenant(&script).management_token().await.unwrap_err();
    assert!(error.is_too_large());
    let cause = std::error::Error::source(&error).unwrap();
    assert_eq!(cause.to_string(), TransportErrorKind::TooLarge.to_string());
    assert_eq!(tenant(&script).issuer(), "http://127.0.0.1:1/");
}
