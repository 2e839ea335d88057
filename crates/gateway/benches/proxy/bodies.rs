//! Bodies by a provider that wants to make the search for its token slow: it knows the token, and repeats all but its last byte.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use hyper::body::Bytes;

/// Bodies made so far, by kind and token.
#[derive(Default)]
pub(super) struct Bodies(Mutex<HashMap<(String, String), Bytes>>);

impl Bodies {
    /// A body of `length` bytes.
    pub(super) fn get(&self, kind: &str, token: &str, length: usize) -> Bytes {
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let body = made.entry((kind.to_owned(), token.to_owned())).or_insert_with(|| {
            let spelled: String = token
                .bytes()
                .take(token.len() - 1)
                .enumerate()
                .map(|(at, byte)| spell(kind, at, byte))
                .collect();
            let mut body = format!("{spelled}!").repeat(length / spelled.len() + 1).into_bytes();
            body.truncate(length);
            body.into()
        });
        body.clone()
    }
}

fn spell(kind: &str, at: usize, byte: u8) -> String {
    match (kind, at % 4) {
        ("percent", _) | ("mixed", 0) => format!("%{byte:02x}"),
        ("unicode", _) | ("mixed", 1) => format!("\\u{byte:04x}"),
        ("entities", _) | ("mixed", 2) => format!("&#{byte};"),
        _ => char::from(byte).to_string(),
    }
}
