//! Warnings about rules that work, but probably not as meant: one that never matches, one that opens what another restricts.

use http::Method;

use super::super::{Access, CallerActors, CallerSettings, ProviderSettings, Rule, problems::Collector};
use super::rules::covers;

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
                    "the rule never matches: `rules[{earlier}]` and those before it match all that it names"
                ),
                "move it up, or remove it",
            );
        }
        if let Some(problem) = never_asked(rule, callers) {
            collector.warn(&key, problem, "correct the rule, or what `callers` accepts");
        }
        for (distance, later) in after.iter().enumerate().skip(1) {
            opened_by_rule(&key, rule, (index + distance, later), collector);
        }
        opened_by_access(&key, rule, provider.access, collector);
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

/// Whether whoever and whatever host a later rule names, an earlier one matches too.
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

/// A rule that allows opens a path that the adapter guards only where it names it.
fn opens_guarded(rule: &Rule, wide: &str, path: &str, provider: &ProviderSettings) -> bool {
    let names =
        wide.trim_start_matches('/').split('/').next().is_some_and(|first| !first.starts_with(['{', '*']));
    !rule.allow || names || !is_guarded(path, provider)
}

fn is_guarded(path: &str, provider: &ProviderSettings) -> bool {
    let host = provider.base_url.host_str().unwrap_or_default();
    provider.adapter.adapter().guards(&Method::POST, host, path).is_some()
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

/// What a rule that allows asks of the caller; whoever does not fit goes on to the next rule.
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
            format!("`rules[{index}]` opens the same calls without `{}`", dropped.join("`, `")),
            format!("repeat the member in `rules[{index}]`, or put a rule with `allow = false` between them"),
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
            format!("whoever does not fit `{}` gets in by `access`", asks(rule).join("`, `")),
            "write `access = \"rules\"`, which opens nothing by itself",
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
            "`access = \"full\"` opens these calls anyway, and all others",
            "write `access = \"rules\"` to open only what rules allow, or remove the rule",
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
    let segments = |pattern: &'_ str| -> Vec<String> {
        pattern.split('/').filter(|segment| !segment.is_empty()).map(str::to_owned).collect()
    };
    let (one, other) = (segments(one), segments(other));
    let mut index = 0;
    loop {
        match (one.get(index).map(String::as_str), other.get(index).map(String::as_str)) {
            (Some("**"), _) | (_, Some("**")) | (None, None) => return true,
            (Some(a), Some(b)) if a == b || a.starts_with('{') || b.starts_with('{') => index += 1,
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::load::load;

    /// The warnings about rules, as key and first words.
    fn warnings(provider: &str, callers: &str) -> Vec<String> {
        let text = format!(
            "[tenant]\ndomain = \"acme.eu.auth0.com\"\nclient_id = \"g\"\nclient_secret = \"s\"\n[server]\npublic_url = \"https://gw.acme.com\"\n\
             [callers]\naudience = [\"https://api.acme.com\"]\n{callers}\n[providers.github]\n{provider}"
        );
        let loaded = load(&text, None, &[]).unwrap();
        loaded.warnings.iter().map(|warning| format!("{}: {}", warning.key, warning.problem)).collect()
    }

    fn rules(access: &str, rules: &[&str]) -> String {
        let rules: String =
            rules.iter().map(|rule| format!("[[providers.github.rules]]\n{rule}\n")).collect();
        format!("access = \"{access}\"\n{rules}")
    }

    #[test]
    fn a_rule_that_never_matches_is_named() {
        let wide = "methods = [\"GET\"]\npaths = [\"/orgs/**\", \"/user/{x}\"]";
        for (later, shadowed) in [
            ("methods = [\"GET\"]\npaths = [\"/orgs/acme\"]", true),
            ("methods = [\"HEAD\"]\npaths = [\"/orgs/{org}/teams\", \"/user/emails\"]", true),
            ("methods = [\"GET\", \"POST\"]\npaths = [\"/orgs/acme\"]", false),
            ("paths = [\"/orgs/acme\"]", false),
            ("methods = [\"GET\"]\npaths = [\"/orgs/acme\", \"/markdown\"]", false),
            ("methods = [\"GET\"]\npaths = [\"/orgs/acme\"]\nclients = [\"spa\"]", true),
        ] {
            let found = warnings(&rules("rules", &[wide, later]), "");
            let named = found
                .iter()
                .any(|text| text.starts_with("providers.github.rules[1]: the rule never matches"));
            assert_eq!(named, shadowed, "{later}: {found:?}");
        }
        let narrow = "methods = [\"GET\"]\npaths = [\"/orgs/**\"]\nclients = [\"spa\"]";
        let found = warnings(
            &rules("rules", &[narrow, "methods = [\"GET\"]\npaths = [\"/orgs/acme\"]\nclients = [\"spa\"]"]),
            "",
        );
        assert!(found.iter().any(|text| text.contains("never matches")), "{found:?}");
        let found = warnings(&rules("rules", &["paths = [\"/**\"]", "paths = [\"/graphql\"]"]), "");
        assert!(!found.iter().any(|text| text.contains("never matches")), "guarded: {found:?}");
        for callers in ["clients = [\"other\"]", "actors = \"none\"", "actors = [\"other\"]"] {
            let rule = "paths = [\"/orgs/**\"]\nclients = [\"spa\"]\nactors = [\"planner\"]";
            let found = warnings(&rules("rules", &[rule]), callers);
            assert!(found.iter().any(|text| text.contains("never matches")), "{callers}: {found:?}");
        }
    }

    #[test]
    fn what_opens_a_restricted_call_is_named() {
        let alone = "methods = [\"POST\"]\npaths = [\"/repos/{owner}/{repo}/issues\"]\nactors = \"none\"";
        for (later, opens) in [
            ("paths = [\"/repos/acme/**\"]", true),
            ("methods = [\"POST\"]\npaths = [\"/repos/acme/{repo}/issues\"]\nclients = [\"spa\"]", true),
            ("methods = [\"POST\"]\npaths = [\"/repos/acme/{repo}/issues\"]\nactors = [\"planner\"]", false),
            ("methods = [\"GET\"]\npaths = [\"/repos/**\"]", false),
            ("paths = [\"/orgs/**\"]", false),
            ("paths = [\"/repos/acme/**\"]\nallow = false", false),
            ("paths = [\"/repos/acme/**\"]\nrequire_scope = \"write\"", false),
        ] {
            let found = warnings(&rules("rules", &[alone, later]), "");
            let named =
                found.iter().any(|text| text.starts_with("providers.github.rules[0]: `rules[1]` opens"));
            assert_eq!(named, opens, "{later}: {found:?}");
        }
        let reads = "methods = [\"GET\"]\npaths = [\"/user\"]\nclients = [\"spa\"]";
        for (access, rule, open) in
            [("read", reads, true), ("full", alone, true), ("read", alone, false), ("rules", reads, false)]
        {
            let found = warnings(&rules(access, &[rule]), "");
            assert_eq!(
                found.iter().any(|text| text.contains("gets in by `access`")),
                open,
                "{access}: {found:?}"
            );
        }
    }

    #[test]
    fn rules_that_narrow_nothing_and_unknown_hosts_are_named() {
        let plain = "paths = [\"/user\"]";
        let idle = |access, rule| {
            warnings(&rules(access, &[rule]), "").iter().any(|text| text.contains("opens these calls anyway"))
        };
        assert!(idle("full", plain) && !idle("rules", plain));
        assert!(
            !idle("full", "paths = [\"/user\"]\nallow = false") && !idle("full", "paths = [\"/graphql\"]")
        );
        let host = |host: &str| {
            let rule = format!("paths = [\"/user\"]\nhosts = [\"{host}\"]");
            warnings(&rules("rules", &[&rule]), "")
                .iter()
                .any(|text| text.contains("no host of this provider"))
        };
        assert!(host("people.googleapis.com") && !host("api.github.com") && !host("uploads.github.com"));
    }
}
