//! Reads of the Management API: tokens that are refused, errors, and what is sent.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use http::Request;
use mgmt_auth::{Error, Fault, Priority, Tenant, TransportErrorKind};
use serde_json::{Value, json};
use tokio::time::advance;

use crate::script::{Reply, Script, reply, seconds, tenant, token, with_headers};

async fn user(tenant: &Tenant) -> Result<Value, Error> {
    tenant.get(&["users", "github|1"], &[], Priority::Caller).await
}

/// A tenant whose API takes the tokens that `good` says; tokens are numbered by their request.
fn picky(good: impl Fn(usize) -> bool + Send + Sync + 'static) -> Arc<Script> {
    Script::new(move |request, number| {
        if request.uri().path() == "/oauth/token" {
            return token(number, 86400);
        }
        let bearer = request.headers()["authorization"].to_str().unwrap();
        let number: usize = bearer.rsplit_once("sig").unwrap().1.parse().unwrap();
        if good(number) { reply(200, json!({ "token": number })) } else { refused() }
    })
}

fn refused() -> Reply {
    reply(401, json!({ "statusCode": 401, "error": "Unauthorized", "message": "Invalid token" }))
}

#[tokio::test(start_paused = true)]
async fn a_token_refused_after_it_worked_is_replaced_once_and_the_read_repeated_once() {
    let least = Arc::new(AtomicUsize::new(0));
    let script = picky({
        let least = least.clone();
        move |number| number >= least.load(Ordering::SeqCst)
    });
    let tenant = tenant(&script);
    assert_eq!(user(&tenant).await.unwrap()["token"], 0);
    least.store(1, Ordering::SeqCst);
    let reads: Vec<_> = (0..50)
        .map(|_| {
            let tenant = tenant.clone();
            tokio::spawn(async move { user(&tenant).await })
        })
        .collect();
    for read in reads {
        assert_eq!(read.await.unwrap().unwrap()["token"], 1);
    }
    assert_eq!(script.count("/oauth/token"), 2, "one replacement for all");
}

#[tokio::test(start_paused = true)]
async fn tm_a01_a_tenant_that_refuses_every_token_costs_no_token_a_read() {
    let script = picky(|_| false);
    let tenant = tenant(&script);
    for _ in 0..20 {
        let error = user(&tenant).await.unwrap_err();
        assert!(error.is_unauthorized() && error.fault() == Fault::Operator && !error.is_transient());
    }
    assert_eq!((script.count("/oauth/token"), script.count("/api/v2/")), (2, 21), "one replacement is tried");
    advance(seconds(31)).await;
    for _ in 0..5 {
        assert!(user(&tenant).await.is_err());
    }
    assert_eq!(
        (script.count("/oauth/token"), script.count("/api/v2/")),
        (3, 27),
        "once more, half a minute later"
    );
}

/// The tenant may have forgotten the token between start and first use.
#[tokio::test(start_paused = true)]
async fn a_token_refused_at_its_first_use_is_replaced_too() {
    let script = picky(|number| number > 0);
    let tenant = tenant(&script);
    tenant.management_token().await.unwrap();
    assert_ne!(user(&tenant).await.unwrap()["token"], 0);
    user(&tenant).await.unwrap();
    assert_eq!((script.count("/oauth/token"), script.count("/api/v2/")), (2, 3));
}

#[tokio::test(start_paused = true)]
async fn a_missing_scope_is_the_operators_fault_and_not_tried_again() {
    let script = Script::new(|request, number| match request.uri().path() {
        "/oauth/token" => token(number, 60),
        _ => reply(
            403,
            json!({ "statusCode": 403, "error": "Forbidden", "message": "x", "errorCode": "insufficient_scope" }),
        ),
    });
    let error = user(&tenant(&script)).await.unwrap_err();
    assert_eq!((error.fault(), error.code()), (Fault::Operator, Some("insufficient_scope")));
    assert!(error.to_string().contains("read:user_idp_tokens"), "names the remedy: {error}");
    assert_eq!((script.count("/oauth/token"), script.count("/api/v2/")), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn failures_of_the_tenant_are_not_repeated_here() {
    let failures: [fn() -> Reply; 5] = [
        || with_headers(503, &[], "<html>"),
        || Err(TransportErrorKind::Broken.into()),
        || Err(TransportErrorKind::Timeout.into()),
        || Err(TransportErrorKind::TooLarge.into()),
        || with_headers(200, &[], "<html>surprise</html>"),
    ];
    for failure in failures {
        let script = Script::new(move |request, number| match request.uri().path() {
            "/oauth/token" => token(number, 60),
            _ => failure(),
        });
        let error = user(&tenant(&script)).await.unwrap_err();
        assert!(error.is_transient() && error.fault() == Fault::Tenant, "{error:?}");
        assert_eq!(script.count("/api/v2/"), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn the_request_carries_the_token_and_the_id_as_one_segment() {
    let seen: Arc<Mutex<Option<Request<Bytes>>>> = Arc::default();
    let script = Script::new({
        let seen = seen.clone();
        move |request, number| match request.uri().path() {
            "/oauth/token" => token(number, 60),
            _ => {
                *seen.lock().unwrap() = Some(request.clone());
                reply(200, json!({}))
            }
        }
    });
    let tenant = tenant(&script);
    let query = [("fields", "user_id"), ("include_fields", "true")];
    let _: Value = tenant.get(&["users", "oauth2|NAME|a/b"], &query, Priority::Caller).await.unwrap();
    let request = seen.lock().unwrap().take().unwrap();
    assert_eq!(
        request.uri(),
        "http://127.0.0.1:1/api/v2/users/oauth2%7CNAME%7Ca%2Fb?fields=user_id&include_fields=true"
    );
    assert!(request.headers()["authorization"].is_sensitive());
    let error = tenant.get::<Value>(&["users", ".."], &[], Priority::Caller).await.unwrap_err();
    assert_eq!(error.fault(), Fault::Request);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_user_is_not_found() {
    let script = Script::new(|request, number| match request.uri().path() {
        "/oauth/token" => token(number, 60),
        _ => reply(
            404,
            json!({ "statusCode": 404, "error": "Not Found", "message": "The user does not exist.", "errorCode": "inexistent_user" }),
        ),
    });
    assert!(user(&tenant(&script)).await.unwrap_err().is_not_found());
}
