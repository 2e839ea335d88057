//! What is refused of a body's members.

use caller_auth::query::{self, TOKEN_MEMBERS};
use http::Method;
use idp_adapters::DeniedValue;

use crate::body::RequestBodyFault;

/// Longest value that is checked; a longer one of such a member is refused.
pub(super) const LONGEST_VALUE: usize = 16 * 1024;

pub(super) type Checked = Result<(), RequestBodyFault>;

/// What a provider must not see in a body.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) method: Method,
    pub(super) method_member: &'static str,
    pub(super) names: &'static [&'static str],
    pub(super) values: &'static [DeniedValue],
}

/// A member that a rule is about.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wanted {
    Method(&'static str),
    Value(&'static DeniedValue),
}

impl Rules {
    /// What the decoded name of a member means. Brackets, blanks and case do not count, as in a query.
    ///
    /// # Errors
    /// The provider must not see such a member, whatever its value.
    pub(super) fn named(&self, name: &[u8]) -> Result<Option<Wanted>, RequestBodyFault> {
        if query::means(name, &[self.method_member]).is_some() {
            return Ok(Some(Wanted::Method(self.method_member)));
        }
        if let Some(denied) = query::means(name, self.names) {
            return Err(RequestBodyFault::Member(denied));
        }
        if let Some(token) = query::means(name, &TOKEN_MEMBERS) {
            return Err(RequestBodyFault::Token(token));
        }
        let value = self.values.iter().find(|denied| query::means(name, &[denied.member]).is_some());
        Ok(value.map(Wanted::Value))
    }

    /// Checks the value of such a member.
    pub(super) fn check(&self, wanted: Wanted, value: &[u8]) -> Checked {
        match wanted {
            Wanted::Method(member) => {
                let text: Vec<u8> = percent_encoding::percent_decode(value).collect();
                let same = text.trim_ascii().eq_ignore_ascii_case(self.method.as_str().as_bytes());
                if same { Ok(()) } else { Err(RequestBodyFault::Method(member)) }
            }
            Wanted::Value(denied) if denied.is_in(value) => Err(RequestBodyFault::Value(denied)),
            Wanted::Value(_) => Ok(()),
        }
    }

    /// A value that is too long to be checked.
    pub(super) fn too_long(wanted: Wanted) -> RequestBodyFault {
        match wanted {
            Wanted::Method(member) => RequestBodyFault::Method(member),
            Wanted::Value(denied) => RequestBodyFault::Value(denied),
        }
    }
}
