//! The warm way: a token that is handed out without waiting. Nothing is remembered of an earlier decision, so each fact counts as it is
//! now.

use std::sync::Arc;

use super::{Search, token};
use crate::{
    Cached, IdpToken, Provider, TokenRequest,
    broker::Inner,
    choose::{Choice, choose},
    decide::{Account, Action, current, decide},
    grants::CachedGrant,
};

impl Inner {
    /// The token that [`identity_token`](Self::identity_token) would hand out at once: the same facts and the same decision, by
    /// what is at hand. `None` for every other decision, and where the facts are not at hand.
    pub(crate) fn identity_at_hand(
        &self,
        request: &TokenRequest<'_>,
        provider: &Arc<Provider>,
    ) -> Option<IdpToken> {
        let user =
            self.users.at_hand(request.user_id, request.issued_at).filter(|user| !user.is_blocked())?;
        let search = Search::new(request, provider, (user.clone(), Cached::Hit));
        let Choice::One(identity) = choose(&user, provider, request.account) else { return None };
        let account = self.account(&search, identity);
        let cached = self.grant_at_hand(&account)?;
        let record = cached.as_deref().and_then(CachedGrant::record);
        let current = current(&account.tenant, record, self.grants.store.keys());
        let facts = self.facts(&account, &current, record);
        if decide(&facts) == Action::Serve { token(&search, &account, &current, facts) } else { None }
    }

    /// What [`cached_grant`](Self::cached_grant) would return at once. `None` where it would read the store, or weigh a revocation
    /// that this process was told of.
    fn grant_at_hand(&self, account: &Account) -> Option<Option<Arc<CachedGrant>>> {
        if !self.revocations.is_empty() && self.revocations.get(account.key()).is_some() {
            return None;
        }
        if self.grants.store.is_surely_empty() {
            return Some(None);
        }
        self.grants.at_hand(account.key()).map(Some)
    }
}
