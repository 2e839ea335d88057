//! Keys, tokens and requests to verify.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{self, EcdsaKeyPair, KeyPair as _, RsaEncoding};
use http::request::Parts;
use serde_json::{Value, json};

use crate::keys::Finding;
use crate::{KeySource, KeysUnavailable, Refusal, Rules, Schemes, Verified, Verifier, VerifyingKey, jose};

pub(super) const NOW: i64 = 1_800_000_000;
pub(super) const ISSUER: &str = "https://acme.eu.auth0.com/";
pub(super) const AUDIENCE: &str = "https://api.acme.com";
pub(super) const USER: &str = "google-oauth2|108251222085688410292";

pub(super) fn at(seconds: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds.unsigned_abs())
}

/// Two keys for all tests: the tenant's, and one that nobody knows.
pub(super) static TENANT: LazyLock<KeyPair> = LazyLock::new(|| KeyPair::generate(KeySize::Rsa2048).unwrap());
pub(super) static FOREIGN: LazyLock<KeyPair> = LazyLock::new(|| KeyPair::generate(KeySize::Rsa2048).unwrap());

pub(super) fn public(pair: &KeyPair, algorithm: Option<&str>) -> VerifyingKey {
    let key = pair.public_key();
    let modulus = key.modulus().big_endian_without_leading_zero();
    let exponent = key.exponent().big_endian_without_leading_zero();
    VerifyingKey::new(algorithm, modulus, exponent)
}

pub(super) fn rsa(pair: &KeyPair, algorithm: &str, message: &str) -> String {
    let scheme: &'static dyn RsaEncoding =
        if algorithm == "PS256" { &signature::RSA_PSS_SHA256 } else { &signature::RSA_PKCS1_SHA256 };
    let mut signed = vec![0; pair.public_modulus_len()];
    pair.sign(scheme, &SystemRandom::new(), message.as_bytes(), &mut signed).unwrap();
    jose::encode(&signed)
}

/// A key set in memory that counts how often it is asked.
#[derive(Default)]
pub(super) struct Keys {
    pub(super) known: Mutex<HashMap<String, VerifyingKey>>,
    pub(super) asked: AtomicUsize,
    pub(super) generation: AtomicU64,
    pub(super) down: Mutex<Option<KeysUnavailable>>,
}

impl Keys {
    pub(super) fn tenant() -> Arc<Self> {
        let keys = Self::default();
        keys.known.lock().unwrap().insert("k1".into(), public(&TENANT, Some("RS256")));
        keys.known.lock().unwrap().insert("any".into(), public(&TENANT, None));
        Arc::new(keys)
    }

    pub(super) fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

impl KeySource for Keys {
    fn find<'a>(&'a self, kid: &'a str) -> Finding<'a> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let answer = match self.down.lock().unwrap().clone() {
            Some(error) => Err(error),
            None => Ok(self.known.lock().unwrap().get(kid).cloned()),
        };
        Box::pin(std::future::ready(answer))
    }

    fn generation(&self) -> u64 {
        self.generation.load(Ordering::Relaxed)
    }
}

pub(super) fn rules() -> Rules {
    Rules::new(AUDIENCE, ISSUER)
}

/// Lays the members of `with` over `base`; `null` removes.
pub(super) fn merge(mut base: Value, with: Value) -> Value {
    for (name, value) in with.as_object().unwrap() {
        if value.is_null() {
            base.as_object_mut().unwrap().remove(name);
        } else {
            base[name] = value.clone();
        }
    }
    base
}

pub(super) fn head(with: Value) -> Value {
    merge(json!({ "alg": "RS256", "typ": "JWT", "kid": "k1" }), with)
}

pub(super) fn claims(with: Value) -> Value {
    let base = json!({
        "iss": ISSUER, "sub": USER, "aud": [AUDIENCE, "https://acme.eu.auth0.com/userinfo"], "iat": NOW - 10, "exp": NOW + 3600,
        "azp": "spa", "scope": "openid github:read", "permissions": ["github:write"],
    });
    merge(base, with)
}

/// A token with these very bytes for head and claims, signed with the tenant's key.
pub(super) fn raw(head: &str, claims: &str, algorithm: &str) -> String {
    let signed = format!("{}.{}", jose::encode(head.as_bytes()), jose::encode(claims.as_bytes()));
    let signature = rsa(&TENANT, algorithm, &signed);
    format!("{signed}.{signature}")
}

/// A good token, but for what is laid over its head and claims.
pub(super) fn token(over_head: Value, over_claims: Value) -> String {
    let head = head(over_head);
    raw(&head.to_string(), &claims(over_claims).to_string(), head["alg"].as_str().unwrap_or("RS256"))
}

pub(super) fn parts(headers: &[(&str, &str)]) -> Parts {
    let mut request = http::Request::get("/proxy/github/user?page=2").header("host", "idp.acme.com");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

pub(super) fn bearer(token: &str) -> Parts {
    parts(&[("authorization", &format!("Bearer {token}"))])
}

pub(super) async fn verify(rules: Rules, token: &str) -> Result<Verified, Refusal> {
    Verifier::with_rules(rules, Keys::tenant()).verify(&bearer(token), Schemes::Standard, at(NOW)).await
}

/// The caller's key for proofs of possession.
pub(super) struct DpopKey(EcdsaKeyPair);

impl DpopKey {
    pub(super) fn new() -> Self {
        Self(EcdsaKeyPair::generate(&signature::ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    pub(super) fn jwk(&self) -> Value {
        let point = self.0.public_key().as_ref();
        json!({ "kty": "EC", "crv": "P-256", "x": jose::encode(&point[1..33]), "y": jose::encode(&point[33..]) })
    }

    pub(super) fn thumbprint(&self) -> String {
        let jwk = self.jwk();
        let text = format!(r#"{{"crv":"P-256","kty":"EC","x":{},"y":{}}}"#, jwk["x"], jwk["y"]);
        jose::encode(&crate::cache::sha256(text.as_bytes()))
    }

    pub(super) fn proof(&self, head: Value, claims: Value) -> String {
        let head = merge(json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk() }), head);
        let signed = format!(
            "{}.{}",
            jose::encode(head.to_string().as_bytes()),
            jose::encode(claims.to_string().as_bytes())
        );
        let signature = self.0.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", jose::encode(signature.as_ref()))
    }
}
