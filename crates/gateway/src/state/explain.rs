//! Why a call ended as it did: the last 10,000 for 10 minutes, as far as there is memory, for the callers that made them.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use foldhash::fast::RandomState;
use serde::Serialize;
use tokio::time::Instant;

use super::record::{Attempt, RequestRecord};
use crate::outcome::Code;
use crate::provider::policy::Decider;
use crate::request_id::RequestId;
use caller_auth::Caller;

/// Calls that are kept.
const CAPACITY: usize = 10_000;
/// How long they are kept.
const KEPT: Duration = Duration::from_secs(600);

/// What a call takes besides: its places in the index and in the order.
const OVERHEAD: usize = 3 * size_of::<(RequestId, u64)>() + 32;

/// One call, as it is kept. No secrets, no paths.
#[derive(Clone, Debug)]
pub(crate) struct Explained {
    id: RequestId,
    at: Instant,
    time: SystemTime,
    caller: Arc<Caller>,
    provider: Option<crate::telemetry::ProviderLabel>,
    account: Option<token_broker::Account>,
    source: Option<token_broker::Source>,
    cache: Option<token_broker::Cached>,
    decider: Option<Decider>,
    host: Option<Arc<str>>,
    graphql: Option<Box<str>>,
    scopes: Option<Arc<[String]>>,
    attempts: Vec<Attempt>,
    tool: Option<&'static str>,
    outcome: Code,
    /// Bytes of memory that it takes.
    size: u64,
}

/// One call, as `GET /v1/explain/{request-id}` shows it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Explanation {
    request_id: String,
    time: String,
    provider: Option<String>,
    account: Option<String>,
    source: Option<&'static str>,
    cache: Option<&'static str>,
    rule: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    graphql: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scopes: Option<Vec<String>>,
    attempts: Vec<ExplainedAttempt>,
    outcome: &'static str,
    /// The tool of the MCP endpoint that made the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    tool: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    actors: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
struct ExplainedAttempt {
    status: Option<u16>,
    outcome: &'static str,
    millis: u64,
}

/// The calls that are kept.
#[derive(Debug)]
pub(crate) struct ExplainRing {
    kept: Mutex<Kept>,
    most_bytes: u64,
}

#[derive(Debug, Default)]
struct Kept {
    /// Bytes that `calls` take.
    bytes: u64,
    /// Oldest first.
    calls: VecDeque<Explained>,
    /// How many calls were dropped before the first of `calls`.
    dropped: u64,
    /// How many calls came before each of `calls`.
    numbers: HashMap<RequestId, u64, RandomState>,
}

impl Kept {
    fn push(&mut self, entry: Explained, most_bytes: u64) {
        self.bytes += entry.size;
        while let Some(oldest) = self.calls.front()
            && (self.bytes > most_bytes
                || self.calls.len() >= CAPACITY
                || entry.at.duration_since(oldest.at) >= KEPT)
        {
            self.bytes -= oldest.size;
            self.numbers.remove(&oldest.id);
            self.calls.pop_front();
            self.dropped += 1;
        }
        self.numbers.insert(entry.id, self.dropped + self.calls.len() as u64);
        self.calls.push_back(entry);
    }

    fn get(&self, id: &RequestId) -> Option<&Explained> {
        let number = self.numbers.get(id)?.checked_sub(self.dropped)?;
        self.calls.get(usize::try_from(number).ok()?)
    }
}

impl ExplainRing {
    /// Keeps calls of so many bytes at most.
    pub(crate) fn new(most_bytes: u64) -> Self {
        Self { kept: Mutex::default(), most_bytes }
    }

    /// Keeps one call of a known caller. What the record held is in here afterwards.
    pub(crate) fn keep(&self, (id, time): (RequestId, SystemTime), record: RequestRecord, outcome: Code) {
        let decider = record.decided_by();
        let Some(caller) = record.caller else { return };
        let mut entry = Explained {
            size: 0,
            id,
            at: Instant::now(),
            time,
            caller,
            provider: record.provider,
            account: record.account,
            source: record.source,
            cache: record.cache,
            decider,
            host: record.host,
            graphql: record.graphql,
            scopes: record.scopes,
            attempts: record.attempts,
            tool: record.tool,
            outcome,
        };
        entry.size = entry.size();
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).push(entry, self.most_bytes);
    }

    /// The call with this id, if this caller (same user, same client) made it.
    pub(crate) fn find(&self, id: &str, caller: &Caller) -> Option<Explanation> {
        let id = RequestId::parse(id)?;
        // Written out without the lock.
        let entry = self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(&id)?.clone();
        let own = entry.caller.subject() == caller.subject()
            && entry.caller.client() == caller.client()
            && entry.caller.issuer() == caller.issuer();
        (own && entry.at.elapsed() < KEPT).then(|| entry.explain())
    }
}

impl Explained {
    /// Bytes of memory. The caller may be kept here alone.
    fn size(&self) -> u64 {
        let account = self.account.as_ref();
        let texts =
            account.map_or(0, |account| account.connection().len() + account.user_id().map_or(0, str::len));
        // Shared with the user's record while that is cached.
        let texts = texts + 4 * size_of::<usize>();
        let attempts = self.attempts.capacity() * size_of::<Attempt>();
        (OVERHEAD + size_of::<Self>() + texts + attempts + self.caller.size()) as u64
    }

    fn explain(&self) -> Explanation {
        Explanation {
            request_id: self.id.to_string(),
            time: crate::time::rfc3339(self.time),
            provider: self.provider.as_ref().map(|label| label.name().to_owned()),
            account: self.account.as_ref().map(ToString::to_string),
            source: self.source.map(token_broker::Source::as_str),
            cache: self.cache.map(token_broker::Cached::as_str),
            rule: self.decider.map(|decider| decider.to_string()),
            client: self.caller.client().map(str::to_owned),
            host: self.host.as_deref().map(str::to_owned),
            graphql: self.graphql.as_deref().map(str::to_owned),
            scopes: self.scopes.as_deref().map(<[String]>::to_vec),
            attempts: self
                .attempts
                .iter()
                .map(|attempt| ExplainedAttempt {
                    status: attempt.status,
                    outcome: attempt.outcome.as_str(),
                    millis: u64::try_from(attempt.elapsed.as_millis()).unwrap_or(u64::MAX),
                })
                .collect(),
            outcome: self.outcome.as_str(),
            tool: self.tool,
            actors: self.caller.actors().iter().map(|actor| actor.subject().to_owned()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(user: &str) -> RequestRecord {
        let mut record = RequestRecord::new();
        record.caller = Some(Arc::new(Caller::vouched(user, "test")));
        record
    }

    #[tokio::test(start_paused = true)]
    async fn calls_are_found_by_id_until_they_are_too_old_or_too_many() {
        let ring = ExplainRing::new(u64::MAX);
        let (ana, ben) = (Caller::vouched("auth0|ana", "test"), Caller::vouched("auth0|ben", "test"));
        let first = RequestId::random();
        ring.keep((first, SystemTime::now()), call("auth0|ana"), Code::Ok);
        assert!(ring.find(first.as_str(), &ana).is_some());
        assert!(ring.find(first.as_str(), &ben).is_none(), "another user's call");
        assert!(ring.find("no id", &ana).is_none());
        for _ in 0..CAPACITY {
            ring.keep((RequestId::random(), SystemTime::now()), call("auth0|ben"), Code::Ok);
        }
        assert!(ring.find(first.as_str(), &ana).is_none(), "pushed out by later calls");
        tokio::time::advance(KEPT).await;
        let last = RequestId::random();
        ring.keep((last, SystemTime::now()), call("auth0|ana"), Code::Ok);
        let kept = ring.kept.lock().unwrap();
        assert_eq!((kept.calls.len(), kept.numbers.len()), (1, 1), "the index forgets with the list");
    }

    #[test]
    fn tm_a10_a_call_is_found_as_fast_among_many_as_among_few() {
        let ring = ExplainRing::new(u64::MAX);
        (0..CAPACITY + 10).for_each(|_| {
            ring.keep((RequestId::random(), SystemTime::now()), call("auth0|ana"), Code::Ok);
        });
        // One look-up in the index leads to each of them, and to none that was dropped.
        let kept = ring.kept.lock().unwrap();
        assert_eq!((kept.calls.len(), kept.numbers.len(), kept.dropped), (CAPACITY, CAPACITY, 10));
        for (number, call) in (kept.dropped..).zip(&kept.calls) {
            assert_eq!(kept.numbers.get(&call.id), Some(&number));
            assert_eq!(kept.get(&call.id).map(|found| found.id), Some(call.id));
        }
        assert!(kept.get(&RequestId::random()).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn tm_a11_calls_of_ever_new_users_stay_within_the_bytes() {
        let ring = ExplainRing::new(64 * 1024);
        for number in 0..2_000 {
            ring.keep((RequestId::random(), SystemTime::now()), call(&format!("auth0|{number}")), Code::Ok);
            let kept = ring.kept.lock().unwrap();
            assert!(kept.bytes <= 64 * 1024, "{} bytes", kept.bytes);
            assert_eq!(kept.bytes, kept.calls.iter().map(Explained::size).sum::<u64>());
        }
        assert!(ring.kept.lock().unwrap().calls.len() > 20);
    }
}
