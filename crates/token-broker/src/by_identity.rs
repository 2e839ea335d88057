//! Source `identities`: the token that Auth0 keeps with the user, or what a refresh made of it.
//!
//! Gathers the facts, asks the state machine for the one next action and carries it out.

mod at_hand;

use std::sync::{Arc, OnceLock};

use user_store::{Found, Identity, Lookup, User};

use crate::{
    AccountSelector, Cached, Error, GrantKey, GrantRecord, GrantState, IdpToken, Provider, Reason,
    RevokedGrant, Source, TokenRequest,
    broker::{Inner, endpoint_refused},
    choose::{Choice, account, choose},
    decide::{
        Account, Action, Current, Facts, Reading, Record, Refresh, Surroundings, current, decide,
        surely_after,
    },
    grant::seconds,
    grants::CachedGrant,
    knowledge::Use,
    refresh::{Exchanged, dead_grant},
    tenant_grant::TenantGrant,
};

const REVOKED: &str = "the user disconnected this account; signing in with it again connects it";
const ENDED: &str = "the token has expired and cannot be refreshed";
/// The actions of one call: at most one refresh, two looks at Auth0's copy, one removed revocation, and waiting once for a
/// refresh that was started for another reason. A call that comes further lost a race each time.
const MOST_ACTIONS: usize = 6;

/// A request on its way to a token.
struct Search<'a> {
    request: &'a TokenRequest<'a>,
    provider: &'a Arc<Provider>,
    selector: Option<&'a AccountSelector>,
    /// Another source comes after this one.
    more: bool,
    user: Arc<User>,
    cached: Cached,
    /// How the user was found, until an account that is absent has caused another look.
    lookup: Option<Lookup>,
    refused: Option<&'a IdpToken>,
    may_refresh: bool,
    reread: bool,
    refreshed: bool,
    exchanged: Exchanged,
}

impl<'a> Search<'a> {
    /// The search of a call for this user, whose record was found like that.
    fn new(
        request: &'a TokenRequest<'a>,
        provider: &'a Arc<Provider>,
        (user, cached): (Arc<User>, Cached),
    ) -> Self {
        Self {
            request,
            provider,
            selector: request.account,
            more: false,
            user,
            cached,
            lookup: None,
            refused: None,
            may_refresh: true,
            reread: false,
            refreshed: false,
            exchanged: Exchanged::default(),
        }
    }
}

impl Inner {
    pub(crate) async fn identity_token(
        &self,
        request: &TokenRequest<'_>,
        provider: &Arc<Provider>,
        more: bool,
    ) -> Result<IdpToken, Error> {
        let lookup = self.users.get_newer(request.user_id, request.issued_at).await?;
        let mut search = Search::new(request, provider, (lookup.user.clone(), Cached::from(lookup.found)));
        (search.more, search.lookup) = (more, Some(lookup));
        self.find(search).await
    }

    /// A replacement for a token that the provider refused.
    pub(crate) async fn identity_rejected(
        &self,
        request: &TokenRequest<'_>,
        provider: &Arc<Provider>,
        refused: &IdpToken,
        may_refresh: bool,
    ) -> Result<IdpToken, Error> {
        let selector = AccountSelector::from(&refused.account);
        let user = match self.users.peek(request.user_id) {
            Some(user) => user,
            None => self.users.get(request.user_id).await?.user,
        };
        let search = Search {
            selector: Some(&selector),
            refused: Some(refused),
            may_refresh,
            refreshed: refused.just_refreshed,
            ..Search::new(request, provider, (user, Cached::Loaded))
        };
        self.find(search).await
    }

    async fn find(&self, mut search: Search<'_>) -> Result<IdpToken, Error> {
        for _ in 0..MOST_ACTIONS {
            if search.user.is_blocked() {
                return Err(Error::new(Reason::UserBlocked, "the user is blocked in the tenant"));
            }
            let user = search.user.clone();
            let account = match self.identity(&search, &user) {
                Ok(identity) => self.account(&search, identity),
                Err(error) if error.is_not_found() && Box::pin(self.read_for_absent(&mut search)).await? => {
                    continue;
                }
                Err(error) => return Err(error),
            };
            if let Some(token) = self.act(&mut search, &account).await? {
                return Ok(token);
            }
        }
        Err(changed())
    }

    /// Whether there is a newer record: an account that is not in a cached one may just have been linked.
    async fn read_for_absent(&self, search: &mut Search<'_>) -> Result<bool, Error> {
        let Some(seen) = search.lookup.take().filter(|_| search.refused.is_none()) else { return Ok(false) };
        let lookup = self.users.reread_for_absent(search.request.user_id, &seen).await?;
        let newer = !Arc::ptr_eq(&lookup.user, &search.user);
        (search.user, search.cached) = (lookup.user, Cached::from(lookup.found));
        Ok(newer)
    }

    fn identity<'a>(&self, search: &Search<'_>, user: &'a User) -> Result<&'a Identity, Error> {
        match choose(user, search.provider, search.selector) {
            Choice::One(identity) => Ok(identity),
            Choice::None => Err(self.not_connected(search.provider, Source::Identities, search.selector)),
            Choice::Ambiguous(accounts) => Err(Error::new(
                Reason::AccountAmbiguous(accounts),
                "the user has several accounts at this provider; name one with Idp-Account",
            )),
        }
    }

    fn account(&self, search: &Search<'_>, identity: &Identity) -> Account {
        let mut account = Account {
            provider: search.provider.clone(),
            domain: self.tenant.clone(),
            key: OnceLock::new(),
            account: account(identity),
            used: None,
            user: search.user.clone(),
            tenant: TenantGrant::of(identity),
            refused: search.refused.map(IdpToken::digest),
            may_refresh: search.may_refresh,
            issued_at: search.request.issued_at,
            reread: search.reread,
            refreshed: search.refreshed,
        };
        account.used = search.refused.map(|_| Use::of(account.key(), search.request.endpoint));
        account
    }

    /// The key of an identity's grant.
    pub(crate) fn identity_key(&self, user: &str, provider: &Provider, account: &crate::Account) -> GrantKey {
        GrantKey::of_identity(&self.tenant, user, provider, account)
    }

    /// Decides, and carries the decision out. `None`: the facts have changed, so decide again.
    async fn act(&self, search: &mut Search<'_>, account: &Account) -> Result<Option<IdpToken>, Error> {
        let cached = self.cached_grant(account.key()).await?;
        let record = cached.as_deref().and_then(CachedGrant::record);
        let current = current(&account.tenant, record, self.grants.store.keys());
        let facts = self.facts(account, &current, record);
        match decide(&facts) {
            Action::Serve => return Ok(token(search, account, &current, facts)),
            Action::ServeAndRefresh => {
                self.refresher.refresh_ahead(account);
                return Ok(token(search, account, &current, facts));
            }
            Action::Refresh => {
                let (counts, exchanged) = Box::pin(self.refresher.refresh(account)).await?;
                search.refreshed |= counts;
                if !exchanged.is_empty() {
                    search.exchanged = exchanged;
                }
                search.cached = Cached::Loaded;
                // The user's record may be a new one too.
                if let Some(user) = self.users.peek(search.user.user_id()) {
                    search.user = user;
                }
            }
            Action::Reread => {
                let behind = record.filter(|_| facts.reading == Reading::Behind);
                search.user = Box::pin(self.read_again(search, account.key(), behind)).await?;
                (search.reread, search.cached) = (true, Cached::Loaded);
            }
            Action::Reopen => {
                if let Some(record) = record {
                    Box::pin(self.reopen(account.key(), record)).await?;
                }
            }
            Action::PassOn => {
                if let Some(used) = account.used {
                    self.knowledge.note_refusing(used);
                }
                return Err(endpoint_refused(&account.account, Source::Identities));
            }
            Action::Close => {
                self.knowledge.mark_dead(account.mark(&current, self.clock.now()));
                let provider = &search.provider.name;
                tracing::info!(event = "token_dead", provider = %provider, "the provider refuses the only token");
                return Err(self.closed(account, record, &current, facts));
            }
            Action::RefuseMarked => return Err(self.closed(account, record, &current, facts)),
            Action::RefuseRevoked => {
                return Err(Error::revoked(&account.account, Source::Identities, REVOKED));
            }
            Action::RefuseEnded => {
                return Err(Error::reconnect(&account.account, Source::Identities, ENDED));
            }
            Action::RefuseNothing => return Err(self.no_token(search, &account.account)),
            Action::TryAgain => return Err(changed()),
        }
        Ok(None)
    }

    /// Auth0's copy, read again: because of a token that was refused, or because the copy may be older than the stored grant that it is
    /// `behind`. What is read after that grant was seen here is newer, whatever the clocks say; a copy that another process has read
    /// is so only by them.
    async fn read_again(
        &self,
        search: &Search<'_>,
        key: &GrantKey,
        behind: Option<&GrantRecord>,
    ) -> Result<Arc<User>, Error> {
        let user_id = search.user.user_id();
        let Some(record) = behind else {
            let seen = search.refused.and_then(|refused| refused.user.as_ref()).unwrap_or(&search.user);
            return Ok(self.users.reread(user_id, seen).await?.user);
        };
        let lookup = self.users.reread_after(user_id, &search.user, surely_after(record)).await?;
        // A look-up that another call started may have begun before the grant was seen.
        if lookup.found == Found::Loaded {
            self.knowledge.note_caught_up(key, record, lookup.user.fetched_at());
        }
        Ok(lookup.user)
    }

    pub(crate) fn facts(
        &self,
        account: &Account,
        current: &Current<'_>,
        record: Option<&GrantRecord>,
    ) -> Facts {
        let around = Surroundings {
            knowledge: &self.knowledge,
            durability: self.grants.store.durability(),
            now: self.clock.now(),
        };
        account.facts(current, record, &around)
    }

    /// Removes the revocation `seen`, here and in the store.
    async fn reopen(&self, key: &GrantKey, seen: &GrantRecord) -> Result<(), Error> {
        let plain = key.client.is_some().then(|| key.clone().with_client(None));
        for key in [Some(key.clone()), plain].into_iter().flatten() {
            self.lift_seen(&key, seen).await?;
        }
        Ok(())
    }

    /// Lifts the revocation `seen`, here and in the store. Whether there is no later one: the user may have disconnected the account
    /// once more, at another replica, since this one was read.
    pub(crate) async fn lift_seen(&self, key: &GrantKey, seen: &GrantRecord) -> Result<bool, Error> {
        let at = seconds(seen.updated_at);
        // The revocation may be one that only this process was told of, and the stored grant a newer one.
        let stored = self.grants.read(key).await?;
        let revoked = stored.record().filter(|record| record.state == GrantState::Revoked);
        let later = revoked.is_some_and(|record| seconds(record.updated_at) > at);
        if later || !self.revocations.lift_up_to(key, at) {
            return Ok(false);
        }
        if revoked.is_some() {
            self.grants.delete(key).await?;
        }
        self.tell_lifted(key, seen);
        Ok(true)
    }

    /// Other replicas and later processes know the revocation from the control state, where only this lifts it.
    fn tell_lifted(&self, key: &GrantKey, seen: &GrantRecord) {
        let lifted = RevokedGrant::new(key, seen).lift();
        if self.revocations.add(&lifted) {
            (self.on_revoked)(lifted);
        }
    }

    /// The stored grant as far as this process knows it. A store that is down costs no call that can do without it, but a
    /// revocation that this process was told of holds all the same.
    pub(crate) async fn cached_grant(&self, key: &GrantKey) -> Result<Option<Arc<CachedGrant>>, Error> {
        let told = self.revocations.get(key);
        if self.grants.store.is_surely_empty() {
            return Ok(told.map(|told| told.as_cached()));
        }
        match self.grants.cached(key).await {
            Ok(cached) => match told {
                // A store without the grant may have lost it: that lifts nothing.
                Some(told) if told.is_newer_than(&cached) || cached.record().is_none() => {
                    Ok(Some(told.as_cached()))
                }
                Some(_) => {
                    // The store has been read since, so what it says counts.
                    self.revocations.lift(key);
                    Ok(Some(cached))
                }
                None => Ok(Some(cached)),
            },
            Err(error) if error.is_damaged() => {
                tracing::error!(event = "grant_unreadable", %error, "nothing is spent that may have a successor");
                Err(error.into())
            }
            Err(error) => {
                tracing::warn!(event = "grant_store_unavailable", %error, "going on with Auth0's copy");
                Ok(told.map(|told| told.as_cached()))
            }
        }
    }

    /// The account is refused as long as its mark holds.
    fn closed(
        &self,
        account: &Account,
        record: Option<&GrantRecord>,
        current: &Current<'_>,
        facts: Facts,
    ) -> Error {
        let marked = account.mark(current, self.clock.now());
        match facts.record {
            Record::Lost | Record::Dead => {
                dead_grant(&account.account, record).after(self.knowledge.dead_for(marked))
            }
            _ => self.dead_token(&account.account, Source::Identities, marked),
        }
    }

    /// An identity without a token: the operator's fault, if the management token may not see tokens at all.
    fn no_token(&self, search: &Search<'_>, account: &crate::Account) -> Error {
        if search.more {
            return self.not_connected(search.provider, Source::Identities, search.selector);
        }
        if search.user.tokens_withheld() || (self.lacks_idp_tokens)() {
            return Error::new(
                Reason::TenantMisconfigured,
                "the management token lacks read:user_idp_tokens, so Auth0 leaves tokens out; add it to the client \
                 grant of this application",
            );
        }
        Error::reconnect(account, Source::Identities, "Auth0 holds no token for this account")
    }
}

fn changed() -> Error {
    Error::new(Reason::ProviderError, "the grant has changed while it was refreshed; try again")
        .after(Some(std::time::Duration::from_secs(1)))
}

fn token(search: &Search<'_>, account: &Account, current: &Current<'_>, facts: Facts) -> Option<IdpToken> {
    let access = current.access.as_ref()?;
    Some(IdpToken {
        bearer: access.bearer.clone(),
        digest: access.known_digest.map_or_else(OnceLock::new, OnceLock::from),
        account: account.account.clone(),
        provider: search.provider.shared_name.clone(),
        source: Source::Identities,
        cache: search.cached,
        expires_at: access.expires_at,
        scopes: access.scopes.map(Arc::from),
        refreshable: facts.refresh == Refresh::Ready,
        refreshed_at: access.refreshed_at,
        just_refreshed: search.refreshed,
        exchanged: search.exchanged.clone(),
        user: Some(search.user.clone()),
    })
}
