//! Test keys. RSA keys are generated once a process, because that takes long in debug builds: every
//! sandbox of a test binary signs with the same ones, which is fine for a double on loopback.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{
    self, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RsaEncoding, RsaParameters,
    UnparsedPublicKey,
};
use serde_json::{Value, json};

use crate::json::merge;
use crate::text;

/// The crypto library refused to make or use a key.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the crypto library refused to make or use a test key")]
pub struct KeyError;

/// An RSA key for tests, with its private half.
pub struct RsaKey {
    kid: String,
    pair: KeyPair,
    pkcs8: Vec<u8>,
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

impl fmt::Debug for RsaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RsaKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

/// Keys by position; the tenant starts with 0 (current) and 1 (next) and rotates to those above `SPARE`.
pub(crate) const CLIENT: usize = 2;
pub(crate) const FOREIGN: usize = 3;
pub(crate) const SPARE: usize = 4;

impl RsaKey {
    /// A new key of `bits` (2048, 3072, 4096 or 8192).
    ///
    /// # Errors
    /// When the crypto library refuses.
    pub fn generate(bits: u32) -> Result<Self, KeyError> {
        let size = match bits {
            3072 => KeySize::Rsa3072,
            4096 => KeySize::Rsa4096,
            8192 => KeySize::Rsa8192,
            _ => KeySize::Rsa2048,
        };
        let pair = KeyPair::generate(size).map_err(|_| KeyError)?;
        let pkcs8 = pair.as_der().map_err(|_| KeyError)?.as_ref().to_vec();
        let (modulus, exponent) = public_numbers(pair.public_key().as_ref()).ok_or(KeyError)?;
        // RFC 7638: a stable name that follows from the key.
        let canonical = format!(
            r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#,
            text::base64url(&exponent),
            text::base64url(&modulus)
        );
        let mut kid = text::base64url(text::sha256(canonical.as_bytes()));
        kid.truncate(21);
        Ok(Self { kid, pair, pkcs8, modulus, exponent })
    }

    pub(crate) fn pooled(index: usize) -> Result<Arc<Self>, KeyError> {
        static POOL: Mutex<Vec<Arc<RsaKey>>> = Mutex::new(Vec::new());
        let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
        while pool.len() <= index {
            pool.push(Arc::new(Self::generate(2048)?));
        }
        pool.get(index).cloned().ok_or(KeyError)
    }

    /// The key's id.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The private key as PKCS#8 PEM.
    #[must_use]
    pub fn private_pem(&self) -> String {
        pem("PRIVATE KEY", &self.pkcs8)
    }

    /// The public key as PKCS#1 PEM: what an "HS256 with the public key" forgery takes for its secret.
    #[must_use]
    pub fn public_pem(&self) -> String {
        pem("RSA PUBLIC KEY", self.pair.public_key().as_ref())
    }

    /// The public key as a JSON Web Key; `alg` is left out by tenants that are set so.
    #[must_use]
    pub fn jwk(&self, algorithm: Option<&str>) -> Value {
        let mut jwk = json!({
            "kty": "RSA", "use": "sig", "kid": self.kid,
            "n": text::base64url(&self.modulus), "e": text::base64url(&self.exponent),
        });
        if let (Some(algorithm), Some(members)) = (algorithm, jwk.as_object_mut()) {
            members.insert("alg".to_owned(), algorithm.into());
        }
        jwk
    }

    pub(crate) fn sign(&self, algorithm: &str, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let scheme: &'static dyn RsaEncoding = match algorithm {
            "RS384" => &signature::RSA_PKCS1_SHA384,
            "RS512" => &signature::RSA_PKCS1_SHA512,
            "PS256" => &signature::RSA_PSS_SHA256,
            "PS384" => &signature::RSA_PSS_SHA384,
            "PS512" => &signature::RSA_PSS_SHA512,
            _ => &signature::RSA_PKCS1_SHA256,
        };
        let mut signed = vec![0; self.pair.public_modulus_len()];
        self.pair.sign(scheme, &SystemRandom::new(), message, &mut signed).map_err(|_| KeyError)?;
        Ok(signed)
    }

    pub(crate) fn verify(&self, algorithm: &str, message: &[u8], signed: &[u8]) -> bool {
        let scheme: &'static RsaParameters = match algorithm {
            "RS256" => &signature::RSA_PKCS1_2048_8192_SHA256,
            "RS384" => &signature::RSA_PKCS1_2048_8192_SHA384,
            "PS256" => &signature::RSA_PSS_2048_8192_SHA256,
            _ => return false,
        };
        UnparsedPublicKey::new(scheme, self.pair.public_key().as_ref()).verify(message, signed).is_ok()
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let encoded = text::base64(der);
    let mut out = format!("-----BEGIN {label}-----\n");
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, tail) = rest.split_at(rest.len().min(64));
        out.push_str(line);
        out.push('\n');
        rest = tail;
    }
    out.push_str(&format!("-----END {label}-----\n"));
    out
}

/// Modulus and exponent of a PKCS#1 `RSAPublicKey`: a DER sequence of two integers.
fn public_numbers(der: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (sequence, _) = der_value(der, 0x30)?;
    let (modulus, rest) = der_value(sequence, 0x02)?;
    let (exponent, _) = der_value(rest, 0x02)?;
    let unsigned = |number: &[u8]| number.iter().copied().skip_while(|byte| *byte == 0).collect::<Vec<u8>>();
    Some((unsigned(modulus), unsigned(exponent)))
}

fn der_value(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        (bytes.iter().fold(0_usize, |length, byte| length << 8 | usize::from(*byte)), rest)
    };
    (found == tag).then_some(())?;
    rest.split_at_checked(length)
}

/// The RFC 7638 thumbprint of a P-256 key.
pub(crate) fn thumbprint(jwk: &Value) -> String {
    let part = |name: &str| jwk.get(name).and_then(Value::as_str).unwrap_or_default();
    let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#, part("x"), part("y"));
    text::base64url(text::sha256(canonical.as_bytes()))
}

/// Whether a P-256 key made this ES256 signature.
pub(crate) fn verify_es256(jwk: &Value, message: &[u8], signed: &[u8]) -> bool {
    let part = |name: &str| jwk.get(name).and_then(Value::as_str).and_then(text::from_base64url);
    let (Some(x), Some(y)) = (part("x"), part("y")) else { return false };
    let mut point = vec![4];
    point.extend(x);
    point.extend(y);
    UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point).verify(message, signed).is_ok()
}

/// A key pair of a caller that uses DPoP (RFC 9449): ES256 on P-256.
pub struct DpopKey {
    pair: EcdsaKeyPair,
}

impl fmt::Debug for DpopKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DpopKey")
    }
}

impl DpopKey {
    /// A new key.
    ///
    /// # Errors
    /// When the crypto library refuses.
    pub fn generate() -> Result<Self, KeyError> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|_| KeyError)?;
        Ok(Self { pair })
    }

    fn coordinates(&self) -> (String, String) {
        let point = self.pair.public_key().as_ref();
        let x = point.get(1..33).unwrap_or_default();
        let y = point.get(33..65).unwrap_or_default();
        (text::base64url(x), text::base64url(y))
    }

    /// The public half as a JSON Web Key.
    #[must_use]
    pub fn jwk(&self) -> Value {
        let (x, y) = self.coordinates();
        json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y })
    }

    /// The RFC 7638 thumbprint: `cnf.jkt` of the tokens bound to this key.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        thumbprint(&self.jwk())
    }

    /// A proof for one request; change members through `with` before it is signed (a `null` removes).
    ///
    /// # Errors
    /// When the crypto library refuses.
    pub fn proof(
        &self,
        method: &str,
        url: &str,
        access_token: Option<&str>,
        with: Value,
    ) -> Result<String, KeyError> {
        let header = json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk() });
        let mut claims = json!({
            "jti": text::random(text::URL64, 24), "htm": method, "htu": url, "iat": text::epoch(),
        });
        if let Some(token) = access_token {
            merge(&mut claims, json!({ "ath": text::base64url(text::sha256(token.as_bytes())) }));
        }
        merge(&mut claims, with);
        self.sign(&header, &claims)
    }

    /// Signs any header and claims: for proofs that are wrong in other ways.
    ///
    /// # Errors
    /// When the crypto library refuses.
    pub fn sign(&self, header: &Value, claims: &Value) -> Result<String, KeyError> {
        let message =
            format!("{}.{}", text::base64url(header.to_string()), text::base64url(claims.to_string()));
        let signed = self.pair.sign(&SystemRandom::new(), message.as_bytes()).map_err(|_| KeyError)?;
        Ok(format!("{message}.{}", text::base64url(signed.as_ref())))
    }
}
