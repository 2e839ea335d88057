//! The token endpoint's answer.

use std::{fmt, time::Duration};

use secrecy::SecretString;
use serde_json::Value;

use crate::Error;

/// A successful answer of `POST /oauth/token`.
pub struct TokenResponse {
    access_token: SecretString,
    refresh_token: Option<SecretString>,
    id_token: Option<SecretString>,
    scope: Option<String>,
    expires_in: Option<Duration>,
    token_type: Option<String>,
    issued_token_type: Option<String>,
    quota: Option<TokenQuota>,
}

/// What is left of a client's quota of token requests (`Auth0-Client-Quota-Limit`), by its tightest bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenQuota {
    /// Token requests in one period of the bucket.
    pub limit: u32,
    /// Token requests left until the reset.
    pub remaining: u32,
    /// When the bucket is full again.
    pub reset_in: Duration,
}

impl TokenResponse {
    /// Members of unexpected types count as absent; only the access token is required.
    pub(crate) fn parse(body: &[u8], quota: Option<TokenQuota>) -> Result<Self, Error> {
        let malformed = || Error::tenant("the token endpoint's answer has no access token");
        let Ok(Value::Object(mut members)) = serde_json::from_slice(body) else { return Err(malformed()) };
        let mut text = |name: &str| match members.remove(name) {
            Some(Value::String(text)) if !text.is_empty() => Some(text),
            _ => None,
        };
        let access_token = text("access_token").ok_or_else(malformed)?.into();
        let refresh_token = text("refresh_token").map(SecretString::from);
        let id_token = text("id_token").map(SecretString::from);
        let (scope, token_type, issued_token_type) =
            (text("scope"), text("token_type"), text("issued_token_type"));
        let expires_in = members.get("expires_in").and_then(seconds);
        Ok(Self {
            access_token,
            refresh_token,
            id_token,
            scope,
            expires_in,
            token_type,
            issued_token_type,
            quota,
        })
    }

    /// The access token.
    #[must_use]
    pub fn access_token(&self) -> &SecretString {
        &self.access_token
    }

    /// The refresh token, if one was issued.
    #[must_use]
    pub fn refresh_token(&self) -> Option<&SecretString> {
        self.refresh_token.as_ref()
    }

    /// The ID token, if one was issued (OpenID Connect Core 1.0, section 3.1.3.3). It is not verified.
    #[must_use]
    pub fn id_token(&self) -> Option<&SecretString> {
        self.id_token.as_ref()
    }

    /// The quota of token requests of the client, where the tenant has one.
    #[must_use]
    pub fn quota(&self) -> Option<TokenQuota> {
        self.quota
    }

    /// The granted scopes, separated by spaces, if stated.
    #[must_use]
    pub fn scope(&self) -> Option<&str> {
        self.scope.as_deref()
    }

    /// The lifetime from the answer on, if stated: seconds, as a number or as text.
    #[must_use]
    pub fn expires_in(&self) -> Option<Duration> {
        self.expires_in
    }

    /// How to present the token; `Bearer` as a rule.
    #[must_use]
    pub fn token_type(&self) -> Option<&str> {
        self.token_type.as_deref()
    }

    /// What a token exchange issued (RFC 8693 section 2.2.1).
    #[must_use]
    pub fn issued_token_type(&self) -> Option<&str> {
        self.issued_token_type.as_deref()
    }
}

/// Positive whole seconds; a fraction is dropped.
pub(crate) fn seconds(value: &Value) -> Option<Duration> {
    let seconds = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    (1.0..=1e10).contains(&seconds).then(|| Duration::from_secs_f64(seconds.floor()))
}

impl fmt::Debug for TokenResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenResponse")
            .field("scope", &self.scope)
            .field("expires_in", &self.expires_in)
            .field("token_type", &self.token_type)
            .field("refresh_token", &self.refresh_token.is_some())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lifetime_is_a_number_or_text_of_seconds() {
        let life = |json: &str| {
            let body = format!(r#"{{"access_token":"t","expires_in":{json}}}"#);
            TokenResponse::parse(body.as_bytes(), None).unwrap().expires_in().map(|life| life.as_secs())
        };
        assert_eq!(
            (life("60"), life("\"60\""), life("60.9"), life("2592000")),
            (Some(60), Some(60), Some(60), Some(2_592_000))
        );
        for absent in ["null", "0", "-5", "\"\"", "\"soon\"", "\"NaN\"", "\"inf\"", "1e300", "[60]"] {
            assert_eq!(life(absent), None, "{absent}");
        }
    }

    #[test]
    fn an_answer_without_token_is_the_tenants_fault() {
        for body in ["", "null", "[]", "{}", r#"{"access_token":7}"#, r#"{"access_token":""}"#, "<html>"] {
            assert_eq!(
                TokenResponse::parse(body.as_bytes(), None).unwrap_err().fault(),
                crate::Fault::Tenant,
                "{body}"
            );
        }
    }

    #[test]
    fn tm_s01_an_answer_does_not_show_its_tokens() {
        let answer = TokenResponse::parse(
            br#"{"access_token":"sentinel-a","refresh_token":"sentinel-r","id_token":"sentinel-i"}"#,
            None,
        )
        .unwrap();
        assert!(!format!("{answer:?}").contains("sentinel"));
    }
}
