//! An Auth0-compatible tenant and the APIs of its identity providers on loopback, with faults on demand.
//!
//! It is the test double of every integration test and the engine of `gateway demo`. It depends on none of
//! the gateway's crates and is written from the wire facts alone, so that one misreading cannot hide on
//! both sides of a test.
//!
//! ```
//! use sandbox::{ProviderKind, Sandbox, Server};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let sandbox = Sandbox::builder().start().await?;
//! let ben = "google-oauth2|100000000000000000002";
//! let idp_token = sandbox.world().access_token(ben, "github").ok_or("no token")?;
//! let answer = reqwest::Client::builder().user_agent("example").build()?
//!     .get(sandbox.provider_url(ProviderKind::GitHub).join("user/repos?per_page=3")?)
//!     .bearer_auth(idp_token)
//!     .send().await?;
//! assert_eq!(answer.status(), 200);
//! assert!(answer.headers().contains_key("link"));
//! assert_eq!(sandbox.journal().count_of(Server::GitHub, "/user/repos"), 1);
//! # Ok(())
//! # }
//! ```
//!
//! # What there is
//!
//! - [`Sandbox`]: addresses, credentials, tokens; the servers stop when it is dropped.
//! - [`World`], [`User`], [`Identity`], [`Client`]: what it starts with; [`LiveWorld`] changes it later.
//! - [`TokenMint`]: caller tokens of every kind, good and forged; [`DpopKey`] for bound ones.
//! - [`Journal`]: every request any server saw, and how its answer ended.
//! - [`Faults`]: statuses, HTML, delays, barriers, lost answers, broken connections, refused streams.
//! - [`Trouble`]: each provider's refusals in their real shapes, to order as faults or to ask for.
//! - [`Quirks`]: lasting behaviours of the real services that are off by default.
//! - [`SandboxBuilder::tls`]: the providers over TLS, by HTTP/2 or HTTP/1.1.
//! - `cargo run -p idp-sandbox --example serve`: the demo world for trying clients by hand.
//! - [`Sandbox::secrets`]: every value that must never be seen outside, for scans by value.

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod builder;
mod faults;
mod gzip;
mod http;
mod inner;
mod journal;
mod json;
mod keys;
mod kinds;
mod mint;
mod providers;
mod quirks;
mod refusals;
mod sandbox;
mod server;
mod tenant;
mod text;
mod world;

pub use builder::{SandboxBuilder, StartError};
pub use faults::fault::Fault;
pub use faults::hold::Hold;
pub use faults::list::{FaultId, Faults};
pub use http::Answer;
pub use journal::entry::{Ended, Entry};
pub use journal::log::{Journal, NotSeen};
pub use keys::{DpopKey, KeyError, RsaKey};
pub use kinds::{ProviderKind, Server};
pub use mint::{Signer, TokenMint};
pub use quirks::{Quirk, Quirks};
pub use refusals::trouble::Trouble;
pub use sandbox::Sandbox;
pub use server::tls::{Alpn, SelfSigned};
pub use world::client::{
    ASSERTION_CLIENT, CONNECT_CLIENT, Client, ClientMethod, MACHINE_CLIENT, SPA_CLIENT, VAULT_CLIENT,
};
pub use world::live::LiveWorld;
pub use world::people::{Condition, Identity, User};
pub use world::start::World;
