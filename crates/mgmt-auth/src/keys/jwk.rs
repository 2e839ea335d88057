//! Parsing a key set strictly: a key that is unusual in any way is dropped (threat J03).

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::Arc,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::Error;

/// More keys than any tenant has; the search for one must stay cheap.
const MAX_KEYS: usize = 50;
const MAX_ID: usize = 256;
const MIN_BITS: usize = 2048;
const MAX_BITS: usize = 8192;
const ALGORITHMS: [&str; 6] = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];

/// A public RSA key that may verify the tenant's signatures.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey {
    kid: String,
    algorithm: Option<String>,
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

impl SigningKey {
    /// Its id in the set.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The algorithm it is bound to, if the tenant states one.
    #[must_use]
    pub fn algorithm(&self) -> Option<&str> {
        self.algorithm.as_deref()
    }

    /// The modulus, big-endian, without zeros in front.
    #[must_use]
    pub fn modulus(&self) -> &[u8] {
        &self.modulus
    }

    /// The public exponent, big-endian, without zeros in front.
    #[must_use]
    pub fn exponent(&self) -> &[u8] {
        &self.exponent
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = bits(&self.modulus);
        f.debug_struct("SigningKey").field("kid", &self.kid).field("bits", &bits).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Set<'a> {
    #[serde(borrow)]
    keys: Vec<&'a RawValue>,
}

/// Duplicate members are an error of the parser, and so no key.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: String,
    #[serde(default, rename = "use")]
    usage: Option<String>,
    #[serde(default)]
    key_ops: Option<Vec<String>>,
    #[serde(default)]
    alg: Option<String>,
    n: String,
    e: String,
}

/// The id alone, also of a key that is useless otherwise: it still makes its twin ambiguous.
#[derive(Deserialize)]
struct Named {
    #[serde(default)]
    kid: Option<String>,
}

/// The usable keys by their ids.
pub(super) type Keys = HashMap<String, Arc<SigningKey>>;

/// Reads a key set; one without any usable key is an error.
pub(super) fn parse(body: &[u8]) -> Result<Keys, Error> {
    let Ok(set) = serde_json::from_slice::<Set<'_>>(body) else {
        return Err(Error::tenant(
            "the tenant's key set is no JSON key set; check the tenant's domain and base URL",
        ));
    };
    if set.keys.len() > MAX_KEYS {
        return Err(Error::tenant("the tenant's key set holds more than 50 keys"));
    }
    let (mut seen, mut twins) = (HashSet::new(), HashSet::new());
    for raw in &set.keys {
        if let Ok(Named { kid: Some(kid) }) = serde_json::from_str(raw.get())
            && !seen.insert(kid.clone())
        {
            twins.insert(kid);
        }
    }
    let usable = set.keys.iter().filter_map(|raw| serde_json::from_str::<Jwk>(raw.get()).ok()?.usable());
    let keys: Keys =
        usable.filter(|key| !twins.contains(&key.kid)).map(|key| (key.kid.clone(), Arc::new(key))).collect();
    if keys.len() < set.keys.len() {
        let count = set.keys.len() - keys.len();
        tracing::warn!(
            event = "signing_keys_unusable",
            count,
            "the tenant publishes keys that may not verify signatures"
        );
    }
    if keys.is_empty() {
        return Err(Error::tenant(
            "the tenant's key set holds no usable key (RSA, 2048 bits or more, for signing)",
        ));
    }
    Ok(keys)
}

impl Jwk {
    fn usable(self) -> Option<SigningKey> {
        let signs = self.usage.as_deref().is_none_or(|usage| usage == "sig")
            && self.key_ops.as_ref().is_none_or(|ops| ops.iter().any(|op| op == "verify"))
            && self.alg.as_deref().is_none_or(|alg| ALGORITHMS.contains(&alg));
        let named = (1..=MAX_ID).contains(&self.kid.len());
        let (modulus, exponent) = (integer(&self.n)?, integer(&self.e)?);
        let strong = (MIN_BITS..=MAX_BITS).contains(&bits(&modulus)) && is_odd(&modulus);
        // Above one and odd; beyond 33 bits no library takes it.
        let sound = is_odd(&exponent) && exponent != [1] && bits(&exponent) <= 33;
        let usable = self.kty == "RSA" && signs && named && strong && sound;
        let key = SigningKey { kid: self.kid, algorithm: self.alg, modulus, exponent };
        usable.then_some(key)
    }
}

/// An unsigned integer in base64url without padding, without zeros in front.
fn integer(text: &str) -> Option<Vec<u8>> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let first = bytes.iter().position(|byte| *byte != 0)?;
    Some(bytes.get(first..)?.to_vec())
}

fn bits(integer: &[u8]) -> usize {
    let leading = integer.first().map_or(0, |first| first.leading_zeros() as usize);
    integer.len() * 8 - leading
}

fn is_odd(integer: &[u8]) -> bool {
    integer.last().is_some_and(|last| last & 1 == 1)
}

#[cfg(test)]
mod tests;
