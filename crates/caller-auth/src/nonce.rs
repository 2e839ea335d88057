//! Nonces for DPoP proofs (RFC 9449 section 9): made from a key and the time, so that nothing has to be remembered.

use http::header::HeaderValue;

use crate::{crypto::hmac, jose};

/// Seconds for which new nonces stay the same. One is accepted in its own period and in the next.
const PERIOD: i64 = 150;

/// Makes and checks nonces.
pub(crate) struct Nonces(hmac::Key);

impl Nonces {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// The nonce to use from now on.
    pub(crate) fn current(&self, now: i64) -> HeaderValue {
        // base64url is always a header value.
        HeaderValue::from_str(&self.at(now.div_euclid(PERIOD))).unwrap_or(HeaderValue::from_static("0"))
    }

    /// `None`: not one of ours, or too old. `Some(true)`: still the newest; `Some(false)`: good for the last time.
    pub(crate) fn check(&self, nonce: &str, now: i64) -> Option<bool> {
        let period = now.div_euclid(PERIOD);
        if nonce == self.at(period) {
            Some(true)
        } else if nonce == self.at(period - 1) {
            Some(false)
        } else {
            None
        }
    }

    fn at(&self, period: i64) -> String {
        let tag = hmac::sign(&self.0, &[&b"dpop-nonce"[..], &period.to_be_bytes()].concat());
        jose::encode(&tag.as_ref()[..18])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with Python's `hmac`: replicas with different backends accept each other's nonces.
    #[test]
    fn every_backend_makes_the_same_nonce() {
        let nonces = Nonces::new(&[7; 32]);
        assert_eq!(nonces.current(1_800_000_000), "PtvR6JsB-_1_KQxdNJbCB6mB");
    }
}
