//! Reading token endpoints' answers, with the quirks of the field: errors under status 200, form-encoded bodies,
//! numbers as text, scopes under two names, errors as words or objects.

use std::time::Duration;

use http::StatusCode;
use secrecy::SecretString;
use serde_json::{Map, Value};
use token_keeper::BearerToken;

use super::{Failure, RefreshError, Refreshed, Reply, RevokeError};
use crate::{hints, scopes};

/// Error words of one provider beyond those of the RFCs.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Words {
    /// The grant is dead.
    pub(crate) permanent: &'static [&'static str],
    /// Try later.
    pub(crate) transient: &'static [&'static str],
}

const PERMANENT: &[&str] = &[
    "invalid_grant",
    "interaction_required",
    "consent_required",
    "login_required",
    "access_denied",
    "expired_token",
];
const TRANSIENT: &[&str] = &["temporarily_unavailable", "server_error", "internal_failure", "slow_down"];

/// Reads a refresh answer.
pub(crate) fn refreshed(reply: &Reply<'_>, words: &Words) -> Result<Refreshed, RefreshError> {
    let members = members(reply.body);
    let error = members.as_ref().and_then(error_word);
    if reply.status.is_success() && error.is_none() {
        return members.as_ref().and_then(tokens).ok_or(RefreshError::new(
            Failure::Transient,
            Some("malformed_answer"),
            None,
        ));
    }
    Err(refused(reply, error.as_deref(), words))
}

/// What a refusal means. A 5xx or 429 never means that the grant is dead, whatever its body says.
fn refused(reply: &Reply<'_>, error: Option<&str>, words: &Words) -> RefreshError {
    let retry_after = hints::retry_after(reply.headers, reply.at);
    let failure = match error {
        _ if reply.proves_nothing() => Failure::Transient,
        Some(word) if TRANSIENT.contains(&word) || words.transient.contains(&word) => Failure::Transient,
        Some(word) if PERMANENT.contains(&word) || words.permanent.contains(&word) => Failure::Permanent,
        // A word nobody documented: certainly no proof that the user has to connect again.
        Some(_) => Failure::Misconfigured,
        // No OAuth answer at all: something in between.
        None => Failure::Transient,
    };
    RefreshError::new(failure, error, retry_after)
}

/// A revocation that was refused. Credentials that are not accepted are the operator's to mend.
pub(crate) fn revoke_refused(reply: &Reply<'_>) -> RevokeError {
    let error = members(reply.body).as_ref().and_then(error_word);
    let refused = refused(reply, error.as_deref(), &Words::default());
    let unauthorized = matches!(reply.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
    RevokeError(match refused.failure() {
        Failure::Transient if unauthorized => {
            RefreshError::new(Failure::Misconfigured, error.as_deref(), refused.retry_after())
        }
        _ => refused,
    })
}

/// The members of a JSON object or of a form-encoded body.
pub(crate) fn members(body: &[u8]) -> Option<Map<String, Value>> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(members)) => Some(members),
        Ok(_) => None,
        Err(_) => form(body),
    }
}

fn form(body: &[u8]) -> Option<Map<String, Value>> {
    let text = std::str::from_utf8(body).ok()?.trim();
    // Prose and HTML are no forms, although the form parser takes anything.
    if text.contains(|c: char| c.is_whitespace() || c == '<' || c == '{') {
        return None;
    }
    let members: Map<String, Value> = url::form_urlencoded::parse(text.as_bytes())
        .map(|(name, value)| (name.into(), Value::String(value.into())))
        .collect();
    (members.contains_key("access_token") || members.contains_key("error")).then_some(members)
}

/// The error's word: `error` as text, or the code inside an `error` object.
pub(crate) fn error_word(members: &Map<String, Value>) -> Option<String> {
    match members.get("error")? {
        Value::String(word) if !word.is_empty() => Some(word.clone()),
        Value::Object(error) => {
            let named = ["error", "code", "status", "type"].iter().find_map(|name| text(error.get(*name)?));
            Some(named.unwrap_or_else(|| "error".to_owned()))
        }
        _ => None,
    }
}

fn tokens(members: &Map<String, Value>) -> Option<Refreshed> {
    let access_token = BearerToken::new(members.get("access_token")?.as_str()?).ok()?;
    let refresh_token =
        members.get("refresh_token").and_then(Value::as_str).filter(|token| !token.is_empty());
    let granted = ["scope", "scopes"].iter().find_map(|name| granted(members.get(*name)?));
    Some(Refreshed {
        access_token,
        refresh_token: refresh_token.map(SecretString::from),
        expires_in: members.get("expires_in").and_then(lifetime),
        refresh_expires_in: ["refresh_token_expires_in", "refresh_expires_in"]
            .iter()
            .find_map(|name| lifetime(members.get(*name)?)),
        scopes: granted,
    })
}

fn granted(value: &Value) -> Option<Vec<String>> {
    let list = match value {
        Value::String(text) => scopes::split(text),
        Value::Array(items) => items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect(),
        _ => return None,
    };
    (!list.is_empty()).then_some(list)
}

/// Seconds as number or text. Zero and less count as not said.
fn lifetime(value: &Value) -> Option<Duration> {
    let seconds = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    // Whole seconds, rounded down: a token is never taken to live longer than it does.
    (seconds.is_finite() && (1.0..1e10).contains(&seconds)).then(|| Duration::from_secs_f64(seconds.floor()))
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
