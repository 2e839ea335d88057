//! Pages by `Link` (RFC 8288).

use serde_json::Value;

use crate::http::Answer;
use crate::journal::entry::Entry;
use crate::providers::query::{number, page as page_of};
use crate::text;

/// One page, and its `Link` header: `path` is the list's address, which may be another one than the
/// request's; the other parameters are repeated.
pub(super) fn paged(entry: &Entry, path: &str, all: &[Value]) -> Answer {
    let size = number(entry, "per_page", 30, 100).max(1);
    let page = number(entry, "page", 1, usize::MAX).max(1);
    let (items, more) = page_of(all, page - 1, size);
    let answer = Answer::json(200, &Value::Array(items));
    let last = all.len().div_ceil(size).max(1);
    let others: String = entry
        .params()
        .iter()
        .filter(|(name, _)| name != "page")
        .map(|(name, value)| format!("{}={}&", text::encode(name), text::encode(value)))
        .collect();
    let link =
        |page: usize, rel: &str| format!("<{}{path}?{others}page={page}>; rel=\"{rel}\"", entry.origin());
    let mut links = Vec::new();
    if page > 1 {
        links.push(link(page - 1, "prev"));
    }
    if more {
        links.push(link(page + 1, "next"));
        links.push(link(last, "last"));
    }
    if page > 1 {
        links.push(link(1, "first"));
    }
    if links.is_empty() { answer } else { answer.header("link", links.join(", ")) }
}
