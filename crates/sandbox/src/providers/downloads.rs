//! The hosts that downloads are redirected to (`codeload.github.com`, OneDrive's, Bitbucket's): a link is
//! a capability, no credential is asked for.

use std::sync::Arc;

use ::http::Response;
use serde_json::json;

use crate::http::{Answer, Body};
use crate::inner::Inner;
use crate::journal::entry::Entry;
use crate::kinds::Server;
use crate::quirks::Quirk;
use crate::refusals::downloads::link_over;
use crate::text::{self, ALNUM};

/// A new capability link to `path` on the real host, or on the loopback server if the sandbox is set so.
pub(crate) fn link(inner: &Inner, real_host: &str, path: &str) -> String {
    let token = text::random(ALNUM, 28);
    let base = if inner.settings.loopback_downloads {
        inner.origin(Server::Downloads)
    } else {
        format!("https://{real_host}")
    };
    inner.state().counters.insert(format!("download:{token}"), 0);
    format!("{base}{path}?token={token}")
}

pub(crate) fn answer(inner: &Arc<Inner>, entry: &Entry) -> Response<Body> {
    let token = entry.param("token").unwrap_or_default();
    let known = {
        let mut state = inner.state();
        let known = state.counters.get_mut(&format!("download:{token}"));
        known.map(|uses| *uses += 1).is_some()
    };
    if !known {
        return Answer::json(404, &json!({ "message": "Not Found" })).into_response();
    }
    if inner.quirks.is_on(Quirk::LinksOver) {
        return link_over(&format!("{}{}", entry.origin(), entry.target())).into_response();
    }
    let whole = format!("the bytes behind {}\n", entry.path()).repeat(20).into_bytes();
    let answer = match range(entry.header("range"), whole.len()) {
        Some((from, to)) => Answer::new(206)
            .header("content-range", format!("bytes {from}-{to}/{}", whole.len()))
            .body(whole.get(from..=to).unwrap_or_default().to_vec()),
        None => Answer::new(200).body(whole),
    };
    let name = entry.path().rsplit('/').next().unwrap_or("download");
    let kind = if name.ends_with(".jpg") { "image/jpeg" } else { "application/octet-stream" };
    answer
        .header("content-type", kind)
        .header("content-disposition", format!("attachment; filename={name}"))
        .header("accept-ranges", "bytes")
        .into_response()
}

fn range(header: Option<&str>, length: usize) -> Option<(usize, usize)> {
    let (from, to) = header?.strip_prefix("bytes=")?.split_once('-')?;
    let from = from.parse().ok()?;
    let to = to.parse::<usize>().unwrap_or(usize::MAX).min(length.checked_sub(1)?);
    (from <= to).then_some((from, to))
}
