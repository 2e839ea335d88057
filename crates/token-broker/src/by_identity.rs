//! Source `identities`: the token that Auth0 keeps with the user, or what a refresh made of it.

use std::{sync::Arc, time::Duration, time::SystemTime};

use token_keeper::BearerToken;
use user_store::{Identity, Lookup, User};

use crate::{
    Account, AccountSelector, Ask, Cached, Durability, Error, GrantKey, IdpToken, Provider, Reason, Source,
    broker::{Inner, dead_token},
    choose::{Choice, account, choose},
    digest::Digest,
    grants::Known,
    judge::{Copy, Means, Serving, Verdict, judge},
    refresh::Job,
};

/// Clocks of a fleet differ by no more.
const SKEW: Duration = Duration::from_secs(5);

const REVOKED: &str = "the user revoked this account; connecting it again lifts that";
const ENDED: &str = "the token has expired and cannot be refreshed";

/// An account on its way to a token.
struct Search<'a> {
    provider: &'a Arc<Provider>,
    selector: Option<&'a AccountSelector>,
    /// Not this token again.
    avoid: Option<Digest>,
    /// Another source comes after this one.
    more: bool,
    user: Arc<User>,
    cached: Cached,
    /// A refresh may be spent on it.
    refresh: bool,
    /// The user was read again already.
    reread: bool,
}

/// What a search came to.
enum Found {
    Token(IdpToken),
    /// Only the token to be avoided, and no way to refresh it.
    Same,
}

/// What one look at the account came to.
enum Step {
    Done(Found),
    /// Something has changed: look again.
    Again,
}

impl Inner {
    pub(crate) async fn identity_token(
        &self,
        ask: &Ask<'_>,
        provider: &Arc<Provider>,
        more: bool,
    ) -> Result<IdpToken, Error> {
        let Lookup { user, found, .. } = self.users.get_newer(ask.user_id, ask.issued_at).await?;
        let search = Search {
            provider,
            selector: ask.account,
            avoid: None,
            more,
            user,
            cached: Cached::from(found),
            refresh: true,
            reread: false,
        };
        match self.search(search).await? {
            Found::Token(token) => Ok(token),
            Found::Same => Err(Error::new(Reason::TenantUnavailable, "the user's record changes too fast")),
        }
    }

    /// A refresh where there is one and it may be spent, else a re-read; the same token again is dead.
    pub(crate) async fn identity_rejected(
        &self,
        ask: &Ask<'_>,
        provider: &Arc<Provider>,
        dead: &IdpToken,
        refresh: bool,
    ) -> Result<IdpToken, Error> {
        let selector = AccountSelector::from(&dead.account);
        let avoid = Some(dead.digest());
        let user = match self.users.peek(ask.user_id) {
            Some(user) => user,
            None => self.users.get(ask.user_id).await?.user,
        };
        let search = |user: &Arc<User>| Search {
            provider,
            selector: Some(&selector),
            avoid,
            more: false,
            user: user.clone(),
            cached: Cached::Loaded,
            refresh,
            reread: false,
        };
        let first = self.search(search(&user)).await;
        match first {
            Ok(Found::Token(token)) => return Ok(token),
            Err(error) if error.is_reconnect() => {
                self.marks.mark(dead.digest());
                return Err(error);
            }
            Err(error) => return Err(error),
            Ok(Found::Same) => {}
        }
        let seen = dead.user.as_ref().unwrap_or(&user);
        let user = self.users.reread(ask.user_id, seen).await?.user;
        match self.search(search(&user)).await? {
            Found::Token(token) => Ok(token),
            Found::Same => {
                self.marks.mark(dead.digest());
                tracing::info!(event = "token_dead", provider = %provider.name, "a re-read brought the same dead token");
                Err(dead_token(&dead.account, Source::Identities))
            }
        }
    }

    async fn search(&self, mut search: Search<'_>) -> Result<Found, Error> {
        for _ in 0..4 {
            if search.user.is_blocked() {
                return Err(Error::new(Reason::UserBlocked, "the user is blocked in the tenant"));
            }
            let user = search.user.clone();
            let identity = match choose(&user, search.provider, search.selector) {
                Choice::One(identity) => identity,
                Choice::None => {
                    return Err(self.not_connected(search.provider, Source::Identities, search.selector));
                }
                Choice::Ambiguous(accounts) => {
                    return Err(Error::new(
                        Reason::AccountAmbiguous(accounts),
                        "the user has several accounts at this provider; name one with Idp-Account",
                    ));
                }
            };
            match self.step(&mut search, identity).await? {
                Step::Done(found) => return Ok(found),
                Step::Again => {}
            }
        }
        Ok(Found::Same)
    }

    async fn step(&self, search: &mut Search<'_>, identity: &Identity) -> Result<Step, Error> {
        let account = account(identity);
        let copy = Copy::of(identity);
        let means = means(search.provider);
        let user = search.user.clone();
        let key = || GrantKey::new(&self.tenant, user.user_id(), Source::Identities, &account);
        let known = if self.grants.store.is_surely_empty() { None } else { self.known(&key()).await? };
        let record = known.as_deref().and_then(Known::record);
        let ours = record.filter(|record| copy.is_origin_of(record, self.grants.store.keys()));
        if ours.is_none()
            && let Some(record) = record
            && self.behind_the_fleet(search, record.updated_at).await?
        {
            return Ok(Step::Again);
        }
        let job = |avoid| Job {
            provider: search.provider.clone(),
            key: key(),
            account: account.clone(),
            user: search.user.clone(),
            copy: copy.clone(),
            avoid,
        };
        let spendable = ours.map_or(copy.refresh.is_some(), |record| record.refresh_token.is_some());
        match judge(&copy, ours, means, SystemTime::now()) {
            Verdict::Serve(serving) if search.avoid == Some(Digest::of(&serving.bearer)) => {
                if !search.refresh
                    || !means.able
                    || !spendable
                    || means.rule == idp_adapters::RefreshRule::Exchange
                {
                    return Ok(Step::Done(Found::Same));
                }
                self.refresher.refresh(job(search.avoid)).await?;
                self.look_again(search);
                Ok(Step::Again)
            }
            Verdict::Serve(serving) if self.marks.is_dead(&serving.bearer) => {
                Err(dead_token(&account, Source::Identities))
            }
            Verdict::Serve(serving) => {
                if serving.due {
                    self.refresher.refresh_behind(job(None));
                }
                let refreshable = means.able && spendable;
                Ok(Step::Done(Found::Token(token(search, account, serving, refreshable))))
            }
            Verdict::Refresh => {
                self.refresher.refresh(job(None)).await?;
                self.look_again(search);
                Ok(Step::Again)
            }
            Verdict::Revoked => Err(Error::reconnect(&account, Source::Identities, REVOKED)),
            Verdict::Ended => Err(Error::reconnect(&account, Source::Identities, ENDED)),
            Verdict::Dead { lost } => self.once_a_minute(search, &account, &copy, lost).await,
            Verdict::Nothing => Err(self.no_token(search, &account)),
        }
    }

    /// Whether Auth0's copy has been read anew because another replica may have seen a newer one than ours: its
    /// record must not give way to an old copy.
    async fn behind_the_fleet(&self, search: &mut Search<'_>, updated_at: SystemTime) -> Result<bool, Error> {
        let suspect = self.grants.store.durability() == Durability::Fleet
            && updated_at + SKEW > search.user.fetched_at()
            && !search.reread;
        if suspect {
            search.reread = true;
            search.user = self.users.reread(search.user.user_id(), &search.user).await?.user;
        }
        Ok(suspect)
    }

    /// A dead grant: Auth0's copy is read again once a minute, in case the user has logged in anew.
    async fn once_a_minute(
        &self,
        search: &mut Search<'_>,
        account: &Account,
        copy: &Copy,
        lost: bool,
    ) -> Result<Step, Error> {
        let error =
            || if lost { Error::refresh_lost(account) } else { dead_token(account, Source::Identities) };
        let Some(digest) = copy.bearer.as_ref().map(Digest::of).or_else(|| refresh_digest(copy)) else {
            return Err(error());
        };
        if self.marks.holds(digest) {
            return Err(error());
        }
        let user = self.users.reread(search.user.user_id(), &search.user).await?.user;
        let fresh = match choose(&user, search.provider, Some(&AccountSelector::from(account))) {
            Choice::One(identity) => Copy::of(identity),
            _ => Copy::default(),
        };
        let keys = self.grants.store.keys();
        if fresh.fingerprint(keys) == copy.fingerprint(keys) {
            self.marks.mark(digest);
            return Err(error());
        }
        search.user = user;
        Ok(Step::Again)
    }

    /// After a refresh: the user's record may be a new one too.
    fn look_again(&self, search: &mut Search<'_>) {
        search.cached = Cached::Loaded;
        if let Some(user) = self.users.peek(search.user.user_id()) {
            search.user = user;
        }
    }

    /// What is known of the stored grant. A store that is down costs no call that can do without it.
    pub(crate) async fn known(&self, key: &GrantKey) -> Result<Option<Arc<Known>>, Error> {
        match self.grants.known(key).await {
            Ok(known) => Ok(Some(known)),
            Err(error) if error.is_damaged() => {
                tracing::error!(event = "grant_unreadable", %error, "nothing is spent that may have a successor");
                Err(error.into())
            }
            Err(error) => {
                tracing::warn!(event = "grant_store_unavailable", %error, "going on with Auth0's copy");
                Ok(None)
            }
        }
    }

    /// An identity without a token: the operator's fault, if the management token may not see tokens at all.
    fn no_token(&self, search: &Search<'_>, account: &Account) -> Error {
        if search.more {
            return self.not_connected(search.provider, Source::Identities, search.selector);
        }
        if (self.lacks_idp_tokens)() {
            return Error::new(
                Reason::TenantMisconfigured,
                "the management token lacks read:user_idp_tokens, so Auth0 leaves tokens out; add it to the client \
                 grant of the gateway's application",
            );
        }
        Error::reconnect(account, Source::Identities, "Auth0 holds no token for this account")
    }
}

pub(crate) fn means(provider: &Provider) -> Means {
    Means { rule: provider.rule(), able: provider.refresh_url().is_some() }
}

fn refresh_digest(copy: &Copy) -> Option<Digest> {
    use secrecy::ExposeSecret;
    copy.refresh.as_ref().map(|token| Digest::of_text(token.expose_secret()))
}

fn token(search: &Search<'_>, account: Account, serving: Serving, refreshable: bool) -> IdpToken {
    let bearer: BearerToken = serving.bearer;
    IdpToken {
        bearer,
        account,
        provider: Arc::from(search.provider.name.as_str()),
        source: Source::Identities,
        cache: search.cached,
        expires_at: serving.expires_at,
        scopes: serving.scopes,
        refreshable,
        refreshed_at: serving.refreshed_at,
        user: Some(search.user.clone()),
    }
}
