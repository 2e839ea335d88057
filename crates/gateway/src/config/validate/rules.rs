//! Access rules and deny rules of a provider.

use super::super::{
    Access, CallerActors, DenyRule, ProviderSettings, Rule,
    problems::{Collector, child},
};

pub(super) fn validate(at: &str, provider: &ProviderSettings, collector: &mut Collector) {
    for (index, rule) in provider.rules.iter().enumerate() {
        let at = format!("{at}.rules[{index}]");
        methods(&at, &rule.methods, collector);
        if rule.paths.is_empty() {
            collector.report(
                &format!("{at}.paths"),
                "a rule without paths matches nothing",
                "list patterns, for example [\"/user\", \"/repos/{owner}/{repo}/**\"], or [\"/**\"] for every path",
            );
        }
        for (position, path) in rule.paths.iter().enumerate() {
            pattern(&format!("{at}.paths[{position}]"), path, collector);
        }
        if rule.require_scope.as_deref().is_some_and(|scope| !is_scope(scope)) {
            collector.report(
                &format!("{at}.require_scope"),
                "this is not one scope",
                "write a single scope without spaces",
            );
        }
    }
    aliases(at, provider, collector);
    for (index, rule) in provider.rules.iter().enumerate() {
        conditions(&format!("{at}.rules[{index}]"), rule, provider, collector);
    }
    for (index, DenyRule { methods: list, path }) in provider.oauth2.deny.iter().enumerate() {
        let at = format!("{at}.oauth2.deny[{index}]");
        methods(&at, list, collector);
        pattern(&format!("{at}.path"), path, collector);
    }
}

/// What a rule names besides methods and paths.
fn conditions(at: &str, rule: &Rule, provider: &ProviderSettings, collector: &mut Collector) {
    for (name, empty) in [("hosts", rule.hosts.is_empty()), ("clients", rule.clients.is_empty())] {
        let key = format!("{at}.{name}");
        if empty && collector.origins.gave(&key) {
            collector.report(
                &key,
                "the list is empty",
                "write the values that the rule is for, or remove the key for any",
            );
        }
    }
    let blank = |text: &String| text.trim().is_empty();
    if rule.clients.iter().any(blank) {
        collector.report(
            &format!("{at}.clients"),
            "a client id is empty",
            "write the ids as Auth0 shows them",
        );
    }
    if let CallerActors::Only(ids) = &rule.actors
        && (ids.is_empty() || ids.iter().any(blank))
    {
        collector.report(
            &format!("{at}.actors"),
            "the list is empty, or an id in it is",
            "write the ids exactly as in `act.sub`, or \"none\" for users without an actor",
        );
    }
    for (claim, values) in &rule.claims {
        if values.is_empty() {
            collector.report(
                &child(&format!("{at}.claims"), claim),
                "no value is accepted",
                "list the values, or remove the claim",
            );
        }
    }
    graphql(at, rule, provider, collector);
    for (index, host) in rule.hosts.iter().enumerate() {
        let text = host.as_str();
        // A pattern with `*` may mean hosts that are not listed.
        if !text.contains('*') && !serves(provider, text) {
            collector.warn(
                &format!("{at}.hosts[{index}]"),
                format!("`{text}` is not a host of this provider: the rule never matches"),
                "write the host of the provider, even if `upstreams` replaces it",
            );
        }
    }
}

/// `graphql` narrows what a rule opens at a path that serves GraphQL.
fn graphql(at: &str, rule: &Rule, provider: &ProviderSettings, collector: &mut Collector) {
    let Some(section) = &rule.graphql else { return };
    let key = format!("{at}.graphql");
    if !rule.allow {
        collector.report(
            &key,
            "a rule with `allow = false` cannot distinguish GraphQL documents",
            "list the operations in a rule that allows them; what no rule allows is refused",
        );
    }
    if section.operations.is_empty() {
        collector.report(
            &format!("{key}.operations"),
            "no operation is open",
            "list \"query\", \"mutation\" or both",
        );
    }
    let adapter = idp_adapters::adapter(provider.adapter);
    if !rule.paths.iter().any(|path| adapter.graphql(path).is_some()) {
        collector.report(
            &key,
            format!("the adapter `{}` has no GraphQL at these paths", provider.adapter),
            "write the GraphQL path (GitHub: \"/graphql\"), or remove `graphql`",
        );
    }
}

/// Whether calls may name this host.
pub(super) fn serves(provider: &ProviderSettings, host: &str) -> bool {
    provider.base_url.host_str().is_some_and(|base| base.eq_ignore_ascii_case(host))
        || provider.upstreams.keys().any(|upstream| upstream.eq_ignore_ascii_case(host))
        || provider.oauth2.hosts.iter().any(|own| own.eq_ignore_ascii_case(host))
        || idp_adapters::adapter(provider.adapter).allows_host(host)
}

/// Warns where the rules open a path by names and not by id: links to further pages and redirects after a rename lead to the
/// latter.
fn aliases(at: &str, provider: &ProviderSettings, collector: &mut Collector) {
    if provider.access != Access::Rules {
        return;
    }
    let opened: Vec<&str> = provider
        .rules
        .iter()
        .filter(|rule| rule.allow)
        .flat_map(|rule| &rule.paths)
        .map(String::as_str)
        .collect();
    for alias in idp_adapters::adapter(provider.adapter).aliases() {
        let missing = opened
            .iter()
            .filter_map(|path| alias.counterpart(path))
            .find(|by_id| !opened.iter().any(|path| covers(path, by_id)));
        if let Some(by_id) = missing {
            collector.warn(
                &format!("{at}.rules"),
                format!(
                    "they allow `{}` by name only, but the next pages of lists have other paths",
                    alias.by_name
                ),
                format!("open \"{by_id}\" too"),
            );
        }
    }
}

/// Whether a pattern matches whatever another one does.
pub(super) fn covers(wide: &str, narrow: &str) -> bool {
    let is_name = |segment: &str| segment.starts_with('{');
    let mut narrow = segments(narrow);
    for want in segments(wide) {
        if want == "**" {
            return true;
        }
        let Some(have) = narrow.next() else { return false };
        if have == "**" || !(is_name(want) || want == have) {
            return false;
        }
    }
    narrow.next().is_none()
}

pub(super) fn segments(pattern: &str) -> impl Iterator<Item = &str> {
    pattern.split('/').filter(|segment| !segment.is_empty())
}

/// Whether `scope` is one scope token (RFC 6749, section 3.3).
pub(super) fn is_scope(scope: &str) -> bool {
    !scope.is_empty() && scope.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\')
}

fn methods(at: &str, methods: &[String], collector: &mut Collector) {
    for (index, method) in methods.iter().enumerate() {
        if method.is_empty() || !method.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-') {
            collector.report(
                &format!("{at}.methods[{index}]"),
                format!("`{method}` is not a method"),
                "write methods in capitals: \"GET\", \"POST\"; leave the list out for any",
            );
        }
    }
}

/// `{name}` is a whole segment, `**` the last one.
fn pattern(key: &str, pattern: &str, collector: &mut Collector) {
    let problem = check_pattern(pattern);
    if let Some(problem) = problem {
        collector.report(
            key,
            format!("`{pattern}` {problem}"),
            "start with /; {name} stands for one segment, ** at the end for any number of segments",
        );
    }
}

fn check_pattern(pattern: &str) -> Option<&'static str> {
    let Some(rest) = pattern.strip_prefix('/') else { return Some("does not start with a slash") };
    if pattern.contains(['?', '#']) {
        return Some("contains a query or a fragment; rules compare paths only");
    }
    let segments: Vec<&str> = rest.split('/').collect();
    let last = segments.len() - 1;
    segments.iter().enumerate().find_map(|(index, segment)| match *segment {
        "**" if index != last => Some("has `**` before its end"),
        "**" => None,
        segment if segment.contains('*') => Some("has a `*` inside a segment"),
        "." | ".." => Some("contains a dot segment, which is always refused"),
        segment if segment.contains(['{', '}']) => {
            let name = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
            let whole = name.is_some_and(|name| !name.is_empty() && !name.contains(['{', '}']));
            (!whole).then_some("has braces that do not enclose a whole segment")
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::{check_pattern, covers};

    #[test]
    fn a_pattern_covers_what_it_matches_wholly() {
        for (wide, narrow) in
            [("/**", "/a/{b}/**"), ("/a/{x}/**", "/a/{b}/c"), ("/a/{x}", "/a/{b}"), ("/a/**", "/a/**")]
        {
            assert!(covers(wide, narrow), "{wide} {narrow}");
        }
        for (wide, narrow) in
            [("/a", "/a/b"), ("/a/b", "/a/{b}"), ("/a/{b}", "/a/**"), ("/a/{b}/c", "/a/{b}")]
        {
            assert!(!covers(wide, narrow), "{wide} {narrow}");
        }
    }

    #[test]
    fn patterns() {
        for good in ["/", "/user", "/repos/{owner}/{repo}/**", "/**", "/a/{b}/", "/me/messages/$count"] {
            assert_eq!(check_pattern(good), None, "{good}");
        }
        for bad in ["", "user", "/a/**/b", "/a*", "/{", "/{}", "/x{y}", "/a?b", "/a/../b"] {
            assert!(check_pattern(bad).is_some(), "{bad}");
        }
    }
}
