//! Grants as they are kept.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use token_keeper::BearerToken;
use zeroize::Zeroizing;

use crate::{Account, Source};

/// Names one grant. Every part of it separates: tenant, user, source, connection, account and OAuth client (none is a value
/// too).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub struct GrantKey {
    /// The tenant's canonical domain.
    pub tenant: String,
    /// The full Auth0 user id.
    pub user: String,
    /// Where the grant comes from.
    pub source: Source,
    /// The connection.
    pub connection: String,
    /// The user's id at the provider.
    pub account: Option<String>,
    /// What its tokens depend on besides: adapter, OAuth client and token endpoint. `None` where nothing is refreshed, for
    /// revocations, and for grants that older versions stored.
    pub client: Option<String>,
}

impl GrantKey {
    /// The key of an account's grant, whatever client refreshes it.
    #[must_use]
    pub fn new(tenant: &str, user: &str, source: Source, account: &Account) -> Self {
        Self {
            tenant: tenant.to_owned(),
            user: user.to_owned(),
            source,
            connection: account.connection().to_owned(),
            account: account.user_id().map(str::to_owned),
            client: None,
        }
    }

    /// The same account's grant as it belongs to an OAuth client.
    #[must_use]
    pub fn with_client(self, client: Option<String>) -> Self {
        Self { client, ..self }
    }

    /// The key as unambiguous text: what stores file it under and what encryption binds the record to.
    #[must_use]
    pub fn encode(&self) -> String {
        let Self { tenant, user, source, connection, account, client } = self;
        match client {
            None => serde_json::json!(["grant/1", tenant, user, source, connection, account]),
            Some(client) => serde_json::json!(["grant/2", tenant, user, source, connection, account, client]),
        }
        .to_string()
    }

    /// Reads [`GrantKey::encode`]'s text.
    #[must_use]
    pub fn decode(text: &str) -> Option<Self> {
        type Old = (String, String, String, Source, String, Option<String>);
        type New = (String, String, String, Source, String, Option<String>, String);
        if let Ok((version, tenant, user, source, connection, account)) = serde_json::from_str::<Old>(text) {
            return (version == "grant/1").then_some(Self {
                tenant,
                user,
                source,
                connection,
                account,
                client: None,
            });
        }
        let (version, tenant, user, source, connection, account, client) =
            serde_json::from_str::<New>(text).ok()?;
        let client = Some(client);
        (version == "grant/2").then_some(Self { tenant, user, source, connection, account, client })
    }
}

/// A keyed hash of the copy that Auth0 held when a grant started: tells whether Auth0's copy has changed since,
/// and nothing else. Written `key id:hex`.
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

/// What a grant is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "state")]
#[non_exhaustive]
pub enum GrantState {
    /// In use.
    Live,
    /// Revoked by its user: refused until Auth0's copy changes.
    Revoked,
    /// The provider refused its refresh token for good.
    Dead {
        /// No new attempt before this, seconds since 1970.
        until: u64,
        /// Its last refresh token was spent and the next one never stored.
        lost: bool,
    },
    /// Its record cannot be opened, so nobody knows. Only lists say so; reading one is an error.
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
    /// What it is good for.
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
    /// When the refresh before that one was.
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

    /// The record as bytes, tokens in the clear: to be encrypted before they leave the process.
    #[must_use]
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        let kept = Kept {
            v: VERSION,
            origin: &self.origin,
            origin_access: self.origin_access.as_ref(),
            origin_refresh: self.origin_refresh.as_ref(),
            state: self.state,
            access_token: self.access_token.as_ref().map(BearerToken::expose),
            refresh_token: self.refresh_token.as_ref().map(ExposeSecret::expose_secret),
            expires_at: self.expires_at.map(seconds),
            lifetime: self.lifetime.map(|lifetime| lifetime.as_secs()),
            scopes: self.scopes.as_deref(),
            intent: self.intent,
            refused_for: self.refused_for.as_deref(),
            refreshed_at: self.refreshed_at.map(seconds),
            refreshed_before: self.refreshed_before.map(seconds),
            updated_at: seconds(self.updated_at),
        };
        // Sized first: a buffer that grows would leave unwiped copies behind.
        let secrets = kept.access_token.map_or(0, str::len) + kept.refresh_token.map_or(0, str::len);
        let scopes: usize = self.scopes.iter().flatten().map(|scope| scope.len() + 8).sum();
        let mut bytes = Zeroizing::new(Vec::with_capacity(2 * secrets + 2 * scopes + 1024));
        // Writing plain data into memory cannot fail; an empty record would be refused by `decode`.
        let _ = serde_json::to_writer(&mut *bytes, &kept);
        bytes
    }

    /// Reads [`GrantRecord::encode`]'s bytes. `None`: not written by this version or damaged.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let found: Found = serde_json::from_slice(bytes).ok()?;
        if found.v != VERSION {
            return None;
        }
        let access_token = match found.access_token {
            Some(token) => Some(BearerToken::new(token.expose_secret()).ok()?),
            None => None,
        };
        Some(Self {
            origin: found.origin,
            origin_access: found.origin_access,
            origin_refresh: found.origin_refresh,
            state: found.state,
            access_token,
            expires_at: found.expires_at.and_then(time),
            lifetime: found.lifetime.map(Duration::from_secs),
            refresh_token: found.refresh_token,
            scopes: found.scopes,
            intent: found.intent,
            refused_for: found.refused_for,
            refreshed_at: found.refreshed_at.and_then(time),
            refreshed_before: found.refreshed_before.and_then(time),
            updated_at: time(found.updated_at)?,
        })
    }

    /// What may be told about it.
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
    /// What may be told about a record that cannot be opened: whose it is, and that it can be deleted.
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

/// What may be told about a stored grant: never a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GrantSummary {
    /// Whose grant.
    pub key: GrantKey,
    /// What it is good for.
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

const VERSION: u8 = 1;

#[derive(Serialize)]
struct Kept<'a> {
    v: u8,
    origin: &'a Fingerprint,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin_access: Option<&'a Fingerprint>,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin_refresh: Option<&'a Fingerprint>,
    state: GrantState,
    access_token: Option<&'a str>,
    refresh_token: Option<&'a str>,
    expires_at: Option<u64>,
    lifetime: Option<u64>,
    scopes: Option<&'a [String]>,
    intent: Option<Intent>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused_for: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refreshed_at: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refreshed_before: Option<u64>,
    updated_at: u64,
}

/// Members that came later are optional: records of older versions lack them, and older versions ignore them.
#[derive(Deserialize)]
struct Found {
    v: u8,
    origin: Fingerprint,
    #[serde(default)]
    origin_access: Option<Fingerprint>,
    #[serde(default)]
    origin_refresh: Option<Fingerprint>,
    state: GrantState,
    #[serde(deserialize_with = "secret")]
    access_token: Option<SecretString>,
    #[serde(deserialize_with = "secret")]
    refresh_token: Option<SecretString>,
    expires_at: Option<u64>,
    lifetime: Option<u64>,
    scopes: Option<Vec<String>>,
    intent: Option<Intent>,
    #[serde(default)]
    refused_for: Option<String>,
    #[serde(default)]
    refreshed_at: Option<u64>,
    #[serde(default)]
    refreshed_before: Option<u64>,
    updated_at: u64,
}

fn secret<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<SecretString>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(SecretString::from))
}

pub(crate) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn time(seconds: u64) -> Option<SystemTime> {
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(user: &str, connection: &str, account: Option<&str>) -> GrantKey {
        let account = Account::new(connection, account.map(str::to_owned));
        GrantKey::new("acme.test", user, Source::Identities, &account)
    }

    #[test]
    fn c01_keys_that_look_alike_stay_apart() {
        let keys = [
            key("a|b", "c", Some("d")),
            key("a", "b|c", Some("d")),
            key("a|b|c", "d", None),
            key("a|b", "c", None),
            key("a|b", "c", Some("")),
            key("A|b", "c", Some("d")),
            key("a|b ", "c", Some("d")),
            key("a\",\"b", "c", Some("d")),
            key("a|b", "c", Some("d")).with_client(Some("x".into())),
            key("a|b", "c", Some("d")).with_client(Some(String::new())),
        ];
        let encoded: std::collections::BTreeSet<_> = keys.iter().map(GrantKey::encode).collect();
        assert_eq!(encoded.len(), keys.len());
        for key in keys {
            assert_eq!(GrantKey::decode(&key.encode()), Some(key));
        }
    }

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
