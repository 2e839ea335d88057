//! Compact JSON Web Signatures (RFC 7515), read strictly.
//!
//! Nothing here trusts a token: `jwk`, `jku`, `x5u` and `x5c` of its head are never looked at (a DPoP proof's `jwk` is, by
//! the one module that must), and whatever would change the meaning of the rest (`crit`, `b64`, `zip`) is refused.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::json::{self, Object};

/// Longest proof of possession.
pub(crate) const MAX_PROOF: usize = 8 * 1024;
/// Longest key id.
const MAX_KID: usize = 256;

/// Why something is not a compact signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// An opaque token: no JWT at all, or one that only Auth0 itself can decrypt.
    Opaque,
    /// Longer than accepted.
    TooLong,
    /// Five parts: an encrypted token.
    Encrypted,
    /// Anything else; the word is for the log.
    Unclean(&'static str),
}

/// A token taken apart. Nothing has been checked but its form.
#[derive(Debug)]
pub(crate) struct Compact<'a> {
    pub(crate) head: Object,
    pub(crate) claims: Object,
    /// What the signature is made over.
    pub(crate) signed: &'a str,
    /// Valid base64url.
    pub(crate) signature: &'a str,
}

/// Takes `token` apart.
pub(crate) fn parse(token: &str, longest: usize) -> Result<Compact<'_>, Malformed> {
    if token.len() > longest {
        return Err(Malformed::TooLong);
    }
    // A sixth part is as good as any more: nothing has that many.
    let parts: Vec<&str> = token.splitn(6, '.').collect();
    let [head, claims, signature] = parts[..] else {
        return Err(match parts.len() {
            1 => Malformed::Opaque,
            // Without an audience Auth0 encrypts the token for itself, with a key that both sides have: no key part.
            5 if matches!(parts[..], [head, "", ..] if is_direct(head)) => Malformed::Opaque,
            5 => Malformed::Encrypted,
            _ => Malformed::Unclean("number of parts"),
        });
    };
    let signed = &token[..head.len() + 1 + claims.len()];
    if decode(signature).is_none_or(|signature| signature.is_empty()) {
        return Err(Malformed::Unclean("signature is not base64url"));
    }
    let head = decode(head).as_deref().and_then(json::object).ok_or(Malformed::Unclean("head"))?;
    if ["crit", "b64", "zip"].iter().any(|name| head.contains_key(*name)) {
        return Err(Malformed::Unclean("head has crit, b64 or zip"));
    }
    let claims = decode(claims).as_deref().and_then(json::object).ok_or(Malformed::Unclean("claims"))?;
    Ok(Compact { head, claims, signed, signature })
}

/// Whether a head says that the content is encrypted with a shared key (RFC 7518 section 4.5).
fn is_direct(head: &str) -> bool {
    let head = decode(head).as_deref().and_then(json::object);
    head.is_some_and(|head| head.get("alg").and_then(json::Json::as_text) == Some("dir"))
}

impl Compact<'_> {
    pub(crate) fn algorithm(&self) -> Option<&str> {
        self.head.get("alg")?.as_text()
    }

    /// The media type, without `application/`; `Err` if it is there but no text.
    pub(crate) fn typ(&self) -> Result<Option<&str>, Malformed> {
        match self.head.get("typ") {
            None => Ok(None),
            Some(typ) => typ.as_text().map(Some).ok_or(Malformed::Unclean("typ is not a text")),
        }
    }

    /// The key id: an opaque text of sensible length.
    pub(crate) fn kid(&self) -> Option<&str> {
        self.head.get("kid")?.as_text().filter(|kid| (1..=MAX_KID).contains(&kid.len()))
    }

    pub(crate) fn text(&self, claim: &str) -> Option<&str> {
        self.claims.get(claim)?.as_text()
    }
}

/// Base64url without padding, without white space, and with zero bits where bits are left over.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// The same the other way.
pub(crate) fn encode(data: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(data)
}
