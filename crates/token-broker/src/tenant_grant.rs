//! Auth0's copy of a grant, beside our record of it. Pure.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use token_keeper::BearerToken;
use user_store::Identity;

use crate::{Fingerprint, GrantRecord, KeyRing, digest::Digest};

/// Auth0's copy of a grant.
#[derive(Clone, Debug, Default)]
pub(crate) struct TenantGrant {
    pub(crate) access: Option<BearerToken>,
    /// The digest of `access`, where it is known.
    pub(crate) access_digest: Option<Digest>,
    pub(crate) refresh: Option<SecretString>,
    pub(crate) expires_in: Option<Duration>,
}

/// Which members of Auth0's copy our record has not seen. A member that is absent has not changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    pub(crate) access: bool,
    pub(crate) refresh: bool,
}

impl Changes {
    pub(crate) fn any(self) -> bool {
        self.access || self.refresh
    }
}

impl TenantGrant {
    pub(crate) fn of(identity: &Identity) -> Self {
        Self {
            access: identity.bearer().cloned(),
            access_digest: Digest::of_identity(identity),
            refresh: identity.refresh_token().cloned(),
            expires_in: identity.expires_in(),
        }
    }

    fn access_text(&self) -> Option<&str> {
        self.access.as_ref().map(BearerToken::expose)
    }

    fn refresh_text(&self) -> Option<&str> {
        self.refresh.as_ref().map(ExposeSecret::expose_secret)
    }

    /// The fingerprint of the whole copy.
    pub(crate) fn fingerprint(&self, keys: &KeyRing) -> Fingerprint {
        keys.fingerprint(&[self.access_text(), self.refresh_text()])
    }

    /// What recognises the copy's only token: its access token, else its refresh token.
    pub(crate) fn digest(&self) -> Option<Digest> {
        self.access_text().or_else(|| self.refresh_text()).map(Digest::of_text)
    }

    /// Which members `record` has not seen.
    pub(crate) fn changes(&self, record: &GrantRecord, keys: &KeyRing) -> Changes {
        if keys.recognises(&record.origin, &[self.access_text(), self.refresh_text()]) {
            return Changes::default();
        }
        let changed = |now: Option<&str>, seen: Option<&Fingerprint>| {
            // A record of an older version knows the whole copy alone; whatever is there may then be new.
            now.is_some() && !seen.is_some_and(|seen| keys.recognises(seen, &[now]))
        };
        Changes {
            access: changed(self.access_text(), record.origin_access.as_ref()),
            refresh: changed(self.refresh_text(), record.origin_refresh.as_ref()),
        }
    }

    /// Whether `record` has seen a copy without any token, and none before.
    pub(crate) fn was_empty(record: &GrantRecord, keys: &KeyRing) -> bool {
        record.origin_access.is_none()
            && record.origin_refresh.is_none()
            && keys.recognises(&record.origin, &[None, None])
    }

    /// Makes `record` say that it has seen this copy, under the newest key: an old key can go once no record is sealed
    /// with it. A member that is absent stays as it was seen before.
    pub(crate) fn stamp(&self, record: &mut GrantRecord, keys: &KeyRing) {
        let seen = |now: Option<&str>| now.map(|_| keys.fingerprint(&[now]));
        record.origin = self.fingerprint(keys);
        record.origin_access = seen(self.access_text()).or_else(|| record.origin_access.take());
        record.origin_refresh = seen(self.refresh_text()).or_else(|| record.origin_refresh.take());
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    fn copy(access: Option<&str>, refresh: Option<&str>) -> TenantGrant {
        TenantGrant {
            access: access.map(|token| BearerToken::new(token).unwrap()),
            access_digest: None,
            refresh: refresh.map(|token| token.to_owned().into()),
            expires_in: None,
        }
    }

    fn seen(copy: &TenantGrant, keys: &KeyRing) -> GrantRecord {
        let mut record = GrantRecord::starting(copy.fingerprint(keys), None, SystemTime::UNIX_EPOCH);
        copy.stamp(&mut record, keys);
        record
    }

    #[test]
    fn each_member_changes_by_itself_and_absence_changes_nothing() {
        let keys = KeyRing::ephemeral().unwrap();
        let mut record = seen(&copy(Some("a0"), Some("r0")), &keys);
        let changes = |record: &GrantRecord, access, refresh| {
            let changes = copy(access, refresh).changes(record, &keys);
            (changes.access, changes.refresh)
        };
        assert_eq!(changes(&record, Some("a0"), Some("r0")), (false, false));
        assert_eq!(changes(&record, Some("a1"), Some("r0")), (true, false));
        assert_eq!(changes(&record, Some("a0"), Some("r1")), (false, true));
        assert_eq!(changes(&record, Some("a1"), None), (true, false));
        assert_eq!(changes(&record, None, None), (false, false));
        // A copy without a refresh token does not make the record forget the one it has seen.
        copy(Some("a1"), None).stamp(&mut record, &keys);
        assert_eq!(changes(&record, Some("a1"), None), (false, false));
        assert_eq!(changes(&record, Some("a1"), Some("r0")), (false, false));
        assert_eq!(changes(&record, Some("a1"), Some("r1")), (false, true));
    }

    #[test]
    fn a_record_of_an_older_version_is_compared_as_a_whole() {
        let keys = KeyRing::ephemeral().unwrap();
        let mut record = seen(&copy(Some("a0"), Some("r0")), &keys);
        (record.origin_access, record.origin_refresh) = (None, None);
        assert!(!copy(Some("a0"), Some("r0")).changes(&record, &keys).any());
        let newer = copy(Some("a1"), Some("r0")).changes(&record, &keys);
        assert!(newer.access && newer.refresh);
        assert_eq!(copy(Some("a1"), None).changes(&record, &keys), Changes { access: true, refresh: false });
    }
}
