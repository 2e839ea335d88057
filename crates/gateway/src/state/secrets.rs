//! What must not come back: the secrets that a request was sent to a provider with.

use aws_lc_rs::digest::{SHA256, digest};
use http::Response;
use http_body::Body as _;
use leak_guard::{LeakGuard, PreparedToken};
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::body::{self, Body};
use crate::telemetry::{Metrics, ProviderLabel, ScrubPlace};

/// Bytes of prepared secrets that are kept.
const KEPT: u64 = 8 * 1024 * 1024;
/// About as many secrets of a usual length.
const ENTRIES: usize = 1024;
/// What a prepared secret takes besides its encodings.
const FIXED: u64 = 2 * 1024;
/// A secret is kept as it is, and in seven encodings of up to 4/3 of its length.
const COPIES: u64 = 11;

/// The SHA-256 digest of a secret: what is looked up must not keep a further copy of it.
type Key = [u8; 32];

/// A prepared secret and what it takes.
#[derive(Clone)]
struct Entry {
    prepared: PreparedToken,
    weight: u64,
}

#[derive(Clone)]
struct Weight;

impl Weighter<Key, Entry> for Weight {
    fn weight(&self, _: &Key, entry: &Entry) -> u64 {
        entry.weight
    }
}

/// Secrets that were prepared for the search, so that a token that is used again is not prepared again. Bounded in bytes: a
/// token's prepared form is many times larger than the token, so it is kept here and not beside every cached token.
pub(crate) struct Prepared(Cache<Key, Entry, Weight>);

impl Default for Prepared {
    fn default() -> Self {
        Self(Cache::with_weighter(ENTRIES, KEPT, Weight))
    }
}

impl Prepared {
    fn get(&self, secret: &str) -> PreparedToken {
        let mut key = [0; 32];
        key.copy_from_slice(digest(&SHA256, secret.as_bytes()).as_ref());
        if let Some(known) = self.0.get(&key) {
            return known.prepared;
        }
        let prepared = PreparedToken::new(secret);
        let weight = secret.len() as u64 * COPIES + FIXED;
        self.0.insert(key, Entry { prepared: prepared.clone(), weight });
        prepared
    }

    /// Drops all of them: an account was forgotten, and its tokens must not stay here.
    pub(crate) fn clear(&self) {
        self.0.clear();
    }
}

impl std::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prepared").field("secrets", &self.0.len()).finish_non_exhaustive()
    }
}

/// The secrets that went out with one request. Whatever is answered to that request passes [`Secrets::scrub`].
#[derive(Debug, Default)]
pub(crate) struct Secrets(Vec<PreparedToken>);

impl Secrets {
    /// Adds one that is used again and again: a token.
    pub(crate) fn add(&mut self, prepared: &Prepared, secret: &str) {
        let secret = prepared.get(secret);
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
        &self,
        response: Response<Body>,
        metrics: &Metrics,
        provider: Option<&ProviderLabel>,
    ) -> Response<Body> {
        if self.0.is_empty() {
            return response;
        }
        let guard = self.guard();
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
        let (prepared, metrics) = (Prepared::default(), Metrics::new().unwrap());
        let mut secrets = Secrets::default();
        secrets.add(&prepared, "first-secret-0123456789");
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
        let prepared = Prepared::default();
        let (first, again) = (prepared.get("a-secret-0123456789"), prepared.get("a-secret-0123456789"));
        assert!(first.is_same(&again) && !first.is_same(&prepared.get("b-secret-0123456789")));
        assert!(!format!("{prepared:?}").contains("secret-0"));
        prepared.clear();
        assert!(!first.is_same(&prepared.get("a-secret-0123456789")), "nothing is kept");
    }
}
