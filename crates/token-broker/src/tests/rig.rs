//! What the tests run the broker in.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{Request, Response};
use idp_adapters::Kind;
use mgmt_auth::{ClientAuth, ClientCredentials, SecretSource};
use serde_json::{Value, json};
use token_keeper::{BearerToken, Clock};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use user_store::{ConnectedAccount, Directory, Fault, Priority, User, UserStore};

use super::fleet::Fleet;
use crate::{
    Account, AccountSelector, BoxFuture, Broker, BrokerBuilder, Error, GrantKey, GrantStore, Limits,
    Provider, Revocation, Source, TokenRequest, Transport, TransportError, TransportErrorKind, VaultSettings,
    vault::{Exchange, Exchanged, Refused},
};

pub(super) const USER: &str = "google-oauth2|1";
pub(super) const API: &str = "https://api.acme.test";

/// The wall clock of a test: goes with Tokio's, and can be set ahead.
#[derive(Debug)]
pub(super) struct Wall {
    start: (SystemTime, Instant),
    ahead: Mutex<Duration>,
}

impl Default for Wall {
    fn default() -> Self {
        Self { start: (SystemTime::now(), Instant::now()), ahead: Mutex::default() }
    }
}

impl Wall {
    pub(super) fn now(&self) -> SystemTime {
        self.start.0 + self.start.1.elapsed() + *self.ahead.lock().unwrap()
    }

    /// Sets the clock ahead: tokens age, and what is measured by Tokio's clock does not.
    pub(super) fn set_to(&self, time: SystemTime) {
        let by = time.duration_since(self.now()).unwrap();
        *self.ahead.lock().unwrap() += by;
    }
}

/// The tenant: users as Auth0 would answer, and what it was asked.
#[derive(Debug, Default)]
pub(super) struct Tenant {
    pub(super) wall: Arc<Wall>,
    pub(super) users: Mutex<HashMap<String, Value>>,
    pub(super) connected: Mutex<Vec<ConnectedAccount>>,
    pub(super) lookups: AtomicUsize,
    pub(super) connected_reads: AtomicUsize,
    pub(super) fault: Mutex<Option<Fault>>,
    /// The same for Connected Accounts alone.
    pub(super) connected_fault: Mutex<Option<Fault>>,
}

impl Tenant {
    pub(super) fn put(&self, identities: Value) {
        let user = json!({ "user_id": USER, "identities": identities });
        self.users.lock().unwrap().insert(USER.into(), user);
    }

    pub(super) fn connected_reads(&self) -> usize {
        self.connected_reads.load(Ordering::SeqCst)
    }

    pub(super) fn lookups(&self) -> usize {
        self.lookups.load(Ordering::SeqCst)
    }
}

#[derive(Clone, Debug)]
pub(super) struct TenantDirectory(pub(super) Arc<Tenant>);

impl Directory for TenantDirectory {
    fn user<'a>(&'a self, id: &'a str, _: Priority) -> BoxFuture<'a, Result<User, user_store::Error>> {
        Box::pin(async move {
            self.0.lookups.fetch_add(1, Ordering::SeqCst);
            let fetched_at = self.0.wall.now();
            tokio::time::sleep(Duration::from_millis(20)).await;
            if let Some(fault) = *self.0.fault.lock().unwrap() {
                return Err(user_store::Error::new(fault, "seeded"));
            }
            let body = self.0.users.lock().unwrap().get(id).map(Value::to_string);
            let body = body.ok_or_else(|| user_store::Error::new(Fault::NotFound, "no such user"))?;
            User::from_json(body.as_bytes(), id, fetched_at)
        })
    }

    fn connected_accounts<'a>(
        &'a self,
        _: &'a str,
        _: Priority,
    ) -> BoxFuture<'a, Result<Vec<ConnectedAccount>, user_store::Error>> {
        self.0.connected_reads.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            let fault = (*self.0.connected_fault.lock().unwrap()).or(*self.0.fault.lock().unwrap());
            match fault {
                Some(fault) => Err(user_store::Error::new(fault, "seeded")),
                None => Ok(self.0.connected.lock().unwrap().clone()),
            }
        })
    }
}

/// What Token Vault was asked, as form members.
pub(super) type Form = BTreeMap<String, String>;
type VaultFn = Box<dyn Fn(&Form) -> Result<Exchanged, Refused> + Send + Sync>;

pub(super) struct VaultStub {
    pub(super) answer: Mutex<VaultFn>,
    pub(super) asked: Mutex<Vec<Form>>,
}

impl std::fmt::Debug for VaultStub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("VaultStub")
    }
}

impl Exchange for VaultStub {
    fn exchange<'a>(
        &'a self,
        _: &'a ClientCredentials,
        form: &'a [(&'a str, &'a str)],
    ) -> BoxFuture<'a, Result<Exchanged, Refused>> {
        Box::pin(async move {
            let form: Form = form.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            self.asked.lock().unwrap().push(form.clone());
            tokio::time::sleep(Duration::from_millis(20)).await;
            (self.answer.lock().unwrap())(&form)
        })
    }
}

/// The provider's token endpoint: answers by closure, keeps the forms it got.
pub(super) type Reply = Result<(u16, Value), TransportError>;
pub(super) type ProviderFn = Box<dyn FnMut(&Form) -> Reply + Send>;

pub(super) struct ProviderStub {
    pub(super) answer: Mutex<ProviderFn>,
    pub(super) asked: Mutex<Vec<Form>>,
}

impl ProviderStub {
    pub(super) fn calls(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    pub(super) fn answers(&self, answer: impl FnMut(&Form) -> Reply + Send + 'static) {
        *self.answer.lock().unwrap() = Box::new(answer);
    }
}

impl std::fmt::Debug for ProviderStub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ProviderStub")
    }
}

impl Transport for ProviderStub {
    fn send(
        &self,
        request: Request<Bytes>,
        _: Limits,
    ) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        Box::pin(async move {
            let mut form: Form = url::form_urlencoded::parse(request.body()).into_owned().collect();
            let url: url::Url = request.uri().to_string().parse().unwrap();
            form.extend(url.query_pairs().into_owned());
            form.insert("method".into(), request.method().to_string());
            form.insert("url".into(), url.to_string());
            self.asked.lock().unwrap().push(form.clone());
            tokio::time::sleep(Duration::from_millis(50)).await;
            let (status, body) = (self.answer.lock().unwrap())(&form)?;
            let answer = Response::builder().status(status).body(Bytes::from(body.to_string()));
            Ok(answer.unwrap())
        })
    }
}

/// Everything together.
pub(super) struct Rig {
    pub(super) tenant: Arc<Tenant>,
    pub(super) vault: Arc<VaultStub>,
    pub(super) provider: Arc<ProviderStub>,
    pub(super) store: Arc<Fleet>,
    pub(super) lacks: Arc<AtomicBool>,
    pub(super) subject: BearerToken,
    audience: Vec<String>,
}

impl Rig {
    pub(super) fn new(identities: Value) -> Self {
        let tenant = Arc::new(Tenant::default());
        tenant.put(identities);
        Self {
            tenant,
            vault: Arc::new(VaultStub {
                answer: Mutex::new(Box::new(|_| Err(Refused::default()))),
                asked: Mutex::default(),
            }),
            provider: Arc::new(ProviderStub {
                answer: Mutex::new(Box::new(|_| Err(TransportErrorKind::Connect.into()))),
                asked: Mutex::default(),
            }),
            store: Arc::new(Fleet::default()),
            lacks: Arc::default(),
            subject: BearerToken::new("caller.token.1").unwrap(),
            audience: vec![API.to_owned()],
        }
    }

    /// Sets the wall clock so that the stored token of an account ends in so many seconds (or has ended).
    pub(super) async fn end_in(&self, connection: &str, account: &str, seconds: i64) {
        let kind = if connection == "bitbucket" { Kind::Bitbucket } else { Kind::Google };
        let key = identity_key(&refreshing(kind), connection, account);
        let end = self.store.inner.load(&key).await.unwrap().unwrap().record.expires_at.unwrap();
        let by = Duration::from_secs(seconds.unsigned_abs());
        self.tenant.wall.set_to(if seconds < 0 { end + by } else { end - by });
    }

    fn clock(&self) -> Clock {
        let wall = self.tenant.wall.clone();
        Clock::new(move || wall.now())
    }

    /// One process of the fleet.
    pub(super) fn replica(&self, providers: impl IntoIterator<Item = Provider>) -> Broker {
        self.replica_with(providers, |builder| builder)
    }

    /// One process of the fleet, built with more.
    pub(super) fn replica_with(
        &self,
        providers: impl IntoIterator<Item = Provider>,
        more: impl FnOnce(BrokerBuilder) -> BrokerBuilder,
    ) -> Broker {
        more(self.builder_over(self.store.clone(), providers, TaskTracker::new())).build().unwrap()
    }

    /// One process over another store.
    pub(super) fn replica_over(
        &self,
        store: Arc<dyn GrantStore>,
        providers: impl IntoIterator<Item = Provider>,
        tasks: TaskTracker,
    ) -> Broker {
        self.builder_over(store, providers, tasks).build().unwrap()
    }

    fn builder_over(
        &self,
        store: Arc<dyn GrantStore>,
        providers: impl IntoIterator<Item = Provider>,
        tasks: TaskTracker,
    ) -> BrokerBuilder {
        let users =
            UserStore::over(TenantDirectory(self.tenant.clone()), "acme.test").clock(self.clock()).build();
        let lacks = self.lacks.clone();
        let builder = BrokerBuilder::over(
            "acme.test".into(),
            self.vault.clone(),
            Box::new(move || lacks.load(Ordering::SeqCst)),
            users,
        );
        let builder = providers.into_iter().fold(builder, BrokerBuilder::provider);
        builder
            .vault(VaultSettings::new(credentials(), API))
            .transport(self.provider.clone())
            .store(store)
            .tasks(tasks)
            .clock(self.clock())
    }

    pub(super) fn ask<'a>(&'a self, provider: &'a str) -> TokenRequest<'a> {
        TokenRequest::new(USER, provider).subject_token(Some(&self.subject), &self.audience)
    }
}

pub(super) fn credentials() -> ClientCredentials {
    let secret = SecretSource::Inline("client-secret".to_owned().into());
    ClientCredentials::new("client-id", ClientAuth::SecretPost(secret))
}

pub(super) fn provider(kind: Kind) -> Provider {
    Provider::new(kind.as_str(), idp_adapters::shared(kind))
}

/// The same with credentials, so that it refreshes and revokes.
pub(super) fn refreshing(kind: Kind) -> Provider {
    Provider { credentials: Some(credentials()), ..provider(kind) }
}

/// The key of an identity's grant.
pub(super) fn identity_key(provider: &Provider, connection: &str, account: &str) -> GrantKey {
    let mut provider = provider.clone();
    provider.settle(Arc::default());
    GrantKey::new("acme.test", USER, Source::Identities, &Account::new(connection, Some(account.to_owned())))
        .with_client(provider.client_key.as_deref().map(str::to_owned))
}

pub(super) fn sources(kind: Kind, sources: &[Source]) -> Provider {
    Provider { sources: sources.to_vec(), ..provider(kind) }
}

pub(super) fn selector(text: &str) -> AccountSelector {
    text.parse().unwrap()
}

pub(super) fn google(token: &str) -> Value {
    json!([{ "provider": "google-oauth2", "connection": "google-oauth2", "user_id": "1", "access_token": token }])
}

/// A Bitbucket identity with a refresh token, in second place.
pub(super) fn bitbucket(token: &str, refresh: &str) -> Value {
    json!([
        { "provider": "google-oauth2", "connection": "google-oauth2", "user_id": "1", "access_token": "ya29.g" },
        { "provider": "bitbucket", "connection": "bitbucket", "user_id": "{b}", "access_token": token,
          "refresh_token": refresh },
    ])
}

/// A token endpoint with single-use refresh tokens: `r0` leads to `a1` and `r1`, and so on. A spent one ends the
/// family, which it reports.
pub(super) fn rotating(lifetime: u64) -> (impl FnMut(&Form) -> Reply + Send, Arc<AtomicUsize>) {
    let mut serial = 0;
    let reused = Arc::new(AtomicUsize::new(0));
    let counter = reused.clone();
    let answer = move |form: &Form| {
        if form["refresh_token"] != format!("r{serial}") {
            counter.fetch_add(1, Ordering::SeqCst);
            return Ok((
                400,
                json!({ "error": "invalid_grant", "error_description": "Invalid refresh_token" }),
            ));
        }
        serial += 1;
        Ok((
            200,
            json!({ "access_token": format!("a{serial}"), "refresh_token": format!("r{serial}"),
            "expires_in": lifetime, "token_type": "bearer", "scope": "account" }),
        ))
    };
    (answer, reused)
}

/// Revokes at a provider with one source.
pub(super) async fn revoke(broker: &Broker, request: &TokenRequest<'_>) -> Result<Revocation, Error> {
    let mut done = broker.revoke(request).await?;
    assert_eq!(done.len(), 1, "{done:?}");
    Ok(done.remove(0))
}
