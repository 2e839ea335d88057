//! The listeners: everything about a request that is not domain.
//!
//! A connection is accepted (`listener`), its bytes pass a guard (`wire`), hyper reads them, the layers of `layers` refuse
//! or mark the request, and a [`Handler`] answers it. `lifecycle` drains.
//!
//! The server runs in-process too: [`Server::bind`] with any closure as handler, which is how the tests drive it.

pub(crate) mod connection;
pub(crate) mod connection_state;
mod handler;
mod in_process;
pub mod layers;
mod lifecycle;
mod listener;
mod options;
mod request_body;
mod tls;
mod tracked;
pub(crate) mod wire;

pub use crate::peer::Peer;
pub use crate::request_id::RequestId;
pub use handler::{Handler, RequestInfo};
pub(crate) use in_process::InProcess;
pub(crate) use layers::refuse::check_request;
pub use lifecycle::{Lifecycle, Stage};
pub(crate) use listener::Reconfigure;
pub use listener::{Server, StartError};
pub use options::{AllowedHost, Drain, Limits, Options, Timeouts, TlsFiles};
