//! The servers: connections, TLS, and one request after the other.

pub(crate) mod accept;
mod exchange;
mod go_away;
pub(crate) mod tls;
