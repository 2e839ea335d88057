//! Error bodies: careful access to JSON of unknown shape.

use serde_json::Value;

/// A body as JSON; `Null` when it is not JSON, so that every look-up finds nothing.
pub(crate) fn json(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or(Value::Null)
}

/// Text, or a number as text, at a JSON pointer.
pub(crate) fn text(value: &Value, pointer: &str) -> Option<String> {
    match value.pointer(pointer)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// An integer, also as text, at a JSON pointer.
pub(crate) fn integer(value: &Value, pointer: &str) -> Option<i64> {
    match value.pointer(pointer)? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// A list of texts, or a single one, at a JSON pointer.
pub(crate) fn list(value: &Value, pointer: &str) -> Vec<String> {
    match value.pointer(pointer) {
        Some(Value::Array(items)) => {
            items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
        }
        Some(Value::String(one)) => crate::scopes::split(one),
        _ => Vec::new(),
    }
}

/// A plain-text body as message; markup is not one.
pub(crate) fn plain(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?.trim();
    (!text.is_empty() && !text.starts_with(['<', '{', '['])).then(|| text.to_owned())
}

/// Whether `text` holds `part`, ASCII case ignored.
pub(crate) fn mentions(text: Option<&str>, part: &str) -> bool {
    text.is_some_and(|text| text.to_ascii_lowercase().contains(part))
}
