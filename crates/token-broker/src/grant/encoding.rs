//! Records as bytes.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use token_keeper::BearerToken;
use zeroize::Zeroizing;

use super::{Fingerprint, GrantRecord, GrantState, Intent, seconds, time};

impl GrantRecord {
    /// The record as bytes, tokens in the clear: to be encrypted before they leave the process.
    #[must_use]
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        let kept = Kept {
            v: VERSION,
            origin: &self.origin,
            origin_access: self.origin_access.as_ref(),
            origin_refresh: self.origin_refresh.as_ref(),
            origin_entries: &self.origin_entries,
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
        let entries: usize = self.origin_entries.iter().map(|entry| entry.0.len() + 8).sum();
        let mut bytes = Zeroizing::new(Vec::with_capacity(2 * secrets + 2 * scopes + entries + 1024));
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
            origin_entries: found.origin_entries,
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
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    origin_entries: &'a [Fingerprint],
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
    #[serde(default)]
    origin_entries: Vec<Fingerprint>,
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
