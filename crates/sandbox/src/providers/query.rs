//! Numbers and pages out of a query.

use crate::journal::entry::Entry;

/// One page of `all` and whether more follow: `page` counts from 0.
pub(crate) fn page<T: Clone>(all: &[T], page: usize, size: usize) -> (Vec<T>, bool) {
    let start = page.saturating_mul(size);
    let items = all.iter().skip(start).take(size).cloned().collect();
    (items, all.len() > start.saturating_add(size))
}

/// A number out of the query.
pub(crate) fn number(entry: &Entry, name: &str, default: usize, max: usize) -> usize {
    entry.param(name).and_then(|text| text.parse().ok()).unwrap_or(default).min(max)
}
