//! Who a request to a provider speaks for.

use crate::inner::Inner;
use crate::journal::entry::Entry;
use crate::kinds::ProviderKind;
use crate::refusals::trouble::NoSession;
use crate::world::grants::{Grant, Presented};
use crate::world::state::Account;

/// A request that carries a good token.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) account: Account,
    pub(crate) grant: Grant,
    pub(crate) token: String,
}

impl Session {
    pub(crate) fn has(&self, scope: &str) -> bool {
        self.grant.scopes.iter().any(|held| held == scope)
    }

    pub(crate) fn has_any(&self, scopes: &[&str]) -> bool {
        scopes.iter().any(|scope| self.has(scope))
    }
}

/// Looks the one bearer token of a request up. `schemes` are the accepted ones in lower case.
pub(crate) fn session(
    inner: &Inner,
    kind: ProviderKind,
    entry: &Entry,
    schemes: &[&str],
) -> Result<Session, NoSession> {
    if !entry.headers().contains_key("authorization") {
        return Err(NoSession::Missing);
    }
    let token = entry.credential(schemes).ok_or(NoSession::Unknown)?;
    session_of(inner, kind, token)
}

/// Looks a token up, wherever it came from.
pub(crate) fn session_of(inner: &Inner, kind: ProviderKind, token: &str) -> Result<Session, NoSession> {
    let state = inner.state();
    let grant = match state.grants.present(kind, token) {
        Presented::Good(grant) => grant,
        Presented::Expired => return Err(NoSession::Expired),
        Presented::Revoked => return Err(NoSession::Revoked),
        Presented::Unknown => return Err(NoSession::Unknown),
    };
    let account = state.accounts.get(&(kind, grant.account.clone())).cloned().ok_or(NoSession::Unknown)?;
    Ok(Session { account, grant, token: token.to_owned() })
}
