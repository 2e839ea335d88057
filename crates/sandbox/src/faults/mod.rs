//! Faults on demand: what a server does instead of, before or after its real answer.

pub(crate) mod fault;
pub(crate) mod hold;
pub(crate) mod list;
