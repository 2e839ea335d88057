//! The audit log: a stream of its own, one JSON object a line. It names the user; it never holds a token.

use super::{json::Object, sink::LineSink};
use crate::{request_id::RequestId, selector::Selector};
use http::Method;
use serde::Serialize;
use std::{cell::RefCell, fmt};

/// Writes audit lines; does nothing when `audit.sink` is `off`. Cheap to clone.
#[derive(Clone, Default)]
pub struct Audit(Option<LineSink>);

impl fmt::Debug for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Audit(on)" } else { "Audit(off)" })
    }
}

/// Whether the gateway let a call through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// It went on to the provider (or, for our own routes, was carried out).
    Allow,
    /// The gateway refused it.
    #[default]
    Deny,
}

impl Decision {
    fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }
}

/// One call of a caller, or of the operator in their name.
#[derive(Clone, Debug, Default)]
pub struct CallEvent<'a> {
    /// `call`, `me`, `profile`, `revoke`, `logout`, `operator_call`, `refresh_lost`, ...
    pub event: &'static str,
    /// The request's id.
    pub request_id: Option<&'a str>,
    /// `sub` of the caller token.
    pub caller: Option<&'a str>,
    /// `azp` or `client_id` of the caller token.
    pub client: Option<&'a str>,
    /// `org_id` of the caller token.
    pub organization: Option<&'a str>,
    /// Who acts for the caller (`act` of the caller token), the current actor first, separated by blanks.
    pub actors: Option<&'a str>,
    /// The account acted for: `connection|id`.
    pub account: Option<&'a str>,
    /// The provider.
    pub provider: Option<&'a str>,
    /// The request's method.
    pub method: Option<&'a str>,
    /// The route template.
    pub route: Option<&'static str>,
    /// The tool of the MCP endpoint that made the call.
    pub tool: Option<&'static str>,
    /// The rule, or the other part of the policy, that decided.
    pub rule: Option<&'a str>,
    /// The provider host.
    pub host: Option<&'a str>,
    /// Operations and root fields of a GraphQL call that a rule looked at: `query(viewer)`.
    pub graphql: Option<&'a str>,
    /// The scopes of the grant, where they are known, separated by blanks.
    pub scopes: Option<&'a str>,
    /// What the gateway decided.
    pub decision: Decision,
    /// The outcome word.
    pub outcome: &'static str,
    /// Status of the answer.
    pub status: Option<u16>,
}

impl CallEvent<'_> {
    /// An event with nothing but its name, decision and outcome.
    #[must_use]
    pub fn new(event: &'static str, decision: Decision, outcome: &'static str) -> Self {
        Self { event, decision, outcome, ..Self::default() }
    }

    /// Ids, methods, names of providers and our own words need no escape.
    fn write(&self, line: &mut String) {
        let mut object = Object::stamped(line);
        object.word("event", self.event);
        object.maybe_word("request_id", self.request_id);
        object.maybe("caller", self.caller);
        object.maybe("client", self.client);
        object.maybe("organization", self.organization);
        object.maybe("actors", self.actors);
        object.maybe("account", self.account);
        object.maybe_word("provider", self.provider);
        object.maybe_word("method", self.method);
        object.maybe_word("route", self.route);
        object.maybe_word("tool", self.tool);
        object.maybe("rule", self.rule);
        object.maybe("host", self.host);
        object.maybe("graphql", self.graphql);
        object.maybe("scopes", self.scopes);
        object.word("decision", self.decision.as_str());
        object.word("outcome", self.outcome);
        if let Some(status) = self.status {
            object.whole("status", u64::from(status));
        }
        object.end();
    }
}

/// One call of the admin surface.
#[derive(Clone, Debug, Serialize)]
pub struct AdminEvent {
    event: &'static str,
    command: &'static str,
    method: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    selector: Option<Selector>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    decision: Decision,
    outcome: &'static str,
}

impl AdminEvent {
    /// An admin call that has just come in.
    #[must_use]
    pub fn new(command: &'static str, method: &Method, id: Option<&RequestId>) -> Self {
        Self {
            event: "admin",
            command,
            method: super::labels::method_label(method),
            request_id: id.map(ToString::to_string),
            selector: None,
            reason: None,
            decision: Decision::Deny,
            outcome: "internal-error",
        }
    }

    /// What it is about.
    pub fn select(&mut self, selector: &Selector, reason: Option<&str>) {
        self.selector = Some(selector.clone());
        self.reason = reason.map(str::to_owned);
    }

    /// What became of it: `ok` or a problem code.
    pub fn finish(&mut self, outcome: &'static str) {
        self.decision = if outcome == "ok" { Decision::Allow } else { Decision::Deny };
        self.outcome = outcome;
    }
}

impl Audit {
    pub(crate) fn to(sink: LineSink) -> Self {
        Self(Some(sink))
    }

    /// Whether anything is written: saves callers the work of building an event.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Writes a caller's (or the operator's) call.
    pub fn call(&self, event: &CallEvent<'_>) {
        thread_local! {
            /// The line under construction: the next one needs no memory of its own.
            static LINE: RefCell<String> = const { RefCell::new(String::new()) };
        }
        let Some(sink) = &self.0 else { return };
        LINE.with_borrow_mut(|line| {
            line.clear();
            event.write(line);
            sink.write(line);
        });
    }

    /// Writes an admin call.
    pub fn admin(&self, event: &AdminEvent) {
        #[derive(Serialize)]
        struct Line<'a> {
            ts: String,
            #[serde(flatten)]
            event: &'a AdminEvent,
        }
        let Some(sink) = &self.0 else { return };
        let ts = jiff::Timestamp::now();
        if let Ok(mut line) = serde_json::to_string(&Line { ts: format!("{ts:.6}"), event }) {
            line.push('\n');
            sink.write(&line);
        }
    }

    /// Opens the file anew after a rotation.
    pub fn reopen(&self) {
        if let Some(sink) = &self.0 {
            sink.reopen();
        }
    }

    pub(crate) fn flush(&self) {
        if let Some(sink) = &self.0 {
            sink.flush();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::sink::Target;
    use std::sync::Arc;

    #[test]
    fn lines_have_the_contracts_members() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("audit.jsonl");
        let audit =
            Audit::to(LineSink::open(Target::File(path.clone()), "test", Arc::new(|| {})).expect("opened"));
        audit.call(&CallEvent {
            request_id: Some("r1"),
            caller: Some("auth0|1"),
            client: Some("spa"),
            account: Some("github|583231"),
            provider: Some("github"),
            method: Some("GET"),
            route: Some("/proxy/{provider}/{path}"),
            ..CallEvent::new("call", Decision::Allow, "ok")
        });
        let mut admin = AdminEvent::new("forget", &Method::POST, None);
        admin.select(&Selector { user: Some("auth0|1".to_owned()), ..Selector::default() }, None);
        admin.finish("ok");
        audit.admin(&admin);
        audit.flush();
        let text = std::fs::read_to_string(path).expect("written");
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        for (member, value) in [
            ("event", "call"),
            ("caller", "auth0|1"),
            ("client", "spa"),
            ("account", "github|583231"),
            ("provider", "github"),
            ("method", "GET"),
            ("route", "/proxy/{provider}/{path}"),
            ("decision", "allow"),
            ("outcome", "ok"),
            ("request_id", "r1"),
        ] {
            assert_eq!(lines[0][member], value);
        }
        assert!(lines[0]["ts"].as_str().is_some_and(|ts| ts.ends_with('Z')));
        assert_eq!(lines[1]["selector"]["user"], "auth0|1");
        assert_eq!(lines[1]["command"], "forget");
    }
}
