//! `graph.facebook.com` (facts 4): with and without a version in the path.

pub(super) mod call;
mod edges;
mod fields;
mod paging;

use std::sync::Arc;

use ::http::Response;
use serde_json::json;

use super::common;
use super::session::session_of;
use crate::http::{Answer, Body};
use crate::inner::Inner;
use crate::journal::entry::Entry;
use crate::json::merge;
use crate::kinds::ProviderKind;
use crate::refusals::facebook::{dead, error};
use crate::refusals::trouble::NoSession;
use crate::text;

use call::{Call, versioned};

/// The one token of a request: header, query or form. The header wins.
fn token(entry: &Entry) -> Option<String> {
    let header = entry.credential(&["bearer", "oauth"]).map(str::to_owned);
    header.or_else(|| entry.param("access_token")).or_else(|| entry.field("access_token"))
}

/// A wrong proof is refused always, a missing one where the app demands it.
fn check_proof(inner: &Inner, entry: &Entry, token: &str) -> Result<Option<String>, Answer> {
    let given = entry.param("appsecret_proof").or_else(|| entry.field("appsecret_proof"));
    let secret = inner.settings.provider_secrets.get(&ProviderKind::Facebook).map(String::as_str);
    match &given {
        Some(proof) if *proof != text::hmac_hex(secret.unwrap_or_default(), token) => {
            Err(error(400, 100, "Invalid appsecret_proof provided in the API argument"))
        }
        None if inner.settings.appsecret_proof => {
            Err(error(400, 100, "API calls from the server require an appsecret_proof argument"))
        }
        _ => Ok(given),
    }
}

pub(super) fn answer(inner: &Arc<Inner>, entry: &Entry) -> Response<Body> {
    let segments: Vec<String> =
        entry.segments().iter().enumerate().map(|(index, segment)| folded(index, segment)).collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let (version, rest) = versioned(&segments);
    let Some(token) = token(entry) else { return dead(NoSession::Missing, "").into_response() };
    if let ["debug_token"] = rest {
        return debug_token(inner, entry, &token).into_response();
    }
    // A page's token leads to its user's session.
    let managed = inner.state().page_tokens.get(&token).cloned();
    let (page, user_token) = managed.map_or((None, token.clone()), |(page, user)| (Some(page), user));
    let session = match session_of(inner, ProviderKind::Facebook, &user_token) {
        Ok(session) => session,
        Err(why) => return dead(why, &token).into_response(),
    };
    let proof = match check_proof(inner, entry, &token) {
        Ok(proof) => proof,
        Err(refusal) => return refusal.into_response(),
    };
    if let ["sandbox", rest @ ..] = rest {
        return common::answer(inner, entry, &session, rest);
    }
    let call =
        Call { session: &session, page: page.as_deref(), version, token: &token, proof: proof.as_deref() };
    let answer = match entry.param("ids") {
        Some(ids) => edges::many(inner, entry, &call, &ids, rest),
        None => edges::answer(inner, entry, &call, rest),
    };
    let answer = answer.unwrap_or_else(|refusal| refusal);
    mark(inner, answer, version).into_response()
}

/// Facebook ignores the case of paths; what the sandbox adds of its own does not.
fn folded(index: usize, segment: &str) -> String {
    if index > 0 && segment.chars().any(|c| !c.is_ascii_alphabetic() && c != '_') {
        return segment.to_owned();
    }
    segment.to_ascii_lowercase()
}

fn mark(inner: &Inner, answer: Answer, version: &str) -> Answer {
    let used = inner.state().bump("facebook").min(90);
    let usage = json!({ "call_count": used, "total_time": 1, "total_cputime": 1 });
    let answer = if answer.headers().contains_key("x-app-usage") {
        answer
    } else {
        answer.header("x-app-usage", usage.to_string())
    };
    answer
        .header("facebook-api-version", version)
        .header("x-fb-trace-id", "AbCdEf1234")
        .header("x-fb-rev", "1034567890")
        .header("x-fb-debug", text::random(text::ALNUM, 40))
        .header("etag", "\"2f4a\"")
        .header("cache-control", "private, no-cache, no-store, must-revalidate")
        .header("access-control-allow-origin", "*")
}

/// What a token is, asked with the app's own token (`APPID|SECRET`).
fn debug_token(inner: &Inner, entry: &Entry, token: &str) -> Answer {
    let app = ProviderKind::Facebook.client_id();
    let secret = inner.settings.provider_secrets.get(&ProviderKind::Facebook).cloned().unwrap_or_default();
    if token != format!("{app}|{secret}") {
        return error(
            400,
            100,
            "You must provide an app access token, or a user access token that is an owner or developer of the app",
        );
    }
    let asked = entry.param("input_token").unwrap_or_default();
    let mut data = json!({ "app_id": app, "application": "Demo", "type": "USER" });
    let more = match session_of(inner, ProviderKind::Facebook, &asked) {
        Ok(session) => json!({
            "is_valid": true, "issued_at": 1_780_000_000, "expires_at": text::epoch() + 5_000_000,
            "scopes": session.grant.scopes, "user_id": session.account.id,
        }),
        Err(_) => {
            json!({ "is_valid": false, "scopes": [], "error": { "code": 190, "message": "Invalid OAuth access token." } })
        }
    };
    merge(&mut data, more);
    Answer::json(200, &json!({ "data": data }))
}
