//! Client assertions for `private_key_jwt` (RFC 7523; facts section 1.2).

mod key;

pub use key::check_private_key;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::SecretString;
use serde::Serialize;

use crate::{
    Error,
    crypto::{rand::SystemRandom, signature, signature_len},
};

/// `client_assertion_type`.
pub(crate) const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Auth0 accepts five minutes at most; two allow for a clock that is a minute slow.
const LIFETIME: Duration = Duration::from_secs(120);
/// Auth0's limits: the whole assertion, and each of `iss`, `sub` and `jti`.
const MAX_LENGTH: usize = 2048;
const MAX_ID: usize = 64;

/// The signature of a client assertion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AssertionAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    #[default]
    RS256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    RS384,
    /// RSASSA-PSS with SHA-256.
    PS256,
}

impl AssertionAlgorithm {
    const fn name(self) -> &'static str {
        match self {
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::PS256 => "PS256",
        }
    }

    fn encoding(self) -> &'static dyn signature::RsaEncoding {
        match self {
            Self::RS256 => &signature::RSA_PKCS1_SHA256,
            Self::RS384 => &signature::RSA_PKCS1_SHA384,
            Self::PS256 => &signature::RSA_PSS_SHA256,
        }
    }
}

/// The contents of an assertion.
pub(crate) struct Subject<'a> {
    pub(crate) client_id: &'a str,
    /// `https://{domain}/`, with the slash.
    pub(crate) audience: &'a str,
    pub(crate) key_id: Option<&'a str>,
    pub(crate) algorithm: AssertionAlgorithm,
}

#[derive(Serialize)]
struct Header<'a> {
    typ: &'static str,
    alg: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'a str>,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    iat: u64,
    exp: u64,
    jti: String,
}

impl Subject<'_> {
    /// A new assertion; each is good for one request.
    pub(crate) fn sign(&self, pem: &SecretString, now: SystemTime) -> Result<SecretString, Error> {
        if self.client_id.is_empty() || self.client_id.len() > MAX_ID {
            return Err(Error::operator("the client id of a signed assertion must have 1 to 64 characters"));
        }
        let key = key::parse(pem)?;
        let header = Header { typ: "JWT", alg: self.algorithm.name(), kid: self.key_id };
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let claims = Claims {
            iss: self.client_id,
            sub: self.client_id,
            aud: self.audience,
            iat: now.as_secs(),
            exp: (now + LIFETIME).as_secs(),
            jti: random_id()?,
        };
        let mut signed = format!("{}.{}", encode(&header)?, encode(&claims)?);
        let mut signature = vec![0; signature_len(&key)];
        key.sign(self.algorithm.encoding(), &SystemRandom::new(), signed.as_bytes(), &mut signature)
            .map_err(|error| Error::operator("the private key cannot sign").caused_by(error))?;
        signed.push('.');
        URL_SAFE_NO_PAD.encode_string(&signature, &mut signed);
        if signed.len() > MAX_LENGTH {
            return Err(Error::operator(
                "the signed assertion exceeds Auth0's 2048 bytes; use a smaller key or key id",
            ));
        }
        Ok(signed.into())
    }
}

/// A part of the signed text: JSON in base64url.
fn encode(part: &impl Serialize) -> Result<String, Error> {
    let json = serde_json::to_vec(part)
        .map_err(|error| Error::operator("the client assertion cannot be written").caused_by(error))?;
    Ok(URL_SAFE_NO_PAD.encode(json))
}

/// 128 random bits as text.
fn random_id() -> Result<String, Error> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::operator("the system's random numbers cannot be read").caused_by(error))?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}
