//! The real parts that users have and that tests of the workspace cannot start: each is fetched where it can be, and one pass of
//! tests runs against it.

pub(crate) mod browser;
mod demo;
mod matrix;
pub(crate) mod sdk;
