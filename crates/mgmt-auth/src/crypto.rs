//! The cryptographic backend: aws-lc-rs, or ring, whose interface is the same.

#[cfg(feature = "aws-lc-rs")]
pub(crate) use aws_lc_rs::{error::KeyRejected, rand, signature};
#[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
pub(crate) use ring::{error::KeyRejected, rand, signature};

/// Bytes of a signature that `key` makes.
pub(crate) fn signature_len(key: &signature::RsaKeyPair) -> usize {
    #[cfg(feature = "aws-lc-rs")]
    return key.public_modulus_len();
    #[cfg(not(feature = "aws-lc-rs"))]
    return key.public().modulus_len();
}
