//! Warnings about rules that work, but probably not as meant: one that never matches, one that opens what another restricts.

use http::Method;

use super::super::{Access, CallerActors, CallerSettings, ProviderSettings, Rule, problems::Collector};
use super::rules::{covers, segments};

pub(super) fn validate(
    at: &str,
    provider: &ProviderSettings,
    callers: &CallerSettings,
    collector: &mut Collector,
) {
    for (index, rule) in provider.rules.iter().enumerate() {
        let key = format!("{at}.rules[{index}]");
        let (before, after) = provider.rules.split_at(index);
        if let Some(earlier) = shadow(rule, before, provider) {
            collector.warn(
                &key,
                format!(
                    "the rule never matches: `rules[{earlier}]` and the rules before it match every call that this rule names"
                ),
                "move it up, or remove it",
            );
        }
        if let Some(problem) = never_asked(rule, callers) {
            collector.warn(&key, problem, "correct the rule, or what `callers` accepts");
        }
        let closed = after.iter().position(|later| closes(later, rule)).unwrap_or(after.len());
        for (distance, later) in after.iter().enumerate().take(closed).skip(1) {
            opened_by_rule(&key, rule, (index + distance, later), collector);
        }
        if closed == after.len() {
            opened_by_access(&key, rule, provider.access, collector);
        }
        without_effect(&key, rule, provider, collector);
    }
}

/// The rule that matches the last of what `rule` names, where earlier ones match it all.
fn shadow(rule: &Rule, before: &[Rule], provider: &ProviderSettings) -> Option<usize> {
    let any = [String::new()];
    let methods = if rule.methods.is_empty() { &any[..] } else { &rule.methods };
    let mut last = None;
    for method in methods {
        for path in &rule.paths {
            let found = before.iter().position(|earlier| {
                takes_method(earlier, method)
                    && includes(earlier, rule)
                    && earlier
                        .paths
                        .iter()
                        .any(|wide| covers(wide, path) && opens_guarded(earlier, wide, path, provider))
            })?;
            last = last.max(Some(found));
        }
    }
    last
}

/// Whether a rule matches a method; the empty text stands for any.
fn takes_method(rule: &Rule, method: &str) -> bool {
    let listed = |name: &str| rule.methods.iter().any(|listed| listed == name);
    rule.methods.is_empty() || listed(method) || (method == "HEAD" && listed("GET"))
}

/// Whether an earlier rule matches every caller and every host of a later one.
fn includes(earlier: &Rule, later: &Rule) -> bool {
    let clients = earlier.clients.is_empty()
        || (!later.clients.is_empty() && later.clients.iter().all(|client| earlier.clients.contains(client)));
    let hosts = earlier.hosts.is_empty()
        || (!later.hosts.is_empty() && later.hosts.iter().all(|host| earlier.hosts.contains(host)));
    let actors =
        earlier.actors == CallerActors::Any || earlier.actors == later.actors && earlier.allow == later.allow;
    let claims = earlier.claims.iter().all(|(name, wide)| {
        later.claims.get(name).is_some_and(|narrow| narrow.iter().all(|value| wide.contains(value)))
    });
    clients
        && hosts
        && actors
        && claims
        && earlier.graphql.as_ref().is_none_or(|wide| later.graphql.as_ref() == Some(wide))
}

/// Whether a later rule closes the calls of `rule`, at least to the callers whom `rule` names: then what it asks of the caller is
/// no restriction of the others, or they are refused as well.
fn closes(later: &Rule, rule: &Rule) -> bool {
    let methods = later.methods.is_empty()
        || (!rule.methods.is_empty() && rule.methods.iter().all(|method| takes_method(later, method)));
    let paths = || rule.paths.iter().all(|path| later.paths.iter().any(|wide| covers(wide, path)));
    !later.allow && methods && includes(later, rule) && paths()
}

/// A rule that allows opens a path that the adapter guards only where it names it.
fn opens_guarded(rule: &Rule, wide: &str, path: &str, provider: &ProviderSettings) -> bool {
    let names =
        wide.trim_start_matches('/').split('/').next().is_some_and(|first| !first.starts_with(['{', '*']));
    !rule.allow || names || !is_guarded(path, provider)
}

fn is_guarded(path: &str, provider: &ProviderSettings) -> bool {
    let host = provider.base_url.host_str().unwrap_or_default();
    idp_adapters::adapter(provider.adapter).guards(&Method::POST, host, path).is_some()
}

/// Why no caller that `callers` accepts fits a rule.
fn never_asked(rule: &Rule, callers: &CallerSettings) -> Option<&'static str> {
    let accepted = |client: &String| callers.clients.is_empty() || callers.clients.contains(client);
    if !rule.clients.is_empty() && !rule.clients.iter().any(accepted) {
        return Some("the rule never matches: `callers.clients` accepts none of its clients");
    }
    let CallerActors::Only(actors) = &rule.actors else { return None };
    let admitted = match &callers.actors {
        CallerActors::Any => true,
        CallerActors::None => false,
        CallerActors::Only(list) => actors.iter().any(|actor| list.contains(actor)),
    };
    (!admitted).then_some("the rule never matches: `callers.actors` accepts none of its actors")
}

/// What a rule that allows asks of the caller; for other callers the next rule is tried.
fn asks(rule: &Rule) -> Vec<&'static str> {
    let members = [
        ("clients", !rule.clients.is_empty()),
        ("actors", rule.actors != CallerActors::Any),
        ("claims", !rule.claims.is_empty()),
        ("graphql", rule.graphql.is_some()),
    ];
    members.into_iter().filter_map(|(name, given)| given.then_some(name)).collect()
}

fn opened_by_rule(key: &str, rule: &Rule, (index, later): (usize, &Rule), collector: &mut Collector) {
    let dropped: Vec<&str> = asks(rule).into_iter().filter(|name| !asks(later).contains(name)).collect();
    let together = || {
        overlapping_methods(rule, later)
            && (rule.hosts.is_empty()
                || later.hosts.is_empty()
                || later.hosts.iter().any(|host| rule.hosts.contains(host)))
            && rule.paths.iter().any(|one| later.paths.iter().any(|other| overlap(one, other)))
    };
    if rule.allow && later.allow && later.require_scope.is_none() && !dropped.is_empty() && together() {
        collector.warn(
            key,
            format!("`rules[{index}]` allows the same calls without `{}`", dropped.join("`, `")),
            format!(
                "add the condition to `rules[{index}]` too, or put a rule with `allow = false` between them"
            ),
        );
    }
}

fn reads(method: &str) -> bool {
    matches!(method, "GET" | "HEAD")
}

fn opened_by_access(key: &str, rule: &Rule, access: Access, collector: &mut Collector) {
    let open = match access {
        Access::Full => true,
        Access::Read => !rule.methods.is_empty() && rule.methods.iter().all(|method| reads(method)),
        Access::Rules => false,
    };
    if rule.allow && open && !asks(rule).is_empty() {
        collector.warn(
            key,
            format!("a caller that does not match `{}` is allowed by `access`", asks(rule).join("`, `")),
            "write `access = \"rules\"`, which allows nothing without a rule",
        );
    }
}

/// Under full access a rule that allows narrows nothing, unless it opens what the adapter guards or asks for a scope.
fn without_effect(key: &str, rule: &Rule, provider: &ProviderSettings, collector: &mut Collector) {
    let guarded = rule.paths.iter().any(|path| is_guarded(path, provider));
    let idle = rule.allow && rule.require_scope.is_none() && asks(rule).is_empty() && !guarded;
    if provider.access == Access::Full && idle {
        collector.warn(
            key,
            "`access = \"full\"` allows these calls anyway, and all others",
            "write `access = \"rules\"` to allow only what rules allow, or remove the rule",
        );
    }
}

fn overlapping_methods(one: &Rule, other: &Rule) -> bool {
    one.methods.is_empty()
        || other.methods.is_empty()
        || one.methods.iter().any(|method| takes_method(other, method))
        || other.methods.iter().any(|method| takes_method(one, method))
}

/// Whether some path fits both patterns.
fn overlap(one: &str, other: &str) -> bool {
    let (mut one, mut other) = (segments(one), segments(other));
    loop {
        match (one.next(), other.next()) {
            (Some("**"), _) | (_, Some("**")) | (None, None) => return true,
            (Some(a), Some(b)) if a == b || a.starts_with('{') || b.starts_with('{') => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests;
