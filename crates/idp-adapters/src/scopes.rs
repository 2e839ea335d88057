//! Scope lists: reading, comparing, and what to ask for.

use crate::{Adapter, Classified, Head, Outcome};

/// The scopes in `text`, separated by any mix of commas and white space, each once, in order.
pub(crate) fn split(text: &str) -> Vec<String> {
    let mut scopes: Vec<String> = Vec::new();
    for scope in text.split(|c: char| c == ',' || c.is_whitespace()).filter(|s| !s.is_empty()) {
        push(&mut scopes, scope);
    }
    scopes
}

/// Adds `scope` unless it is there.
pub(crate) fn push(scopes: &mut Vec<String>, scope: &str) {
    if !scopes.iter().any(|known| known == scope) {
        scopes.push(scope.to_owned());
    }
}

/// Auth0's `connection_scope`: what is held and what is needed, comma-joined.
pub(crate) fn connection_scope(held: &[String], needed: &[String]) -> Option<String> {
    let mut all = Vec::new();
    held.iter().chain(needed).for_each(|scope| push(&mut all, scope));
    (!needed.is_empty()).then(|| all.join(","))
}

/// What a provider's scopes mean to each other.
pub(crate) trait Lattice {
    /// Whether holding `held` includes the rights of `wanted`.
    fn implies(&self, held: &str, wanted: &str) -> bool;

    /// Whether `held` is enough for `wanted`.
    fn covers(&self, held: &[String], wanted: &str) -> bool {
        held.iter().any(|scope| scope == wanted || self.implies(scope, wanted))
    }

    /// The first of `alternatives` that includes no other of them: the least to ask for.
    fn narrowest<'a>(&self, alternatives: &'a [String]) -> Option<&'a String> {
        let narrow =
            |wide: &&String| !alternatives.iter().any(|other| other != *wide && self.implies(wide, other));
        alternatives.iter().find(narrow).or(alternatives.first())
    }
}

/// Inclusions as pairs `(wide, narrow)`; chains are followed.
pub(crate) struct Table(pub(crate) &'static [(&'static str, &'static str)]);

impl Lattice for Table {
    fn implies(&self, held: &str, wanted: &str) -> bool {
        let below = self.0.iter().filter(|(wide, _)| *wide == held);
        below.into_iter().any(|(_, narrow)| *narrow == wanted || self.implies(narrow, wanted))
    }
}

/// Inclusions by a function.
pub(crate) struct Of<F>(pub(crate) F);

impl<F: Fn(&str, &str) -> bool> Lattice for Of<F> {
    fn implies(&self, held: &str, wanted: &str) -> bool {
        (self.0)(held, wanted)
    }
}

/// Fills in what is missing when any one of `accepted` would have been enough. `None` when the token already
/// holds one of them: then the scope was not the reason.
pub(crate) fn missing_any(
    lattice: &(impl Lattice + ?Sized),
    accepted: Vec<String>,
    held: Option<&[String]>,
) -> Option<Classified> {
    let held = held.unwrap_or_default();
    if accepted.iter().any(|scope| lattice.covers(held, scope)) {
        return None;
    }
    let needed: Vec<String> = lattice.narrowest(&accepted).cloned().into_iter().collect();
    let mut classified = Classified::new(Outcome::ScopeMissing);
    classified.connection_scope = connection_scope(held, &needed);
    classified.missing_scopes.clone_from(&accepted);
    classified.required_scopes = accepted;
    Some(classified)
}

/// The same when all of `required` are needed together.
pub(crate) fn missing_all(
    lattice: &(impl Lattice + ?Sized),
    required: Vec<String>,
    held: &[String],
) -> Classified {
    let missing: Vec<String> =
        required.iter().filter(|scope| !lattice.covers(held, scope)).cloned().collect();
    let mut classified = Classified::new(Outcome::ScopeMissing);
    classified.connection_scope = connection_scope(held, &missing);
    classified.missing_scopes = missing;
    classified.required_scopes = required;
    classified
}

/// Fills in a missing scope that the provider did not name from the table of known calls. A token known to hold
/// a scope that is enough was refused for another reason: the user's own rights.
pub(crate) fn from_table(
    adapter: &impl Adapter,
    lattice: &(impl Lattice + ?Sized),
    head: &Head<'_>,
) -> Classified {
    let known = head.target.and_then(|(host, path)| adapter.required_scopes(head.method, host, path));
    let Some(any_of) = known.filter(|scopes| !scopes.is_empty()) else {
        return Classified::new(Outcome::ScopeMissing);
    };
    let accepted = any_of.iter().map(|scope| (*scope).to_owned()).collect();
    missing_any(lattice, accepted, head.granted).unwrap_or_else(|| Classified::new(Outcome::Denied))
}
