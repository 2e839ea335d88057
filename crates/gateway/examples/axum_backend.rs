//! An axum backend that calls GitHub for its users, with the crates of the gateway and without the gateway: `caller-auth` verifies
//! the user's access token, `token-broker` finds the user's token at GitHub, `idp-adapters` calls the API.
//!
//! The tenant and GitHub are a sandbox on loopback. For the real thing: your tenant's domain and client, and no URLs.

use std::error::Error;
use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRef, State};
use axum::http::{StatusCode, header::CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use caller_auth::{AuthLayer, Verified, Verifier};
use idp_adapters::{
    Kind,
    client::{GitHub, HttpClient},
};
use mgmt_auth::{ClientCredentials, Tenant};
use sandbox::{ProviderKind, Sandbox};
use serde_json::{Value, json};
use token_broker::{Broker, CallError, IdpToken, Provider, Reason, TokenRequest};
use tokio::net::TcpListener;
use url::Url;
use user_store::UserStore;

/// What the handlers share.
struct Backend {
    broker: Broker,
    github: Url,
    http: HttpClient,
}

/// The router's state. `Verified` takes the verifier from it, handlers take the backend.
#[derive(Clone)]
struct Shared {
    verifier: Arc<Verifier>,
    backend: Arc<Backend>,
}

impl FromRef<Shared> for Arc<Verifier> {
    fn from_ref(shared: &Shared) -> Self {
        Self::clone(&shared.verifier)
    }
}

impl FromRef<Shared> for Arc<Backend> {
    fn from_ref(shared: &Shared) -> Self {
        Self::clone(&shared.backend)
    }
}

/// What the app is told: the words are those of the gateway, so that an app can use either.
struct Refused(StatusCode, &'static str);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        answer(self.0, &json!({ "code": self.1 }))
    }
}

fn answer(status: StatusCode, body: &Value) -> Response {
    (status, [(CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

impl From<token_broker::Error> for Refused {
    fn from(error: token_broker::Error) -> Self {
        match error.reason() {
            Reason::AccountNotConnected { .. } => Self(StatusCode::FORBIDDEN, "account-not-connected"),
            Reason::ReconnectRequired { .. } => Self(StatusCode::FORBIDDEN, "reconnect-required"),
            _ if error.is_transient() => Self(StatusCode::SERVICE_UNAVAILABLE, "tenant-unavailable"),
            _ => Self(StatusCode::BAD_GATEWAY, "tenant-misconfigured"),
        }
    }
}

impl Backend {
    async fn names(&self, token: IdpToken) -> Result<Vec<String>, idp_adapters::client::Error> {
        let github = GitHub::builder(token.bearer().clone()).base_url(self.github.clone());
        let github = github.http(self.http.clone()).build()?;
        let mut repositories = github.repositories().param("sort", "full_name").items();
        let mut names = Vec::new();
        while let Some(repository) = repositories.try_next().await? {
            names.push(repository.full_name);
        }
        Ok(names)
    }
}

/// The caller's repositories. A token that GitHub refuses is replaced once.
async fn repositories(verified: Verified, State(backend): State<Arc<Backend>>) -> Result<Response, Refused> {
    let ask = TokenRequest::new(verified.caller.subject(), "github");
    match backend.broker.call(&ask, |token| backend.names(token)).await {
        Ok(names) => Ok(answer(StatusCode::OK, &json!(names))),
        Err(CallError::Token(error)) => Err(error.into()),
        Err(CallError::Call(error)) if error.is_token_dead() => {
            Err(Refused(StatusCode::FORBIDDEN, "reconnect-required"))
        }
        Err(_) => Err(Refused(StatusCode::BAD_GATEWAY, "provider-error")),
    }
}

/// The backend's routes. The layer verifies every caller.
fn api(verifier: Verifier, backend: Backend) -> Router {
    let shared = Shared { verifier: Arc::new(verifier), backend: Arc::new(backend) };
    Router::new()
        .route("/repositories", get(repositories))
        .layer(AuthLayer::new(Arc::clone(&shared.verifier)))
        .with_state(shared)
}

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, reason = "what the example is for")]
async fn main() -> Result<(), Box<dyn Error>> {
    let sandbox = Sandbox::builder().start().await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://{}/repositories", listener.local_addr()?);

    let verifier =
        Verifier::builder(sandbox.tenant_url().as_str()).audience(sandbox.api_audience()).build()?;
    let tenant = Tenant::builder(sandbox.domain())
        .base_url(sandbox.tenant_url())
        .credentials(ClientCredentials::secret(sandbox.client_id(), sandbox.client_secret()))
        .build()?;
    let users = UserStore::builder(tenant.clone()).build();
    let github = Provider::new("github", idp_adapters::shared(Kind::GitHub));
    let broker = Broker::builder(tenant, users).provider(github).build()?;
    let github = sandbox.provider_url(ProviderKind::GitHub);
    let backend = Backend { broker, github, http: HttpClient::default() };
    let app = api(verifier, backend);
    tokio::spawn(async move { axum::serve(listener, app).await });

    let http = reqwest::Client::builder().no_proxy().build()?;
    let user = |number| sandbox.caller_token(&format!("google-oauth2|10000000000000000000{number}"));
    for (who, token, status, words) in [
        ("Ben", Some(user(2)), 200, "ben/"),
        ("Ana, who has no account", Some(user(1)), 403, "account-not-connected"),
        ("Cleo, who has revoked the app", Some(user(3)), 403, "reconnect-required"),
        ("nobody", None, 401, ""),
    ] {
        let mut request = http.get(&address);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await?;
        let found = response.status();
        let body = response.text().await?;
        println!("{who}: {found} {body}");
        assert_eq!(found, status, "{who}");
        assert!(body.contains(words), "{who}: {body}");
    }
    Ok(())
}

#[cfg(test)]
#[test]
fn it_runs() {
    main().unwrap();
}
