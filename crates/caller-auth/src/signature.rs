//! The one place where signatures are checked.

use crate::crypto::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};
use crate::jose;
use crate::keys::VerifyingKey;
use crate::roca::has_roca_fingerprint;
use crate::rules::Algorithm;

/// Bytes of a coordinate of P-256.
const COORDINATE: usize = 32;

/// Whether `signature` (base64url) over `signed` was made with the tenant's `key`.
pub(crate) fn by_tenant(algorithm: Algorithm, key: &VerifyingKey, signed: &str, signature: &str) -> bool {
    if key.algorithm().is_some_and(|bound| bound != algorithm.as_str()) {
        return false;
    }
    if has_roca_fingerprint(key.modulus()) {
        return false;
    }
    let parameters = match algorithm {
        Algorithm::Rs256 => &RSA_PKCS1_2048_8192_SHA256,
        Algorithm::Ps256 => &RSA_PSS_2048_8192_SHA256,
        // The tenant's keys are RSA keys.
        Algorithm::Es256 => return false,
    };
    let Some(signature) = jose::decode(signature) else { return false };
    let key = RsaPublicKeyComponents { n: key.modulus(), e: key.exponent() };
    key.verify(parameters, signed.as_bytes(), &signature).is_ok()
}

/// Whether `signature` was made with the P-256 key with these coordinates (base64url).
pub(crate) fn by_p256(x: &str, y: &str, signed: &str, signature: &str) -> bool {
    let [Some(x), Some(y), Some(signature)] = [x, y, signature].map(jose::decode) else { return false };
    // RFC 7518, section 6.2.1.2: both are as long as the curve's field.
    if x.len() != COORDINATE || y.len() != COORDINATE {
        return false;
    }
    // An uncompressed point (SEC 1, section 2.3.3).
    let point = [&[4], &x[..], &y[..]].concat();
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed.as_bytes(), &signature).is_ok()
}
