//! `api.bitbucket.org` (facts 5): who may ask, scopes, the user and their workspaces.

mod data;
mod repositories;

use std::sync::Arc;

use ::http::Response;
use serde_json::{Value, json};

use super::troubles::Trouble;
use super::{NoSession, Session, common, number, session};
use crate::ProviderKind;
use crate::http::{Answer, Body};
use crate::inner::Inner;
use crate::journal::Entry;
use crate::text;

fn error(status: u16, message: &str) -> Answer {
    Answer::json(status, &json!({ "type": "error", "error": { "message": message } }))
}

fn not_found(what: &str) -> Answer {
    error(404, &format!("{what} not found"))
}

fn dead(why: NoSession) -> Answer {
    let text = match why {
        NoSession::Expired => "Access token expired. Use your refresh token to obtain a new access token.",
        _ => "Token is invalid, expired, or not supported for this endpoint.",
    };
    error(401, text).header("www-authenticate", "Bearer realm=\"Bitbucket.org HTTP\"")
}

fn lacks(required: &[&str], granted: &[String]) -> Answer {
    let message = "Your credentials lack one or more required privilege scopes.";
    let detail = json!({ "required": required, "granted": granted });
    let body = json!({ "type": "error", "error": { "message": message, "detail": detail } });
    Answer::json(403, &body)
        .header("x-oauth-scopes", granted.join(", "))
        .header("x-accepted-oauth-scopes", required.join(", "))
}

const LIMIT: &str = "Rate limit for this resource has been exceeded";

/// The refusals that no request brings about by itself.
pub(super) fn troubles() -> Vec<Trouble> {
    let sampled = error(429, LIMIT)
        .header("x-ratelimit-limit", "60, 60;w=3600")
        .header("x-ratelimit-remaining", "0")
        .header("x-ratelimit-reset", "745");
    let scaled = error(429, LIMIT)
        .header("x-ratelimit-limit", "1000")
        .header("x-ratelimit-resource", "api")
        .header("x-ratelimit-nearlimit", "true");
    vec![
        Trouble::new("token-expired", dead(NoSession::Expired)),
        Trouble::new("token-dead", dead(NoSession::Revoked)),
        Trouble::new("scope-missing", lacks(&["pullrequest:write"], &["account".to_owned()])),
        Trouble::new("rate-limit", error(429, LIMIT)),
        Trouble::new("rate-limit-text", Answer::text(429, LIMIT)),
        Trouble::new("rate-limit-seconds", sampled),
        Trouble::new("rate-limit-scaled", scaled),
        Trouble::new("denied", error(403, "You do not have access to this workspace.")),
        Trouble::new("not-found", not_found("Repository ben/none")),
        Trouble::new("server-error", Answer::html(503, "<html><body>Service unavailable</body></html>")),
    ]
}

/// Passes when the user consented to `scope`; `repository:write` holds `repository` as well.
fn consented(session: &Session, scope: &str) -> Result<(), Answer> {
    let holds = |held: &String| {
        held == scope || held.strip_prefix(scope).is_some_and(|rest| matches!(rest, ":write" | ":admin"))
    };
    if session.grant.scopes.iter().any(holds) { Ok(()) } else { Err(lacks(&[scope], &session.grant.scopes)) }
}

/// One page: `next` and `previous` are whole addresses with the request's other parameters repeated.
fn paged(entry: &Entry, all: &[Value], max: usize) -> Answer {
    let size = number(entry, "pagelen", 10, max).max(1);
    let page = number(entry, "page", 1, usize::MAX).max(1);
    let (values, more) = super::page(all, page - 1, size);
    let others: String = entry
        .params()
        .iter()
        .filter(|(name, _)| name != "page")
        .map(|(name, value)| format!("{}={}&", text::encode(name), text::encode(value)))
        .collect();
    let link = |page: usize| format!("{}{}?{others}page={page}", entry.origin(), entry.path());
    let mut body = json!({ "pagelen": size, "values": values, "page": page, "size": all.len() });
    if more {
        crate::mint::merge(&mut body, json!({ "next": link(page + 1) }));
    }
    if page > 1 {
        crate::mint::merge(&mut body, json!({ "previous": link(page - 1) }));
    }
    Answer::json(200, &body)
}

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
