//! `Link` headers (RFC 8288, section 3), read as bytes: finding a relation, and the places of the targets, so
//! that they can be rewritten.
//!
//! ```
//! use idp_adapters::link_header;
//!
//! let line = br#"<https://api.test/2>; title="a \" b"; rel="next", <https://api.test/9>; rel=last"#;
//! let next = link_header::links(line).find(|link| link.has_relation("next")).expect("there is a next page");
//! assert_eq!(next.target, b"https://api.test/2");
//! assert_eq!(&line[next.span], next.target);
//! ```

use std::ops::Range;

use http::{HeaderMap, header::LINK};

/// One link of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Link<'a> {
    /// What stands between `<` and `>`.
    pub target: &'a [u8],
    /// Where the target stands in the line.
    pub span: Range<usize>,
    /// Everything after `>` that belongs to this link.
    parameters: &'a [u8],
}

impl<'a> Link<'a> {
    /// The target where it is UTF-8.
    #[must_use]
    pub fn target_text(&self) -> Option<&'a str> {
        std::str::from_utf8(self.target).ok()
    }

    /// Whether the first `rel` parameter names this relation; ASCII case does not count.
    #[must_use]
    pub fn has_relation(&self, relation: &str) -> bool {
        let mut rest = self.parameters;
        while !rest.is_empty() {
            let (parameter, after) = rest.split_at(end_before(b';', rest));
            rest = after.get(1..).unwrap_or_default();
            let Some(equals) = parameter.iter().position(|byte| *byte == b'=') else { continue };
            let (name, value) = parameter.split_at(equals);
            if name.trim_ascii().eq_ignore_ascii_case(b"rel") {
                let value = value.get(1..).unwrap_or_default().trim_ascii();
                let words = value
                    .strip_prefix(b"\"")
                    .map_or(value, |value| value.strip_suffix(b"\"").unwrap_or(value));
                return words
                    .split(u8::is_ascii_whitespace)
                    .any(|word| word.eq_ignore_ascii_case(relation.as_bytes()));
            }
        }
        false
    }
}

/// The links of one header line, in order. What is not a link is passed over; a `<` in a quoted string begins none.
pub fn links(line: &[u8]) -> impl Iterator<Item = Link<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = line.get(at..)?;
        let open = at + end_before(b'<', rest) + 1;
        let target = line.get(open..)?;
        let target = target.get(..target.iter().position(|byte| *byte == b'>')?)?;
        let span = open..open + target.len();
        let parameters = line.get(span.end + 1..).unwrap_or_default();
        let parameters = parameters.get(..end_before(b',', parameters)).unwrap_or_default();
        at = span.end + 1 + parameters.len();
        Some(Link { target, span, parameters })
    })
}

/// The target of the first link with this relation in all lines, where it is UTF-8.
#[must_use]
pub fn target_of<'a>(headers: &'a HeaderMap, relation: &str) -> Option<&'a str> {
    let lines = headers.get_all(LINK).iter();
    lines.flat_map(|line| links(line.as_bytes())).find(|link| link.has_relation(relation))?.target_text()
}

/// The first place of `mark` outside of quoted strings, or the end.
fn end_before(mark: u8, text: &[u8]) -> usize {
    let (mut quoted, mut escaped) = (false, false);
    for (at, &byte) in text.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if byte == mark && !quoted => return at,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn next(lines: &[&str]) -> Option<String> {
        let headers = lines.iter().map(|line| (LINK, line.parse().unwrap())).collect();
        target_of(&headers, "next").map(str::to_owned)
    }

    #[test]
    fn finds_the_next_page_among_others() {
        for line in [
            r#"<https://a.test/1>; rel="prev", <https://a.test/3>; rel="next", <https://a.test/9>; rel="last""#,
            "<https://a.test/3>;rel=next",
            r#"<https://a.test/3>; title="a, b; rel=\"x\""; REL="last next""#,
            r#"<https://a.test/2?a=1,2>; rel="prev", <https://a.test/3>; rel="next""#,
            r#"<https://a.test/2>; title="a \" <b>"; rel="prev", <https://a.test/3>; rel="next""#,
        ] {
            assert_eq!(next(&[line]).as_deref(), Some("https://a.test/3"), "{line}");
        }
        assert_eq!(next(&["<a>; rel=prev", "<b>; rel=next"]).as_deref(), Some("b"));
    }

    #[test]
    fn no_next_page_is_no_page() {
        for line in [
            "",
            "<a>; rel=\"prev\"",
            "<a",
            "rel=next",
            "<a>; rel=nextish",
            "<a>; title=\"rel=next\"",
            "<a>; rel=\"",
        ] {
            assert_eq!(next(&[line]), None, "{line}");
        }
    }

    #[test]
    fn bytes_beyond_ascii_are_read() {
        let line = "<https://a.test/ä>; rel=next".as_bytes();
        assert_eq!(links(line).next().unwrap().target_text(), Some("https://a.test/ä"));
        let broken = b"<https://a.test/\xff>; rel=next";
        let link = links(broken).next().unwrap();
        assert!(link.has_relation("next") && link.target_text().is_none());
    }

    proptest! {
        #[test]
        fn spans_are_where_the_targets_are(line in r#"[<>a",;=\\ rel]{0,40}"#) {
            let line = line.as_bytes();
            let mut end = 0;
            for link in links(line) {
                prop_assert!(link.span.start > end || end == 0);
                prop_assert_eq!(&line[link.span.clone()], link.target);
                prop_assert_eq!((line[link.span.start - 1], line[link.span.end]), (b'<', b'>'));
                end = link.span.end;
                let _ = link.has_relation("next");
            }
        }
    }
}
