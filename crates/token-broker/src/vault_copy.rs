//! The entries of one connection among a user's Connected Accounts, beside the record of a revocation. They stand for Auth0's copy of
//! the grant: Token Vault shows none. Pure.

use user_store::ConnectedAccount;

use crate::{Fingerprint, GrantRecord, KeyRing, grant::seconds};

/// The entries of a connection.
#[derive(Debug)]
pub(crate) struct VaultCopy<'a>(Vec<&'a ConnectedAccount>);

impl<'a> VaultCopy<'a> {
    pub(crate) fn of(accounts: &'a [ConnectedAccount], connection: &str) -> Self {
        Self(accounts.iter().filter(|entry| entry.connection == connection).collect())
    }

    /// No account of the connection is connected.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Makes `record` say that it has seen these entries.
    pub(crate) fn stamp(&self, record: &mut GrantRecord, keys: &KeyRing) {
        record.origin = keys.fingerprint(&parts(&self.texts()));
        record.origin_entries = self.0.iter().map(|entry| keys.fingerprint(&[Some(&text(entry))])).collect();
    }

    /// Whether the user has connected an account since the revocation `record`: an entry is there that it has not seen. An entry that
    /// has disappeared does not count. Neither does one that is older than the revocation: the list that was read then may have been
    /// out of date.
    pub(crate) fn is_connected_since(&self, record: &GrantRecord, keys: &KeyRing) -> bool {
        let revoked_at = seconds(record.updated_at);
        let is_older = |entry: &ConnectedAccount| entry.created().is_some_and(|at| seconds(at) < revoked_at);
        let mut new = self.0.iter().filter(|entry| !is_older(entry));
        if record.origin_entries.is_empty() {
            // A record of an older version, or there was no entry.
            let texts = self.texts();
            return new.next().is_some() && !keys.recognises(&record.origin, &parts(&texts));
        }
        new.any(|entry| {
            let text = text(entry);
            let now = keys.fingerprint(&[Some(&text)]);
            let is_seen = |seen: &Fingerprint| {
                *seen == now || (seen.key_id() != now.key_id() && keys.recognises(seen, &[Some(&text)]))
            };
            !record.origin_entries.iter().any(is_seen)
        })
    }

    fn texts(&self) -> Vec<String> {
        let mut texts: Vec<_> = self.0.iter().map(|entry| text(entry)).collect();
        texts.sort();
        texts
    }
}

fn text(entry: &ConnectedAccount) -> String {
    format!("{}@{}", entry.id, entry.created_at.as_deref().unwrap_or_default())
}

fn parts(texts: &[String]) -> Vec<Option<&str>> {
    texts.iter().map(|text| Some(text.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    const REVOKED: u64 = 1_764_400_000;

    fn entry(id: &str, created_at: Option<&str>) -> ConnectedAccount {
        let mut entry = ConnectedAccount::new(id, "google");
        entry.created_at = created_at.map(str::to_owned);
        entry
    }

    fn revoked(seen: &[ConnectedAccount], keys: &KeyRing) -> GrantRecord {
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(REVOKED * 1000 + 700);
        let mut record = GrantRecord::starting(Fingerprint(String::new()), None, at);
        VaultCopy::of(seen, "google").stamp(&mut record, keys);
        record
    }

    #[test]
    fn only_an_entry_that_was_not_seen_and_is_not_older_counts() {
        let keys = KeyRing::ephemeral().unwrap();
        let (one, two) = (entry("cac_1", None), entry("cac_2", None));
        let before = entry("cac_3", Some("2025-11-29T07:06:39.999Z"));
        let same_second = entry("cac_4", Some("2025-11-29T07:06:40.100Z"));
        let mut elsewhere = entry("cac_5", None);
        elsewhere.connection = "github".to_owned();
        let seen = [one.clone(), two.clone(), elsewhere.clone()];
        let record = revoked(&seen, &keys);
        let counts =
            |now: &[ConnectedAccount]| VaultCopy::of(now, "google").is_connected_since(&record, &keys);
        for unchanged in [&seen[..], &[two.clone(), one.clone()], std::slice::from_ref(&two), &[]] {
            assert!(!counts(unchanged), "{unchanged:?}");
        }
        assert!(!counts(&[one.clone(), before.clone()]), "the list was an old one");
        assert!(!counts(&[one.clone(), elsewhere]));
        assert!(counts(&[one.clone(), entry("cac_6", None)]));
        assert!(counts(&[same_second]));
        // The same entry made anew.
        assert!(counts(&[entry("cac_1", Some("2025-11-29T07:06:41Z"))]));
        // There was none.
        let none = revoked(&[], &keys);
        assert!(VaultCopy::of(&[one], "google").is_connected_since(&none, &keys));
        assert!(!VaultCopy::of(&[before], "google").is_connected_since(&none, &keys));
        assert!(!VaultCopy::of(&[], "google").is_connected_since(&none, &keys));
    }

    #[test]
    fn a_record_of_an_older_version_compares_the_whole_list_and_a_new_key_changes_nothing() {
        let old = "old:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        let new = "new:HxscGRoYFxYVFBMSERAPDg0MCwoJCAcGBQQDAgEAAAE=";
        let keys = KeyRing::parse(&old.to_owned().into()).unwrap();
        let rotated = KeyRing::parse(&format!("{new}\n{old}").into()).unwrap();
        let (one, two) = (entry("cac_1", None), entry("cac_2", None));
        let record = revoked(&[one.clone(), two.clone()], &keys);
        let older = GrantRecord { origin_entries: Vec::new(), ..record.clone() };
        for keys in [&keys, &rotated] {
            for record in [&record, &older] {
                let both = [two.clone(), one.clone()];
                assert!(!VaultCopy::of(&both, "google").is_connected_since(record, keys));
                let more = [two.clone(), one.clone(), entry("cac_3", None)];
                assert!(VaultCopy::of(&more, "google").is_connected_since(record, keys));
            }
        }
    }
}
