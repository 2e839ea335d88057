//! Grants as they are stored.

mod encoding;
mod key;

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use token_keeper::BearerToken;

pub use self::key::GrantKey;

/// A keyed hash of Auth0's copy, or of one token of it: tells whether the copy has changed since, and nothing else. Written
/// `key id:2:hex`, by older versions `key id:hex`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(pub(crate) String);

impl Fingerprint {
    /// The id of the key it was made with.
    #[must_use]
    pub fn key_id(&self) -> &str {
        self.0.split_once(':').map_or("", |(id, _)| id)
    }
}

/// The state of a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "state")]
#[non_exhaustive]
pub enum GrantState {
    /// In use.
    Live,
    /// Revoked by its user: refused until Auth0's copy changes.
    Revoked,
    /// The provider refused its refresh token.
    Dead {
        /// No new attempt before this, seconds since 1970.
        until: u64,
        /// Its last refresh token was spent and the next one never stored.
        lost: bool,
    },
    /// Its record cannot be opened, so its state is unknown. Only lists say so; reading one is an error.
    Unreadable,
}

/// A single-use refresh token was sent and the answer not yet stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Intent {
    /// When, seconds since 1970.
    pub at: u64,
}

/// A grant as stored. `Debug` shows no token.
#[derive(Clone)]
#[non_exhaustive]
pub struct GrantRecord {
    /// The fingerprint of Auth0's copy as it was last seen.
    pub origin: Fingerprint,
    /// The fingerprint of the last access token that Auth0's copy held. Records of older versions have none.
    pub origin_access: Option<Fingerprint>,
    /// The same for the refresh token.
    pub origin_refresh: Option<Fingerprint>,
    /// The fingerprints of the entries of a Token Vault connection that its revocation has seen. Records of older versions have
    /// none.
    pub origin_entries: Vec<Fingerprint>,
    /// Its state.
    pub state: GrantState,
    /// The IdP token; `None` until the first refresh succeeded (Auth0's copy is used so long).
    pub access_token: Option<BearerToken>,
    /// When the IdP token ends.
    pub expires_at: Option<SystemTime>,
    /// How long IdP tokens of this grant live, learned at the last refresh.
    pub lifetime: Option<Duration>,
    /// The newest refresh token.
    pub refresh_token: Option<SecretString>,
    /// The scopes, where the provider named them.
    pub scopes: Option<Vec<String>>,
    /// A refresh under way, or one that was cut off.
    pub intent: Option<Intent>,
    /// Why the provider refused the refresh token: the name of an `idp_adapters::Cause`.
    pub refused_for: Option<String>,
    /// When a refresh brought the IdP token.
    pub refreshed_at: Option<SystemTime>,
    /// When the refresh before that one was, if nothing accepted the token that it brought.
    pub refreshed_before: Option<SystemTime>,
    /// When it was last written.
    pub updated_at: SystemTime,
}

impl GrantRecord {
    /// A grant that starts from Auth0's copy, written `now`.
    #[must_use]
    pub fn starting(origin: Fingerprint, refresh_token: Option<SecretString>, now: SystemTime) -> Self {
        Self {
            origin,
            origin_access: None,
            origin_refresh: None,
            origin_entries: Vec::new(),
            state: GrantState::Live,
            access_token: None,
            expires_at: None,
            lifetime: None,
            refresh_token,
            scopes: None,
            intent: None,
            refused_for: None,
            refreshed_at: None,
            refreshed_before: None,
            updated_at: now,
        }
    }

    /// What can be shown of it.
    #[must_use]
    pub fn summary(&self, key: GrantKey) -> GrantSummary {
        GrantSummary {
            key,
            state: self.state,
            expires_at: self.expires_at,
            refreshable: self.refresh_token.is_some(),
            unanswered: self.intent.is_some(),
            updated_at: self.updated_at,
        }
    }
}

impl fmt::Debug for GrantRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrantRecord")
            .field("state", &self.state)
            .field("access_token", &self.access_token.is_some())
            .field("refresh_token", &self.refresh_token.is_some())
            .field("expires_at", &self.expires_at)
            .field("intent", &self.intent)
            .finish_non_exhaustive()
    }
}

impl GrantSummary {
    /// What can be shown of a record that cannot be opened: whose it is, and that it can be deleted.
    #[must_use]
    pub fn unreadable(key: GrantKey) -> Self {
        Self {
            key,
            state: GrantState::Unreadable,
            expires_at: None,
            refreshable: false,
            unanswered: false,
            updated_at: SystemTime::UNIX_EPOCH,
        }
    }
}

/// What can be shown of a stored grant: never a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GrantSummary {
    /// Whose grant.
    pub key: GrantKey,
    /// Its state.
    pub state: GrantState,
    /// When its IdP token ends.
    pub expires_at: Option<SystemTime>,
    /// Whether there is a refresh token.
    pub refreshable: bool,
    /// Whether a refresh was sent and its answer not stored.
    pub unanswered: bool,
    /// When it was last written; 1970 where the record cannot be opened.
    pub updated_at: SystemTime,
}

pub(crate) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn time(seconds: u64) -> Option<SystemTime> {
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_record_survives_its_encoding_and_shows_no_token() {
        let mut record = GrantRecord::starting(
            Fingerprint("k:00".into()),
            Some("r-secret".to_owned().into()),
            SystemTime::UNIX_EPOCH,
        );
        record.access_token = Some(BearerToken::new("a-secret").unwrap());
        record.expires_at = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(7));
        record.intent = Some(Intent { at: 5 });
        record.state = GrantState::Dead { until: 9, lost: true };
        record.origin_access = Some(Fingerprint("k:2:aa".into()));
        record.refreshed_at = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(3));
        let back = GrantRecord::decode(&record.encode()).unwrap();
        assert_eq!(back.access_token.unwrap().expose(), "a-secret");
        assert_eq!(back.refresh_token.unwrap().expose_secret(), "r-secret");
        assert_eq!(
            (back.state, back.intent, back.expires_at),
            (record.state, record.intent, record.expires_at)
        );
        assert_eq!(
            (back.origin_access, back.refreshed_at),
            (record.origin_access.clone(), record.refreshed_at)
        );
        assert!(!format!("{record:?}").contains("secret"));
        assert!(GrantRecord::decode(b"{}").is_none());
    }

    #[test]
    fn a_record_of_an_older_version_is_read() {
        let old = br#"{"v":1,"origin":"k:00","state":{"state":"live"},"access_token":"a","refresh_token":"r",
            "expires_at":null,"lifetime":null,"scopes":null,"intent":null,"updated_at":9}"#;
        let record = GrantRecord::decode(old).unwrap();
        assert_eq!((record.origin_access, record.origin_refresh, record.refreshed_at), (None, None, None));
    }
}
