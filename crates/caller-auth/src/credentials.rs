//! The caller's credentials, out of `Authorization` and from nowhere else.

use std::fmt;

use http::header::{AUTHORIZATION, HeaderValue};
use http::request::Parts;

use crate::Reason;
use crate::challenge::Error;
use crate::query;
use crate::refusal::Refusal;

/// Which words before the token are understood on a route.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Schemes {
    /// `Bearer` and `DPoP`.
    #[default]
    Standard,
    /// Also `token`, as GitHub's SDKs say instead of `Bearer`.
    WithToken,
}

/// The word before the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Bearer,
    Dpop,
}

/// The caller's own access token: for the vault exchange, and for finding it in a body. Never for a provider.
#[derive(Clone)]
pub struct CallerToken {
    header: HeaderValue,
    start: usize,
}

impl CallerToken {
    /// The token itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        // Checked to be visible ASCII when it was taken out of the request.
        std::str::from_utf8(self.bytes()).unwrap_or_default()
    }

    /// The same, without looking at each byte again.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.header.as_bytes()[self.start..]
    }
}

impl fmt::Debug for CallerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallerToken(***)")
    }
}

/// What a request brought along.
#[derive(Debug)]
pub(crate) struct Credentials {
    pub(crate) scheme: Scheme,
    pub(crate) token: CallerToken,
}

/// Takes the credentials out of a request.
pub(crate) fn extract(parts: &Parts, schemes: Schemes) -> Result<Credentials, Refusal> {
    let mut values = parts.headers.get_all(AUTHORIZATION).iter();
    let value = values.next();
    if values.next().is_some() {
        return Err(Refusal::bad_request(
            "several Authorization headers",
            "Send exactly one 'Authorization' header.",
        ));
    }
    if parts.uri.query().is_some_and(query::holds_token) {
        return Err(Refusal::new(
            Reason::TokenInQuery,
            Error::InvalidRequest,
            "token in the query",
            "A query parameter has a name that is used for access tokens. Send the token in the Authorization header only: URLs are written to logs.",
        ));
    }
    let value = value.ok_or_else(|| Refusal::missing("no Authorization"))?;
    read(value, schemes)
}

fn read(value: &HeaderValue, schemes: Schemes) -> Result<Credentials, Refusal> {
    let bytes = value.as_bytes();
    let word = bytes.iter().position(|byte| *byte == b' ').unwrap_or(bytes.len());
    let scheme = scheme(&bytes[..word], schemes).ok_or_else(Refusal::other_scheme)?;
    let rest = &bytes[word..];
    let blanks = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let token = rest[blanks..].trim_ascii_end();
    if token.is_empty() {
        return Err(Refusal::missing("blank credentials"));
    }
    if let Some(word) = placeholder(token) {
        let detail = format!(
            "The 'Authorization' header says '{word}' where the token belongs: the app had none when it sent the request."
        );
        return Err(Refusal::new(Reason::TokenMissing, Error::None, "a placeholder for a token", detail));
    }
    if lists_two(token) {
        return Err(Refusal::bad_request("two credentials in one header", "Send exactly one access token."));
    }
    // Every byte is looked at even after a wrong one: so the compiler looks at many at once.
    if !token.iter().fold(true, |good, byte| good & byte.is_ascii_graphic()) {
        return Err(Refusal::not_valid("characters that no token has"));
    }
    let start = word + blanks;
    let header = if start + token.len() == bytes.len() {
        value.clone()
    } else {
        HeaderValue::from_bytes(&bytes[..start + token.len()])
            .map_err(|_| Refusal::not_valid("characters"))?
    };
    Ok(Credentials { scheme, token: CallerToken { header, start } })
}

/// What programs write for a value that is not there.
fn placeholder(token: &[u8]) -> Option<&'static str> {
    ["undefined", "null", "None", "nil", "[object Object]"].into_iter().find(|word| word.as_bytes() == token)
}

fn scheme(word: &[u8], schemes: Schemes) -> Option<Scheme> {
    if word.eq_ignore_ascii_case(b"bearer") {
        Some(Scheme::Bearer)
    } else if word.eq_ignore_ascii_case(b"dpop") {
        Some(Scheme::Dpop)
    } else if schemes == Schemes::WithToken && word.eq_ignore_ascii_case(b"token") {
        Some(Scheme::Bearer)
    } else {
        None
    }
}

/// `TOKEN, Bearer TOKEN`: what becomes of two headers that a proxy has joined.
fn lists_two(token: &[u8]) -> bool {
    memchr::memchr(b',', token).is_some_and(|_| lists(token))
}

fn lists(token: &[u8]) -> bool {
    token.split(|byte| *byte == b',').skip(1).any(|part| {
        let part = part.trim_ascii_start();
        let word = part.split(|byte| *byte == b' ').next().unwrap_or_default();
        word.len() < part.len() && !word.is_empty() && word.iter().all(u8::is_ascii_alphabetic)
    })
}
