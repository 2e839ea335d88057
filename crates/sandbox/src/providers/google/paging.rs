//! Pages by `pageToken` (facts 2.1): opaque, and good only while all other parameters stay as they were.

use serde_json::{Value, json};

use crate::http::Answer;
use crate::journal::entry::Entry;
use crate::json::merge;
use crate::providers::query::number;
use crate::refusals::google::invalid;
use crate::text;

/// Names of the parameters, and how many items a page has by default and at most.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paging {
    pub(super) items: &'static str,
    pub(super) size: &'static str,
    pub(super) default: usize,
    pub(super) max: usize,
}

fn fingerprint(entry: &Entry) -> String {
    let mut others: Vec<(String, String)> =
        entry.params().into_iter().filter(|(name, _)| name != "pageToken").collect();
    others.sort();
    let digest = text::sha256(format!("{} {others:?}", entry.path()).as_bytes());
    text::hex(digest.get(..6).unwrap_or_default())
}

fn start(entry: &Entry) -> Option<usize> {
    let Some(token) = entry.param("pageToken").filter(|token| !token.is_empty()) else { return Some(0) };
    let decoded = String::from_utf8(text::from_base64url(&token)?).ok()?;
    let (offset, fingerprinted) = decoded.split_once(':')?;
    (fingerprinted == fingerprint(entry)).then(|| offset.parse().ok()).flatten()
}

impl Paging {
    /// One page of `all`: the items under their name, and `nextPageToken` unless it is the last one.
    pub(super) fn page(&self, entry: &Entry, all: &[Value]) -> Result<Value, Answer> {
        let start = start(entry).ok_or_else(|| invalid("Invalid Value for pageToken"))?;
        let size = number(entry, self.size, self.default, self.max).max(1);
        let items: Vec<Value> = all.iter().skip(start).take(size).cloned().collect();
        let end = start + items.len();
        let mut body = json!({ self.items: items });
        if end < all.len() {
            let token = text::base64url(format!("{end}:{}", fingerprint(entry)));
            merge(&mut body, json!({ "nextPageToken": token }));
        }
        Ok(body)
    }
}
