//! What decided about a call, in the words of `explain`, the audit log and `POST /v1/check`.

use std::fmt;

use super::{Access, Permit};

/// What permits or refuses a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decider {
    /// The rule at this position (from 0).
    Rule(usize),
    /// The access level: no rule matched.
    Access(Access),
    /// The adapter's deny list, or `oauth2.deny`.
    DenyList,
    /// The adapter's hosts: this one does not serve the path.
    Hosts,
    /// An operator's block.
    Block,
}

impl From<Permit> for Decider {
    fn from(permit: Permit) -> Self {
        match permit {
            Permit::Rule(index) | Permit::Document(index) => Self::Rule(index),
            Permit::Read => Self::Access(Access::Read),
            Permit::Full => Self::Access(Access::Full),
        }
    }
}

impl fmt::Display for Decider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule(index) => write!(f, "rules[{index}]"),
            Self::Access(Access::Read) => f.write_str("access=read"),
            Self::Access(Access::Full) => f.write_str("access=full"),
            Self::Access(Access::Rules) => f.write_str("access=rules"),
            Self::DenyList => f.write_str("deny-list"),
            Self::Hosts => f.write_str("hosts"),
            Self::Block => f.write_str("block"),
        }
    }
}
