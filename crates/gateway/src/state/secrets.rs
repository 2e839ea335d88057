//! What must not come back: the secrets that a request was sent to a provider with.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{SHA256, digest};
use http::Response;
use http_body::Body as _;
use leak_guard::{LeakGuard, PreparedToken};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use token_broker::IdpToken;
use tokio::time::Instant;

use crate::body::{self, Body};
use crate::telemetry::{Metrics, ProviderLabel, ScrubPlace};

/// About as many secrets of a usual length.
const ENTRIES: usize = 1024;
/// What an entry takes besides the prepared secret.
const OVERHEAD: u64 = 160;
/// How long a prepared secret is kept at most, whatever its life.
const LONGEST: Duration = Duration::from_secs(3600);
/// How often those that have ended are dropped.
const SWEEP: Duration = Duration::from_secs(60);

/// The SHA-256 digest of a secret: what is looked up must not keep a further copy of it.
type Key = [u8; 32];

/// A prepared secret, and when it is dropped.
#[derive(Clone)]
struct Entry {
    prepared: PreparedToken,
    until: Instant,
}

#[derive(Clone)]
struct Weight;

impl Weighter<Key, Entry> for Weight {
    fn weight(&self, _: &Key, entry: &Entry) -> u64 {
        entry.prepared.size() as u64 + OVERHEAD
    }
}

/// Secrets that were prepared for the search, so that a token that is used again is not prepared again. Bounded in bytes: a
/// token's prepared form is many times larger than the token, so it is kept here and not beside every cached token. None is
/// kept longer than the token lives, or an hour.
pub(crate) struct Prepared {
    secrets: Cache<Key, Entry, Weight>,
    swept: Mutex<Instant>,
}

impl Prepared {
    /// Keeps secrets of so many bytes at most.
    pub(crate) fn new(bytes: u64) -> Self {
        Self { secrets: Cache::with_weighter(ENTRIES, bytes, Weight), swept: Mutex::new(Instant::now()) }
    }

    /// The prepared form of `secret`, which lives until `expires_at` as far as that is known. `key` is its digest.
    fn get(&self, key: Key, secret: &str, expires_at: Option<SystemTime>) -> PreparedToken {
        let now = Instant::now();
        if let Some(known) = self.secrets.get(&key).filter(|known| now < known.until) {
            return known.prepared;
        }
        self.sweep(now);
        let prepared = PreparedToken::new(secret);
        let left = expires_at.map(|end| end.duration_since(SystemTime::now()).unwrap_or_default());
        let until = now + left.unwrap_or(LONGEST).min(LONGEST);
        self.secrets.insert(key, Entry { prepared: prepared.clone(), until });
        prepared
    }

    /// Drops those that have expired, also if they are not used again.
    fn sweep(&self, now: Instant) {
        {
            let mut swept = self.swept.lock().unwrap_or_else(PoisonError::into_inner);
            if now.duration_since(*swept) < SWEEP {
                return;
            }
            *swept = now;
        }
        self.secrets.retain(|_, entry| now < entry.until);
    }

    /// Drops all of them: an account was forgotten, and its tokens must not stay here.
    pub(crate) fn clear(&self) {
        self.secrets.clear();
    }
}

fn key(secret: &str) -> Key {
    let mut key = [0; 32];
    key.copy_from_slice(digest(&SHA256, secret.as_bytes()).as_ref());
    key
}

impl std::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prepared").field("secrets", &self.secrets.len()).finish_non_exhaustive()
    }
}

/// The secrets that went out with one request. Whatever is answered to that request passes [`Secrets::scrub`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Secrets(Vec<PreparedToken>);

impl Secrets {
    /// Adds the token of a call.
    pub(crate) fn add_token(&mut self, prepared: &Prepared, token: &IdpToken) {
        self.push(prepared.get(token.sha256(), token.bearer().expose(), token.expires_at()));
    }

    /// Adds one that was derived from a token, and is used as often as that, until `expires_at`.
    pub(crate) fn add_derived(&mut self, prepared: &Prepared, secret: &str, expires_at: Option<SystemTime>) {
        self.push(prepared.get(key(secret), secret, expires_at));
    }

    fn push(&mut self, secret: PreparedToken) {
        if !self.0.iter().any(|known| known.is_same(&secret)) {
            self.0.push(secret);
        }
    }

    /// Adds one that is used once: a signed address.
    pub(crate) fn add_once(&mut self, secret: &str) {
        self.0.push(PreparedToken::new(secret));
    }

    /// The guard that knows them all.
    pub(crate) fn guard(&self) -> LeakGuard {
        LeakGuard::from_prepared(self.0.iter().cloned(), false)
    }

    /// Overwrites them in an answer: in its header values now, in its body while it streams. Nothing to do for a request
    /// that used none.
    pub(crate) fn scrub(
        self,
        response: Response<Body>,
        metrics: &Metrics,
        provider: Option<&ProviderLabel>,
    ) -> Response<Body> {
        if self.0.is_empty() {
            return response;
        }
        let guard = LeakGuard::from_prepared(self.0, false);
        let (mut head, body) = response.into_parts();
        let hits = guard.prepare(&mut head.headers);
        if let Some(provider) = provider.filter(|_| hits > 0) {
            metrics.leak_scrub(provider, ScrubPlace::Header, hits);
        }
        if body.is_end_stream() {
            return Response::from_parts(head, body);
        }
        let counted = provider.map(|label| (metrics.clone(), label.clone()));
        let report = move |hits: u64| {
            if let Some((metrics, label)) = &counted {
                metrics.leak_scrub(label, ScrubPlace::Body, hits);
            }
        };
        Response::from_parts(head, body::boxed(guard.body(body, false, report)))
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn tm_o01_headers_and_bodies_of_every_answer_are_scrubbed() {
        let (prepared, metrics) = (Prepared::new(1 << 20), Metrics::new().unwrap());
        let mut secrets = Secrets::default();
        secrets.add_derived(&prepared, "first-secret-0123456789", None);
        secrets.add_once("second-secret-9876543210");
        let answer = Response::builder()
            .header("x-a", "a first-secret-0123456789")
            .body(body::full("{\"b\":\"second%2Dsecret%2D9876543210\"}"))
            .unwrap();
        let answer = secrets.scrub(answer, &metrics, None);
        assert_eq!(answer.headers()["x-a"], format!("a {}", "*".repeat(23)));
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, format!("{{\"b\":\"{}\"}}", "*".repeat(28)));
    }

    #[test]
    fn a_secret_is_prepared_once() {
        let prepared = Prepared::new(1 << 20);
        let get = |secret| prepared.get(key(secret), secret, None);
        let (first, again) = (get("a-secret-0123456789"), get("a-secret-0123456789"));
        assert!(first.is_same(&again) && !first.is_same(&get("b-secret-0123456789")));
        assert!(!format!("{prepared:?}").contains("secret-0"));
        prepared.clear();
        assert!(!first.is_same(&get("a-secret-0123456789")), "nothing is kept");
    }

    #[tokio::test(start_paused = true)]
    async fn a_prepared_secret_is_dropped_with_the_token_or_after_an_hour() {
        let prepared = Prepared::new(1 << 20);
        let soon = SystemTime::now() + Duration::from_secs(300);
        let get = |secret, until| prepared.get(key(secret), secret, until);
        let first = get("a-secret-0123456789", Some(soon));
        let other = get("b-secret-0123456789", None);
        tokio::time::advance(Duration::from_secs(299)).await;
        assert!(first.is_same(&get("a-secret-0123456789", Some(soon))));
        tokio::time::advance(Duration::from_secs(2)).await;
        get("c-secret-0123456789", None);
        assert_eq!(prepared.secrets.len(), 2, "the one that has ended is gone without a call for it");
        assert!(other.is_same(&get("b-secret-0123456789", None)));
        tokio::time::advance(LONGEST).await;
        assert!(!other.is_same(&get("b-secret-0123456789", None)));
    }

    #[test]
    fn tm_a11_ever_new_secrets_stay_within_the_bytes() {
        let prepared = Prepared::new(1 << 20);
        for number in 0..500 {
            let secret = format!("secret-{number}-").repeat(100);
            prepared.get(key(&secret), &secret, None);
            assert!(prepared.secrets.weight() <= 1 << 20);
        }
        let held: usize = prepared.secrets.iter().map(|(_, entry)| entry.prepared.size()).sum();
        assert!(held <= 1 << 20, "{held} bytes");
        assert!(prepared.secrets.len() > 20);
    }
}
