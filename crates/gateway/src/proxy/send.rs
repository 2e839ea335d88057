//! Sends a call to the provider, classifies its answer, and sends it once more with another token where that helps.

use std::time::{Duration, SystemTime};

use http::Response;
use http_body_util::BodyExt as _;
use idp_adapters::{Classified, Head, Outcome, Verdict};
use secrecy::{ExposeSecret as _, SecretString};
use token_broker::{Cached, Reason};
use tokio::time::Instant;
use tracing::Instrument as _;

use super::bodies::{self, Payload, Timed};
use super::instructions::ErrorMode;
use super::outbound::Outbound;
use super::spans;
use crate::body::{self, Body};
use crate::call_error::CallError;
use crate::error_table::{self, classified_code};
use crate::outcome::Code;
use crate::problem::Problem;
use crate::provider::ProviderRuntime;
use crate::state::{AdmittedCall, Attempt, CallToken, Calls, RequestRecord, Secrets, TokenError};
use crate::telemetry::{
    Metrics, ProviderLabel, RetryReason, ScrubPlace, Shed, UpstreamFault, UpstreamRequest, labels,
    trace_context,
};
use crate::upstream::{AnswerStream, Progress, Retry, SendError};

/// How much of an error's body a classifier may see.
const INSPECTED: usize = 64 * 1024;

/// A provider's answer, classified; its body not yet touched, but for what the classifier had to see.
pub(super) struct Received {
    pub(super) head: http::response::Parts,
    pub(super) body: AnswerBody,
    pub(super) classified: Classified,
}

/// The rest of an answer's body.
pub(super) enum AnswerBody {
    /// Straight from the connection.
    Straight(Timed<AnswerStream>),
    /// Some of it was read ahead and stands in front again.
    Read(Body),
}

/// One call to the provider, over all its attempts.
pub(super) struct Sending<'a> {
    pub(super) calls: &'a Calls,
    pub(super) call: AdmittedCall<'a>,
    pub(super) provider: &'a ProviderRuntime,
    pub(super) outbound: Outbound<'a>,
    pub(super) mode: ErrorMode,
    /// The OAuth client's secret, where the provider wants a proof of it.
    pub(super) app_secret: Option<SecretString>,
    /// What is sent: the token that was found, and its replacement once the provider has refused it.
    pub(super) token: CallToken,
    pub(super) payload: Payload,
}

impl Sending<'_> {
    /// Sends, and after a dead token once more with a new one.
    pub(super) async fn exchange(&mut self, record: &mut RequestRecord) -> Result<Received, Problem> {
        let received = self.attempt(record).await?;
        if received.classified.outcome == Outcome::TokenDead {
            return Box::pin(self.exchange_again(received, record)).await;
        }
        self.accepted(&received);
        Ok(received)
    }

    /// The token is dead: sends with the one that replaces it.
    async fn exchange_again(
        &mut self,
        dead: Received,
        record: &mut RequestRecord,
    ) -> Result<Received, Problem> {
        let fresh = self.replacement(&dead.classified, record).await?;
        if !self.payload.is_replayable() {
            return Err(CallError::BodyNotRepeatable.into());
        }
        self.calls.metrics.retry(&self.provider.label, RetryReason::DeadToken);
        record.found(&fresh);
        drop(dead);
        self.token = fresh;
        let received = self.attempt(record).await?;
        if received.classified.outcome == Outcome::TokenDead {
            // The broker knows whether the token has just been issued; what replaces it is for the next call.
            self.replacement(&received.classified, record).await?;
            return Err(CallError::RefreshedElsewhere.into());
        }
        self.accepted(&received);
        Ok(received)
    }

    /// Tells the broker that the provider accepted the token.
    fn accepted(&self, received: &Received) {
        if received.classified.outcome == Outcome::Ok {
            self.calls.tokens.accepted(&self.call, &self.token);
        }
    }

    /// The caller, if it has named a host that no setting names.
    fn chooser(&self) -> Option<(&str, &str)> {
        let (plan, host) = (&self.provider.plan, self.outbound.plan().host());
        let caller = self.call.admitted().caller();
        let chosen = host != plan.default_host() && plan.mirror(host).is_none();
        chosen.then(|| (caller.issuer(), caller.subject()))
    }

    async fn replacement(
        &mut self,
        classified: &Classified,
        record: &mut RequestRecord,
    ) -> Result<CallToken, Problem> {
        let looking = self.calls.tokens.replace(&self.call, &self.token, classified.refresh_helps);
        let started = Instant::now();
        let found = Box::pin(looking.instrument(spans::token())).await;
        record.waited(started.elapsed());
        found.map_err(|error| {
            record.failed(&error);
            let refused =
                matches!(error.reason(), Reason::ReconnectRequired { .. } | Reason::EndpointRefused { .. });
            if refused && !classified.refresh_helps {
                // The provider says what the user has to do there.
                return error_table::reconnect(&self.provider.connect, &self.token, classified);
            }
            error_table::broker(&error, Some(&self.provider.connect))
        })
    }

    /// One attempt; a connection that fails before any response byte is tried once more where that is safe.
    async fn attempt(&mut self, record: &mut RequestRecord) -> Result<Received, Problem> {
        let response = match self.send(record).await {
            Err(SendError::Unreachable { retry, .. })
                if self.may_retry(retry) && self.payload.is_replayable() =>
            {
                self.calls.metrics.retry(&self.provider.label, RetryReason::Connection);
                Box::pin(self.send(record)).await
            }
            other => other,
        }?;
        let (mut head, incoming) = response.into_parts();
        if head.status.as_u16() >= 400 {
            // Members of problems are made from what error answers say: what is cut or split later must not hold part of a token.
            let hits = record.secrets.guard().scrub_headers(&mut head.headers);
            if hits > 0 {
                self.calls.metrics.leak_scrub(&self.provider.label, ScrubPlace::Header, hits);
            }
        }
        let body = Timed::new(incoming, self.provider.client.idle());
        let (body, classified) = match self.classify(&head) {
            Some(classified) => (AnswerBody::Straight(body), classified),
            None => Box::pin(self.classify_body(&head, body, &record.secrets)).await?,
        };
        record.classified(classified_code(classified.outcome));
        Ok(Received { head, body, classified })
    }

    fn may_retry(&self, retry: Retry) -> bool {
        match retry {
            Retry::No => false,
            Retry::Idempotent => self.outbound.method().is_idempotent(),
            Retry::Any => true,
        }
    }

    async fn send(&mut self, record: &mut RequestRecord) -> Result<Response<AnswerStream>, SendError> {
        let progress = Progress::new();
        let body = self.payload.body(&progress).unwrap_or_else(body::empty);
        let request = self.outbound.request(&self.token, self.app_secret.as_ref(), body);
        let Some((mut request, derived)) = request else {
            return Err(SendError::Unreachable { retry: Retry::No, refused: None });
        };
        let prepared = &self.calls.prepared;
        record.secrets.add_token(prepared, &self.token);
        for (_, secret) in &derived {
            record.secrets.add_derived(prepared, secret.expose_secret(), self.token.expires_at());
        }
        let Some(stream) = self.provider.client.stream_to(request.uri(), self.chooser()).await else {
            self.calls.metrics.shed(Shed::Provider);
            return Err(SendError::NoStream);
        };
        let method = labels::method_label(self.outbound.method());
        let mut attempted = Attempted::begin(&self.calls.metrics, &self.provider.label, method);
        let span = spans::upstream(method, &self.provider.label, record.attempts.len());
        if self.calls.send_trace_context {
            trace_context::send(&span, request.headers_mut());
        }
        let result = self.provider.client.send(stream, request, &progress).instrument(span.clone()).await;
        attempted.result = match &result {
            Ok(response) => Ok(response.status().as_u16()),
            Err(SendError::Timeout) => Err(UpstreamFault::Timeout),
            Err(SendError::RequestBody(_) | SendError::TokenInBody) => Err(UpstreamFault::Cancelled),
            Err(_) => Err(UpstreamFault::Unreachable),
        };
        spans::ended(&span, attempted.result);
        let (status, elapsed) = (attempted.result.ok(), attempted.end());
        record.attempt(Attempt { status, outcome: Code::ProviderUnreachable, elapsed });
        result
    }

    /// What a classifier sees of an answer.
    fn seen<'a>(&'a self, head: &'a http::response::Parts) -> Head<'a> {
        let plan = self.outbound.plan();
        let seen =
            Head::new(self.outbound.method(), head.status, &head.headers).target(plan.host(), plan.path());
        match self.token.scopes() {
            Some(scopes) => seen.granted(scopes),
            None => seen,
        }
    }

    /// Classifies by the head; `None` where the body has to be looked at.
    fn classify(&self, head: &http::response::Parts) -> Option<Classified> {
        let verdict = self.provider.plan.adapter().classify(&self.seen(head), SystemTime::now());
        let wants_detail = self.mode == ErrorMode::Problem && head.status.as_u16() >= 400;
        match verdict {
            Verdict::Known(classified) if !wants_detail || classified.outcome == Outcome::TokenDead => {
                Some(classified)
            }
            _ => None,
        }
    }

    /// Classifies by the first 64 KiB of the body, which then stand in front of the rest again.
    async fn classify_body(
        &mut self,
        head: &http::response::Parts,
        body: Timed<AnswerStream>,
        secrets: &Secrets,
    ) -> Result<(AnswerBody, Classified), Problem> {
        let boxed = body.boxed_unsync();
        let (first, rest) = match bodies::read_ahead(boxed, INSPECTED).await {
            Ok(bodies::Read::Whole(first)) => (first, None),
            Ok(bodies::Read::Partial(first, rest)) => (first, Some(rest)),
            Err(_) => return Err(CallError::AnswerEndedEarly.into()),
        };
        let shown = first.get(..INSPECTED).unwrap_or(&first);
        // Scrubbed first: what is cut out of it afterwards cannot hold the beginning of a token.
        let clean = secrets.guard().scrub(shown);
        let shown = clean.as_ref().map_or(shown, |(clean, _)| clean);
        let classified =
            self.provider.plan.adapter().classify_body(&self.seen(head), shown, SystemTime::now());
        let body = match rest {
            None => body::full(first),
            Some(rest) => bodies::Prefixed::body(first, rest),
        };
        Ok((AnswerBody::Read(body), classified))
    }
}

/// Records one attempt's metric, also when the caller leaves in the middle of it.
struct Attempted<'a> {
    metrics: &'a Metrics,
    provider: &'a ProviderLabel,
    method: &'static str,
    started: Instant,
    result: Result<u16, UpstreamFault>,
    /// Once it has come to an end.
    elapsed: Option<Duration>,
}

impl<'a> Attempted<'a> {
    /// It counts as cancelled unless it comes to an end.
    fn begin(metrics: &'a Metrics, provider: &'a ProviderLabel, method: &'static str) -> Self {
        let (started, result) = (Instant::now(), Err(UpstreamFault::Cancelled));
        Self { metrics, provider, method, started, result, elapsed: None }
    }

    /// How long it took.
    fn end(mut self) -> Duration {
        *self.elapsed.insert(self.started.elapsed())
    }
}

impl Drop for Attempted<'_> {
    fn drop(&mut self) {
        self.metrics.upstream_request(&UpstreamRequest {
            method: self.method,
            provider: self.provider,
            result: self.result,
            duration: self.elapsed.unwrap_or_else(|| self.started.elapsed()),
        });
    }
}

/// The OAuth client's secret, where the provider wants a proof of it with every call.
pub(super) async fn app_secret(calls: &Calls, provider: &ProviderRuntime) -> Option<SecretString> {
    Box::pin(calls.secrets.read(provider.secret.as_ref()?)).await.ok()
}

/// Finds the token for an admitted call.
pub(super) async fn find_token(
    calls: &Calls,
    call: &AdmittedCall<'_>,
    record: &mut RequestRecord,
) -> Result<CallToken, Problem> {
    let span = spans::token();
    let started = Instant::now();
    let found = calls.tokens.find(call).instrument(span.clone()).await;
    match found {
        Ok(token) => {
            spans::found(&span, &token);
            record.found(&token);
            if token.cache() != Cached::Hit {
                record.waited(started.elapsed());
            }
            Ok(token)
        }
        Err(TokenError::Blocked(blocked)) => Err(record.blocked(blocked)),
        Err(TokenError::Broker(error)) => {
            record.waited(started.elapsed());
            record.failed(&error);
            Err(error_table::broker(&error, Some(&call.provider().connect)))
        }
    }
}
