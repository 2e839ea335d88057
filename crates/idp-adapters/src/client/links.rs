//! `Link` headers (RFC 8288, section 3).

use http::{HeaderMap, header::LINK};

/// The target of the link to the next page.
pub(crate) fn next(headers: &HeaderMap) -> Option<String> {
    headers.get_all(LINK).iter().filter_map(|line| line.to_str().ok()).find_map(next_in)
}

fn next_in(mut line: &str) -> Option<String> {
    while let Some((_, rest)) = line.split_once('<') {
        let (target, rest) = rest.split_once('>')?;
        let end = end_before(',', rest);
        if relations(&rest[..end]).any(|relation| relation.eq_ignore_ascii_case("next")) {
            return Some(target.to_owned());
        }
        line = &rest[end..];
    }
    None
}

/// The first place of `mark` outside of quotes, or the end.
fn end_before(mark: char, text: &str) -> usize {
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if c == mark && !quoted => return at,
            _ => {}
        }
    }
    text.len()
}

/// The words of the first `rel`.
fn relations(mut parameters: &str) -> impl Iterator<Item = &str> {
    let mut words = "";
    while !parameters.is_empty() {
        let (parameter, rest) = parameters.split_at(end_before(';', parameters));
        parameters = rest.strip_prefix(';').unwrap_or_default();
        if let Some((name, value)) = parameter.split_once('=')
            && name.trim().eq_ignore_ascii_case("rel")
        {
            words = value.trim().trim_matches('"');
            break;
        }
    }
    words.split_ascii_whitespace()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &[&str]) -> Option<String> {
        next(&lines.iter().map(|line| (LINK, line.parse().unwrap())).collect())
    }

    #[test]
    fn finds_the_next_page_among_others() {
        for line in [
            r#"<https://a.test/1>; rel="prev", <https://a.test/3>; rel="next", <https://a.test/9>; rel="last""#,
            "<https://a.test/3>;rel=next",
            r#"<https://a.test/3>; title="a, b; rel=\"x\""; REL="last next""#,
            r#"<https://a.test/2?a=1,2>; rel="prev", <https://a.test/3>; rel="next""#,
        ] {
            assert_eq!(of(&[line]).as_deref(), Some("https://a.test/3"), "{line}");
        }
        assert_eq!(of(&["<a>; rel=prev", "<b>; rel=next"]).as_deref(), Some("b"));
    }

    #[test]
    fn no_next_page_is_no_page() {
        for line in ["", "<a>; rel=\"prev\"", "<a", "rel=next", "<a>; rel=nextish", "<a>; title=\"rel=next\""]
        {
            assert_eq!(of(&[line]), None, "{line}");
        }
    }
}
