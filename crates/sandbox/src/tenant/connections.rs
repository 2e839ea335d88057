//! The tenant's connections: `GET /api/v2/connections`, whole, by page, or by name and strategy.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::http::Answer;
use crate::inner::Inner;
use crate::journal::entry::Entry;
use crate::json::merge;

use super::answers::boom;

/// The names and strategies of all connections, by name.
fn all(inner: &Inner) -> BTreeMap<String, String> {
    let state = inner.state();
    let records = state.users.values().flat_map(|record| record.identities.iter().chain(&record.connected));
    let used = records.map(|held| (held.identity.connection.clone(), held.identity.strategy.clone()));
    used.chain(state.tenant.connections.iter().cloned()).collect()
}

/// The list, 50 a page (and at most 100) as Auth0 gives it.
pub(super) fn list(inner: &Inner, entry: &Entry) -> Answer {
    let (name, strategy) = (entry.param("name"), entry.param("strategy"));
    let found: Vec<Value> = all(inner)
        .into_iter()
        .filter(|(known, _)| name.as_ref().is_none_or(|name| name == known))
        .filter(|(_, known)| strategy.as_ref().is_none_or(|strategy| strategy == known))
        .map(|(name, strategy)| {
            json!({ "id": format!("con_{}", name.replace('-', "")), "name": name, "strategy": strategy })
        })
        .collect();
    let number = |name: &str, default: usize| match entry.param(name) {
        None => Some(default),
        Some(text) => text.parse::<usize>().ok(),
    };
    if entry.param("take").is_some() || entry.param("from").is_some() {
        let (Some(take), Some(from)) = (number("take", 50), number("from", 0)) else {
            return invalid("take");
        };
        let shown: Vec<&Value> = found.iter().skip(from).take(take.clamp(1, 100)).collect();
        let next = from.saturating_add(shown.len());
        let mut body = json!({ "connections": shown });
        if next < found.len() {
            merge(&mut body, json!({ "next": next.to_string() }));
        }
        return Answer::json(200, &body);
    }
    let (Some(page), Some(size)) = (number("page", 0), number("per_page", 50)) else {
        return invalid("page");
    };
    if size > 100 {
        return invalid("per_page");
    }
    let start = page.saturating_mul(size);
    let shown: Vec<&Value> = found.iter().skip(start).take(size).collect();
    if entry.param("include_totals").as_deref() == Some("true") {
        let body = json!({
            "start": start, "limit": size, "length": shown.len(), "total": found.len(), "connections": shown,
        });
        return Answer::json(200, &body);
    }
    Answer::json(200, &json!(shown))
}

fn invalid(parameter: &str) -> Answer {
    let text = format!("Query validation error: 'Invalid value' on property {parameter}.");
    boom(400, "Bad Request", &text, Some("invalid_query_string"))
}
