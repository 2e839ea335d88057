//! Faults on demand: what a server does instead of, before or after its real answer.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::http::Method;
use ::http::header::{HeaderName, HeaderValue};
use tokio::sync::watch;

use crate::http::Answer;
use crate::journal::entry::Entry;
use crate::kinds::Server;
use crate::refusals::trouble::Trouble;

/// A barrier: whoever meets it waits until it is opened. Clones share one state.
#[derive(Clone, Debug)]
pub struct Hold(Arc<watch::Sender<bool>>);

impl Default for Hold {
    fn default() -> Self {
        Self::new()
    }
}

impl Hold {
    /// A closed barrier.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// Lets everybody pass, those waiting and those to come.
    pub fn release(&self) {
        self.0.send_replace(true);
    }

    pub(crate) async fn passed(&self) {
        let mut open = self.0.subscribe();
        // The sender is held by `self`: this cannot fail.
        let _ = open.wait_for(|open| *open).await;
    }
}

/// One fault: which requests it meets, how often, and what it does to them.
///
/// ```
/// use sandbox::{Answer, Fault, Server};
///
/// // The next two token requests meet a firewall's error page.
/// let fault = Fault::on(Server::Tenant).path("/oauth/token").html(503).times(2);
/// # let _ = fault;
/// ```
#[derive(Clone, Debug)]
pub struct Fault {
    server: Server,
    path: String,
    method: Option<Method>,
    times: Option<usize>,
    skip: usize,
    step: Step,
}

/// What a picked fault does.
#[derive(Clone, Debug, Default)]
pub(crate) struct Step {
    pub(crate) delay: Option<Duration>,
    pub(crate) hold_before: Option<Hold>,
    pub(crate) hang: bool,
    pub(crate) disconnect: bool,
    pub(crate) answer: Option<Answer>,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) hold_after: Option<Hold>,
    pub(crate) lose_answer: bool,
    pub(crate) truncate: Option<u64>,
    early: bool,
}

impl Step {
    pub(crate) fn ignores_body(&self) -> bool {
        self.early
    }
}

impl Fault {
    /// A fault that meets every request to `server`, for ever, and does nothing yet.
    #[must_use]
    pub fn on(server: Server) -> Self {
        Self { server, path: String::new(), method: None, times: None, skip: 0, step: Step::default() }
    }

    /// Only paths (as sent, undecoded) that start with `prefix`.
    #[must_use]
    pub fn path(mut self, prefix: impl Into<String>) -> Self {
        self.path = prefix.into();
        self
    }

    /// Only this method.
    #[must_use]
    pub fn method(mut self, method: Method) -> Self {
        self.method = Some(method);
        self
    }

    /// Only the next `count` matching requests.
    #[must_use]
    pub fn times(mut self, count: usize) -> Self {
        self.times = Some(count);
        self
    }

    /// Lets the next `count` matching requests through first.
    #[must_use]
    pub fn skip(mut self, count: usize) -> Self {
        self.skip = count;
        self
    }

    /// Waits, on Tokio's clock, before going on.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.step.delay = Some(delay);
        self
    }

    /// Waits at `hold` before the request is acted upon.
    #[must_use]
    pub fn hold(mut self, hold: &Hold) -> Self {
        self.step.hold_before = Some(hold.clone());
        self
    }

    /// Acts upon the request, then waits at `hold` before the answer goes out.
    #[must_use]
    pub fn hold_answer(mut self, hold: &Hold) -> Self {
        self.step.hold_after = Some(hold.clone());
        self
    }

    /// Never answers.
    #[must_use]
    pub fn hang(mut self) -> Self {
        self.step.hang = true;
        self
    }

    /// Closes the connection without a byte of answer, and without acting upon the request.
    #[must_use]
    pub fn disconnect(mut self) -> Self {
        self.step.disconnect = true;
        self
    }

    /// Acts upon the request, then closes the connection: the caller cannot know what happened.
    #[must_use]
    pub fn lose_answer(mut self) -> Self {
        self.step.lose_answer = true;
        self
    }

    /// Breaks the answer's body off after `bytes`.
    #[must_use]
    pub fn truncate(mut self, bytes: u64) -> Self {
        self.step.truncate = Some(bytes);
        self
    }

    /// Answers this instead.
    #[must_use]
    pub fn answer(mut self, answer: Answer) -> Self {
        self.step.answer = Some(answer);
        self
    }

    /// Answers with one of the provider's own refusals, see [`Trouble`](crate::Trouble); with 500 and a
    /// text that says so when the fault's server knows none of that name.
    #[must_use]
    pub fn trouble(self, name: &str) -> Self {
        let known = self.server.provider().and_then(|kind| Trouble::named(kind, name));
        let answer = known.map_or_else(
            || Answer::text(500, format!("the sandbox knows no trouble named {name}")),
            |trouble| trouble.answer().clone(),
        );
        self.answer(answer)
    }

    /// Answers with this status and an error body of no particular shape.
    #[must_use]
    pub fn status(self, status: u16) -> Self {
        let body = serde_json::json!({ "message": "a fault of the sandbox", "statusCode": status });
        self.answer(Answer::json(status, &body))
    }

    /// Answers with this status and an HTML page.
    #[must_use]
    pub fn html(self, status: u16) -> Self {
        let page =
            "<html><head><title>Service unavailable</title></head><body><h1>Try later</h1></body></html>";
        self.answer(Answer::html(status, page))
    }

    /// Sets a header on whatever is answered.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<str>) -> Self {
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value.as_ref()))
        {
            self.step.headers.push((name, value));
        }
        self
    }

    /// Sets `Retry-After` in seconds on whatever is answered.
    #[must_use]
    pub fn retry_after(self, seconds: u64) -> Self {
        self.header("retry-after", seconds.to_string())
    }

    /// Answers without waiting for the request's body.
    #[must_use]
    pub fn early(mut self) -> Self {
        self.step.early = true;
        self
    }

    fn meets(&self, entry: &Entry) -> bool {
        self.server == entry.server()
            && entry.path().starts_with(&self.path)
            && self.method.as_ref().is_none_or(|method| method == entry.method())
    }
}

/// Names one ordered fault, to take it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FaultId(u64);

/// A cheap handle on the faults of a sandbox.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<Ordered>>);

#[derive(Debug, Default)]
struct Ordered {
    next: u64,
    faults: Vec<(FaultId, Fault)>,
    down: Vec<Server>,
}

impl Faults {
    /// Orders a fault. The oldest one that meets a request acts; used-up ones are gone.
    pub fn add(&self, fault: Fault) -> FaultId {
        let mut ordered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let id = FaultId(ordered.next);
        ordered.next += 1;
        ordered.faults.push((id, fault));
        id
    }

    /// Takes a fault back; false if it is used up or was taken back before.
    pub fn remove(&self, id: FaultId) -> bool {
        let mut ordered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = ordered.faults.len();
        ordered.faults.retain(|(other, _)| *other != id);
        ordered.faults.len() < before
    }

    /// Takes all faults back and brings all servers up.
    pub fn clear(&self) {
        let mut ordered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ordered.faults.clear();
        ordered.down.clear();
    }

    /// Makes `server` unreachable: new connections are closed at once, old ones at their next request.
    pub fn take_down(&self, server: Server) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).down.push(server);
    }

    /// Makes `server` reachable again.
    pub fn bring_up(&self, server: Server) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).down.retain(|down| *down != server);
    }

    pub(crate) fn is_down(&self, server: Server) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).down.contains(&server)
    }

    pub(crate) fn pick(&self, entry: &Entry) -> Option<Step> {
        let mut ordered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut picked = None;
        for (id, fault) in &mut ordered.faults {
            if !fault.meets(entry) {
                continue;
            }
            if fault.skip > 0 {
                fault.skip -= 1;
                continue;
            }
            if let Some(left) = &mut fault.times {
                if *left == 0 {
                    continue;
                }
                *left -= 1;
            }
            picked = Some((*id, fault.step.clone(), fault.times == Some(0)));
            break;
        }
        let (id, step, used_up) = picked?;
        if used_up {
            ordered.faults.retain(|(other, _)| *other != id);
        }
        Some(step)
    }
}
