//! The broker over real sockets: the sandbox's tenant in front, its GitHub behind.

use std::time::SystemTime;

use idp_adapters::{TokenSource, client::GitHub};
use mgmt_auth::{ClientCredentials, Tenant};
use sandbox::{ProviderKind, Sandbox, Server, World};
use token_broker::{Broker, Cached, CallError, IdpToken, Provider, Reason, TokenRequest};
use user_store::UserStore;

const BEN: &str = "google-oauth2|100000000000000000002";
const CLEO: &str = "google-oauth2|100000000000000000003";

fn broker(sandbox: &Sandbox) -> Broker {
    let tenant = Tenant::builder(sandbox.domain())
        .base_url(sandbox.tenant_url())
        .credentials(ClientCredentials::secret(sandbox.client_id(), sandbox.client_secret().to_owned()))
        .build()
        .unwrap();
    let users = UserStore::builder(tenant.clone()).build();
    let github = Provider::new("github", idp_adapters::shared(idp_adapters::Kind::GitHub));
    Broker::builder(tenant, users).provider(github).build().unwrap()
}

fn ask(user_id: &str) -> TokenRequest<'_> {
    TokenRequest::new(user_id, "github")
}

async fn call(sandbox: &Sandbox, token: &IdpToken) -> u16 {
    let url = sandbox.provider_url(ProviderKind::GitHub).join("user").unwrap();
    let client = reqwest::Client::builder().user_agent("test").build().unwrap();
    client.get(url).header("authorization", token.bearer().header()).send().await.unwrap().status().as_u16()
}

fn lookups(sandbox: &Sandbox) -> usize {
    sandbox.journal().count_of(Server::Tenant, "/api/v2/users/")
}

#[tokio::test]
async fn the_linked_account_of_the_provider_is_found_and_works() {
    let sandbox = Sandbox::builder().world(World::demo()).start().await.unwrap();
    let broker = broker(&sandbox);
    let token = broker.token(&ask(BEN)).await.unwrap();
    assert_eq!(token.account().to_string(), "github|583232");
    assert_eq!(call(&sandbox, &token).await, 200);
    assert_eq!(broker.token(&ask(BEN)).await.unwrap().cache(), Cached::Hit);
    assert_eq!(lookups(&sandbox), 1);
    let shown = format!("{broker:?} {token:?} {:?}", broker.accounts(&ask(BEN)).await.unwrap());
    assert!(sandbox.secrets().iter().all(|secret| !shown.contains(secret)), "{shown}");
}

#[tokio::test]
async fn tm_c05_a_revoked_grant_costs_two_look_ups_and_a_new_login_ends_it() {
    let sandbox = Sandbox::builder().world(World::demo()).start().await.unwrap();
    let broker = broker(&sandbox);
    let dead = broker.token(&ask(CLEO)).await.unwrap();
    assert_eq!(call(&sandbox, &dead).await, 401);
    for _ in 0..20 {
        let error = broker.token_rejected(&ask(CLEO), &dead).await.unwrap_err();
        assert!(matches!(error.reason(), Reason::ReconnectRequired { refresh_lost: false, .. }));
        assert!(matches!(broker.token(&ask(CLEO)).await, Err(error) if !error.is_transient()));
    }
    assert_eq!(lookups(&sandbox), 2);
    assert!(sandbox.world().sign_in_again(CLEO, "github"));
    let mut newer = ask(CLEO);
    newer.issued_at = SystemTime::now() + std::time::Duration::from_secs(5);
    let token = broker.token(&newer).await.unwrap();
    assert_eq!((call(&sandbox, &token).await, lookups(&sandbox)), (200, 3));
}

#[tokio::test]
async fn a_management_token_without_the_scope_is_the_operators_fault() {
    let sandbox = Sandbox::builder().world(World::demo()).start().await.unwrap();
    assert!(sandbox.world().set_management_scopes(sandbox.client_id(), &["read:users"]));
    let error = broker(&sandbox).token(&ask(BEN)).await.unwrap_err();
    assert_eq!(*error.reason(), Reason::TenantMisconfigured);
    assert!(error.detail().contains("read:user_idp_tokens"));
}

/// A client of the sandbox's GitHub.
fn github(sandbox: &Sandbox, token: impl Into<TokenSource>) -> GitHub {
    GitHub::builder(token).base_url(sandbox.provider_url(ProviderKind::GitHub)).build().unwrap()
}

#[tokio::test]
async fn a_call_is_repeated_once_with_the_token_of_a_new_login() {
    let sandbox = Sandbox::builder().world(World::demo()).start().await.unwrap();
    let broker = broker(&sandbox);
    let login = async |user| {
        let calls = std::cell::Cell::new(0);
        let call = |token: IdpToken| {
            calls.set(calls.get() + 1);
            let github = github(&sandbox, token.bearer().clone());
            async move { github.profile().await }
        };
        let found = broker.call(&ask(user), call).await;
        (found.map(|profile| profile.preferred_username.unwrap_or_default()), calls.get())
    };
    assert!(matches!(login(BEN).await, (Ok(name), 1) if name == "ben"));
    // The cached copy is dead, and Auth0 has a newer one.
    assert!(sandbox.world().revoke(BEN, "github") && sandbox.world().sign_in_again(BEN, "github"));
    assert!(matches!(login(BEN).await, (Ok(name), 2) if name == "ben"));
    let (dead, calls) = login(CLEO).await;
    let Err(CallError::Token(error)) = dead else { panic!("{dead:?}") };
    assert!(matches!(error.reason(), Reason::ReconnectRequired { .. }));
    assert_eq!(calls, 1);
}

#[tokio::test]
async fn a_source_serves_a_client_over_a_new_login_and_says_who_has_to_act() {
    let sandbox = Sandbox::builder().world(World::demo()).start().await.unwrap();
    let broker = broker(&sandbox);
    let ben = github(&sandbox, broker.source(BEN, "github"));
    assert_eq!(ben.profile().await.unwrap().preferred_username.as_deref(), Some("ben"));
    assert!(sandbox.world().revoke(BEN, "github") && sandbox.world().sign_in_again(BEN, "github"));
    assert_eq!(ben.profile().await.unwrap().preferred_username.as_deref(), Some("ben"));
    assert_eq!(lookups(&sandbox), 2);
    let error = github(&sandbox, broker.source(CLEO, "github")).profile().await.unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().downcast_ref::<token_broker::Error>().unwrap();
    assert!(error.is_token_dead() && error.status().is_some(), "the provider has refused the only token");
    assert!(matches!(cause.reason(), Reason::ReconnectRequired { .. }));
}
