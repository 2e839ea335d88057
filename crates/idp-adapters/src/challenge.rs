//! `WWW-Authenticate`: RFC 9110 challenges, and what some providers send instead.

use base64::{
    Engine,
    engine::{
        GeneralPurpose,
        general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
    },
};
use http::{HeaderMap, header::WWW_AUTHENTICATE};
use serde_json::Value;

/// The parameters of the bearer challenges an answer carries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Challenge {
    /// RFC 6750 `error`.
    pub(crate) error: Option<String>,
    /// RFC 6750 `scope`.
    pub(crate) scope: Option<String>,
    /// The claims of a claims challenge, as sent: the user has to satisfy a condition interactively. Empty when the
    /// challenge names none.
    pub(crate) claims: Option<String>,
}

/// Longest claims that are passed on.
const MAX_CLAIMS: usize = 4096;

impl Challenge {
    /// Reads all challenges of all header lines; the first value of a parameter wins. Never fails: what is not
    /// a challenge is skipped, so that a malformed header only means that nothing is known.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut challenge = Challenge::default();
        for line in headers.get_all(WWW_AUTHENTICATE) {
            let text = String::from_utf8_lossy(line.as_bytes());
            for (name, value) in (Parameters { rest: &text }) {
                match name.to_ascii_lowercase().as_str() {
                    "error" => challenge.error = challenge.error.or(Some(value)),
                    "scope" => challenge.scope = challenge.scope.or(Some(value)),
                    "claims" => challenge.claims = challenge.claims.or(Some(value)),
                    _ => {}
                }
            }
        }
        if challenge.is("insufficient_claims") {
            challenge.claims.get_or_insert_default();
        }
        challenge
    }

    /// The claims as JSON text (Microsoft sends them in base64), when they are a JSON object.
    pub(crate) fn claims_json(&self) -> Option<String> {
        let sent = self.claims.as_deref()?.trim().trim_end_matches('=');
        let decode = |engine: &GeneralPurpose| {
            engine.decode(sent).ok().and_then(|bytes| String::from_utf8(bytes).ok())
        };
        let text = if sent.starts_with('{') {
            sent.to_owned()
        } else {
            decode(&STANDARD_NO_PAD).or_else(|| decode(&URL_SAFE_NO_PAD))?
        };
        let object = serde_json::from_str::<Value>(&text).is_ok_and(|claims| claims.is_object());
        (object && text.len() <= MAX_CLAIMS).then_some(text)
    }

    pub(crate) fn is(&self, error: &str) -> bool {
        self.error.as_deref() == Some(error)
    }
}

/// All `name=value` pairs of a line, quoted or not, wherever they stand.
struct Parameters<'a> {
    rest: &'a str,
}

impl Iterator for Parameters<'_> {
    type Item = (String, String);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let start = self.rest.find(|c: char| is_token(c) || c == '"')?;
            self.rest = &self.rest[start..];
            if self.rest.starts_with('"') {
                // A quoted string that belongs to no parameter (Facebook).
                self.quoted();
                continue;
            }
            let end = self.rest.find(|c: char| !is_token(c)).unwrap_or(self.rest.len());
            let (name, rest) = self.rest.split_at(end);
            self.rest = rest;
            let Some(value) = rest.trim_start().strip_prefix('=') else { continue };
            self.rest = value.trim_start();
            let value = if self.rest.starts_with('"') { self.quoted() } else { self.token() };
            return Some((name.to_owned(), value));
        }
    }
}

impl Parameters<'_> {
    /// Consumes a quoted string, backslash escapes undone; an unterminated one ends with the line.
    fn quoted(&mut self) -> String {
        let mut value = String::new();
        let mut chars = self.rest.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.rest = &self.rest[at + 1..];
                    return value;
                }
                '\\' => value.extend(chars.next().map(|(_, escaped)| escaped)),
                _ => value.push(c),
            }
        }
        self.rest = "";
        value
    }

    fn token(&mut self) -> String {
        let end = self.rest.find([',', ' ', '\t']).unwrap_or(self.rest.len());
        let (value, rest) = self.rest.split_at(end);
        self.rest = rest;
        value.to_owned()
    }
}

fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}
