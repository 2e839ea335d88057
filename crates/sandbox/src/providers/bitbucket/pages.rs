//! Consent and pages.

use serde_json::{Value, json};

use crate::http::Answer;
use crate::journal::entry::Entry;
use crate::json::merge;
use crate::providers::query::{number, page};
use crate::providers::session::Session;
use crate::refusals::bitbucket::lacks;
use crate::text;

/// Passes when the user consented to `scope`; `repository:write` holds `repository` as well.
pub(super) fn consented(session: &Session, scope: &str) -> Result<(), Answer> {
    let holds = |held: &String| {
        held == scope || held.strip_prefix(scope).is_some_and(|rest| matches!(rest, ":write" | ":admin"))
    };
    if session.grant.scopes.iter().any(holds) { Ok(()) } else { Err(lacks(&[scope], &session.grant.scopes)) }
}

/// One page: `next` and `previous` are whole addresses with the request's other parameters repeated.
pub(super) fn paged(entry: &Entry, all: &[Value], max: usize) -> Answer {
    let size = number(entry, "pagelen", 10, max).max(1);
    let current = number(entry, "page", 1, usize::MAX).max(1);
    let (values, more) = page(all, current - 1, size);
    let others: String = entry
        .params()
        .iter()
        .filter(|(name, _)| name != "page")
        .map(|(name, value)| format!("{}={}&", text::encode(name), text::encode(value)))
        .collect();
    let link = |page: usize| format!("{}{}?{others}page={page}", entry.origin(), entry.path());
    let mut body = json!({ "pagelen": size, "values": values, "page": current, "size": all.len() });
    if more {
        merge(&mut body, json!({ "next": link(current + 1) }));
    }
    if current > 1 {
        merge(&mut body, json!({ "previous": link(current - 1) }));
    }
    Answer::json(200, &body)
}
