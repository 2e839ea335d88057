//! token-broker with real parts: a Redis or PostgreSQL server where there is one.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod day;
#[cfg(any(feature = "postgres", feature = "redis"))]
mod fleet_store;
mod github;
mod keys;
mod pairs;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "redis")]
mod redis;
