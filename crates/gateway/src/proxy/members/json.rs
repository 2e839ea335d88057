//! Members of a JSON body, which is read as a whole.

use serde_json::Value;

use super::name::Name;
use super::rules::{Checked, Rules};
use crate::body::RequestBodyFault;
use crate::proxy::inspect::AHEAD;
use crate::strict_json;

/// So many arrays and objects may stand in each other.
const DEEPEST: usize = 64;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
const TOO_LONG: &str =
    "JSON is read as a whole, up to 64 KiB; send a longer body as a form, or as multipart/form-data";
const NO_JSON: &str = "its type or its first characters say that it is JSON, and it is not one object or array (RFC 8259) \
     of at most 64 levels without duplicate members";

/// A body that has to be JSON, because its type says so or because it begins like JSON.
#[derive(Debug)]
pub(super) struct Json {
    by_type: bool,
    /// Nothing once it is known that the body need not be JSON.
    text: Option<Vec<u8>>,
}

impl Json {
    /// `by_type`: the body has to be JSON however it begins.
    pub(super) fn new(by_type: bool) -> Self {
        Self { by_type, text: Some(Vec::new()) }
    }

    pub(super) fn push(&mut self, data: &[u8]) -> Checked {
        let Some(text) = &mut self.text else { return Ok(()) };
        let room = AHEAD.saturating_sub(text.len());
        text.extend_from_slice(data.get(..room).unwrap_or(data));
        if !self.by_type && begins(text) == Some(false) {
            self.text = None;
            return Ok(());
        }
        if data.len() <= room { Ok(()) } else { Err(RequestBodyFault::Ambiguous(TOO_LONG)) }
    }

    pub(super) fn finish(&mut self, rules: &Rules) -> Checked {
        let Some(text) = self.text.take().filter(|text| !text.is_empty()) else { return Ok(()) };
        if !self.by_type && begins(&text).is_none() {
            return Ok(());
        }
        let value = strict_json::check(&text, DEEPEST).and_then(|()| serde_json::from_slice::<Value>(&text));
        match value {
            Ok(Value::Object(members)) => check(&members, rules),
            Ok(Value::Array(items)) => {
                items.iter().filter_map(Value::as_object).try_for_each(|members| check(members, rules))
            }
            _ => Err(RequestBodyFault::Ambiguous(NO_JSON)),
        }
    }
}

fn check(members: &serde_json::Map<String, Value>, rules: &Rules) -> Checked {
    members.iter().try_for_each(|(name, value)| match (rules.named(&Name::of(name.as_bytes()))?, value) {
        (None, _) => Ok(()),
        (Some(wanted), Value::String(text)) => rules.check(wanted, text.as_bytes()),
        (Some(wanted), other) => rules.check(wanted, other.to_string().as_bytes()),
    })
}

/// Whether a body begins as objects and arrays do, also for lenient parsers, which know comments; `None` while that is not known.
/// Few files do: a visible character follows the bracket.
fn begins(text: &[u8]) -> Option<bool> {
    let text = if BYTE_ORDER_MARK.starts_with(text) { &[] } else { text };
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text).trim_ascii_start();
    let (first, rest) = text.split_first()?;
    match first {
        b'{' | b'[' => rest.trim_ascii_start().first().map(u8::is_ascii_graphic),
        b'/' => rest.first().map(|next| matches!(next, b'/' | b'*')),
        _ => Some(false),
    }
}
