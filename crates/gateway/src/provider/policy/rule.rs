//! One rule: what it matches, and what it then says.

use std::collections::BTreeSet;

use caller_auth::{Actor, Actors, Caller};
use http::Method;
use idp_adapters::HostPattern;

use super::call::Call;
use super::graphql::GraphQlRule;
use super::pattern::{BadRule, Pattern, ReadPath};

/// One rule of `providers.NAME.rules`, parsed.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    methods: Vec<Method>,
    patterns: Vec<Pattern>,
    pub(super) allow: bool,
    pub(super) require_scope: Option<String>,
    /// `None`: it matches every caller, at every host.
    conditions: Option<Box<Conditions>>,
    /// `graphql`: it matches only where all that is asked for is open.
    pub(super) graphql: Option<Box<GraphQlRule>>,
}

/// What no later rule and no access level opens any more.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Closed {
    /// GET and HEAD at every path.
    pub(super) reads: bool,
    /// All other methods at every path.
    pub(super) writes: bool,
}

/// What a rule names besides methods and paths: it matches only where all of it holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Conditions {
    /// `hosts`: the provider host is one of these; empty means any.
    pub hosts: Vec<HostPattern>,
    /// `clients`: the app is one of these; empty means any.
    pub clients: BTreeSet<String>,
    /// `actors`: who acts for the user. Unlike `callers.actors`, a list matches only tokens with an actor.
    pub actors: Actors,
    /// `claims`: each of these claims has one of its values.
    pub claims: Vec<(String, BTreeSet<String>)>,
}

impl Rule {
    /// Parses a rule. No methods means every method; GET covers HEAD.
    ///
    /// # Errors
    /// A method or pattern that is none.
    pub(crate) fn new(
        methods: &[String],
        paths: &[String],
        allow: bool,
        require_scope: Option<String>,
    ) -> Result<Self, BadRule> {
        let methods = methods
            .iter()
            .filter(|method| method.as_str() != "*")
            .map(|method| {
                let upper = method.to_ascii_uppercase();
                Method::from_bytes(upper.as_bytes()).map_err(|_| BadRule::Method(method.clone()))
            })
            .collect::<Result<_, _>>()?;
        let patterns = paths.iter().map(|path| Pattern::parse(path)).collect::<Result<_, _>>()?;
        Ok(Self { methods, patterns, allow, require_scope, conditions: None, graphql: None })
    }

    /// The same rule, which matches only under these conditions.
    pub(crate) fn when(self, conditions: Conditions) -> Self {
        let conditions = (conditions != Conditions::default()).then(|| Box::new(conditions));
        Self { conditions, ..self }
    }

    /// The same rule, which opens only this of GraphQL.
    pub(crate) fn graphql(self, graphql: Option<GraphQlRule>) -> Self {
        Self { graphql: graphql.map(Box::new), ..self }
    }

    pub(super) fn name_host(&mut self, other: &str, in_calls: &str) {
        let Some(conditions) = &mut self.conditions else { return };
        if conditions.hosts.iter().any(|host| host.matches(other)) {
            conditions.hosts.extend(in_calls.parse::<HostPattern>());
        }
    }

    /// Whether it may open a call of this caller that is no GET or HEAD, at whatever host.
    pub(super) fn opens_writes(&self, caller: &Caller) -> bool {
        let reads = |method: &Method| matches!(*method, Method::GET | Method::HEAD);
        self.allow
            && (self.methods.is_empty() || !self.methods.iter().all(reads))
            && self.require_scope.as_ref().is_none_or(|scope| caller.has(scope))
            && self.conditions.as_deref().is_none_or(|conditions| conditions.hold_for(caller, true))
    }

    /// What it says of all paths and hosts to this caller: whether it opens some, or closes all that is left.
    pub(super) fn narrow(&self, caller: &Caller, closed: &mut Closed) -> bool {
        if !self.conditions.as_deref().is_none_or(|conditions| conditions.hold_for(caller, self.allow)) {
            return false;
        }
        let reads = self.covers(&Method::GET);
        let writes = self.methods.is_empty()
            || self.methods.iter().any(|method| !matches!(*method, Method::GET | Method::HEAD));
        if self.allow && self.require_scope.as_ref().is_none_or(|scope| caller.has(scope)) {
            return (reads && !closed.reads) || (writes && !closed.writes);
        }
        let any_host = self.conditions.as_deref().is_none_or(|conditions| conditions.hosts.is_empty());
        if any_host && self.graphql.is_none() && self.patterns.iter().any(Pattern::is_everything) {
            closed.reads |= reads;
            closed.writes |= self.methods.is_empty();
        }
        false
    }

    fn covers(&self, method: &Method) -> bool {
        self.methods.is_empty()
            || self.methods.contains(method)
            || (*method == Method::HEAD && self.methods.contains(&Method::GET))
    }

    /// Whether it takes something away: it then ignores case, and holds for both readings of an encoded slash.
    fn restricts(&self) -> bool {
        !self.allow || self.require_scope.is_some()
    }

    /// Whether everything but the path fits.
    fn concerns(&self, call: &Call<'_>) -> bool {
        let holds = |conditions: &Conditions| conditions.hold(call, self.allow);
        self.covers(call.method) && self.conditions.as_deref().is_none_or(holds)
    }

    pub(super) fn matching(&self, call: &Call<'_>, path: &ReadPath<'_>) -> Option<&Pattern> {
        if !self.concerns(call) {
            return None;
        }
        let mut patterns = self.patterns.iter();
        if self.restricts() {
            let either = |pattern: &&Pattern| {
                pattern.matches(&path.segments, |_| true)
                    || path.split.as_ref().is_some_and(|split| pattern.matches(split, |_| true))
            };
            return patterns.find(either);
        }
        patterns.find(|pattern| pattern.matches(&path.segments, |index| path.folds(index)))
    }

    /// Whether it takes something away from a path that only lenient servers read as one of its own. What such a rule gives,
    /// it gives to the plain reading alone.
    pub(super) fn restricts_reading(&self, call: &Call<'_>, path: &ReadPath<'_>) -> bool {
        let Some(others) = path.others.as_ref().filter(|_| self.restricts()) else { return false };
        self.concerns(call)
            && self.patterns.iter().any(|pattern| others.iter().any(|one| pattern.matches_reading(one)))
    }
}

impl Conditions {
    /// `allow`: what the rule does. One that denies matches as soon as one actor is on its list.
    fn hold(&self, call: &Call<'_>, allow: bool) -> bool {
        (self.hosts.is_empty() || self.hosts.iter().any(|host| host.matches(call.host)))
            && self.hold_for(call.caller, allow)
    }

    /// What they say of the caller alone.
    fn hold_for(&self, caller: &Caller, allow: bool) -> bool {
        (self.clients.is_empty() || caller.client().is_some_and(|client| self.clients.contains(client)))
            && admits(&self.actors, caller, allow)
            && self.claims.iter().all(|(name, values)| caller.claim(name).any(|text| values.contains(text)))
    }
}

/// Whether a rule with these actors matches: of a list, all have to be on it where the rule allows, and one where it denies.
fn admits(actors: &Actors, caller: &Caller, allow: bool) -> bool {
    let mut chain = caller.actors().iter().map(Actor::subject);
    match actors {
        Actors::Any => true,
        Actors::None => chain.len() == 0,
        Actors::Only(list) if allow => chain.len() > 0 && chain.all(|actor| list.contains(actor)),
        Actors::Only(list) => chain.any(|actor| list.contains(actor)),
    }
}
