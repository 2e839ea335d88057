//! Tokens recognised by digest.

use std::fmt;

use token_keeper::BearerToken;
use user_store::Identity;

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

    /// Of an identity's token, which is made once for each record.
    pub(crate) fn of_identity(identity: &Identity) -> Option<Self> {
        identity.token_digest(sha256).map(Self)
    }

    /// An account while Auth0 holds this token of it, or none.
    pub(crate) fn of_account(key: &str, token: Option<Self>) -> Self {
        let token = token.map_or_else(String::new, |token| hex(&token.0));
        Self::of_text(&format!("{key}\0{token}"))
    }

    /// Its bits in words.
    pub(crate) fn words(self) -> [u64; 4] {
        let (words, _) = self.0.as_chunks::<8>();
        std::array::from_fn(|at| words.get(at).map_or(0, |word| u64::from_le_bytes(*word)))
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
