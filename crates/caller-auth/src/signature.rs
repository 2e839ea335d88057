//! The one place where signatures are checked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use crate::crypto::RsaKey;
use crate::crypto::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey,
};
use crate::jose;
use crate::keys::VerifyingKey;
use crate::roca::has_roca_fingerprint;
use crate::rules::Algorithm;

/// Bytes of a coordinate of P-256.
const COORDINATE: usize = 32;

/// More keys than a tenant uses at a time.
const PARSED: usize = 8;

/// The tenant's keys in the form that signatures are checked with, which is made once for each key and not for each token.
#[derive(Default)]
pub(crate) struct ParsedKeys(Mutex<VecDeque<Parsed>>);

struct Parsed {
    key: VerifyingKey,
    algorithm: Algorithm,
    /// `None` for a key that nothing is verified with.
    rsa: Option<Arc<RsaKey>>,
}

impl ParsedKeys {
    fn get(&self, key: &VerifyingKey, algorithm: Algorithm) -> Option<Arc<RsaKey>> {
        let mut parsed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = parsed.iter().find(|known| known.algorithm == algorithm && known.key == *key) {
            return known.rsa.clone();
        }
        let rsa = parse(key, algorithm).map(Arc::new);
        if parsed.len() == PARSED {
            parsed.pop_front();
        }
        parsed.push_back(Parsed { key: key.clone(), algorithm, rsa: rsa.clone() });
        rsa
    }
}

/// `None` for a key that is bound to another algorithm, or not safe.
fn parse(key: &VerifyingKey, algorithm: Algorithm) -> Option<RsaKey> {
    if key.algorithm().is_some_and(|bound| bound != algorithm.as_str()) || has_roca_fingerprint(key.modulus())
    {
        return None;
    }
    let parameters = match algorithm {
        Algorithm::Rs256 => &RSA_PKCS1_2048_8192_SHA256,
        Algorithm::Ps256 => &RSA_PSS_2048_8192_SHA256,
        // The tenant's keys are RSA keys.
        Algorithm::Es256 => return None,
    };
    RsaKey::new(parameters, key.modulus(), key.exponent())
}

/// Whether `signature` (base64url) over `signed` was made with the tenant's `key`.
pub(crate) fn by_tenant(
    keys: &ParsedKeys,
    (algorithm, key): (Algorithm, &VerifyingKey),
    signed: &str,
    signature: &str,
) -> bool {
    let (Some(key), Some(signature)) = (keys.get(key, algorithm), jose::decode(signature)) else {
        return false;
    };
    key.verifies(signed.as_bytes(), &signature)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_of_each_key_is_kept_and_only_so_many_are() {
        let keys = ParsedKeys::default();
        let key =
            |number: u8| VerifyingKey::new(None, &[&[0xC5, number][..], &[7; 254]].concat(), &[1, 0, 1]);
        let first = keys.get(&key(0), Algorithm::Rs256).unwrap();
        assert!(Arc::ptr_eq(&first, &keys.get(&key(0), Algorithm::Rs256).unwrap()));
        assert!(!Arc::ptr_eq(&first, &keys.get(&key(0), Algorithm::Ps256).unwrap()));
        for number in 0..100 {
            assert!(keys.get(&key(number), Algorithm::Rs256).is_some());
        }
        assert_eq!(keys.0.lock().unwrap().len(), PARSED);
    }
}
