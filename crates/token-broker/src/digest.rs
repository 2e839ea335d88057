//! Tokens recognised by digest.

use std::fmt;

use token_keeper::BearerToken;

use crate::{crypto::sha256, store::hex};

/// A SHA-256 digest: recognises a token without keeping it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Digest([u8; 32]);

impl Digest {
    pub(crate) fn of(token: &BearerToken) -> Self {
        Self::of_text(token.expose())
    }

    pub(crate) fn of_text(text: &str) -> Self {
        Self(sha256(text.as_bytes()))
    }

    /// An account while Auth0 holds this token of it, or none.
    pub(crate) fn of_account(key: &str, token: Option<Self>) -> Self {
        let token = token.map_or_else(String::new, |token| hex(&token.0));
        Self::of_text(&format!("{key}\0{token}"))
    }

    pub(crate) fn to_bytes(self) -> [u8; 32] {
        self.0
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(***)")
    }
}
