//! What is kept of each answered request: summary, explanation, audit line and metrics.

use std::sync::Arc;

use http::{Method, Response};

use super::ExplainRing;
use super::record::{RequestContext, RequestRecord, cache_label, source_label, user_lookup};
use crate::body::Body;
use crate::outcome::Code;
use crate::provider::policy::Decider;
use crate::telemetry::{Audit, Metrics, Summary, audit};

/// Keeps what became known of requests.
pub(crate) struct Recorder {
    pub(crate) metrics: Metrics,
    pub(crate) audit: Audit,
    pub(crate) explained: Arc<ExplainRing>,
}

impl Recorder {
    /// Summary, explanation, audit line and metrics of one answered request.
    pub(crate) fn record(
        &self,
        context: &RequestContext<'_>,
        method: &Method,
        record: RequestRecord,
        response: &mut Response<Body>,
    ) {
        let outcome = record.outcome.unwrap_or(Code::Ok);
        if let Some(provider) = &record.provider {
            self.metrics.outcome(provider, outcome.as_str());
            if let (Some(source), Some(cache)) = (record.source, record.cache) {
                self.metrics.token_cache(source_label(source), cache_label(cache));
            }
        }
        if let Some(tool) = record.tool {
            self.metrics.tool(tool, outcome.as_str());
        }
        if let Some(result) = user_lookup(&record, outcome) {
            self.metrics.user_lookup(result);
        }
        if self.audit.is_on() {
            self.audit(context, method, &record, outcome, response.status().as_u16());
        }
        response.extensions_mut().insert(Summary {
            route: record.route,
            provider: record.provider.clone(),
            outcome: Some(outcome.as_str()),
            upstream: record.upstream(),
            tenant: record.tenant,
            cache: record.cache.map(cache_label),
            mismatch: record.mismatch.clone(),
        });
        if record.provider.is_some() {
            self.explained.keep((context.id, context.started), record, outcome);
        }
    }

    fn audit(
        &self,
        context: &RequestContext<'_>,
        method: &Method,
        record: &RequestRecord,
        outcome: Code,
        status: u16,
    ) {
        let Some(caller) = &record.caller else { return };
        let reached = !record.attempts.is_empty() || outcome == Code::Ok;
        let decision = if reached { audit::Decision::Allow } else { audit::Decision::Deny };
        // A DELETE may have disconnected accounts of several sources: each has a line.
        let mut accounts = record.accounts().map(ToString::to_string);
        let account = accounts.next();
        let rule = record.decided_by().map(Decider::word);
        let scopes = record.scopes.as_ref().map(|scopes| scopes.join(" "));
        let actors = caller.actors().iter().map(caller_auth::Actor::subject).collect::<Vec<_>>().join(" ");
        let event = audit::CallEvent {
            request_id: Some(context.id.as_str()),
            caller: Some(caller.subject()),
            client: caller.client(),
            organization: caller.organization(),
            actors: Some(actors.as_str()).filter(|actors| !actors.is_empty()),
            account: account.as_deref(),
            provider: record.provider.as_ref().map(crate::telemetry::ProviderLabel::name),
            method: Some(record.method.as_ref().unwrap_or(method).as_str()),
            route: record.route,
            tool: record.tool,
            rule: rule.as_deref(),
            host: record.host.as_deref(),
            graphql: record.graphql.as_deref(),
            scopes: scopes.as_deref(),
            status: Some(status),
            ..audit::CallEvent::new(record.event, decision, outcome.as_str())
        };
        self.audit.call(&event);
        for account in accounts {
            self.audit.call(&audit::CallEvent { account: Some(&account), ..event.clone() });
        }
    }
}
