//! What the My Account API takes, by the limits of its published description: unknown members and values that are too long or
//! too many are refused.

use serde_json::{Map, Value};
use url::Url;

/// The member that is wrong, and why.
pub(super) type Wrong = (String, String);

/// A request that begins a connection.
#[derive(Debug)]
pub(super) struct ConnectRequest {
    pub(super) connection: String,
    pub(super) redirect_uri: String,
    pub(super) state: Option<String>,
    pub(super) challenge: Option<String>,
    pub(super) scopes: Vec<String>,
    /// `authorization_params.login_hint`.
    pub(super) hint: Option<String>,
}

const CONNECT: [&str; 7] = [
    "connection",
    "redirect_uri",
    "state",
    "code_challenge",
    "code_challenge_method",
    "scopes",
    "authorization_params",
];
const COMPLETE: [&str; 4] = ["auth_session", "connect_code", "redirect_uri", "code_verifier"];
const PARAMS: [&str; 9] = [
    "acr_values",
    "audience",
    "resource",
    "display",
    "id_token_hint",
    "login_hint",
    "max_age",
    "prompt",
    "ui_locales",
];

fn wrong(field: &str, detail: &str) -> Wrong {
    (field.to_owned(), format!("{field} {detail}"))
}

fn object<'a>(body: &'a Value, known: &[&str]) -> Result<&'a Map<String, Value>, Wrong> {
    let members = body.as_object().ok_or_else(|| wrong("body", "must be an object"))?;
    match members.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(wrong(name, "is not allowed")),
        None => Ok(members),
    }
}

/// A text of a length in `lengths`, if the member is there.
fn text(
    members: &Map<String, Value>,
    name: &str,
    lengths: std::ops::RangeInclusive<usize>,
) -> Result<Option<String>, Wrong> {
    let Some(value) = members.get(name) else { return Ok(None) };
    let text = value.as_str().ok_or_else(|| wrong(name, "must be a string"))?;
    if !lengths.contains(&text.len()) {
        return Err(wrong(name, &format!("must have {} to {} characters", lengths.start(), lengths.end())));
    }
    Ok(Some(text.to_owned()))
}

fn needed(
    members: &Map<String, Value>,
    name: &str,
    lengths: std::ops::RangeInclusive<usize>,
) -> Result<String, Wrong> {
    text(members, name, lengths)?.ok_or_else(|| wrong(name, "is required"))
}

fn address(members: &Map<String, Value>) -> Result<String, Wrong> {
    let text = needed(members, "redirect_uri", 1..=2048)?;
    if Url::parse(&text).is_err() {
        return Err(wrong("redirect_uri", "must be a URI"));
    }
    Ok(text)
}

/// `POST …/connect`.
pub(super) fn connection(body: &Value) -> Result<ConnectRequest, Wrong> {
    let members = object(body, &CONNECT)?;
    let challenge = text(members, "code_challenge", 43..=128)?;
    let method = text(members, "code_challenge_method", 1..=16)?;
    if challenge.is_some() != method.is_some() || method.is_some_and(|method| method != "S256") {
        return Err(wrong("code_challenge_method", "must be S256, beside code_challenge"));
    }
    let params = match members.get("authorization_params") {
        None => None,
        Some(params) => Some(object(params, &PARAMS)?),
    };
    Ok(ConnectRequest {
        connection: needed(members, "connection", 1..=128)?,
        redirect_uri: address(members)?,
        state: text(members, "state", 1..=4096)?,
        challenge,
        scopes: scopes(members)?,
        hint: params.map(|params| text(params, "login_hint", 1..=255)).transpose()?.flatten(),
    })
}

fn scopes(members: &Map<String, Value>) -> Result<Vec<String>, Wrong> {
    let Some(value) = members.get("scopes") else { return Ok(Vec::new()) };
    let list = value.as_array().ok_or_else(|| wrong("scopes", "must be an array"))?;
    let mut all: Vec<String> = Vec::new();
    for scope in list {
        let scope = scope.as_str().filter(|scope| (1..=255).contains(&scope.len()));
        let scope = scope.ok_or_else(|| wrong("scopes", "must hold strings of 1 to 255 characters"))?;
        if all.iter().any(|known| known == scope) {
            return Err(wrong("scopes", "must be unique"));
        }
        all.push(scope.to_owned());
    }
    if all.is_empty() || all.len() > 100 {
        return Err(wrong("scopes", "must hold 1 to 100 items"));
    }
    Ok(all)
}

/// `POST …/complete`.
pub(super) fn completion(body: &Value) -> Result<(), Wrong> {
    let members = object(body, &COMPLETE)?;
    needed(members, "auth_session", 1..=64)?;
    needed(members, "connect_code", 1..=46)?;
    address(members)?;
    text(members, "code_verifier", 43..=128).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn with(over: Value) -> Value {
        let mut body = json!({ "connection": "github", "redirect_uri": "https://app.example/back" });
        crate::json::merge(&mut body, over);
        body
    }

    #[test]
    fn the_published_limits_hold() {
        let challenge = "c".repeat(43);
        for good in [
            json!({}),
            json!({ "state": "s".repeat(4096) }),
            json!({ "code_challenge": challenge, "code_challenge_method": "S256" }),
            json!({ "scopes": ["openid"], "authorization_params": { "login_hint": "ana@example.test" } }),
        ] {
            assert!(connection(&with(good.clone())).is_ok(), "{good}");
        }
        for (bad, field) in [
            (json!({ "connection": "" }), "connection"),
            (json!({ "connection": "c".repeat(129) }), "connection"),
            (json!({ "redirect_uri": "back" }), "redirect_uri"),
            (json!({ "state": "s".repeat(4097) }), "state"),
            (json!({ "code_challenge": challenge }), "code_challenge_method"),
            (
                json!({ "code_challenge": challenge, "code_challenge_method": "plain" }),
                "code_challenge_method",
            ),
            (json!({ "code_challenge": "short", "code_challenge_method": "S256" }), "code_challenge"),
            (json!({ "scopes": [] }), "scopes"),
            (json!({ "scopes": ["a", "a"] }), "scopes"),
            (json!({ "scopes": ["s".repeat(256)] }), "scopes"),
            (json!({ "authorization_params": { "login": "ana" } }), "login"),
            (json!({ "nonce": "n" }), "nonce"),
        ] {
            assert_eq!(connection(&with(bad.clone())).unwrap_err().0, field, "{bad}");
        }
        let done = |code: &str| json!({ "auth_session": "s", "connect_code": code, "redirect_uri": "https://a.example/" });
        assert!(completion(&done("c")).is_ok());
        assert_eq!(completion(&done(&"c".repeat(47))).unwrap_err().0, "connect_code");
    }
}
