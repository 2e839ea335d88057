//! Families of paths: what is denied, what needs which scope, where case does not count, which paths mean the same.

use std::borrow::Cow;

use http::Method;
use percent_encoding::percent_decode_str;

use super::{PathReadings, SegmentForms};

/// A family of paths, matched segment by segment.
///
/// Segments are compared after one percent-decoding, empty segments are ignored. A path that lenient servers read in
/// other ways too is recognised in each of them ([`PathReadings`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeniedPath {
    /// The methods meant; empty means all.
    pub methods: &'static [&'static str],
    /// The host meant; `None` means every host of the adapter.
    pub host: Option<&'static str>,
    /// The segments; [`Segment::Rest`] last for "and everything below", first for "at any depth".
    pub pattern: &'static [Segment],
    /// Why, in words for an operator.
    pub reason: &'static str,
}

/// One element of a path pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Segment {
    /// This text.
    Literal(&'static str),
    /// A segment that starts with this text.
    Prefix(&'static str),
    /// An API version such as `v22.0`.
    Version,
    /// Any one segment.
    Any,
    /// Any one segment, a name whose ASCII case the provider ignores (GitHub's owners and repositories).
    Name,
    /// Any number of segments, none included.
    Rest,
}

impl Segment {
    fn matches(&self, segment: &[u8], ignore_case: bool) -> bool {
        let same = |a: &[u8], b: &[u8]| if ignore_case { a.eq_ignore_ascii_case(b) } else { a == b };
        match self {
            Segment::Literal(text) => same(segment, text.as_bytes()),
            Segment::Prefix(text) => {
                segment.get(..text.len()).is_some_and(|start| same(start, text.as_bytes()))
            }
            Segment::Version => is_version(segment),
            Segment::Any | Segment::Name | Segment::Rest => true,
        }
    }
}

/// `v22.0`, `V3`, ...: a letter v, digits and dots.
fn is_version(segment: &[u8]) -> bool {
    matches!(segment, [b'v' | b'V', b'0'..=b'9', rest @ ..]
        if rest.iter().all(|b| b.is_ascii_digit() || *b == b'.'))
}

/// How a provider reads paths.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    /// ASCII case does not count anywhere.
    pub(crate) ignores_case: bool,
    /// Where the API begins besides `/`: the segments in front of it (`/api/v3`).
    pub(crate) roots: &'static [&'static [&'static str]],
}

impl Reading {
    fn ignoring_case(self) -> Self {
        Self { ignores_case: true, ..self }
    }
}

impl DeniedPath {
    /// These paths with every method, at every host of the adapter.
    #[must_use]
    pub const fn new(pattern: &'static [Segment], reason: &'static str) -> Self {
        Self { methods: &[], host: None, pattern, reason }
    }

    /// Whether this entry means the request: `path` is the raw path as it would be sent, `others` its other readings. Case never
    /// counts: whether the provider ignores it is not known of every path.
    pub(crate) fn matches(
        &self,
        method: &Method,
        host: &str,
        (path, others): (&str, Option<&PathReadings>),
        reading: Reading,
    ) -> bool {
        let reading = reading.ignoring_case();
        (self.methods.is_empty() || self.methods.contains(&method.as_str()))
            && self.host.is_none_or(|only| host.eq_ignore_ascii_case(only))
            && (fits(self.pattern, || decoded_segments(path), reading)
                || others.is_some_and(|others| {
                    others.iter().any(|segments| fits_forms(self.pattern, segments, reading))
                }))
    }
}

/// Where a provider serves GraphQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GraphQl {
    /// The path.
    pub pattern: &'static [Segment],
    /// Root fields whose type is the root type again: what is selected below them counts as root fields.
    pub root_again: &'static [&'static str],
}

impl GraphQl {
    pub(crate) const fn new(pattern: &'static [Segment], root_again: &'static [&'static str]) -> Self {
        Self { pattern, root_again }
    }

    /// Whether this raw path is meant, in any case of its letters.
    pub(crate) fn matches(&self, path: &str, reading: Reading) -> bool {
        fits(self.pattern, || decoded_segments(path), reading.ignoring_case())
    }
}

/// Which scopes a call needs: any one of `any_of` is enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScopeRule {
    /// The method; `GET` covers `HEAD`.
    pub method: &'static str,
    /// The host meant; `None` means every host of the adapter.
    pub host: Option<&'static str>,
    /// The path.
    pub pattern: &'static [Segment],
    /// Scopes of which one is enough, narrowest first.
    pub any_of: &'static [&'static str],
}

impl ScopeRule {
    /// Calls of these paths at every host of the adapter.
    #[must_use]
    pub const fn new(
        method: &'static str,
        pattern: &'static [Segment],
        any_of: &'static [&'static str],
    ) -> Self {
        Self { method, host: None, pattern, any_of }
    }

    /// Whether this rule speaks about the request.
    pub(crate) fn matches(&self, method: &Method, host: &str, path: &str, reading: Reading) -> bool {
        let method = if method == Method::HEAD { &Method::GET } else { method };
        self.method == method.as_str()
            && self.host.is_none_or(|only| host.eq_ignore_ascii_case(only))
            && fits(self.pattern, || decoded_segments(path), reading)
    }
}

/// Two ways to write the same path: the one by names that clients and rules use, and the one by id that the provider
/// puts into links to further pages and into redirects after a rename. A rule that opens the first alone stops a list
/// after its first page.
///
/// Templates are written as in rules: `{name}` stands for one segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Alias {
    /// By names: `/repos/{owner}/{repo}`.
    pub by_name: &'static str,
    /// By id: `/repositories/{id}`.
    pub by_id: &'static str,
}

impl Alias {
    pub(crate) const fn new(by_name: &'static str, by_id: &'static str) -> Self {
        Self { by_name, by_id }
    }

    /// The rule path that opens by id what `rule` opens by name: `/repos/acme/{repo}/issues` gives
    /// `/repositories/{id}/issues`, `/repos/**` gives `/repositories/**`. `None` when `rule` is about something else.
    #[must_use]
    pub fn counterpart(&self, rule: &str) -> Option<String> {
        let mut given = rule.split('/').filter(|segment| !segment.is_empty());
        let mut shorter = false;
        for want in self.by_name.split('/').filter(|segment| !segment.is_empty()) {
            match given.next()? {
                "**" => {
                    shorter = true;
                    break;
                }
                segment if want.starts_with('{') || segment == want => {}
                _ => return None,
            }
        }
        if shorter {
            let first = self.by_id.split('/').find(|segment| !segment.is_empty())?;
            return Some(format!("/{first}/**"));
        }
        Some(given.fold(self.by_id.to_owned(), |path, segment| format!("{path}/{segment}")))
    }
}

/// Whether the segment at `index` (from 0, empty segments not counted) of a raw path is a name whose case the
/// provider ignores, by patterns that hold for the beginning of a path.
pub(crate) fn folds(patterns: &[&[Segment]], roots: &[&[&str]], path: &str, index: usize) -> bool {
    let segments: Vec<Cow<'_, [u8]>> = decoded_segments(path).collect();
    let begins = |root: &[&str]| {
        root.len() <= segments.len()
            && root.iter().zip(&segments).all(|(want, have)| want.as_bytes() == have.as_ref())
    };
    let under = |root: &[&str]| {
        let (Some(rest), Some(index)) = (segments.get(root.len()..), index.checked_sub(root.len())) else {
            return false;
        };
        patterns.iter().any(|pattern| {
            pattern.get(index) == Some(&Segment::Name)
                && pattern.iter().take(index + 1).zip(rest).all(|(want, have)| want.matches(have, false))
        })
    };
    std::iter::once(&[][..]).chain(roots.iter().copied()).filter(|root| begins(root)).any(under)
}

/// Whether a path fits under `/` or one of the roots. Looks no further than the first segment that does not: almost every
/// call is on no list.
fn fits<'a, I: Iterator<Item = Cow<'a, [u8]>>>(
    pattern: &[Segment],
    segments: impl Fn() -> I,
    reading: Reading,
) -> bool {
    if fits_below(pattern, segments(), reading.ignores_case) {
        return true;
    }
    reading.roots.iter().any(|root| {
        let mut segments = segments();
        let begins = root.iter().all(|want| {
            segments.next().is_some_and(|have| Segment::Literal(want).matches(&have, reading.ignores_case))
        });
        begins && fits_below(pattern, segments, reading.ignores_case)
    })
}

fn fits_below<'a>(
    pattern: &[Segment],
    segments: impl Iterator<Item = Cow<'a, [u8]>>,
    ignore_case: bool,
) -> bool {
    match pattern {
        [Segment::Rest, below @ ..] if !below.is_empty() => {
            let segments: Vec<_> = segments.collect();
            let from = |start| segments.iter().skip(start).map(|segment| Cow::Borrowed(segment.as_ref()));
            (0..segments.len()).any(|start| fits_here(below, from(start), ignore_case))
        }
        _ => fits_here(pattern, segments, ignore_case),
    }
}

fn fits_here<'a>(
    pattern: &[Segment],
    mut segments: impl Iterator<Item = Cow<'a, [u8]>>,
    ignore_case: bool,
) -> bool {
    for element in pattern {
        if *element == Segment::Rest {
            return true;
        }
        if !segments.next().is_some_and(|segment| element.matches(&segment, ignore_case)) {
            return false;
        }
    }
    segments.next().is_none()
}

/// Whether a raw path is that of a page, whatever its ASCII case.
pub(crate) fn is_page(pattern: &[Segment], path: &str) -> bool {
    fits_below(pattern, decoded_segments(path), true)
}

/// The segments of a raw path, each percent-decoded once, empty ones left out.
fn decoded_segments(path: &str) -> impl Iterator<Item = Cow<'_, [u8]>> {
    path.split('/').filter(|s| !s.is_empty()).map(|s| Cow::from(percent_decode_str(s)))
}

/// Whether one reading of a path fits under `/` or one of the roots.
fn fits_forms(pattern: &[Segment], segments: &[SegmentForms], reading: Reading) -> bool {
    let is = |element: &Segment, forms: &SegmentForms| {
        forms.any(|segment| element.matches(segment, reading.ignores_case))
    };
    let here = |pattern: &[Segment], segments: &[SegmentForms]| {
        let fixed = pattern.iter().take_while(|element| **element != Segment::Rest).count();
        (segments.len() == fixed || (segments.len() > fixed && fixed < pattern.len()))
            && pattern.iter().take(fixed).zip(segments).all(|(element, forms)| is(element, forms))
    };
    let below = |segments: &[SegmentForms]| match pattern {
        [Segment::Rest, below @ ..] if !below.is_empty() => {
            (0..segments.len()).any(|start| here(below, segments.get(start..).unwrap_or_default()))
        }
        _ => here(pattern, segments),
    };
    let under = |root: &&[&'static str]| {
        let begins = root.iter().zip(segments).all(|(want, have)| is(&Segment::Literal(want), have));
        begins && segments.get(root.len()..).is_some_and(below)
    };
    std::iter::once(&[][..]).chain(reading.roots.iter().copied()).any(|root| under(&root))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_turns_a_rule_by_name_into_the_one_by_id() {
        let alias = Alias::new("/repos/{owner}/{repo}", "/repositories/{id}");
        for (rule, by_id) in [
            ("/repos/{owner}/{repo}/**", Some("/repositories/{id}/**")),
            ("/repos/acme/atlas/issues", Some("/repositories/{id}/issues")),
            ("/repos/{owner}/{repo}", Some("/repositories/{id}")),
            ("/repos/**", Some("/repositories/**")),
            ("/repos/acme/**", Some("/repositories/**")),
            ("/user/repos", None),
            ("/repos", None),
            ("/**", Some("/repositories/**")),
        ] {
            assert_eq!(alias.counterpart(rule).as_deref(), by_id, "{rule}");
        }
    }

    #[test]
    fn rest_in_front_means_at_any_depth() {
        const BATCH: DeniedPath = DeniedPath::new(
            &[Segment::Rest, Segment::Literal("_api"), Segment::Literal("$batch"), Segment::Rest],
            "x",
        );
        let reading = Reading { ignores_case: true, roots: &[] };
        let matches =
            |path: &str| BATCH.matches(&Method::POST, "h", (path, PathReadings::of(path).as_ref()), reading);
        for path in
            ["/_api/$batch", "/sites/a/_api/$batch", "/sites/a/b/_API/%24batch/x", "/a%2F_api%2F$batch"]
        {
            assert!(matches(path), "{path}");
        }
        for path in ["/_api/web", "/_api/x/$batch", "/$batch", "/"] {
            assert!(!matches(path), "{path}");
        }
    }
}
