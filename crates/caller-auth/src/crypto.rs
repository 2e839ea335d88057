//! The cryptographic backend: aws-lc-rs, or ring, whose interface is the same.

#[cfg(feature = "aws-lc-rs")]
pub(crate) use aws_lc_rs::{digest, hmac, signature};
#[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
pub(crate) use ring::{digest, hmac, signature};

#[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
compile_error!(
    "caller-auth checks signatures with aws-lc-rs or ring: turn on its feature `aws-lc-rs` (one of the default features) or `ring`"
);
