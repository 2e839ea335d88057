//! Every request any server of the sandbox saw, and what became of its answer.

pub(crate) mod entry;
pub(crate) mod log;
pub(crate) mod watched;
