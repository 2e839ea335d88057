//! The cryptographic backend: aws-lc-rs, or ring, whose interface is the same.

#[cfg(feature = "aws-lc-rs")]
use aws_lc_rs::digest;
#[cfg(feature = "aws-lc-rs")]
pub(crate) use aws_lc_rs::{aead, hkdf, hmac};
#[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
use ring::digest;
#[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
pub(crate) use ring::{aead, hkdf, hmac};

#[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
compile_error!(
    "token-broker seals records with aws-lc-rs or ring: turn on its feature `aws-lc-rs` (one of the default features) or `ring`"
);

/// SHA-256.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    hash
}

/// The TLS of the stores: the provider that the process has installed, else this crate's backend.
#[cfg(any(feature = "postgres", feature = "redis"))]
pub(crate) fn tls_provider() -> std::sync::Arc<rustls::crypto::CryptoProvider> {
    #[cfg(feature = "aws-lc-rs")]
    use rustls::crypto::aws_lc_rs as backend;
    #[cfg(not(feature = "aws-lc-rs"))]
    use rustls::crypto::ring as backend;

    rustls::crypto::CryptoProvider::get_default()
        .map_or_else(|| std::sync::Arc::new(backend::default_provider()), std::sync::Arc::clone)
}

/// Makes it the provider of the process, unless one is installed. The Redis client uses the installed one. Without one it would
/// panic if rustls was built with both backends.
#[cfg(feature = "redis")]
pub(crate) fn install_tls_provider() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Another thread may have been first.
        let _ = std::sync::Arc::unwrap_or_clone(tls_provider()).install_default();
    }
}
