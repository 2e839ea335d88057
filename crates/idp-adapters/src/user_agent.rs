//! How this crate names itself to providers.

/// The `User-Agent` of a forwarded call where the provider demands one and the caller sent none (RFC 9110, section 10.1.5).
pub(crate) const USER_AGENT: &str = concat!("idp-gateway/", env!("CARGO_PKG_VERSION"));

/// The `User-Agent` of the typed clients unless told otherwise.
#[cfg(feature = "client")]
pub(crate) const CLIENT: &str = concat!("idp-adapters/", env!("CARGO_PKG_VERSION"));
