//! An axum API that only users may call: a layer verifies, handlers take the caller. The tenant is a sandbox on loopback.
//!
//! For a real tenant only `issuer` and the audience change.

use std::error::Error;
use std::sync::Arc;

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use caller_auth::{AuthLayer, Dpop, Verified, Verifier};
use sandbox::Sandbox;
use tokio::net::TcpListener;

/// Only with the scope `orders:read`.
async fn orders(verified: Verified, verifier: axum::extract::State<Arc<Verifier>>) -> Response {
    let caller = &verified.caller;
    if !caller.has("orders:read") {
        let challenge = verifier.insufficient_scope(caller, "orders:read");
        return challenge.forbidden();
    }
    format!("orders of {}", caller.subject()).into_response()
}

/// The API, for whatever verifies its callers.
fn api(verifier: Arc<Verifier>) -> Router {
    Router::new()
        .route("/orders", get(orders))
        .layer(AuthLayer::new(Arc::clone(&verifier)))
        .with_state(verifier)
}

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, reason = "what the example is for")]
async fn main() -> Result<(), Box<dyn Error>> {
    let sandbox = Sandbox::builder().start().await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://{}", listener.local_addr()?);
    let verifier = Verifier::builder(sandbox.tenant_url().as_str())
        .audience(sandbox.api_audience())
        .realm("orders")
        .public_url(address.parse()?)
        .dpop(Dpop::Allow)
        .build()?;
    let app = api(Arc::new(verifier));
    tokio::spawn(async move { axum::serve(listener, app).await });

    let ben = "google-oauth2|100000000000000000002";
    let token = |scope: &str| sandbox.mint().user(ben).scope(scope).sign();
    let other = sandbox.mint().user(ben).audience("https://another.example").sign();
    let machine = sandbox.mint().machine("worker").sign();
    let http = reqwest::Client::builder().no_proxy().build()?;
    for (what, token, status) in [
        ("the scope", Some(token("orders:read")), 200),
        ("another scope", Some(token("openid")), 403),
        ("another API's token", Some(other), 401),
        ("a machine's token", Some(machine), 403),
        ("no token", None, 401),
    ] {
        let mut request = http.get(format!("{address}/orders"));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await?;
        assert_eq!(answer.status(), status, "{what}");
        let challenge = answer.headers().get("www-authenticate").cloned();
        println!("{what}: {} {challenge:?}", answer.status());
        assert_eq!(challenge.is_some(), status == 401 || what == "another scope", "{what}");
    }
    Ok(())
}

#[cfg(test)]
#[test]
fn it_runs() {
    main().unwrap();
}
