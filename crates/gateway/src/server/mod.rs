//! The listeners: everything about a request that is not domain.
//!
//! A connection is accepted (`listener`), its bytes pass a guard (`wire`), hyper reads them, the layers of `layers` refuse
//! or mark the request, and a [`Handler`] answers it. `admin` is the second listener; `lifecycle` drains; `serve` ties all of
//! it to the process: signals, reload, the `listening` line.
//!
//! The server runs in-process too: [`Server::bind`] with any closure as handler, which is how the tests drive it.

pub mod admin;
pub(crate) mod connection;
mod handler;
pub mod layers;
mod lifecycle;
mod listener;
mod options;
mod peer;
mod request_body;
mod request_id;
pub mod serve;
mod settings;
mod signals;
mod tls;
mod tracked;
pub(crate) mod wire;

pub use handler::Handler;
pub use lifecycle::{Lifecycle, Stage};
pub use listener::{Server, StartError};
pub use options::{AllowedHost, Drain, Limits, Options, Timeouts, TlsFiles};
pub use peer::Peer;
pub use request_id::RequestId;
pub use serve::{ReloadError, Reloader, ServeParts, serve};
