//! The typed clients against providers of the tests' own making.
#![cfg(all(feature = "client", feature = "facebook-proof"))]
#![expect(clippy::unwrap_used, reason = "assertions of tests")]

mod calls;
mod cases;
mod core;
mod facts;
mod github;
mod grants;
mod nulls;
mod oauth2;
mod pages;
mod raw;
mod refusals;
mod sandboxed;
mod server;
mod spans;
mod transport;

use idp_adapters::BearerToken;

pub(crate) const TOKEN: &str = "idp-token-Th4t-must-not-show";

pub(crate) fn token() -> BearerToken {
    BearerToken::new(TOKEN).unwrap()
}
