//! What a caller may do at a provider: access level, rules, and the adapter's deny list. Pure: what is decided depends on
//! [`Call`] and the configuration alone, so that everything that asks gets the same answer.

mod call;
mod decider;
mod graphql;
mod pattern;
mod rule;

use caller_auth::Caller;
use http::Method;
use idp_adapters::Adapter;

pub(crate) use self::call::Call;
pub(crate) use self::decider::Decider;
pub(crate) use self::graphql::{GraphQlRefusal, GraphQlRule};
pub(crate) use self::pattern::BadRule;
use self::pattern::ReadPath;
use self::rule::Closed;
pub(crate) use self::rule::{Conditions, Rule};
use super::graphql::Documents;
use crate::config::Access;

/// Access level and rules of one provider.
#[derive(Clone, Debug, Default)]
pub(crate) struct Policy {
    /// What holds where no rule decides.
    pub access: Access,
    /// Refused under every access level, like the adapter's own deny list (generic adapter).
    pub denied: Vec<Rule>,
    /// In order; the first that matches method and path decides.
    pub rules: Vec<Rule>,
}

/// Why a call is permitted: the rule's position, or the access level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Permit {
    /// The rule at this position (from 0).
    Rule(usize),
    /// The same, if the GraphQL in the body is open, which is not read yet: nothing is sent on this permit.
    Document(usize),
    /// `access = "read"`.
    Read,
    /// `access = "full"`.
    Full,
}

impl std::fmt::Display for Permit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Decider::from(*self).fmt(f)
    }
}

/// Why policy refuses a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PolicyError {
    /// The adapter closes this path at every access level; what the path does.
    Closed(&'static str),
    /// The provider host does not serve this path.
    NotOnHost,
    /// The deny list of the settings closes it.
    Denied,
    /// `access = "read"`, and the method is another.
    ReadOnly,
    /// The adapter guards this path: it needs full access without rules, or a rule that names it.
    Guarded(Access),
    /// No rule allows it.
    NoRule,
    /// The rule at this position denies it.
    DeniedByRule(usize),
    /// A rule would open it, but not this GraphQL, and no other rule does.
    GraphQl(Box<GraphQlRefusal>),
    /// A rule allows it with a scope that the caller does not have.
    ScopeMissing {
        /// The rule's position (from 0).
        rule: usize,
        /// The scope.
        scope: String,
    },
}

impl PolicyError {
    /// What refuses.
    pub(crate) fn decider(&self) -> Decider {
        match self {
            Self::Closed(_) | Self::Denied => Decider::DenyList,
            Self::NotOnHost => Decider::Hosts,
            Self::ReadOnly => Decider::Access(Access::Read),
            Self::Guarded(access) => Decider::Access(*access),
            Self::NoRule => Decider::Access(Access::Rules),
            Self::DeniedByRule(rule) | Self::ScopeMissing { rule, .. } => Decider::Rule(*rule),
            Self::GraphQl(refusal) => Decider::Rule(refusal.rule),
        }
    }
}

impl Policy {
    /// A server with two names has one of them in calls: rules that name the other one mean it too.
    pub(crate) fn name_host(&mut self, other: &str, in_calls: &str) {
        for rule in self.rules.iter_mut().chain(&mut self.denied) {
            rule.name_host(other, in_calls);
        }
    }

    /// Whether some rule looks at GraphQL.
    pub(crate) fn reads_graphql(&self) -> bool {
        self.rules.iter().any(|rule| rule.graphql.is_some())
    }

    /// Whether a call of this caller that is no GET or HEAD may pass at some path.
    pub(crate) fn opens_writes(&self, caller: &Caller) -> bool {
        self.access == Access::Full || self.rules.iter().any(|rule| rule.opens_writes(caller))
    }

    /// Whether some call of this caller may pass. The adapter's deny list and what a rule says of GraphQL are not looked at.
    pub(crate) fn opens_something(&self, caller: &Caller) -> bool {
        let mut closed = Closed::default();
        let denied = self.denied.iter().any(|rule| rule.narrow(caller, &mut closed));
        if !denied && self.rules.iter().any(|rule| rule.narrow(caller, &mut closed)) {
            return true;
        }
        match self.access {
            Access::Read => !closed.reads,
            Access::Full => !(closed.reads && closed.writes),
            Access::Rules => false,
        }
    }

    /// Checks a call. The adapter's deny list holds under every access level; what an adapter guards needs full
    /// access without rules or a rule that names it.
    ///
    /// # Errors
    /// Something forbids the call, or nothing allows it.
    pub(crate) fn check(&self, adapter: &dyn Adapter, call: Call<'_>) -> Result<Permit, PolicyError> {
        closed(adapter, call)?;
        if !adapter.allows_path(call.host, call.path) {
            return Err(PolicyError::NotOnHost);
        }
        let guarded = adapter.guards(call.method, call.host, call.path).is_some();
        if self.rules.is_empty() && self.denied.is_empty() {
            return self.by_access(call.method, guarded);
        }
        let path = ReadPath::new(adapter, call.path);
        let denies =
            |rule: &Rule| rule.matching(&call, &path).is_some() || rule.restricts_reading(&call, &path);
        if self.denied.iter().any(denies) {
            return Err(PolicyError::Denied);
        }
        let mut refused = None;
        for (index, rule) in self.rules.iter().enumerate() {
            let Some(pattern) = rule.matching(&call, &path) else {
                if rule.restricts_reading(&call, &path) {
                    decide(index, rule, call.caller)?;
                }
                continue;
            };
            let named = path.segments.first().is_some_and(|first| pattern.names(first, || path.folds(0)));
            if guarded && rule.allow && !named {
                continue;
            }
            let Some(graphql) = &rule.graphql else { return decide(index, rule, call.caller) };
            if adapter.graphql(call.path).is_none() {
                continue;
            }
            match call.documents {
                Documents::Unread => return Ok(Permit::Document(index)),
                Documents::Read(asked) => match graphql.check(asked) {
                    Ok(()) => return decide(index, rule, call.caller),
                    Err(denied) => refused = refused.or(Some(GraphQlRefusal { rule: index, denied })),
                },
            }
        }
        match (self.by_access(call.method, guarded), refused) {
            (Err(_), Some(refusal)) => Err(PolicyError::GraphQl(Box::new(refusal))),
            (decision, _) => decision,
        }
    }

    fn by_access(&self, method: &Method, guarded: bool) -> Result<Permit, PolicyError> {
        let reads = matches!(*method, Method::GET | Method::HEAD);
        match self.access {
            Access::Full if !guarded || self.rules.is_empty() => Ok(Permit::Full),
            Access::Read if reads && !guarded => Ok(Permit::Read),
            Access::Read if !guarded => Err(PolicyError::ReadOnly),
            _ if guarded => Err(PolicyError::Guarded(self.access)),
            _ => Err(PolicyError::NoRule),
        }
    }
}

/// The adapter's deny list, which holds under every access level.
///
/// # Errors
/// The list closes this path.
pub(crate) fn closed(adapter: &dyn Adapter, call: Call<'_>) -> Result<(), PolicyError> {
    match adapter.denies(call.method, call.host, call.path) {
        None => Ok(()),
        Some(denied) => Err(PolicyError::Closed(denied.reason)),
    }
}

fn decide(index: usize, rule: &Rule, caller: &Caller) -> Result<Permit, PolicyError> {
    if !rule.allow {
        return Err(PolicyError::DeniedByRule(index));
    }
    match &rule.require_scope {
        Some(scope) if !caller.has(scope) => {
            Err(PolicyError::ScopeMissing { rule: index, scope: scope.clone() })
        }
        _ => Ok(Permit::Rule(index)),
    }
}

#[cfg(test)]
mod tests;
