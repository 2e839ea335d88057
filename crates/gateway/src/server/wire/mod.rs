//! The bytes of a connection, before and after hyper.
//!
//! hyper reads more than a gateway with other people's tokens behind it may accept. So the byte stream passes a guard first:
//! [`http1`] lets one complete, strictly valid request head through at a time and follows the body's framing; [`http2`] counts
//! frames. [`head`], [`framing`], [`frames`] and [`names`] are the pure parts, [`socket`] and [`timer`] the clocks.

#[cfg(test)]
mod crowded;
pub(crate) mod fault;
pub(crate) mod frames;
pub(crate) mod framing;
pub(crate) mod head;
pub(crate) mod http1;
pub(crate) mod http2;
pub(crate) mod names;
pub(crate) mod sniff;
pub(crate) mod socket;
pub(crate) mod timer;

pub(crate) use fault::{BODY_ON_GET, Fault};
