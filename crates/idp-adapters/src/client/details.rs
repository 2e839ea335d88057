//! What a refusal says beside its class.

use http::{
    HeaderMap, HeaderName,
    header::{LINK, LOCATION, PROXY_AUTHENTICATE, SET_COOKIE, WWW_AUTHENTICATE},
};
use serde_json::Value;
use token_keeper::BearerToken;

use crate::{exchange::word, message};

/// Headers that quote tokens, or whose value gives access to something.
const SECRET: &[HeaderName] = &[LINK, LOCATION, PROXY_AUTHENTICATE, SET_COOKIE, WWW_AUTHENTICATE];

/// So many fields of one refusal are kept.
const MAX_FIELDS: usize = 50;

/// One field that a provider did not like, in the provider's words.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FieldError {
    /// The kind of thing the field belongs to (`Issue`).
    pub resource: Option<String>,
    /// The field (`title`).
    pub field: Option<String>,
    /// Why (`missing_field`).
    pub code: Option<String>,
}

#[derive(Clone, Default)]
pub(crate) struct Details {
    pub(super) headers: HeaderMap,
    pub(super) fields: Vec<FieldError>,
    pub(super) sso_url: Option<String>,
}

impl Details {
    pub(super) fn of(answered: &HeaderMap, body: &[u8], token: &BearerToken) -> Self {
        let secret = token.expose().as_bytes();
        let quotes = |value: &[u8]| value.windows(secret.len().max(1)).any(|window| window == secret);
        let mut headers = HeaderMap::new();
        for (name, value) in answered {
            if !SECRET.contains(name) && name != "x-github-sso" && !quotes(value.as_bytes()) {
                headers.append(name, value.clone());
            }
        }
        Self { headers, fields: fields(&message::json(body)), sso_url: sso_url(answered) }
    }
}

/// GitHub: `{"errors":[{"resource":"Issue","field":"title","code":"missing_field"}]}`. Words only, never prose.
fn fields(body: &Value) -> Vec<FieldError> {
    let said = |error: &Value, name: &str| message::text(error, name).as_deref().and_then(word);
    let field = |error: &Value| FieldError {
        resource: said(error, "/resource"),
        field: said(error, "/field"),
        code: said(error, "/code"),
    };
    let listed = body.pointer("/errors").and_then(Value::as_array).into_iter().flatten();
    let named = |error: &FieldError| error.field.is_some() || error.code.is_some();
    listed.map(field).filter(named).take(MAX_FIELDS).collect()
}

/// `X-GitHub-SSO: required; url=https://github.com/orgs/acme/sso?authorization_request=...`
fn sso_url(headers: &HeaderMap) -> Option<String> {
    let text = headers.get("x-github-sso")?.to_str().ok()?;
    let url = text.strip_prefix("required")?.split(';').find_map(|part| part.trim().strip_prefix("url="))?;
    url.starts_with("https://").then(|| url.to_owned())
}
