//! The gateway as a library: what `main` composes, what the integration tests and fuzz targets call. To serve it from your own server,
//! see [`service`] and [`embed`].
//!
//! Caller -> route -> policy -> broker -> adapter -> provider, one way.

pub mod admin;
pub mod body;
mod call_error;
pub mod cli;
pub mod compose;
pub mod config;
mod connect;
mod console;
pub mod cores;
mod cors;
mod documents;
pub mod embed;
mod error_table;
mod fleet;
pub mod hardening;
mod headers;
mod logout;
mod mcp;
mod memory;
pub mod outcome;
mod peer;
pub mod problem;
#[cfg(any(test, feature = "fuzzing"))]
pub mod properties;
mod provider;
mod proxy;
mod reply;
mod request_id;
mod room;
mod route;
mod router;
mod sealed;
mod selector;
pub mod serve;
pub mod server;
mod shares;
pub mod state;
mod stores;
mod strict_json;
pub mod telemetry;
mod time;
mod upstream;
mod v1;
mod webhooks;

pub use embed::service;
