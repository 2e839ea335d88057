//! user-store over real sockets, against the sandbox's tenant.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use mgmt_auth::{
    BoxFuture, ClientCredentials, Limits, Tenant, Transport, TransportError, TransportErrorKind,
};
use sandbox::{Condition, Fault as Seeded, Identity, Sandbox, Server, User, World};
use user_store::{Fault, Found, UserStore};

fn store(sandbox: &Sandbox) -> UserStore {
    let tenant = Tenant::builder(sandbox.domain())
        .base_url(sandbox.tenant_url())
        .credentials(ClientCredentials::secret(sandbox.client_id(), sandbox.client_secret().to_owned()))
        .build()
        .unwrap();
    UserStore::builder(tenant).build()
}

/// The raw paths and queries under which users were asked for.
fn asked(sandbox: &Sandbox) -> Vec<String> {
    let lookups = sandbox.journal().matching(|entry| entry.path().starts_with("/api/v2/users/"));
    lookups.iter().map(|entry| entry.target().to_owned()).collect()
}

#[tokio::test]
async fn ids_travel_as_one_encoded_segment() {
    let ids = [
        ("google-oauth2|100000000000000000001", "google-oauth2%7C100000000000000000001"),
        ("oauth2|NAME|a|b", "oauth2%7CNAME%7Ca%7Cb"),
        ("samlp|CONN|x/y+z@w=v", "samlp%7CCONN%7Cx%2Fy%2Bz%40w%3Dv"),
        ("auth0|..%2F..", "auth0%7C..%252F.."),
        ("auth0|a?b#c d", "auth0%7Ca%3Fb%23c%20d"),
        ("waad|\u{e9}", "waad%7C%C3%A9"),
    ];
    let world = ids.iter().fold(World::empty(), |world, (id, _)| {
        world.with(User::new(*id).identity(Identity::github("7", "u")))
    });
    let sandbox = Sandbox::builder().world(world).start().await.unwrap();
    let users = store(&sandbox);
    for (id, _) in ids {
        assert_eq!(users.get(id).await.unwrap().user.user_id(), id);
    }
    let query = "fields=user_id,identities,blocked,last_login&include_fields=true";
    let expected: Vec<_> = ids.iter().map(|(_, path)| format!("/api/v2/users/{path}?{query}")).collect();
    let asked: Vec<_> = asked(&sandbox).into_iter().map(|target| target.replace("%2C", ",")).collect();
    assert_eq!(asked, expected);
}

#[tokio::test]
async fn a_crowd_costs_one_token_and_one_look_up_also_without_the_first_caller() {
    let sandbox = Sandbox::builder().world(World::demo()).start().await.unwrap();
    let (users, ana) = (store(&sandbox), "google-oauth2|100000000000000000001");
    let first = tokio::spawn({
        let users = users.clone();
        async move { users.get(ana).await }
    });
    tokio::task::yield_now().await;
    first.abort();
    let crowd: Vec<_> = (0..500)
        .map(|_| {
            let users = users.clone();
            tokio::spawn(async move { users.get(ana).await })
        })
        .collect();
    for one in crowd {
        assert!(one.await.unwrap().unwrap().user.identities()[0].bearer().is_some());
    }
    for _ in 0..10_000 {
        assert_eq!(users.get(ana).await.unwrap().found, Found::Hit);
    }
    assert_eq!((asked(&sandbox).len(), sandbox.journal().count_of(Server::Tenant, "/oauth/token")), (1, 1));
}

#[tokio::test]
async fn the_tenants_refusals_are_told_apart() {
    let sandbox = Sandbox::builder().world(World::demo()).start().await.unwrap();
    let users = store(&sandbox);
    assert!(users.get("github|404").await.unwrap_err().is_not_found());
    assert_eq!(users.get("nobody").await.unwrap_err().fault(), Fault::Request);
    let fault = Seeded::on(Server::Tenant).path("/api/v2/users").times(1);
    sandbox.faults().add(fault.html(502));
    let error = users.get("google-oauth2|100000000000000000001").await.unwrap_err();
    assert_eq!((error.fault(), error.is_transient()), (Fault::Tenant, true));
    assert_eq!(users.get("google-oauth2|100000000000000000001").await.unwrap().found, Found::Loaded);
}

/// Gives a token, and then records that are too large.
#[derive(Clone, Debug, Default)]
struct TooLarge(Arc<AtomicUsize>);

impl Transport for TooLarge {
    fn send(
        &self,
        request: Request<Bytes>,
        _: Limits,
    ) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        let token = Bytes::from_static(br#"{"access_token":"a.b.c","expires_in":60,"scope":"read:users"}"#);
        let answer = match request.uri().path() {
            "/oauth/token" => Ok(Response::new(token)),
            _ => {
                self.0.fetch_add(1, Ordering::SeqCst);
                Err(TransportErrorKind::TooLarge.into())
            }
        };
        Box::pin(std::future::ready(answer))
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_that_is_too_large_is_told_with_its_cause_and_not_asked_for_again_at_once() {
    let transport = TooLarge::default();
    let tenant = Tenant::builder("acme.eu.auth0.com")
        .credentials(ClientCredentials::secret("id", "secret"))
        .transport(Arc::new(transport.clone()))
        .build()
        .unwrap();
    let users = UserStore::builder(tenant).build();
    for _ in 0..20 {
        let error = users.get("github|1").await.unwrap_err();
        assert!(error.is_too_large() && error.is_transient());
        assert!(error.to_string().contains("1 MiB"), "{error}");
        tokio::time::advance(Duration::from_secs(2)).await;
    }
    assert_eq!(transport.0.load(Ordering::SeqCst), 1);
    assert!(users.get("github|1").await.unwrap_err().retry_after().is_some());
    tokio::time::advance(Duration::from_secs(21)).await;
    assert!(users.get("github|1").await.is_err());
    assert_eq!(transport.0.load(Ordering::SeqCst), 2);
}

/// A tenant whose grant gets `read:user_idp_tokens` later.
#[derive(Clone, Debug, Default)]
struct LateGrant {
    granted: Arc<AtomicBool>,
    tokens: Arc<AtomicUsize>,
    records: Arc<AtomicUsize>,
}

impl Transport for LateGrant {
    fn send(
        &self,
        request: Request<Bytes>,
        _: Limits,
    ) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        let granted = self.granted.load(Ordering::SeqCst);
        let body = if request.uri().path() == "/oauth/token" {
            let number = self.tokens.fetch_add(1, Ordering::SeqCst);
            let scope = if granted { "read:users read:user_idp_tokens" } else { "read:users" };
            format!(
                r#"{{"access_token":"{}.b.{number}","expires_in":86400,"scope":"{scope}"}}"#,
                u8::from(granted)
            )
        } else {
            self.records.fetch_add(1, Ordering::SeqCst);
            let may_see = request.headers()["authorization"].to_str().unwrap().starts_with("Bearer 1.");
            let token = if may_see { r#","access_token":"gho_x""# } else { "" };
            format!(r#"{{"user_id":"github|1","identities":[{{"connection":"github","user_id":1{token}}}]}}"#)
        };
        Box::pin(std::future::ready(Ok(Response::new(Bytes::from(body)))))
    }
}

#[tokio::test(start_paused = true)]
async fn idp_tokens_appear_within_a_minute_after_the_scope_was_granted_and_at_once_on_reload() {
    for reload in [false, true] {
        let transport = LateGrant::default();
        let tenant = Tenant::builder("acme.eu.auth0.com")
            .credentials(ClientCredentials::secret("id", "secret"))
            .transport(Arc::new(transport.clone()))
            .build()
            .unwrap();
        let users = UserStore::builder(tenant.clone()).build();
        for _ in 0..300 {
            let user = users.get("github|1").await.unwrap().user;
            assert!(user.tokens_withheld() && user.identities()[0].bearer().is_none());
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        let asked = transport.tokens.load(Ordering::SeqCst);
        assert!((5..=6).contains(&asked), "once a minute: {asked}");
        assert_eq!(transport.records.load(Ordering::SeqCst), 1);
        transport.granted.store(true, Ordering::SeqCst);
        if reload {
            tenant.recheck_scopes().await.unwrap();
        } else {
            tokio::time::advance(Duration::from_secs(60)).await;
        }
        let user = users.get("github|1").await.unwrap().user;
        assert!(!user.tokens_withheld());
        assert_eq!(user.identities()[0].bearer().unwrap().expose(), "gho_x");
        users.get("github|1").await.unwrap();
        assert_eq!(transport.records.load(Ordering::SeqCst), 2);
        assert_eq!(transport.tokens.load(Ordering::SeqCst), asked + 1);
    }
}

#[tokio::test]
async fn tm_s02_nothing_shown_holds_a_secret() {
    let identity = Identity::github("7", "u").condition(Condition::Revoked);
    let world =
        World::empty().with(User::new("github|7").identity(identity).identity(Identity::google("1", "u")));
    let sandbox = Sandbox::builder().world(world).start().await.unwrap();
    let users = store(&sandbox);
    let shown = format!("{:?} {users:?}", users.get("github|7").await.unwrap());
    for secret in sandbox.secrets() {
        assert!(!shown.contains(&secret), "{shown}");
    }
}
