//! `api.bitbucket.org` (facts 5): who may ask, scopes, the user and their workspaces.

mod data;
mod pages;
mod repositories;

use std::sync::Arc;

use ::http::Response;
use serde_json::json;

use super::common;
use super::session::{Session, session};
use crate::http::{Answer, Body};
use crate::inner::Inner;
use crate::journal::entry::Entry;
use crate::kinds::ProviderKind;
use crate::refusals::bitbucket::{dead, error};
use crate::refusals::trouble::NoSession;

use pages::{consented, paged};

pub(super) fn answer(inner: &Arc<Inner>, entry: &Entry) -> Response<Body> {
    let segments = entry.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    // Since 2026-05-04 a token counts in this header only, not in the query or a body.
    let session = match session(inner, ProviderKind::Bitbucket, entry, &["bearer"]) {
        Ok(session) => session,
        Err(why) => return dead(why).into_response(),
    };
    if let ["sandbox", rest @ ..] = segments.as_slice() {
        return common::answer(inner, entry, &session, rest);
    }
    let ["2.0", rest @ ..] = segments.as_slice() else {
        return error(404, "Resource not found").into_response();
    };
    let answer = api(inner, entry, &session, rest).unwrap_or_else(|refusal| refusal);
    answer.header("x-oauth-scopes", session.grant.scopes.join(", ")).into_response()
}

fn api(inner: &Inner, entry: &Entry, session: &Session, rest: &[&str]) -> Result<Answer, Answer> {
    let reads = matches!(entry.method().as_str(), "GET" | "HEAD");
    match rest {
        ["user"] if reads => {
            consented(session, "account")?;
            Ok(Answer::json(200, &data::user(&session.account, entry, true)))
        }
        ["user", "emails"] if reads => {
            consented(session, "email")?;
            let email = json!({
                "type": "email", "email": session.account.email, "is_primary": true, "is_confirmed": true,
                "links": { "self": { "href": format!("{}/2.0/user/emails/{}", entry.origin(), session.account.email) } },
            });
            Ok(paged(entry, &[email], 100))
        }
        ["user", "workspaces"] if reads => {
            consented(session, "account")?;
            let access = json!({
                "type": "workspace_access", "administrator": true,
                "workspace": data::workspace(&session.account, entry),
            });
            Ok(paged(entry, &[access], 100))
        }
        // What an OAuth token may not do at all, told in the words of a dead token.
        ["workspaces", _, "permissions", ..] => Err(dead(NoSession::Unknown)),
        ["workspaces", name] if reads => {
            consented(session, "account")?;
            if *name == session.account.login || *name == data::workspace_uuid(&session.account) {
                Ok(Answer::json(200, &data::workspace(&session.account, entry)))
            } else {
                Err(error(404, &format!("No workspace with identifier '{name}'.")))
            }
        }
        // Removed on 2026-02-27 (CHANGE-2770).
        ["repositories"] | ["workspaces"] | ["user", "permissions", ..] => {
            Err(error(410, "This API has been removed. See CHANGE-2770."))
        }
        ["repositories", rest @ ..] => repositories::answer(inner, entry, session, rest),
        _ => Err(error(404, "Resource not found")),
    }
}
