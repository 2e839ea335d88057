//! Access rules and deny rules of a provider.

use super::super::{DenyRule, ProviderSettings, problems::Collector};

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
    for (index, DenyRule { methods: list, path }) in provider.oauth2.deny.iter().enumerate() {
        let at = format!("{at}.oauth2.deny[{index}]");
        methods(&at, list, collector);
        pattern(&format!("{at}.path"), path, collector);
    }
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
            "start with /; {name} stands for one whole segment, ** at the end for any number of them",
        );
    }
}

fn check_pattern(pattern: &str) -> Option<&'static str> {
    let Some(rest) = pattern.strip_prefix('/') else { return Some("does not start with a slash") };
    if pattern.contains(['?', '#']) {
        return Some("holds a query or fragment, which plays no part");
    }
    let segments: Vec<&str> = rest.split('/').collect();
    let last = segments.len() - 1;
    segments.iter().enumerate().find_map(|(index, segment)| match *segment {
        "**" if index != last => Some("has `**` before its end"),
        "**" => None,
        segment if segment.contains('*') => Some("has a `*` inside a segment"),
        "." | ".." => Some("holds a dot segment, which is refused anyway"),
        segment if segment.contains(['{', '}']) => {
            let name = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
            let whole = name.is_some_and(|name| !name.is_empty() && !name.contains(['{', '}']));
            (!whole).then_some("has braces that are not one whole segment")
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::check_pattern;

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
