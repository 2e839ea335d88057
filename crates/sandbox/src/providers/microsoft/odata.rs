//! What Graph's parts have in common: consent, addresses, pages, selection.

use serde_json::{Value, json};

use crate::http::Answer;
use crate::journal::entry::Entry;
use crate::json::merge;
use crate::providers::query::number;
use crate::providers::session::Session;
use crate::refusals::microsoft::lacks;
use crate::text;

/// Passes when the user consented to one of `scopes`.
pub(super) fn consented(session: &Session, area: &str, scopes: &[&str]) -> Result<(), Answer> {
    let held = |wanted: &&str| session.grant.scopes.iter().any(|scope| scope.eq_ignore_ascii_case(wanted));
    if scopes.iter().any(held) { Ok(()) } else { Err(lacks(area)) }
}

/// The address of `path` as the caller knows it.
pub(super) fn at(entry: &Entry, version: &str, path: &str) -> String {
    format!("{}/{version}/{path}", entry.origin())
}

/// One page by `$top` and `$skip`, with a whole `@odata.nextLink` to the next one.
pub(super) fn paged(entry: &Entry, context: &str, all: &[Value]) -> Answer {
    let size = number(entry, "$top", 10, 1000).max(1);
    let start = number(entry, "$skip", 0, usize::MAX);
    let shown: Vec<Value> = all.iter().skip(start).take(size).map(|item| selected(entry, item)).collect();
    let mut body = json!({ "@odata.context": context, "value": shown });
    if start.saturating_add(size) < all.len() {
        let next = next_link(entry, "$skip", &(start + size).to_string());
        merge(&mut body, json!({ "@odata.nextLink": next }));
    }
    if entry.param("$count").as_deref() == Some("true") {
        merge(&mut body, json!({ "@odata.count": all.len() }));
    }
    Answer::json(200, &body)
}

pub(super) fn next_link(entry: &Entry, name: &str, value: &str) -> String {
    let others = entry.params().into_iter().filter(|(known, _)| known != "$skip" && known != "$skiptoken");
    let query: Vec<String> = others
        .chain([(name.to_owned(), value.to_owned())])
        .map(|(name, value)| format!("{}={}", text::encode(&name).replace("%24", "$"), text::encode(&value)))
        .collect();
    format!("{}{}?{}", entry.origin(), entry.path(), query.join("&"))
}

/// Only the members that `$select` names, and the annotations.
pub(super) fn selected(entry: &Entry, item: &Value) -> Value {
    let (Some(names), Some(members)) = (entry.param("$select"), item.as_object()) else {
        return item.clone();
    };
    let names: Vec<&str> = names.split(',').map(str::trim).collect();
    let kept = members.iter().filter(|(name, _)| {
        name.starts_with('@') || *name == "id" || names.iter().any(|wanted| name.eq_ignore_ascii_case(wanted))
    });
    Value::Object(kept.map(|(name, value)| (name.clone(), value.clone())).collect())
}
