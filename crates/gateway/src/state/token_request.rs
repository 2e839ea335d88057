//! What the broker is asked for a verified caller.

use token_broker::{AccountSelector, TokenRequest};
use token_keeper::BearerToken;

use caller_auth::{Caller, Verified};

/// A bearer token out of the caller's own, for Token Vault alone.
pub(crate) fn subject(verified: &Verified) -> Option<BearerToken> {
    let token = verified.token.as_ref().filter(|_| !verified.caller.is_bound())?;
    BearerToken::new(token.expose()).ok()
}

/// Holds what an [`TokenRequest`] borrows.
pub(crate) struct Question<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) provider: &'a str,
    pub(crate) account: Option<AccountSelector>,
    pub(crate) subject: Option<BearerToken>,
    pub(crate) audience: Vec<String>,
}

impl Question<'_> {
    pub(crate) fn ask(&self) -> TokenRequest<'_> {
        TokenRequest::new(self.caller.subject(), self.provider)
            .organization(self.caller.organization())
            .subject_token(self.subject.as_ref(), &self.audience)
            .issued_at(self.caller.issued_at())
            .account(self.account.as_ref())
    }
}
