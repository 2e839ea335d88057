//! What the user consented to.

use crate::http::Answer;
use crate::providers::session::Session;
use crate::refusals::google::{PREFIX, scope_missing};

/// Passes when the user consented to one of `scopes` (without their common prefix).
pub(super) fn consented(session: &Session, scopes: &[&str]) -> Result<(), Answer> {
    let full: Vec<String> = scopes.iter().map(|scope| format!("{PREFIX}{scope}")).collect();
    if full.iter().any(|scope| session.has(scope)) { Ok(()) } else { Err(scope_missing(&full)) }
}
