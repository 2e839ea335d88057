//! Sends a call to the provider, classifies its answer, and sends it once more with another token where that helps.

use std::time::SystemTime;

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
    RetryReason, ScrubPlace, Shed, UpstreamFault, UpstreamRequest, labels, trace_context,
};
use crate::upstream::{AnswerStream, Progress, Retry, SendError};

/// How much of an error's body a classifier may see.
const INSPECTED: usize = 64 * 1024;

/// A provider's answer, classified; its body not yet touched, but for what the classifier had to see.
pub(super) struct Received {
    pub(super) head: http::response::Parts,
    pub(super) body: AnswerBody,
    pub(super) classified: Classified,
    pub(super) token: CallToken,
}

/// The rest of an answer's body.
pub(super) enum AnswerBody {
    /// Straight from the connection.
    Straight(Timed<AnswerStream>),
    /// Some of it was read ahead and stands in front again.
    Read(Body),
}

/// Everything that stays the same over the attempts of one call.
pub(super) struct Sending<'a> {
    pub(super) calls: &'a Calls,
    pub(super) call: AdmittedCall<'a>,
    pub(super) provider: &'a ProviderRuntime,
    pub(super) outbound: Outbound,
    pub(super) mode: ErrorMode,
    /// The OAuth client's secret, where the provider wants a proof of it.
    pub(super) app_secret: Option<SecretString>,
}

impl Sending<'_> {
    /// Sends, and after a dead token once more with a new one.
    pub(super) async fn exchange(
        &mut self,
        token: CallToken,
        mut payload: Payload,
        record: &mut RequestRecord,
    ) -> Result<Received, Problem> {
        let received = self.attempt(token, &mut payload, record).await?;
        if received.classified.outcome != Outcome::TokenDead {
            self.accepted(&received);
            return Ok(received);
        }
        let fresh = self.replacement((&received.token, &received.classified), record).await?;
        if !payload.is_replayable() {
            return Err(CallError::BodyNotRepeatable.into());
        }
        self.calls.metrics.retry(&self.provider.label, RetryReason::DeadToken);
        record.found(&fresh);
        drop(received);
        let received = Box::pin(self.attempt(fresh, &mut payload, record)).await?;
        if received.classified.outcome == Outcome::TokenDead {
            // The broker knows whether the token has just been issued; what replaces it is for the next call.
            self.replacement((&received.token, &received.classified), record).await?;
            return Err(CallError::RefreshedElsewhere.into());
        }
        self.accepted(&received);
        Ok(received)
    }

    /// Tells the broker that the provider accepted the token.
    fn accepted(&self, received: &Received) {
        if received.classified.outcome == Outcome::Ok {
            self.calls.tokens.accepted(&self.call, &received.token);
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
        &self,
        (dead, classified): (&CallToken, &Classified),
        record: &mut RequestRecord,
    ) -> Result<CallToken, Problem> {
        let looking = self.calls.tokens.replace(&self.call, dead, classified.refresh_helps);
        let started = Instant::now();
        let found = Box::pin(looking.instrument(spans::token())).await;
        record.waited(started.elapsed());
        found.map_err(|error| {
            record.failed(&error);
            let refused =
                matches!(error.reason(), Reason::ReconnectRequired { .. } | Reason::EndpointRefused { .. });
            if refused && !classified.refresh_helps {
                // The provider says what the user has to do there.
                return self.reconnect(dead, classified);
            }
            error_table::broker(&error, Some(&self.provider.connect))
        })
    }

    fn reconnect(&self, token: &CallToken, classified: &Classified) -> Problem {
        error_table::reconnect(&self.provider.connect, token, classified)
    }

    /// One attempt; a connection that fails before any response byte is tried once more where that is safe.
    async fn attempt(
        &mut self,
        token: CallToken,
        payload: &mut Payload,
        record: &mut RequestRecord,
    ) -> Result<Received, Problem> {
        let response = match self.send(&token, payload, record).await {
            Err(SendError::Unreachable { retry, .. }) if self.may_retry(retry) && payload.is_replayable() => {
                self.calls.metrics.retry(&self.provider.label, RetryReason::Connection);
                Box::pin(self.send(&token, payload, record)).await
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
        let (body, classified) = self.classify(&head, body, &token, &record.secrets).await?;
        record.classified(classified_code(classified.outcome));
        Ok(Received { head, body, classified, token })
    }

    fn may_retry(&self, retry: Retry) -> bool {
        match retry {
            Retry::No => false,
            Retry::Idempotent => self.outbound.method().is_idempotent(),
            Retry::Any => true,
        }
    }

    async fn send(
        &self,
        token: &CallToken,
        payload: &mut Payload,
        record: &mut RequestRecord,
    ) -> Result<Response<AnswerStream>, SendError> {
        let progress = Progress::new();
        let adapter = &**self.provider.plan.adapter();
        let body = payload.body(&progress).unwrap_or_else(body::empty);
        let request = self.outbound.request(adapter, token, self.app_secret.as_ref(), body);
        let Some((mut request, derived)) = request else {
            return Err(SendError::Unreachable { retry: Retry::No, refused: None });
        };
        let prepared = &self.calls.prepared;
        let ends = token.expires_at();
        record.secrets.add_token(prepared, token);
        derived.iter().for_each(|secret| record.secrets.add_derived(prepared, secret.expose_secret(), ends));
        let Some(stream) = self.provider.client.stream_to(request.uri(), self.chooser()).await else {
            self.calls.metrics.shed(Shed::Provider);
            return Err(SendError::NoStream);
        };
        let started = Instant::now();
        // Counts as cancelled unless it comes to an end.
        let mut guard = Attempted { sending: self, started, result: Err(UpstreamFault::Cancelled) };
        let method = labels::method_label(self.outbound.method());
        let span = spans::upstream(method, &self.provider.label, record.attempts.len());
        if self.calls.send_trace_context {
            trace_context::send(&span, request.headers_mut());
        }
        let result = self.provider.client.send(stream, request, &progress).instrument(span.clone()).await;
        guard.result = match &result {
            Ok(response) => Ok(response.status().as_u16()),
            Err(SendError::Timeout) => Err(UpstreamFault::Timeout),
            Err(SendError::RequestBody(_) | SendError::TokenInBody) => Err(UpstreamFault::Cancelled),
            Err(_) => Err(UpstreamFault::Unreachable),
        };
        spans::ended(&span, guard.result);
        let status = guard.result.ok();
        drop(guard);
        record.attempt(Attempt { status, outcome: Code::ProviderUnreachable, elapsed: started.elapsed() });
        result
    }

    /// Classifies by the head, and where the adapter asks for it by the body.
    async fn classify(
        &self,
        head: &http::response::Parts,
        body: Timed<AnswerStream>,
        token: &CallToken,
        secrets: &Secrets,
    ) -> Result<(AnswerBody, Classified), Problem> {
        let adapter = self.provider.plan.adapter();
        let now = SystemTime::now();
        let plan = self.outbound.plan();
        let mut seen =
            Head::new(self.outbound.method(), head.status, &head.headers).target(plan.host(), plan.path());
        if let Some(scopes) = token.scopes() {
            seen = seen.granted(scopes);
        }
        let verdict = adapter.classify(&seen, now);
        let wants_detail = self.mode == ErrorMode::Problem && head.status.as_u16() >= 400;
        match verdict {
            Verdict::Known(classified) if !wants_detail || classified.outcome == Outcome::TokenDead => {
                Ok((AnswerBody::Straight(body), classified))
            }
            _ => Box::pin(self.classify_body(&seen, body, secrets)).await,
        }
    }

    /// Classifies by the first 64 KiB of the body, which then stand in front of the rest again.
    async fn classify_body(
        &self,
        seen: &Head<'_>,
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
        let classified = self.provider.plan.adapter().classify_body(seen, shown, SystemTime::now());
        let body = match rest {
            None => body::full(first),
            Some(rest) => bodies::Prefixed::body(first, rest),
        };
        Ok((AnswerBody::Read(body), classified))
    }
}

/// Records one attempt's metric, also when the caller leaves in the middle of it.
struct Attempted<'a, 'b> {
    sending: &'a Sending<'b>,
    started: Instant,
    result: Result<u16, UpstreamFault>,
}

impl Drop for Attempted<'_, '_> {
    fn drop(&mut self) {
        self.sending.calls.metrics.upstream_request(&UpstreamRequest {
            method: labels::method_label(self.sending.outbound.method()),
            provider: &self.sending.provider.label,
            result: self.result,
            duration: self.started.elapsed(),
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
