//! One call: its version, its token, and the form of lists.

use serde_json::{Value, json};

use crate::http::Answer;
use crate::providers::session::Session;

/// What a path without a version means.
const VERSION: &str = "v22.0";

/// Splits `v22.0` off a path.
pub(crate) fn versioned<'a>(segments: &'a [&'a str]) -> (&'a str, &'a [&'a str]) {
    match segments.split_first() {
        Some((first, rest)) if is_version(first) => (first, rest),
        _ => (VERSION, segments),
    }
}

fn is_version(segment: &str) -> bool {
    let number = segment.strip_prefix(['v', 'V']).and_then(|rest| rest.split_once('.'));
    number.is_some_and(|(major, minor)| major.parse::<u8>().is_ok() && minor.parse::<u8>().is_ok())
}

/// One call with a good token.
#[derive(Clone, Debug)]
pub(super) struct Call<'a> {
    pub(super) session: &'a Session,
    /// The page whose token was presented, instead of the user's.
    pub(super) page: Option<&'a str>,
    pub(super) version: &'a str,
    pub(super) token: &'a str,
    pub(super) proof: Option<&'a str>,
}

/// Facebook's answer where an edge yields a list.
pub(super) fn data(items: Vec<Value>) -> Answer {
    Answer::json(200, &json!({ "data": items }))
}
