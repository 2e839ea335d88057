//! The real parts that users have and that tests of the workspace cannot start: each is fetched where it can be, and one pass of
//! tests runs against it.

pub(crate) mod browser;
mod connect;
mod demo;
pub(crate) mod examples;
mod matrix;
mod mcp;
mod ports;
pub(crate) mod sdk;
