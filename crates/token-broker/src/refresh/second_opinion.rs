//! Before a refusal is believed: what the store and Auth0 say by now.

use std::{sync::Arc, time::SystemTime};

use secrecy::ExposeSecret;

use super::{DEAD_COOL_DOWN, Job, REFUSED, Refresher};
use crate::{
    AccountSelector, Error, GrantRecord, GrantState, Reason, Source, Swap,
    choose::{Choice, choose},
    digest::Digest,
    grant::seconds,
    grants::Known,
    judge::Copy,
};

impl Refresher {
    /// The provider says that the grant is dead. Before it is believed: somebody may have refreshed already, or the
    /// user may have logged in anew. `Some` is the knowledge to go on with, `None` that there is something to serve.
    pub(super) async fn second_opinion(
        &self,
        job: &Job,
        sent: &GrantRecord,
        copy: &mut Copy,
        version: Option<u64>,
        cut_off: bool,
    ) -> Result<Option<Option<Arc<Known>>>, Error> {
        let secret = |record: &GrantRecord| {
            record.refresh_token.as_ref().map(|token| Digest::of_text(token.expose_secret()))
        };
        match self.grants.read(&job.key).await {
            Ok(now) if now.record().is_some_and(|now| secret(now) != secret(sent)) => {
                return Ok(Some(Some(now)));
            }
            // A single-use token may have been spent by somebody else: unread, nothing is believed.
            Err(error) if job.provider.rotates() => return Err(error.into()),
            _ => {}
        }
        match self.changed_copy(job, copy).await {
            Ok(Some(new)) => {
                let serves = new.bearer.as_ref().is_some_and(|token| job.avoid != Some(Digest::of(token)));
                *copy = new;
                if serves {
                    return Ok(None);
                }
                return Ok(Some(self.grants.read(&job.key).await.ok()));
            }
            Ok(None) => {}
            Err(error) => {
                // Auth0 cannot be asked: nothing is concluded. The provider has answered, so nothing is open either.
                self.put(job, GrantRecord { intent: None, ..sent.clone() }, version).await;
                return Err(error);
            }
        }
        let until = seconds(SystemTime::now() + DEAD_COOL_DOWN);
        let state = GrantState::Dead { until, lost: cut_off };
        self.put(
            job,
            GrantRecord { state, intent: None, updated_at: SystemTime::now(), ..sent.clone() },
            version,
        )
        .await;
        if let Some(token) = &copy.bearer {
            self.marks.mark(Digest::of(token));
        }
        if cut_off {
            tracing::error!(event = "refresh_lost", provider = %job.provider.name, "a spent refresh token's successor was lost");
            return Err(Error::refresh_lost(&job.account));
        }
        Err(Error::reconnect(&job.account, Source::Identities, REFUSED))
    }

    /// Writes what is good to know but not needed.
    pub(super) async fn put(&self, job: &Job, record: GrantRecord, version: Option<u64>) {
        match self.grants.write(&job.key, version, &record).await {
            Ok(Swap::Done(_)) => {}
            Ok(Swap::Conflict) => drop(self.grants.read(&job.key).await),
            Err(_) => self.grants.keep_here(&job.key, record, version),
        }
    }

    /// Auth0's copy as it is now, if it is another one.
    async fn changed_copy(&self, job: &Job, copy: &Copy) -> Result<Option<Copy>, Error> {
        let user = self.users.reread(&job.key.user, &job.user).await?.user;
        if user.is_blocked() {
            return Err(Error::new(Reason::UserBlocked, "the user is blocked in the tenant"));
        }
        let selector = AccountSelector::from(&job.account);
        let Choice::One(identity) = choose(&user, &job.provider, Some(&selector)) else { return Ok(None) };
        let new = Copy::of(identity);
        let keys = self.grants.store.keys();
        let changed = new.fingerprint(keys) != copy.fingerprint(keys);
        Ok((changed && (new.bearer.is_some() || new.refresh.is_some())).then_some(new))
    }
}
