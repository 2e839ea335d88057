//! What the broker is asked for a verified caller.

use token_broker::{AccountSelector, Ask};
use token_keeper::BearerToken;

use crate::caller::Caller;

/// Holds what an [`Ask`] borrows.
pub(crate) struct Question<'a> {
    pub(super) caller: &'a Caller,
    pub(super) provider: &'a str,
    pub(super) account: Option<AccountSelector>,
    pub(super) subject: Option<BearerToken>,
    pub(super) audience: Vec<String>,
}

impl Question<'_> {
    pub(crate) fn ask(&self) -> Ask<'_> {
        Ask {
            user_id: self.caller.subject(),
            organization: self.caller.organization(),
            audience: &self.audience,
            subject_token: self.subject.as_ref(),
            issued_at: self.caller.issued_at(),
            provider: self.provider,
            account: self.account.as_ref(),
        }
    }
}
