//! What decided about a call, in the words of `explain`, the audit log and `POST /v1/check`.

use std::borrow::Cow;
use std::fmt;

use super::Permit;
use crate::config::Access;

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

impl Decider {
    /// The word for it.
    pub(crate) fn word(self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            // The rules of most configurations, without a text made for each call.
            Self::Rule(0) => "rules[0]",
            Self::Rule(1) => "rules[1]",
            Self::Rule(2) => "rules[2]",
            Self::Rule(3) => "rules[3]",
            Self::Rule(index) => return Cow::Owned(format!("rules[{index}]")),
            Self::Access(Access::Read) => "access=read",
            Self::Access(Access::Full) => "access=full",
            Self::Access(Access::Rules) => "access=rules",
            Self::DenyList => "deny-list",
            Self::Hosts => "hosts",
            Self::Block => "block",
        })
    }
}

impl fmt::Display for Decider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.word())
    }
}
