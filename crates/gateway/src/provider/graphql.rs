//! What a GraphQL request asks for: operations and root fields, read strictly. What could be read in two ways is refused.

mod document;
mod request;
mod requested;

pub(crate) use self::request::{Sent, read};
pub(crate) use self::requested::{Documents, Requested, Unreadable};

#[cfg(test)]
mod tests;
