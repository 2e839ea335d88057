//! What can be served for an account, from Auth0's copy and our own record of it. Pure.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use idp_adapters::RefreshRule;
use secrecy::{ExposeSecret, SecretString};
use token_keeper::BearerToken;
use user_store::Identity;

use crate::{Fingerprint, GrantRecord, GrantState, KeyRing};

/// Auth0's copy of a grant.
#[derive(Clone, Debug, Default)]
pub(crate) struct Copy {
    pub(crate) bearer: Option<BearerToken>,
    pub(crate) refresh: Option<SecretString>,
    pub(crate) expires_in: Option<Duration>,
}

impl Copy {
    pub(crate) fn of(identity: &Identity) -> Self {
        Self {
            bearer: identity.bearer().cloned(),
            refresh: identity.refresh_token().cloned(),
            expires_in: identity.expires_in(),
        }
    }

    fn parts(&self) -> [Option<&str>; 2] {
        [
            self.bearer.as_ref().map(BearerToken::expose),
            self.refresh.as_ref().map(|token| token.expose_secret()),
        ]
    }

    pub(crate) fn fingerprint(&self, keys: &KeyRing) -> Fingerprint {
        keys.fingerprint(&self.parts())
    }

    /// Whether `record` started from this copy.
    pub(crate) fn is_origin_of(&self, record: &GrantRecord, keys: &KeyRing) -> bool {
        keys.recognises(&record.origin, &self.parts())
    }
}

/// A token that can be served.
#[derive(Clone, Debug)]
pub(crate) struct Serving {
    pub(crate) bearer: BearerToken,
    pub(crate) expires_at: Option<SystemTime>,
    pub(crate) scopes: Option<Arc<[String]>>,
    /// Worth refreshing behind.
    pub(crate) due: bool,
    /// When a refresh brought it; `None` for Auth0's copy.
    pub(crate) refreshed_at: Option<SystemTime>,
}

/// What can be done for an account.
#[derive(Clone, Debug)]
pub(crate) enum Verdict {
    /// Serve this.
    Serve(Serving),
    /// Nothing to serve before a refresh.
    Refresh,
    /// The token has ended and nothing replaces it.
    Ended,
    /// The provider refused the refresh token for good.
    Dead { lost: bool },
    /// Its user revoked it.
    Revoked,
    /// Auth0's copy holds no token.
    Nothing,
}

/// A token with less left is not handed out, nor one in the last tenth of a shorter life than ten times this.
const LAST_MOMENT: Duration = Duration::from_secs(5);

/// What a token of this grant must have left to be handed out.
pub(crate) fn last_moment(record: &GrantRecord) -> Duration {
    record.lifetime.map_or(LAST_MOMENT, |life| (life / 10).min(LAST_MOMENT))
}

/// How a provider refreshes, if it can.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Means {
    pub(crate) rule: RefreshRule,
    /// Credentials and an endpoint are there.
    pub(crate) able: bool,
}

/// `record` is ours, already known to have started from `copy`.
pub(crate) fn judge(copy: &Copy, record: Option<&GrantRecord>, means: Means, now: SystemTime) -> Verdict {
    let Some(record) = record else { return judge_copy(copy, means) };
    if record.state == GrantState::Revoked {
        return Verdict::Revoked;
    }
    let spendable = means.able && means.rule != RefreshRule::Exchange && record.refresh_token.is_some();
    if let Some(bearer) = &record.access_token
        && record.expires_at.is_none_or(|end| end > now + last_moment(record))
    {
        let live = record.state == GrantState::Live;
        return Verdict::Serve(Serving {
            bearer: bearer.clone(),
            expires_at: record.expires_at,
            scopes: record.scopes.as_deref().map(Arc::from),
            due: live
                && (spendable || means.rule == RefreshRule::Exchange && means.able)
                && is_due(record, means, now),
            refreshed_at: Some(record.updated_at),
        });
    }
    match record.state {
        GrantState::Dead { until, lost } if !spendable || crate::grant::seconds(now) < until => {
            Verdict::Dead { lost }
        }
        GrantState::Live if record.access_token.is_none() && copy.bearer.is_some() => judge_copy(copy, means),
        _ if spendable => Verdict::Refresh,
        _ => Verdict::Ended,
    }
}

fn judge_copy(copy: &Copy, means: Means) -> Verdict {
    match &copy.bearer {
        // Its age is unknown: it serves until the provider says otherwise. Only an exchange, which needs a living
        // token, cannot wait for that.
        Some(bearer) => Verdict::Serve(Serving {
            bearer: bearer.clone(),
            expires_at: None,
            scopes: None,
            due: means.able && means.rule == RefreshRule::Exchange,
            refreshed_at: None,
        }),
        None if means.able && copy.refresh.is_some() => Verdict::Refresh,
        None => Verdict::Nothing,
    }
}

/// In the last tenth of its life, at most five minutes (for exchanges, which cannot be made up for: a day).
fn is_due(record: &GrantRecord, means: Means, now: SystemTime) -> bool {
    let Some(end) = record.expires_at else { return false };
    let left = end.duration_since(now).unwrap_or_default();
    let most = if means.rule == RefreshRule::Exchange { 86_400 } else { 300 };
    let margin = record.lifetime.map_or(Duration::from_secs(60), |life| life / 10);
    left < margin.min(Duration::from_secs(most))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROTATING: Means = Means { rule: RefreshRule::Rotating, able: true };

    fn record(token: Option<&str>, ends_in: i64) -> GrantRecord {
        let mut record = GrantRecord::starting(Fingerprint("k:0".into()), Some("r".to_owned().into()));
        record.access_token = token.map(|token| BearerToken::new(token).unwrap());
        let base = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        record.expires_at = Some(base.checked_add_signed(ends_in));
        record.lifetime = Some(Duration::from_secs(7200));
        record
    }

    trait Shift {
        fn checked_add_signed(self, seconds: i64) -> Self;
    }

    impl Shift for SystemTime {
        fn checked_add_signed(self, seconds: i64) -> Self {
            let by = Duration::from_secs(seconds.unsigned_abs());
            if seconds < 0 { self - by } else { self + by }
        }
    }

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000)
    }

    fn copy() -> Copy {
        Copy {
            bearer: BearerToken::new("copy").ok(),
            refresh: Some("r0".to_owned().into()),
            expires_in: None,
        }
    }

    fn served(verdict: Verdict) -> (String, bool) {
        match verdict {
            Verdict::Serve(serving) => (serving.bearer.expose().to_owned(), serving.due),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn our_record_goes_before_the_copy_it_started_from() {
        let verdict = |ends_in| judge(&copy(), Some(&record(Some("ours"), ends_in)), ROTATING, now());
        assert_eq!(served(verdict(3600)), ("ours".into(), false));
        assert_eq!(served(verdict(299)), ("ours".into(), true));
        assert!(matches!(verdict(4), Verdict::Refresh));
        assert!(matches!(verdict(-10), Verdict::Refresh));
    }

    #[test]
    fn nothing_refreshes_without_means() {
        let unable = Means { able: false, ..ROTATING };
        assert_eq!(
            served(judge(&copy(), Some(&record(Some("ours"), 100)), unable, now())),
            ("ours".into(), false)
        );
        assert!(matches!(judge(&copy(), Some(&record(Some("ours"), 1)), unable, now()), Verdict::Ended));
        let bare = Copy { bearer: None, ..copy() };
        assert!(matches!(judge(&bare, None, unable, now()), Verdict::Nothing));
        assert!(matches!(judge(&bare, None, ROTATING, now()), Verdict::Refresh));
    }

    #[test]
    fn a_dead_grant_serves_its_last_token_and_then_cools_down() {
        let mut dead = record(Some("ours"), 100);
        dead.state = GrantState::Dead { until: 1_000_600, lost: false };
        assert_eq!(served(judge(&copy(), Some(&dead), ROTATING, now())), ("ours".into(), false));
        dead.access_token = None;
        assert!(matches!(judge(&copy(), Some(&dead), ROTATING, now()), Verdict::Dead { lost: false }));
        let later = now() + Duration::from_secs(601);
        assert!(matches!(judge(&copy(), Some(&dead), ROTATING, later), Verdict::Refresh));
        dead.state = GrantState::Revoked;
        assert!(matches!(judge(&copy(), Some(&dead), ROTATING, later), Verdict::Revoked));
    }

    #[test]
    fn an_exchange_is_due_at_first_sight() {
        let facebook = Means { rule: RefreshRule::Exchange, able: true };
        assert_eq!(served(judge(&copy(), None, facebook, now())), ("copy".into(), true));
        assert_eq!(served(judge(&copy(), None, ROTATING, now())), ("copy".into(), false));
    }
}
