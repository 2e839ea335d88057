//! Parsing Auth0's JSON, and the encoding of a record for shared stores.
//!
//! One rule for all members: an undocumented shape costs at most the member or the identity that it is in.

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, SystemTime},
};

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::value::RawValue;
use token_keeper::BearerToken;
use zeroize::Zeroizing;

use crate::{ConnectedAccount, Error, Identity, User, names::Connection, user::nanos};

/// The members asked for.
pub(crate) const FIELDS: &str = "user_id,identities,blocked,last_login";

/// Auth0's answer to `GET /api/v2/users/{id}`.
#[derive(Deserialize)]
pub(crate) struct UserReply {
    #[serde(default)]
    user_id: Option<String>,
    #[serde(default)]
    blocked: Scalar,
    #[serde(default)]
    last_login: Scalar,
    #[serde(default)]
    identities: Option<Vec<Slot>>,
}

impl UserReply {
    /// The record, if it is about the user that was asked for (threat C03).
    pub(crate) fn into_user(self, asked: &str, fetched_at: SystemTime) -> Result<User, Error> {
        if self.user_id.as_deref() != Some(asked) {
            tracing::error!(
                event = "user_mismatch",
                "the Management API answered with another user's record; it was thrown away"
            );
            return Err(Error::mismatch());
        }
        let slots = self.identities.unwrap_or_default();
        let sent = slots.len();
        let identities: Vec<_> = slots.into_iter().filter_map(|slot| slot.0).collect();
        let (read, identities) = (identities.len(), without_duplicates(identities));
        if identities.len() < read {
            tracing::warn!(
                event = "identity_duplicate",
                count = read - identities.len(),
                "identities that Auth0 lists more than once count as one"
            );
        }
        if read < sent {
            tracing::warn!(
                event = "identity_malformed",
                count = sent - read,
                "identities without connection or user id, or of an unknown shape, were left out"
            );
        }
        let blocked = !matches!(self.blocked, Scalar::Nothing | Scalar::Bool(false));
        let identities = identities.into_boxed_slice();
        let last_login = self.last_login.time().unwrap_or_default();
        let user_id = asked.into();
        let fetched_at = nanos(fetched_at);
        Ok(User { user_id, identities, fetched_at, last_login, blocked, tokens_withheld: false })
    }
}

/// One identity for each account; of two with a token or without, the one with a token.
fn without_duplicates(identities: Vec<Identity>) -> Vec<Identity> {
    let mut unique: Vec<Identity> = Vec::with_capacity(identities.len());
    for identity in identities {
        let same = |other: &&mut Identity| {
            other.connection() == identity.connection() && other.user_id == identity.user_id
        };
        match unique.iter_mut().find(same) {
            Some(known) if known.bearer.is_none() && identity.bearer.is_some() => *known = identity,
            Some(_) => {}
            None => unique.push(identity),
        }
    }
    unique
}

/// An identity, or nothing where it could not be read. Each element is parsed on its own, from a copy that is
/// wiped, so that a broken one does not lose its neighbours.
struct Slot(Option<Identity>);

impl<'de> Deserialize<'de> for Slot {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let text = Zeroizing::new(String::from(Box::<str>::from(raw)));
        Ok(Self(serde_json::from_str::<IdentityReply>(&text).ok().and_then(IdentityReply::into_identity)))
    }
}

#[derive(Deserialize)]
struct IdentityReply {
    #[serde(default)]
    connection: Scalar,
    #[serde(default)]
    provider: Scalar,
    #[serde(default)]
    user_id: Option<Box<RawValue>>,
    #[serde(default)]
    access_token: Scalar,
    #[serde(default)]
    refresh_token: Scalar,
    #[serde(default)]
    expires_in: Scalar,
    #[serde(default, rename = "isSocial")]
    is_social: Scalar,
}

impl IdentityReply {
    fn into_identity(self) -> Option<Identity> {
        let provider = self.provider.into_text().map(Arc::<str>::from);
        // Some strategies (passwordless, old records) name only one of the two.
        let name = self.connection.into_text().map(Arc::from).or_else(|| provider.clone())?;
        let provider = provider.unwrap_or_else(|| name.clone());
        let user_id = identifier(&self.user_id?)?.into();
        let token = self.access_token.into_secret();
        let bearer = token.as_ref().and_then(|token| BearerToken::new(token.expose_secret()).ok());
        Some(Identity {
            connection: Arc::new(Connection { name, provider }),
            user_id,
            unusable_token: token.is_some() && bearer.is_none(),
            bearer,
            refresh_token: self.refresh_token.into_secret(),
            expires_in: self.expires_in.seconds().unwrap_or_default(),
            social: matches!(self.is_social, Scalar::Bool(true)),
            digest: OnceLock::new(),
        })
    }
}

/// A string as it is, a number as it was written: `u64` or `f64` would alter ids of more than 19 digits.
fn identifier(raw: &RawValue) -> Option<String> {
    let text = raw.get();
    let id = match text.as_bytes().first()? {
        b'"' => serde_json::from_str::<String>(text).ok()?,
        b'0'..=b'9' | b'-' => text.to_owned(),
        _ => return None,
    };
    (!id.is_empty()).then_some(id)
}

/// A JSON value of which only scalars are of interest.
#[derive(Default)]
enum Scalar {
    #[default]
    Nothing,
    Bool(bool),
    Number(f64),
    Text(Zeroizing<String>),
    Other,
}

impl Scalar {
    fn into_text(self) -> Option<String> {
        match self {
            Scalar::Text(mut text) if !text.is_empty() => Some(std::mem::take(&mut *text)),
            _ => None,
        }
    }

    fn into_secret(self) -> Option<SecretString> {
        self.into_text().map(SecretString::from)
    }

    /// Whole seconds, number or text; nonsense counts as absent.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
    fn seconds(&self) -> Option<u32> {
        let seconds = match self {
            Scalar::Number(number) => *number,
            Scalar::Text(text) => text.trim().parse().ok()?,
            _ => return None,
        };
        // A century is as good as any longer time.
        (seconds.is_finite() && (1.0..1e10).contains(&seconds)).then(|| seconds.min(3.2e9) as u32)
    }
}

impl Scalar {
    /// Seconds since 1970: RFC 3339 text in UTC as Auth0 writes it, or a number as [`encode`] writes it.
    fn time(&self) -> Option<u32> {
        match self {
            Scalar::Text(text) => rfc3339(text),
            Scalar::Number(_) => self.seconds(),
            _ => None,
        }
    }
}

/// Seconds since 1970 of `2026-11-24T10:00:00.000Z`, fractions dropped. `None` for anything else.
pub(crate) fn rfc3339(text: &str) -> Option<u32> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let numbers = |text: &str, separator| -> Option<[u64; 3]> {
        let mut parts = text.split(separator).map(|part| part.parse::<u64>().ok());
        let found = [parts.next()??, parts.next()??, parts.next()??];
        parts.next().is_none().then_some(found)
    };
    let [year, month, day] = numbers(date, '-')?;
    let [hour, minute, second] = numbers(time.split_once('.').map_or(time, |(whole, _)| whole), ':')?;
    let in_range = (1970..=2105).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    if !in_range || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    // Years that start in March have the leap day at their end.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1;
    // From 1 March of year 0 to 1 January 1970.
    let days = days.checked_sub(719_468)?;
    u32::try_from(days * 86_400 + hour * 3600 + minute * 60 + second).ok()
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl<'de> de::Visitor<'de> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Scalar, E> {
        Ok(Scalar::Bool(value))
    }

    #[expect(clippy::cast_precision_loss, reason = "lifetimes in seconds are far below 2^52")]
    fn visit_u64<E>(self, value: u64) -> Result<Scalar, E> {
        Ok(Scalar::Number(value as f64))
    }

    #[expect(clippy::cast_precision_loss, reason = "lifetimes in seconds are far below 2^52")]
    fn visit_i64<E>(self, value: i64) -> Result<Scalar, E> {
        Ok(Scalar::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Scalar, E> {
        Ok(Scalar::Number(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Scalar, E> {
        Ok(Scalar::Text(Zeroizing::new(value.to_owned())))
    }

    fn visit_unit<E>(self) -> Result<Scalar, E> {
        Ok(Scalar::Nothing)
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Scalar, A::Error> {
        while seq.next_element::<de::IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Scalar, A::Error> {
        while map.next_entry::<de::IgnoredAny, de::IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }
}

/// Auth0's answer to `GET /api/v2/users/{id}/connected-accounts`.
#[derive(Deserialize)]
pub(crate) struct ConnectedReply {
    #[serde(default)]
    connected_accounts: Vec<serde_json::Value>,
    /// Checkpoint for the next page, where there is one.
    #[serde(default)]
    pub(crate) next: Option<String>,
}

impl ConnectedReply {
    pub(crate) fn into_accounts(self) -> impl Iterator<Item = ConnectedAccount> {
        self.connected_accounts.into_iter().filter_map(|value| {
            let text = |name: &str| value.get(name).and_then(|v| v.as_str()).map(str::to_owned);
            let scopes = value.get("scopes").and_then(|v| v.as_array());
            Some(ConnectedAccount {
                id: text("id")?,
                connection: text("connection")?,
                strategy: text("strategy"),
                scopes: scopes
                    .map(|list| list.iter().filter_map(|v| v.as_str().map(str::to_owned)).collect())
                    .unwrap_or_default(),
                created_at: text("created_at"),
                expires_at: text("expires_at"),
                organization_id: text("organization_id"),
            })
        })
    }
}

/// What a shared store keeps: Auth0's own shape, with the time of the look-up beside it.
#[derive(Serialize)]
struct StoredRecord<'a> {
    v: u8,
    /// Milliseconds since 1970.
    fetched_at: u64,
    user: StoredUser<'a>,
}

#[derive(Serialize)]
struct StoredUser<'a> {
    user_id: &'a str,
    blocked: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_login: Option<u32>,
    identities: Vec<StoredIdentity<'a>>,
}

#[derive(Serialize)]
struct StoredIdentity<'a> {
    connection: &'a str,
    provider: &'a str,
    user_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in: Option<u32>,
    #[serde(rename = "isSocial")]
    is_social: bool,
}

#[derive(Deserialize)]
struct StoredReply {
    v: u8,
    fetched_at: u64,
    user: UserReply,
}

/// The current encoding; records of another version are read as absent.
const VERSION: u8 = 1;

/// The record as bytes for a shared store, tokens in the clear.
pub(crate) fn encode(user: &User) -> Option<Zeroizing<Vec<u8>>> {
    let since = user.fetched_at().duration_since(SystemTime::UNIX_EPOCH).ok()?;
    let identities = user.identities.iter().map(|identity| StoredIdentity {
        connection: identity.connection(),
        provider: identity.provider(),
        user_id: &identity.user_id,
        access_token: identity.bearer.as_ref().map(BearerToken::expose),
        refresh_token: identity.refresh_token.as_ref().map(ExposeSecret::expose_secret),
        expires_in: (identity.expires_in > 0).then_some(identity.expires_in),
        is_social: identity.social,
    });
    let stored = StoredRecord {
        v: VERSION,
        fetched_at: u64::try_from(since.as_millis()).ok()?,
        user: StoredUser {
            user_id: &user.user_id,
            blocked: user.blocked,
            last_login: (user.last_login > 0).then_some(user.last_login),
            identities: identities.collect(),
        },
    };
    // Sized first: a buffer that grows leaves copies that are not wiped.
    let mut bytes = Zeroizing::new(Vec::with_capacity(user.size() * 2 + 1024));
    serde_json::to_writer(&mut *bytes, &stored).ok()?;
    Some(bytes)
}

/// Reads [`encode`]'s bytes; anything else is absent.
pub(crate) fn decode(bytes: &[u8], asked: &str) -> Option<User> {
    let stored: StoredReply = serde_json::from_slice(bytes).ok()?;
    let fetched_at = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(stored.fetched_at))?;
    (stored.v == VERSION).then(|| stored.user.into_user(asked, fetched_at).ok())?
}

#[cfg(test)]
mod tests;
