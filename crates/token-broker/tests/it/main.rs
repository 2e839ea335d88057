//! token-broker with real parts: a Redis server where there is one.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod day;
mod github;
mod keys;
mod pairs;
#[cfg(feature = "redis")]
mod redis;
