//! What a caller may do at a provider: access level, rules, and the adapter's deny list.

use std::borrow::Cow;

use http::Method;
use idp_adapters::Adapter;

use super::path;

/// `providers.NAME.access`: what holds where no rule decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Access {
    /// GET and HEAD.
    #[default]
    Read,
    /// Everything but the deny list.
    Full,
    /// Nothing.
    Rules,
}

/// One rule of `providers.NAME.rules`, parsed.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    methods: Vec<Method>,
    patterns: Vec<Pattern>,
    allow: bool,
    require_scope: Option<String>,
}

/// A rule that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadRule {
    /// A method that is none.
    #[error("`{0}` is not an HTTP method")]
    Method(String),
    /// A pattern without leading slash, with `**` before its end, or with a malformed placeholder.
    #[error("`{0}` is not a path pattern: write `/a/{{name}}/**`, `**` last")]
    Pattern(String),
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
        Ok(Self { methods, patterns, allow, require_scope })
    }

    fn covers(&self, method: &Method) -> bool {
        self.methods.is_empty()
            || self.methods.contains(method)
            || (*method == Method::HEAD && self.methods.contains(&Method::GET))
    }

    /// Whether it takes something away: it then holds for every spelling that some provider might read alike.
    fn restricts(&self) -> bool {
        !self.allow || self.require_scope.is_some()
    }

    fn matching(&self, method: &Method, path: &ReadPath<'_>) -> Option<&Pattern> {
        if !self.covers(method) {
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
}

type Segments<'a> = Vec<Cow<'a, [u8]>>;

/// A path as rules see it.
struct ReadPath<'a> {
    adapter: &'a dyn Adapter,
    raw: &'a str,
    segments: Segments<'a>,
    /// Its segments where encoded slashes separate too; `None` without any.
    split: Option<Segments<'static>>,
}

impl<'a> ReadPath<'a> {
    fn new(adapter: &'a dyn Adapter, raw: &'a str) -> Self {
        let split = raw.replace("%2F", "/").replace("%2f", "/");
        let owned = |segment: Cow<'_, [u8]>| Cow::Owned(segment.into_owned());
        Self {
            adapter,
            raw,
            segments: path::segments(raw).collect(),
            split: (split != raw).then(|| path::segments(&split).map(owned).collect()),
        }
    }

    /// Whether the provider ignores ASCII case in this segment.
    fn folds(&self, index: usize) -> bool {
        self.adapter.ignores_case_at(self.raw, index)
    }
}

/// A path pattern: literals, `{name}` for one segment, a final `**` for any number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    segments: Vec<Element>,
    rest: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Element {
    Literal(Vec<u8>),
    One,
}

impl Pattern {
    /// Parses a pattern.
    ///
    /// # Errors
    /// No leading slash, `**` before the end, or a brace that does not enclose a whole segment.
    pub(crate) fn parse(text: &str) -> Result<Self, BadRule> {
        let bad = || BadRule::Pattern(text.to_owned());
        let mut parts: Vec<&str> = text.strip_prefix('/').ok_or_else(bad)?.split('/').collect();
        parts.retain(|part| !part.is_empty());
        let rest = parts.last() == Some(&"**");
        if rest {
            parts.pop();
        }
        let segments =
            parts.iter().map(|part| Element::parse(part).ok_or_else(bad)).collect::<Result<_, _>>()?;
        Ok(Self { segments, rest })
    }

    /// Whether decoded segments fit; `fold` says where ASCII case does not count.
    fn matches(&self, segments: &[Cow<'_, [u8]>], fold: impl Fn(usize) -> bool) -> bool {
        let long_enough = if self.rest {
            segments.len() >= self.segments.len()
        } else {
            segments.len() == self.segments.len()
        };
        long_enough
            && self
                .segments
                .iter()
                .zip(segments)
                .enumerate()
                .all(|(index, (element, segment))| element.matches(segment, || fold(index)))
    }

    /// Whether the first element is a literal, so that the pattern names what it opens.
    fn names(&self, first: &[u8], fold: impl Fn() -> bool) -> bool {
        matches!(self.segments.first(), Some(element @ Element::Literal(_)) if element.matches(first, fold))
    }
}

impl Element {
    fn parse(part: &str) -> Option<Self> {
        if part == "**" {
            return None;
        }
        if let Some(name) = part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
            return (!name.is_empty() && !name.contains(['{', '}'])).then_some(Self::One);
        }
        // A brace elsewhere is a literal: Bitbucket's UUIDs are written in braces, percent-encoded.
        if part.contains(['{', '}']) {
            return None;
        }
        Some(Self::Literal(percent_encoding::percent_decode_str(part).collect()))
    }

    fn matches(&self, segment: &[u8], fold: impl Fn() -> bool) -> bool {
        match self {
            Self::One => true,
            Self::Literal(text) => {
                text.as_slice() == segment || (text.eq_ignore_ascii_case(segment) && fold())
            }
        }
    }
}

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

/// Why a call is permitted: the rule's position, or the access level. Shown by `explain`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Permit {
    /// The rule at this position (from 0).
    Rule(usize),
    /// `access = "read"`.
    Read,
    /// `access = "full"`.
    Full,
}

impl std::fmt::Display for Permit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Permit::Rule(index) => write!(f, "rules[{index}]"),
            Permit::Read => f.write_str("access=read"),
            Permit::Full => f.write_str("access=full"),
        }
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
    Guarded,
    /// No rule allows it.
    NoRule,
    /// A rule denies it.
    DeniedByRule,
    /// A rule allows it with a scope that the caller does not have.
    ScopeMissing(String),
}

/// A call to be checked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call<'a> {
    /// The method.
    pub method: &'a Method,
    /// The provider host it is for.
    pub host: &'a str,
    /// The raw path, as it would be sent (without the configured base).
    pub path: &'a str,
}

impl Policy {
    /// Judges a call. The adapter's deny list holds under every access level; what an adapter guards needs full
    /// access without rules or a rule that names it.
    ///
    /// # Errors
    /// Something forbids the call, or nothing allows it.
    pub(crate) fn check(
        &self,
        adapter: &dyn Adapter,
        call: Call<'_>,
        has_scope: &dyn Fn(&str) -> bool,
    ) -> Result<Permit, PolicyError> {
        closed(adapter, call)?;
        if !adapter.allows_path(call.host, call.path) {
            return Err(PolicyError::NotOnHost);
        }
        let guarded = adapter.guards(call.method, call.host, call.path).is_some();
        if self.rules.is_empty() && self.denied.is_empty() {
            return self.by_access(call.method, guarded);
        }
        let path = ReadPath::new(adapter, call.path);
        if self.denied.iter().any(|rule| rule.matching(call.method, &path).is_some()) {
            return Err(PolicyError::Denied);
        }
        for (index, rule) in self.rules.iter().enumerate() {
            let Some(pattern) = rule.matching(call.method, &path) else { continue };
            let named = path.segments.first().is_some_and(|first| pattern.names(first, || path.folds(0)));
            if guarded && rule.allow && !named {
                continue;
            }
            return decide(index, rule, has_scope);
        }
        self.by_access(call.method, guarded)
    }

    fn by_access(&self, method: &Method, guarded: bool) -> Result<Permit, PolicyError> {
        let reads = matches!(*method, Method::GET | Method::HEAD);
        match self.access {
            Access::Full if !guarded || self.rules.is_empty() => Ok(Permit::Full),
            Access::Read if reads && !guarded => Ok(Permit::Read),
            Access::Read if !guarded => Err(PolicyError::ReadOnly),
            _ if guarded => Err(PolicyError::Guarded),
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

fn decide(index: usize, rule: &Rule, has_scope: &dyn Fn(&str) -> bool) -> Result<Permit, PolicyError> {
    if !rule.allow {
        return Err(PolicyError::DeniedByRule);
    }
    match &rule.require_scope {
        Some(scope) if !has_scope(scope) => Err(PolicyError::ScopeMissing(scope.clone())),
        _ => Ok(Permit::Rule(index)),
    }
}

#[cfg(test)]
mod tests;
