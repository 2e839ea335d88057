//! Reading token endpoints' answers, with the quirks of the field: errors under status 200, form-encoded bodies,
//! numbers as text, scopes under two names, errors as words or objects.

use std::time::Duration;

use http::StatusCode;
use secrecy::SecretString;
use serde_json::{Map, Value};
use token_keeper::BearerToken;

use super::{Cause, RefreshError, Refreshed, Reply, RevokeError};
use crate::{Kind, hints, scopes};

/// Reads a refresh answer.
pub(crate) fn refreshed(reply: &Reply<'_>, kind: Kind) -> Result<Refreshed, RefreshError> {
    let members = members(reply.body);
    if reply.status.is_success() && members.as_ref().and_then(error_word).is_none() {
        return members
            .as_ref()
            .and_then(tokens)
            .ok_or_else(|| RefreshError::new(Cause::MalformedAnswer, Some("malformed_answer"), None));
    }
    Err(refused(reply, kind, members.as_ref()))
}

/// What a refusal means. A 5xx or 429 never means that the grant is dead, whatever its body says.
fn refused(reply: &Reply<'_>, kind: Kind, members: Option<&Map<String, Value>>) -> RefreshError {
    let retry_after = hints::retry_after(reply.headers, reply.at);
    let word = |members| error_word(members).or_else(|| known_code(members, kind));
    let Some((members, word)) = members.and_then(|members| Some((members, word(members)?))) else {
        // No OAuth answer at all: something between us and the provider answered.
        return RefreshError::new(no_answer(reply), None, retry_after);
    };
    let numbers = numbers(members);
    let subtype = members.get("error_subtype").and_then(Value::as_str);
    let cause = match Cause::of(kind, &word, subtype, &numbers) {
        _ if reply.proves_nothing() => no_answer(reply),
        Cause::RequestRefused if word == "invalid_request" && blames_refresh_token(members) => {
            Cause::GrantInvalid
        }
        cause => cause,
    };
    RefreshError::new(cause, Some(&word), retry_after).numbered(numbers.first().copied())
}

/// An `error_code` that the table knows, of servers that send no `error`.
fn known_code(members: &Map<String, Value>, kind: Kind) -> Option<String> {
    let code = members.get("error_code")?.as_str()?;
    (Cause::of(kind, code, None, &[]) != Cause::Unknown).then(|| code.to_owned())
}

/// Whether `invalid_request` is about the refresh token, for which RFC 6749 (section 5.2) has `invalid_grant`: Bitbucket's
/// "Invalid refresh_token". A parameter that is missing is about the request.
fn blames_refresh_token(members: &Map<String, Value>) -> bool {
    let described = members.get("error_description").and_then(Value::as_str).unwrap_or_default();
    let described = described.to_ascii_lowercase().replace('_', " ");
    let says = |words: &[&str]| words.iter().any(|word| described.contains(word));
    described.contains("refresh token")
        && says(&["invalid", "expired", "revoked", "not valid", "not found", "unknown"])
        && !says(&["missing", "required", "parameter"])
}

fn no_answer(reply: &Reply<'_>) -> Cause {
    if reply.status == StatusCode::TOO_MANY_REQUESTS { Cause::Throttled } else { Cause::Unavailable }
}

/// Entra's numbers: `error_codes`, else the one at the start of the description (`AADSTS700082: ...`).
fn numbers(members: &Map<String, Value>) -> Vec<u32> {
    let listed = members.get("error_codes").and_then(Value::as_array).into_iter().flatten();
    let mut numbers: Vec<u32> = listed
        .filter_map(|number| number.as_u64().or_else(|| number.as_str()?.parse().ok()))
        .filter_map(|number| u32::try_from(number).ok())
        .collect();
    if numbers.is_empty() {
        let described = members.get("error_description").and_then(Value::as_str).unwrap_or_default();
        let digits = described
            .strip_prefix("AADSTS")
            .and_then(|rest| rest.split(|c: char| !c.is_ascii_digit()).next());
        numbers.extend(digits.and_then(|digits| digits.parse::<u32>().ok()));
    }
    numbers
}

/// A revocation that was refused. Credentials that are not accepted are the operator's to correct.
pub(crate) fn revoke_refused(reply: &Reply<'_>, kind: Kind) -> RevokeError {
    let refused = refused(reply, kind, members(reply.body).as_ref());
    let unauthorized = matches!(reply.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
    RevokeError(if refused.is_transient() && unauthorized {
        RefreshError { cause: Cause::ClientRejected, ..refused }
    } else {
        refused
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
        id_token: members.get("id_token").and_then(Value::as_str).map(SecretString::from),
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
