//! The one place where signatures are checked, and where `jsonwebtoken` is used.

use jsonwebtoken::{Algorithm as Jwa, DecodingKey, crypto};

use crate::keys::VerifyingKey;
use crate::roca::has_roca_fingerprint;
use crate::rules::Algorithm;

/// Whether `signature` (base64url) over `signed` was made with the tenant's `key`.
pub(crate) fn by_tenant(algorithm: Algorithm, key: &VerifyingKey, signed: &str, signature: &str) -> bool {
    if key.algorithm().is_some_and(|bound| bound != algorithm.as_str()) {
        return false;
    }
    if has_roca_fingerprint(key.modulus()) {
        return false;
    }
    let jwa = match algorithm {
        Algorithm::Rs256 => Jwa::RS256,
        Algorithm::Ps256 => Jwa::PS256,
        // The tenant's keys are RSA keys.
        Algorithm::Es256 => return false,
    };
    let key = DecodingKey::from_rsa_raw_components(key.modulus(), key.exponent());
    check(jwa, &key, signed, signature)
}

/// Whether `signature` was made with the P-256 key with these coordinates (base64url).
pub(crate) fn by_p256(x: &str, y: &str, signed: &str, signature: &str) -> bool {
    DecodingKey::from_ec_components(x, y).is_ok_and(|key| check(Jwa::ES256, &key, signed, signature))
}

fn check(algorithm: Jwa, key: &DecodingKey, signed: &str, signature: &str) -> bool {
    crypto::verify(signature, signed.as_bytes(), key, algorithm).unwrap_or(false)
}
