//! An in-memory tenant that answers as a closure says and remembers what it was asked.

use std::{
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{Request, Response};
use mgmt_auth::{
    BoxFuture, ClientCredentials, Limits, Tenant, TenantBuilder, Transport, TransportError,
    TransportErrorKind,
};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

pub(crate) type Reply = Result<Response<Bytes>, TransportError>;

type Answerer = Box<dyn Fn(&Request<Bytes>, usize) -> Reply + Send + Sync>;

/// Answers each request after `latency` by the closure, which gets the request and its number at that path.
pub(crate) struct Script {
    answer: Answerer,
    latency: Duration,
    asked: Mutex<Vec<Request<Bytes>>>,
    at_once: AtomicUsize,
    pub(crate) most_at_once: AtomicUsize,
}

impl Script {
    pub(crate) fn new(answer: impl Fn(&Request<Bytes>, usize) -> Reply + Send + Sync + 'static) -> Arc<Self> {
        Self::slow(Duration::from_millis(50), answer)
    }

    pub(crate) fn slow(
        latency: Duration,
        answer: impl Fn(&Request<Bytes>, usize) -> Reply + Send + Sync + 'static,
    ) -> Arc<Self> {
        let (at_once, most_at_once) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Arc::new(Self { answer: Box::new(answer), latency, asked: Mutex::default(), at_once, most_at_once })
    }

    /// How many requests came to paths that begin so.
    pub(crate) fn count(&self, prefix: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|request| request.uri().path().starts_with(prefix)).count()
    }

    pub(crate) fn last(&self) -> Request<Bytes> {
        self.asked.lock().unwrap().last().unwrap().clone()
    }
}

impl Transport for Script {
    fn send(&self, request: Request<Bytes>, limits: Limits) -> BoxFuture<'_, Reply> {
        Box::pin(async move {
            let number = {
                let mut asked = self.asked.lock().unwrap();
                let path = request.uri().path();
                let number = asked.iter().filter(|other| other.uri().path() == path).count();
                asked.push(request.clone());
                number
            };
            let now = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
            self.most_at_once.fetch_max(now, Ordering::SeqCst);
            let waited = timeout(limits.timeout, sleep(self.latency)).await;
            self.at_once.fetch_sub(1, Ordering::SeqCst);
            waited.map_err(|_| TransportErrorKind::Timeout)?;
            (self.answer)(&request, number)
        })
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Script")
    }
}

pub(crate) fn builder(script: &Arc<Script>) -> TenantBuilder {
    Tenant::builder("acme.eu.auth0.com")
        .base_url("http://127.0.0.1:1".parse().unwrap())
        .credentials(ClientCredentials::secret("client", "a-secret"))
        .transport(script.clone())
}

pub(crate) fn tenant(script: &Arc<Script>) -> Tenant {
    builder(script).build().unwrap()
}

#[expect(clippy::needless_pass_by_value, reason = "reads as the literal it is")]
pub(crate) fn reply(status: u16, body: Value) -> Reply {
    with_headers(status, &[], &body.to_string())
}

pub(crate) fn with_headers(status: u16, headers: &[(&str, String)], body: &str) -> Reply {
    let mut builder = Response::builder().status(status);
    for (name, value) in headers {
        builder = builder.header(*name, value);
    }
    Ok(builder.body(Bytes::copy_from_slice(body.as_bytes())).unwrap())
}

/// An unsigned token with these claims; a number makes it differ from others.
#[expect(clippy::needless_pass_by_value, reason = "reads as the literal it is")]
pub(crate) fn jwt(number: usize, claims: Value) -> String {
    let encode = |text: String| URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.sig{number}", encode(json!({ "alg": "RS256" }).to_string()), encode(claims.to_string()))
}

/// A good token answer.
pub(crate) fn token(number: usize, expires_in: impl Into<Value>) -> Reply {
    let body = json!({
        "access_token": jwt(number, json!({})),
        "scope": "read:users read:user_idp_tokens",
        "expires_in": expires_in.into(),
        "token_type": "Bearer",
    });
    reply(200, body)
}

pub(crate) const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Lets spawned tasks run without moving the clock.
pub(crate) async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}
