//! The gateway as a library: what `main` composes, what the integration tests and fuzz targets call.
//! Caller -> route -> policy -> broker -> adapter -> provider, one way.

pub mod api;
pub mod app;
pub mod body;
pub mod caller;
pub mod cli;
pub mod config;
pub mod cors;
pub mod error_table;
pub mod hardening;
pub mod outcome;
pub mod path;
pub mod plan;
pub mod policy;
pub mod problem;
#[cfg(any(test, feature = "fuzzing"))]
pub mod properties;
pub mod proxy;
pub mod route;
pub mod server;
pub mod telemetry;
