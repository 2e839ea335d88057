//! From Auth0's copy, our record and what is known of tokens to the facts of a decision.

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, SystemTime},
};

use idp_adapters::RefreshRule;
use secrecy::SecretString;
use token_keeper::BearerToken;
use user_store::User;

use super::{Facts, Reading, Record, Refresh, Refused, Token};
use crate::{
    Durability, GrantKey, GrantRecord, GrantState, KeyRing, Provider,
    digest::Digest,
    grant::seconds,
    knowledge::{GOOD_FOR, Knowledge, Use},
    tenant_grant::{Changes, TenantGrant},
};

/// A token with less left is not handed out, nor one in the last tenth of a life shorter than ten times this.
const LAST_MOMENT: Duration = Duration::from_secs(5);
/// The most that a token is refreshed ahead of its end.
const AHEAD: Duration = Duration::from_secs(300);
/// The same for an exchange, which cannot be made up for once the token has ended.
const EXCHANGE_AHEAD: Duration = Duration::from_secs(86_400);
/// Clocks of a fleet differ by no more.
const SKEW: Duration = Duration::from_secs(5);

/// One account within one call.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) provider: Arc<Provider>,
    /// The tenant's canonical domain.
    pub(crate) domain: Arc<str>,
    /// Made when something is looked up by it: a call of a process that holds no grants never does.
    pub(crate) key: OnceLock<GrantKey>,
    pub(crate) account: crate::Account,
    pub(crate) user: Arc<User>,
    pub(crate) tenant: TenantGrant,
    /// The token that the provider refused.
    pub(crate) refused: Option<Digest>,
    /// Where it was refused.
    pub(crate) used: Option<Use>,
    /// A refresh may help; not where the provider wants the user.
    pub(crate) may_refresh: bool,
    /// When the caller token was issued.
    pub(crate) issued_at: SystemTime,
    /// Auth0's copy was read in this call.
    pub(crate) reread: bool,
    /// This call has already refreshed.
    pub(crate) refreshed: bool,
}

/// The grant as it stands: Auth0's copy over our record, member by member.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Current<'a> {
    pub(crate) access: Option<Access<'a>>,
    pub(crate) refresh: Option<&'a SecretString>,
    pub(crate) state: GrantState,
    /// A refresh of this refresh token was cut off.
    pub(crate) intent: bool,
    pub(crate) changes: Changes,
}

/// An access token and what is known of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Access<'a> {
    pub(crate) bearer: &'a BearerToken,
    /// The digest of `bearer`, where it is known.
    pub(crate) known_digest: Option<Digest>,
    pub(crate) expires_at: Option<SystemTime>,
    pub(crate) lifetime: Option<Duration>,
    pub(crate) scopes: Option<&'a [String]>,
    /// When a refresh brought it; `None` for Auth0's copy.
    pub(crate) refreshed_at: Option<SystemTime>,
    /// When the refresh before that one was.
    refreshed_before: Option<SystemTime>,
}

impl<'a> Access<'a> {
    fn tenants(tenant: &'a TenantGrant) -> Option<Self> {
        Some(Self {
            bearer: tenant.access.as_ref()?,
            known_digest: tenant.access_digest,
            expires_at: None,
            lifetime: None,
            scopes: None,
            refreshed_at: None,
            refreshed_before: None,
        })
    }

    fn recorded(bearer: &'a BearerToken, record: &'a GrantRecord) -> Self {
        Self {
            bearer,
            known_digest: None,
            expires_at: record.expires_at,
            lifetime: record.lifetime,
            scopes: record.scopes.as_deref(),
            refreshed_at: Some(record.refreshed_at.unwrap_or(record.updated_at)),
            refreshed_before: record.refreshed_before,
        }
    }

    fn digest(&self) -> Digest {
        self.known_digest.unwrap_or_else(|| Digest::of(self.bearer))
    }

    /// Whether it may still be handed out.
    pub(crate) fn lasts(&self, now: SystemTime) -> bool {
        let least = self.lifetime.map_or(LAST_MOMENT, |life| (life / 10).min(LAST_MOMENT));
        self.expires_at.is_none_or(|end| end > now + least)
    }

    /// In the last tenth of its life. The age of Auth0's copy is unknown: it serves until the provider says otherwise, but
    /// an exchange needs a living token, so it is made at first sight.
    fn is_due(&self, rule: RefreshRule, now: SystemTime) -> bool {
        let exchange = rule == RefreshRule::Exchange;
        let Some(end) = self.expires_at else { return exchange && self.refreshed_at.is_none() };
        let tenth = self.lifetime.map_or(Duration::from_secs(60), |life| life / 10);
        let left = end.duration_since(now).unwrap_or_default();
        left < tenth.min(if exchange { EXCHANGE_AHEAD } else { AHEAD })
    }
}

/// Lays Auth0's copy over our record. What Auth0 has new replaces ours, and what it lacks replaces nothing: a provider may
/// send a refresh token at the first consent only. A refresh token that was refused does not come back with a new access
/// token.
pub(crate) fn current<'a>(
    tenant: &'a TenantGrant,
    record: Option<&'a GrantRecord>,
    keys: &KeyRing,
) -> Current<'a> {
    let theirs = Access::tenants(tenant);
    let Some(record) = record else {
        let changes = Changes { access: tenant.access.is_some(), refresh: tenant.refresh.is_some() };
        return Current {
            access: theirs,
            refresh: tenant.refresh.as_ref(),
            state: GrantState::Live,
            intent: false,
            changes,
        };
    };
    let changes = match record.state {
        // A revocation that has seen no token cannot tell a new one: only a sign-in lifts it.
        GrantState::Revoked if TenantGrant::was_empty(record, keys) => Changes::default(),
        _ => tenant.changes(record, keys),
    };
    let ours = record.access_token.as_ref().map(|bearer| Access::recorded(bearer, record));
    let refresh = match record.state {
        _ if changes.refresh => tenant.refresh.as_ref(),
        GrantState::Dead { .. } | GrantState::Revoked if changes.access => None,
        _ => record.refresh_token.as_ref(),
    };
    Current {
        access: if changes.access { theirs } else { ours.or(theirs) },
        refresh,
        state: if changes.any() { GrantState::Live } else { record.state },
        intent: record.intent.is_some() && !changes.refresh,
        changes,
    }
}

/// Whether the user has signed in again since a revocation. A newer caller token alone may be a silent renewal, and a newer
/// sign-in alone may be meant for another app: both together are the user's answer.
pub(crate) fn signed_in_since(user: &User, issued_at: SystemTime, revoked_at: SystemTime) -> bool {
    issued_at > revoked_at && user.last_login().is_some_and(|login| login > revoked_at)
}

/// What was read at this time or later, by whatever process, was read after the record was written.
pub(crate) fn surely_after(record: &GrantRecord) -> SystemTime {
    record.updated_at + SKEW
}

/// What the facts are read from, beside the account.
pub(crate) struct Surroundings<'a> {
    pub(crate) knowledge: &'a Knowledge,
    pub(crate) durability: Durability,
    pub(crate) now: SystemTime,
}

impl Account {
    /// The key of its grant.
    pub(crate) fn key(&self) -> &GrantKey {
        let made = || GrantKey::of_identity(&self.domain, self.user.user_id(), &self.provider, &self.account);
        self.key.get_or_init(made)
    }

    /// The facts of a decision about `current`, which was laid over `record`.
    pub(crate) fn facts(
        &self,
        current: &Current<'_>,
        record: Option<&GrantRecord>,
        around: &Surroundings<'_>,
    ) -> Facts {
        let refresh = self.refresh(current, around.now);
        let refused = self.refused(current, around);
        Facts {
            reading: self.reading(current, record, around),
            record: self.record(current, record),
            token: self.token(current, refused, around),
            refresh,
            refused,
            refreshed: self.refreshed,
        }
    }

    fn reading(
        &self,
        current: &Current<'_>,
        record: Option<&GrantRecord>,
        around: &Surroundings<'_>,
    ) -> Reading {
        if self.reread {
            return Reading::Current;
        }
        let in_doubt = current.changes.any() && around.durability == Durability::Fleet;
        let Some(record) = record.filter(|_| in_doubt) else { return Reading::Cached };
        let fetched_at = self.user.fetched_at();
        let newer = surely_after(record) <= fetched_at
            || around.knowledge.has_caught_up(self.key(), record, fetched_at);
        if newer { Reading::Cached } else { Reading::Behind }
    }

    fn record(&self, current: &Current<'_>, record: Option<&GrantRecord>) -> Record {
        match current.state {
            GrantState::Revoked
                if record
                    .is_some_and(|record| signed_in_since(&self.user, self.issued_at, record.updated_at)) =>
            {
                Record::SignedInAgain
            }
            GrantState::Revoked => Record::Revoked,
            GrantState::Dead { lost: true, .. } => Record::Lost,
            GrantState::Dead { lost: false, .. } => Record::Dead,
            GrantState::Live | GrantState::Unreadable => Record::Open,
        }
    }

    fn refresh(&self, current: &Current<'_>, now: SystemTime) -> Refresh {
        let cooling = matches!(current.state, GrantState::Dead { until, .. } if seconds(now) < until);
        if !self.may_refresh || self.provider.client_key.is_none() {
            return if cooling { Refresh::Refused } else { Refresh::Impossible };
        }
        match self.provider.rule() {
            RefreshRule::Exchange => Refresh::Exchange,
            _ if cooling => Refresh::Refused,
            _ if current.refresh.is_some() => Refresh::Ready,
            _ => Refresh::Impossible,
        }
    }

    fn token(&self, current: &Current<'_>, refused: Refused, around: &Surroundings<'_>) -> Token {
        let Some(access) = &current.access else { return Token::None };
        let dead = matches!(current.state, GrantState::Dead { .. });
        if !access.lasts(around.now) {
            return Token::Ended;
        }
        if dead && access.refreshed_at.is_none() && refused == Refused::No {
            let worked = around.knowledge.has_worked(access.digest());
            return if worked { Token::Good } else { Token::Unconfirmed };
        }
        if access.is_due(self.provider.rule(), around.now) { Token::Due } else { Token::Good }
    }

    fn refused(&self, current: &Current<'_>, around: &Surroundings<'_>) -> Refused {
        let knowledge = around.knowledge;
        let marked = || knowledge.is_dead(|| self.mark(current, around.now));
        let lasting = current.access.as_ref().filter(|access| access.lasts(around.now));
        let (Some(access), Some(refused)) = (lasting, self.refused) else {
            return if marked() { Refused::Marked } else { Refused::No };
        };
        let lately = |at: Option<SystemTime>| {
            at.is_some_and(|at| around.now.duration_since(at).unwrap_or_default() < GOOD_FOR)
        };
        if refused != access.digest() {
            return if marked() { Refused::Marked } else { Refused::No };
        }
        // Where an endpoint refuses good tokens, that a token worked elsewhere does not speak for one more refresh.
        let in_doubt = || !knowledge.has_worked(refused) || knowledge.has_refusing(self.key());
        if self.used.is_some_and(|used| knowledge.is_refusing(used)) {
            Refused::Endpoint
        } else if lately(access.refreshed_before) && in_doubt() {
            Refused::Exhausted
        } else if lately(access.refreshed_at) {
            if knowledge.has_worked(refused) { Refused::Worked } else { Refused::Fresh }
        } else if marked() {
            Refused::Marked
        } else if knowledge.has_worked(refused) {
            Refused::Worked
        } else {
            Refused::Unknown
        }
    }

    /// What is marked when the account is closed: the token at hand, else the account with what Auth0 holds of it. A token that has
    /// ended is not at hand: it may have worked to its end.
    pub(crate) fn mark(&self, current: &Current<'_>, now: SystemTime) -> Digest {
        match current.access.as_ref().filter(|access| access.lasts(now)) {
            Some(access) => access.digest(),
            None => Digest::of_account(&self.key().encode(), self.tenant.digest()),
        }
    }
}
