//! Before a refused refresh token is taken for dead: what the store and Auth0 say by now.

use idp_adapters::Cause;
use secrecy::ExposeSecret;

use super::{DEAD_COOL_DOWN, Done, Refresher};
use crate::{
    AccountSelector, Error, GrantRecord, GrantState, Reason, StoreError,
    choose::{Choice, choose},
    decide::{Account, Conclusion, StoredNow, TenantNow, conclude},
    digest::Digest,
    grant::{Intent, seconds},
    tenant_grant::TenantGrant,
};

impl Refresher {
    /// The provider says that the grant is dead. Another process may have refreshed already, or the user may have signed in again:
    /// nothing is concluded before both were looked at.
    pub(super) async fn confirm_invalid_grant(
        &self,
        account: &Account,
        sent: &GrantRecord,
        version: Option<u64>,
        before: Option<Intent>,
        cause: Cause,
    ) -> Result<Done, Error> {
        let single_use = account.provider.rotates();
        let (stored, store_error) = self.stored_now(account, sent).await;
        let settled = stored == StoredNow::Other || (stored == StoredNow::Unreadable && single_use);
        let (tenant, tenant_error) =
            if settled { (TenantNow::Same, None) } else { self.tenant_now(account).await };
        let lost = match conclude(stored, tenant, single_use, before.is_some()) {
            Conclusion::LookAgain => return Ok(Done::Refreshed),
            Conclusion::StoreUnavailable => {
                return store_error.map_or(Ok(Done::Refreshed), |error| Err(error.into()));
            }
            Conclusion::TenantUnavailable => {
                // The provider has answered this time. The answer to an earlier refresh may still be missing.
                self.put(account.key(), GrantRecord { intent: before, ..sent.clone() }, version).await;
                return tenant_error.map_or(Ok(Done::Refreshed), Err);
            }
            Conclusion::Dead => false,
            Conclusion::Lost => true,
        };
        let now = self.clock.now();
        let state = GrantState::Dead { until: seconds(now + DEAD_COOL_DOWN), lost };
        self.put(
            account.key(),
            GrantRecord {
                state,
                intent: None,
                refused_for: Some(cause.as_str().to_owned()),
                updated_at: now,
                ..sent.clone()
            },
            version,
        )
        .await;
        let provider = &account.provider.name;
        if lost {
            tracing::error!(event = "refresh_lost", provider = %provider, "a spent refresh token's successor was lost");
        } else {
            tracing::warn!(event = "refresh_refused", provider = %provider, cause = cause.as_str(), "the provider refused a refresh token");
        }
        Ok(Done::Refused)
    }

    async fn stored_now(&self, account: &Account, sent: &GrantRecord) -> (StoredNow, Option<StoreError>) {
        let secret = |record: &GrantRecord| {
            record.refresh_token.as_ref().map(|token| Digest::of_text(token.expose_secret()))
        };
        match self.grants.read(account.key()).await {
            Ok(now) if now.record().is_some_and(|now| secret(now) != secret(sent)) => {
                (StoredNow::Other, None)
            }
            Ok(_) => (StoredNow::Same, None),
            Err(error) => (StoredNow::Unreadable, Some(error)),
        }
    }

    /// Reads Auth0's copy again and compares it with the one that the refresh started from.
    async fn tenant_now(&self, account: &Account) -> (TenantNow, Option<Error>) {
        let user = match self.users.reread(&account.key().user, &account.user).await {
            Ok(lookup) => lookup.user,
            Err(error) => return (TenantNow::Unreadable, Some(error.into())),
        };
        if user.is_blocked() {
            let blocked = Error::new(Reason::UserBlocked, "the user is blocked in the tenant");
            return (TenantNow::Unreadable, Some(blocked));
        }
        let selector = AccountSelector::from(&account.account);
        let Choice::One(identity) = choose(&user, &account.provider, Some(&selector)) else {
            return (TenantNow::Same, None);
        };
        let (new, keys) = (TenantGrant::of(identity), self.grants.store.keys());
        let changed = new.fingerprint(keys) != account.tenant.fingerprint(keys);
        let other = changed && (new.access.is_some() || new.refresh.is_some());
        (if other { TenantNow::Other } else { TenantNow::Same }, None)
    }
}
