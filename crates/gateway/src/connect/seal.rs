//! Sealing with the store's keys: what this gateway wrote, a browser may carry, and only this gateway reads it again.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use token_broker::GrantStore;

use crate::sealed;

/// Longest sealed text: what Auth0's My Account API takes as `state`.
pub(super) const LONGEST: usize = 4096;

/// Seals for one tenant.
pub(super) struct Sealer {
    store: Arc<dyn GrantStore>,
    tenant: String,
}

/// What a sealed text is. One kind never opens as another.
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose {
    /// A link's ticket.
    Ticket,
    /// `state` of a redirect.
    State,
    /// The session of the My Account API.
    Session,
}

impl Sealer {
    pub(super) fn new(store: Arc<dyn GrantStore>, tenant: &str) -> Self {
        Self { store, tenant: tenant.to_owned() }
    }

    fn place(&self, purpose: Purpose) -> String {
        format!("connect {purpose:?}\0{}", self.tenant)
    }

    /// Seals a value. `None` where the system gives no randomness, or the text would be longer than [`LONGEST`].
    pub(super) fn seal(&self, purpose: Purpose, value: &impl Serialize) -> Option<String> {
        let text = sealed::seal(self.store.keys(), self.place(purpose).as_bytes(), value);
        text.filter(|text| text.len() <= LONGEST)
    }

    /// Opens what was sealed for this purpose with one of the store's keys.
    pub(super) fn open<T: DeserializeOwned>(&self, purpose: Purpose, text: &str) -> Option<T> {
        if text.len() > LONGEST {
            return None;
        }
        sealed::open(self.store.keys(), self.place(purpose).as_bytes(), text)
    }
}

/// 256 random bits as text. `None` where the system gives no randomness.
pub(super) fn random() -> Option<String> {
    let mut bits = [0_u8; 32];
    getrandom::fill(&mut bits).ok()?;
    Some(URL_SAFE_NO_PAD.encode(bits))
}

/// SHA-256 of `parts`, each ended by a zero byte that none of them holds.
pub(super) fn digest(parts: &[&str]) -> [u8; 32] {
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    for part in parts {
        context.update(part.as_bytes());
        context.update(&[0]);
    }
    let mut bytes = [0; 32];
    bytes.copy_from_slice(context.finish().as_ref());
    bytes
}

/// The same as text.
pub(super) fn digest_text(parts: &[&str]) -> String {
    URL_SAFE_NO_PAD.encode(digest(parts))
}

/// The challenge of a PKCE verifier (RFC 7636, `S256`).
pub(super) fn challenge(verifier: &str) -> String {
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, verifier.as_bytes());
    URL_SAFE_NO_PAD.encode(hash.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;
    use token_broker::MemoryStore;

    #[test]
    fn tm_h01_a_sealed_text_opens_for_its_purpose_and_tenant_alone() {
        let store: Arc<dyn GrantStore> = Arc::new(MemoryStore::new().unwrap());
        let sealer = Sealer::new(Arc::clone(&store), "acme.test");
        let text = sealer.seal(Purpose::Ticket, &"value").unwrap();
        assert_eq!(sealer.open::<String>(Purpose::Ticket, &text).as_deref(), Some("value"));
        for purpose in [Purpose::State, Purpose::Session] {
            assert_eq!(sealer.open::<String>(purpose, &text), None);
        }
        assert_eq!(Sealer::new(store, "other.test").open::<String>(Purpose::Ticket, &text), None);
        let another: Arc<dyn GrantStore> = Arc::new(MemoryStore::new().unwrap());
        assert_eq!(Sealer::new(another, "acme.test").open::<String>(Purpose::Ticket, &text), None);
        for at in 0..text.len() {
            let mut forged = text.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).unwrap();
            // The last character holds bits that are not used: those must be zero.
            assert_eq!(sealer.open::<String>(Purpose::Ticket, &forged), None, "{at}");
        }
    }

    #[test]
    fn too_long_a_value_is_not_sealed() {
        let sealer = Sealer::new(Arc::new(MemoryStore::new().unwrap()), "acme.test");
        assert!(sealer.seal(Purpose::State, &"x".repeat(2_900)).is_some());
        assert!(sealer.seal(Purpose::State, &"x".repeat(4_000)).is_none());
        assert_eq!(sealer.open::<String>(Purpose::State, &"A".repeat(100_000)), None);
    }

    #[test]
    fn the_challenge_is_the_one_of_the_rfc() {
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(challenge(verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}
