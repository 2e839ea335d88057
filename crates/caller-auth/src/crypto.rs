//! The cryptographic backend: aws-lc-rs, or ring, whose interface is the same.

#[cfg(feature = "aws-lc-rs")]
pub(crate) use aws_lc_rs::{digest, hmac, signature};
#[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
pub(crate) use ring::{digest, hmac, signature};

#[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
compile_error!(
    "caller-auth checks signatures with aws-lc-rs or ring: turn on its feature `aws-lc-rs` (one of the default features) or `ring`"
);

/// A public RSA key as the backend verifies with it.
#[cfg(feature = "aws-lc-rs")]
pub(crate) struct RsaKey(signature::ParsedPublicKey);

#[cfg(feature = "aws-lc-rs")]
impl RsaKey {
    /// `None` for numbers that are no key.
    pub(crate) fn new(
        parameters: &'static signature::RsaParameters,
        modulus: &[u8],
        exponent: &[u8],
    ) -> Option<Self> {
        let components = signature::RsaPublicKeyComponents { n: modulus, e: exponent };
        components.to_parsed_public_key(parameters).ok().map(Self)
    }

    /// Whether `signature` over `message` was made with the other half of this key.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.0.verify_sig(message, signature).is_ok()
    }
}

/// A public RSA key as the backend verifies with it: ring takes it apart for each signature.
#[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
pub(crate) struct RsaKey {
    parameters: &'static signature::RsaParameters,
    components: signature::RsaPublicKeyComponents<Vec<u8>>,
}

#[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
impl RsaKey {
    /// Numbers that are no key verify nothing.
    pub(crate) fn new(
        parameters: &'static signature::RsaParameters,
        modulus: &[u8],
        exponent: &[u8],
    ) -> Option<Self> {
        let components = signature::RsaPublicKeyComponents { n: modulus.to_vec(), e: exponent.to_vec() };
        Some(Self { parameters, components })
    }

    /// Whether `signature` over `message` was made with the other half of this key.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.components.verify(self.parameters, message, signature).is_ok()
    }
}
