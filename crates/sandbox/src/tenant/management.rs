//! The Management API: its tokens, its limit, its endpoints (facts 3).

use serde_json::Value;

use crate::http::Answer;
use crate::inner::Inner;
use crate::journal::entry::Entry;

use super::answers::boom;
use super::verify::{self, Bad};
use super::{connections, users};

pub(super) fn answer(inner: &Inner, entry: &Entry, rest: &[&str]) -> Answer {
    let spent = inner.state().tenant.limit.spend();
    let answer = if spent.allowed {
        match scopes(inner, entry) {
            Ok(scopes) if entry.method() == ::http::Method::POST => write(inner, entry, rest, &scopes),
            Ok(scopes) => read(inner, entry, rest, &scopes),
            Err(refusal) => refusal,
        }
    } else {
        boom(429, "Too Many Requests", "Global limit has been reached", Some("too_many_requests"))
    };
    answer
        .header("x-ratelimit-limit", spent.limit.to_string())
        .header("x-ratelimit-remaining", spent.remaining.to_string())
        .header("x-ratelimit-reset", spent.reset.to_string())
}

/// Checks the management token the way the API does and returns its scopes.
fn scopes(inner: &Inner, entry: &Entry) -> Result<Vec<String>, Answer> {
    let unauthorized = |message: &str| boom(401, "Unauthorized", message, None);
    if !entry.headers().contains_key("authorization") {
        return Err(unauthorized("Missing authentication"));
    }
    let malformed = || boom(400, "Bad Request", "Bad HTTP authentication header format", Some("Bearer"));
    let token = entry.bearer().ok_or_else(malformed)?;
    let body = verify::signed(inner, token).map_err(|bad| match bad {
        Bad::Malformed => malformed(),
        Bad::Signature => unauthorized("Invalid signature received for JSON Web Token validation"),
    })?;
    let named = verify::audiences(&body);
    if !named.contains(&inner.settings.management_audience().as_str()) {
        return Err(unauthorized(&format!("Bad audience: {}", named.join(","))));
    }
    // A token of the custom domain is good under the custom domain only, and the reverse.
    if body.get("iss").and_then(Value::as_str) != Some(inner.issuer_of(entry).as_str()) {
        return Err(unauthorized("Invalid token"));
    }
    if verify::is_over(&body) {
        return Err(unauthorized("Expired token received for JSON Web Token validation"));
    }
    let state = inner.state();
    let born = state.tenant.management_tokens.get(token).copied();
    if born.is_some_and(|born| born < state.tenant.management_generation) {
        return Err(unauthorized("Invalid token"));
    }
    let scope = body.get("scope").and_then(Value::as_str).unwrap_or_default();
    Ok(scope.split(' ').map(str::to_owned).collect())
}

fn needs(wanted: &str) -> Answer {
    let text = format!("Insufficient scope, expected any of: {wanted}");
    boom(403, "Forbidden", &text, Some("insufficient_scope"))
}

fn read(inner: &Inner, entry: &Entry, rest: &[&str], scopes: &[String]) -> Answer {
    let has = |scope: &str| scopes.iter().any(|held| held == scope);
    match rest {
        ["users", _] | ["users", _, "connected-accounts"] if !has("read:users") => {
            needs("read:users,read:current_user")
        }
        ["users", id] => users::one(inner, entry, id, has("read:user_idp_tokens")),
        ["users", id, "connected-accounts"] => users::connected(inner, id),
        ["connections"] if !has("read:connections") => needs("read:connections"),
        ["connections"] => connections::list(inner, entry),
        _ => boom(404, "Not Found", "Not Found", None),
    }
}

/// `POST /api/v2/users/{id}/identities`: links a second user's account, named by `provider` and `user_id`, or
/// by the ID token of a sign-in with it (`link_with`).
fn write(inner: &Inner, entry: &Entry, rest: &[&str], scopes: &[String]) -> Answer {
    let ["users", primary, "identities"] = rest else {
        return boom(404, "Not Found", "Not Found", None);
    };
    if !scopes.iter().any(|held| held == "update:users") {
        return needs("update:users,update:current_user_identities");
    }
    let body = entry.json().unwrap_or_default();
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let secondary = match (text("link_with"), text("provider"), text("user_id")) {
        (Some(token), _, _) => {
            verify::signed(inner, token).ok().map(|claims| verify::subject(&claims).to_owned())
        }
        (None, _, Some(id)) if id.contains('|') => Some(id.to_owned()),
        (None, Some(provider), Some(id)) => Some(format!("{provider}|{id}")),
        _ => None,
    };
    let Some(secondary) = secondary else {
        return boom(
            400,
            "Bad Request",
            "Payload validation error: 'link_with' or 'provider' and 'user_id'.",
            Some("invalid_body"),
        );
    };
    if !inner.state().link_users(primary, &secondary) {
        let text = "Main account and specified new identity are the same, or one of them does not exist.";
        return boom(400, "Bad Request", text, Some("bad_request"));
    }
    match users::identities(inner, primary) {
        Some(list) => Answer::json(201, &list),
        None => boom(404, "Not Found", "The user does not exist.", Some("inexistent_user")),
    }
}
