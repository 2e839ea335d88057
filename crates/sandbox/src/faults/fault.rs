//! One fault.

use std::time::Duration;

use crate::http::Answer;
use crate::journal::entry::Entry;
use crate::kinds::Server;
use crate::refusals::trouble::Trouble;
use ::http::Method;
use ::http::header::{HeaderName, HeaderValue};

use super::hold::Hold;

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
    api_only: bool,
    pub(super) times: Option<usize>,
    pub(super) skip: usize,
    pub(super) step: Step,
}

/// The headers of an answer whose operation will be removed.
pub(crate) const DEPRECATION: [(&str, &str); 2] =
    [("deprecation", "@1773100800"), ("sunset", "Fri, 10 Mar 2028 00:00:00 GMT")];

/// Whether a request goes to a provider's token or revocation endpoint.
fn is_token_endpoint(entry: &Entry) -> bool {
    let segments = entry.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    matches!(
        segments.as_slice(),
        ["token" | "revoke"]
            | ["oauth", "token" | "revoke"]
            | ["oauth2", "v4", "token"]
            | ["o", "oauth2", "revoke"]
            | ["login", "oauth", "access_token"]
            | ["applications", ..]
            | ["credentials", "revoke"]
            | ["site", "oauth2", "access_token"]
            | [_, "oauth2", "token"]
            | [_, "oauth2", "v2.0", "token"]
            | ["oauth", "access_token"]
            | [_, "oauth", "access_token"]
    )
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
    pub(crate) gzip: bool,
    pub(crate) refuse_stream: bool,
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
        Self {
            server,
            path: String::new(),
            method: None,
            api_only: false,
            times: None,
            skip: 0,
            step: Step::default(),
        }
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

    /// Only the provider's API: its token and revocation endpoints go on as usual. Together with
    /// `trouble("token-dead")` and no count it is a provider that refuses everything.
    #[must_use]
    pub fn api_only(mut self) -> Self {
        self.api_only = true;
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

    /// Compresses the answer's body by gzip, whatever the request accepts.
    #[must_use]
    pub fn gzip(mut self) -> Self {
        self.step.gzip = true;
        self
    }

    /// Resets the stream with `REFUSED_STREAM` (RFC 9113, section 8.7) and does not act upon the request. A
    /// connection of HTTP/1 is closed instead.
    #[must_use]
    pub fn refuse_stream(mut self) -> Self {
        self.step.refuse_stream = true;
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
        let known = Trouble::of_server(self.server).into_iter().find(|trouble| trouble.name() == name);
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

    /// Sets a header on whatever is answered, to bytes that need not be text, see
    /// [`Answer::header_bytes`].
    #[must_use]
    pub fn header_bytes(mut self, name: &str, value: &[u8]) -> Self {
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value))
        {
            self.step.headers.push((name, value));
        }
        self
    }

    /// Sets `Deprecation` (RFC 9745) and `Sunset` (RFC 8594) on whatever is answered.
    #[must_use]
    pub fn deprecated(self) -> Self {
        DEPRECATION.iter().fold(self, |fault, (name, value)| fault.header(name, value))
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

    pub(super) fn meets(&self, entry: &Entry) -> bool {
        self.server == entry.server()
            && !(self.api_only && is_token_endpoint(entry))
            && entry.path().starts_with(&self.path)
            && self.method.as_ref().is_none_or(|method| method == entry.method())
    }
}
