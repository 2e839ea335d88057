//! Facebook's three forms of paging; every link holds the access token (facts 1.5 and 4.2).

use serde_json::{Value, json};

use super::call::{Call, data};
use crate::http::Answer;
use crate::journal::entry::Entry;
use crate::json::merge;
use crate::providers::query::number;
use crate::text;

/// A link to another page of an edge: the request's parameters but for those of `with`, and the token.
fn link(entry: &Entry, call: &Call<'_>, path: &str, with: &[(&str, String)]) -> String {
    let dropped =
        ["access_token", "appsecret_proof", "after", "before", "offset", "since", "until", "limit", "ids"];
    let mut members: Vec<(String, String)> =
        entry.params().into_iter().filter(|(name, _)| !dropped.contains(&name.as_str())).collect();
    members.push(("access_token".to_owned(), call.token.to_owned()));
    members.extend(call.proof.map(|proof| ("appsecret_proof".to_owned(), proof.to_owned())));
    members.extend(with.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    let query: Vec<String> = members
        .iter()
        .map(|(name, value)| format!("{}={}", text::encode(name), text::encode(value)))
        .collect();
    format!("{}/{}/{path}?{}", entry.origin(), call.version, query.join("&"))
}

fn cursor(index: usize) -> String {
    text::base64(index.to_string()).trim_end_matches('=').to_owned() + "ZD"
}

fn index(cursor: &str) -> Option<usize> {
    let padded = format!(
        "{:=<width$}",
        cursor.strip_suffix("ZD")?,
        width = cursor.len().saturating_sub(2).div_ceil(4) * 4
    );
    String::from_utf8(text::from_base64(&padded)?).ok()?.parse().ok()
}

/// Pages by `after` and `before`.
pub(super) fn by_cursor(entry: &Entry, call: &Call<'_>, path: &str, all: &[Value]) -> Answer {
    let limit = number(entry, "limit", 25, 100).max(1);
    let after = entry.param("after").and_then(|cursor| index(&cursor)).map(|last| last + 1);
    let before =
        entry.param("before").and_then(|cursor| index(&cursor)).map(|first| first.saturating_sub(limit));
    let start = after.or(before).unwrap_or(0);
    let items: Vec<Value> = all.iter().skip(start).take(limit).cloned().collect();
    if items.is_empty() {
        return data(items);
    }
    let last = start + items.len() - 1;
    let (first_cursor, last_cursor) = (cursor(start), cursor(last));
    let mut paging = json!({ "cursors": { "before": first_cursor, "after": last_cursor } });
    let size = ("limit", limit.to_string());
    if last + 1 < all.len() {
        let next = link(entry, call, path, &[size.clone(), ("after", last_cursor)]);
        merge(&mut paging, json!({ "next": next }));
    }
    if start > 0 {
        let previous = link(entry, call, path, &[size, ("before", first_cursor)]);
        merge(&mut paging, json!({ "previous": previous }));
    }
    Answer::json(200, &json!({ "data": items, "paging": paging }))
}

/// The first page of an edge that stands inside of its object.
pub(super) fn expanded(entry: &Entry, call: &Call<'_>, path: &str, all: &[Value], limit: usize) -> Value {
    let limit = limit.clamp(1, 100);
    let items: Vec<&Value> = all.iter().take(limit).collect();
    let last = cursor(items.len().saturating_sub(1));
    let mut paging = json!({ "cursors": { "before": cursor(0), "after": last } });
    if limit < all.len() {
        let mut members = vec![("access_token", call.token.to_owned())];
        members.extend(call.proof.map(|proof| ("appsecret_proof", proof.to_owned())));
        members.extend([("pretty", "0".to_owned()), ("limit", limit.to_string()), ("after", last)]);
        let query: Vec<String> =
            members.iter().map(|(name, value)| format!("{name}={}", text::encode(value))).collect();
        let next = format!("{}/{}/{path}?{}", entry.origin(), call.version, query.join("&"));
        merge(&mut paging, json!({ "next": next }));
    }
    json!({ "data": items, "paging": paging })
}

/// Pages by `limit` and `offset`.
pub(super) fn by_offset(entry: &Entry, call: &Call<'_>, path: &str, all: &[Value]) -> Answer {
    let limit = number(entry, "limit", 25, 100).max(1);
    let offset = number(entry, "offset", 0, usize::MAX);
    let items: Vec<Value> = all.iter().skip(offset).take(limit).cloned().collect();
    let mut paging = json!({});
    let at = |offset: usize| {
        link(entry, call, path, &[("limit", limit.to_string()), ("offset", offset.to_string())])
    };
    if offset.saturating_add(limit) < all.len() {
        merge(&mut paging, json!({ "next": at(offset + limit) }));
    }
    if offset > 0 {
        merge(&mut paging, json!({ "previous": at(offset.saturating_sub(limit)) }));
    }
    Answer::json(200, &json!({ "data": items, "paging": paging }))
}

/// Pages by `until`, newest first: the last page is empty, as in life. Each item comes with its time.
pub(super) fn by_time(entry: &Entry, call: &Call<'_>, path: &str, all: &[(i64, Value)]) -> Answer {
    let limit = number(entry, "limit", 25, 100).max(1);
    let moment = |name: &str| entry.param(name).and_then(|text| text.parse::<i64>().ok());
    let (since, until) = (moment("since").unwrap_or(0), moment("until").unwrap_or(i64::MAX));
    let mut shown = all.iter().filter(|(time, _)| (since..=until).contains(time)).take(limit).peekable();
    let Some((newest, _)) = shown.peek() else { return data(Vec::new()) };
    let newest = *newest;
    let mut oldest = newest;
    let items: Vec<Value> = shown
        .map(|(time, item)| {
            oldest = *time;
            item.clone()
        })
        .collect();
    let size = ("limit", limit.to_string());
    let paging = json!({
        "previous": link(entry, call, path, &[size.clone(), ("since", (newest + 1).to_string())]),
        "next": link(entry, call, path, &[size, ("until", (oldest - 1).to_string())]),
    });
    Answer::json(200, &json!({ "data": items, "paging": paging }))
}
