//! A tenant as its users see it: over an in-memory transport on Tokio's paused clock, over sockets against the sandbox,
//! and over sockets against servers that misbehave.
#![expect(clippy::unwrap_used, reason = "tests assert by unwrapping")]

mod allowance;
mod clients;
mod fleet;
mod keys;
mod misbehaviour;
mod reads;
mod scopes;
mod script;
mod tokens;
mod writes;
