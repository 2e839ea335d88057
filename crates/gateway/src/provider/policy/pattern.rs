//! Path patterns, and paths as rules see them.

use std::borrow::Cow;

use idp_adapters::{Adapter, PathReadings, SegmentForms};

use super::super::path;

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

type Segments<'a> = Vec<Cow<'a, [u8]>>;

/// A path as rules see it.
pub(super) struct ReadPath<'a> {
    adapter: &'a dyn Adapter,
    raw: &'a str,
    pub(super) segments: Segments<'a>,
    /// Its segments where encoded slashes separate too; `None` without any.
    pub(super) split: Option<Segments<'static>>,
    /// What lenient servers may read besides.
    pub(super) others: Option<PathReadings>,
}

impl<'a> ReadPath<'a> {
    pub(super) fn new(adapter: &'a dyn Adapter, raw: &'a str) -> Self {
        let owned = |segment: Cow<'_, [u8]>| Cow::Owned(segment.into_owned());
        let split = || {
            let split = raw.replace("%2F", "/").replace("%2f", "/");
            (split != raw).then(|| path::segments(&split).map(owned).collect())
        };
        Self {
            adapter,
            raw,
            segments: path::segments(raw).collect(),
            // Most paths have no escape.
            split: if memchr::memchr(b'%', raw.as_bytes()).is_some() { split() } else { None },
            others: PathReadings::of(raw),
        }
    }

    /// Whether the provider ignores ASCII case in this segment.
    pub(super) fn folds(&self, index: usize) -> bool {
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

    /// Whether it is `/**`.
    pub(super) fn is_everything(&self) -> bool {
        self.rest && self.segments.is_empty()
    }

    fn fits(&self, segments: usize) -> bool {
        segments == self.segments.len() || (self.rest && segments > self.segments.len())
    }

    /// Whether decoded segments fit; `fold` says where ASCII case does not count.
    pub(super) fn matches(&self, segments: &[Cow<'_, [u8]>], fold: impl Fn(usize) -> bool) -> bool {
        self.fits(segments.len())
            && self
                .segments
                .iter()
                .zip(segments)
                .enumerate()
                .all(|(index, (element, segment))| element.matches(segment, || fold(index)))
    }

    /// Whether one of the readings fits that lenient servers may make of a path, in any ASCII case.
    pub(super) fn matches_reading(&self, segments: &[SegmentForms]) -> bool {
        self.fits(segments.len())
            && self
                .segments
                .iter()
                .zip(segments)
                .all(|(element, forms)| forms.any(|segment| element.matches(segment, || true)))
    }

    /// Whether the first element is a literal, so that the pattern names what it opens.
    pub(super) fn names(&self, first: &[u8], fold: impl Fn() -> bool) -> bool {
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
