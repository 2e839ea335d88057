//! Changes of the mailbox since a token: pages by `$skiptoken`, then a `@odata.deltaLink`.

use serde_json::json;

use super::odata::{at, consented, next_link, selected};
use super::outlook::{MAIL, letters};
use crate::http::Answer;
use crate::journal::entry::Entry;
use crate::json::merge;
use crate::providers::session::Session;
use crate::refusals::microsoft::error;

/// The token that stands for now.
const NOW: &str = "now";

pub(super) fn answer(entry: &Entry, session: &Session, version: &str) -> Result<Answer, Answer> {
    consented(session, "messages", &MAIL)?;
    let size = entry
        .header("prefer")
        .and_then(|prefer| {
            prefer.split_once("odata.maxpagesize=")?.1.split([',', ';']).next()?.trim().parse().ok()
        })
        .unwrap_or(10_usize)
        .max(1);
    let start: usize = match (entry.param("$deltatoken").as_deref(), entry.param("$skiptoken")) {
        (Some(NOW), _) => usize::MAX,
        (Some(_), _) => {
            return Err(error(410, "SyncStateNotFound", "The sync state generation is not found."));
        }
        (None, token) => token.and_then(|token| token.parse().ok()).unwrap_or(0),
    };
    let all = letters(session);
    let shown: Vec<_> = all.iter().skip(start).take(size).map(|item| selected(entry, item)).collect();
    let end = start.saturating_add(shown.len());
    let context = at(entry, version, "$metadata#Collection(message)");
    let mut body = json!({ "@odata.context": context, "value": shown });
    let link = if end < all.len() {
        json!({ "@odata.nextLink": next_link(entry, "$skiptoken", &end.to_string()) })
    } else {
        json!({ "@odata.deltaLink": format!("{}{}?$deltatoken={NOW}", entry.origin(), entry.path()) })
    };
    merge(&mut body, link);
    Ok(Answer::json(200, &body))
}
