//! Who logged out, and which accounts were disconnected: in many small records, so that one more costs the one that it is in.
//!
//! A shard only ever takes in more ([`Shard::merge`]), so copies of different ages can be put together in any order.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use token_broker::{GrantKey, RevokedGrant};

use crate::time::{from_unix_seconds as moment, unix_seconds as seconds};

/// How many shards there are: what users hash to.
pub(super) const SHARDS: u16 = 4096;
/// The most revocations in one.
const MOST_IN_ONE: usize = 64;
/// The most revocations in all: the oldest are dropped, and are then in the store's grants alone.
const MOST_REVOKED: usize = 4000;

/// The shard of a user.
pub(super) fn shard_of(user: &str) -> u16 {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, user.as_bytes());
    digest.as_ref().first_chunk().map_or(0, |bytes| u16::from_be_bytes(*bytes)) % SHARDS
}

/// A record of the store. Plain data into memory cannot fail; an empty record would be refused when it is read.
pub(super) fn encode(record: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(record).unwrap_or_default()
}

/// One record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Shard {
    /// User to the second up to which tokens are refused.
    logouts: BTreeMap<String, u64>,
    /// Whether one is lifted shows in Auth0's copy of the account, so nothing ends it here.
    revoked: Vec<RevokedGrant>,
}

impl Shard {
    fn log_out(&mut self, user: &str, until: u64) -> bool {
        let mark = self.logouts.entry(user.to_owned()).or_default();
        let later = until > *mark;
        *mark = (*mark).max(until);
        later
    }

    /// Adds a revocation, or what lifts one, unless a later one of the same account is there; gives back whether it stays, and what goes for it.
    fn revoke(&mut self, grant: &RevokedGrant) -> (bool, Option<RevokedGrant>) {
        let counts = |known: &RevokedGrant| known.key == grant.key && !grant.supersedes(known);
        if self.revoked.iter().any(counts) {
            return (false, None);
        }
        self.revoked.push(grant.clone());
        let earlier = |known: &RevokedGrant| known.key == grant.key && grant.supersedes(known);
        let same = self.revoked.iter().position(earlier);
        let oldest = || (0..self.revoked.len()).min_by_key(|at| self.revoked.get(*at).map(|one| one.at));
        let gone = same.or_else(|| (self.revoked.len() > MOST_IN_ONE).then(oldest).flatten());
        let gone = gone.map(|at| self.revoked.remove(at));
        (gone.as_ref() != Some(grant), gone.filter(|gone| gone != grant))
    }

    fn prune(&mut self, since: u64) {
        self.logouts.retain(|_, until| *until >= since);
    }

    fn is_empty(&self) -> bool {
        self.logouts.is_empty() && self.revoked.is_empty()
    }

    /// Shards of what older versions kept in the control state itself.
    pub(super) fn new(logouts: BTreeMap<String, u64>, revoked: Vec<RevokedGrant>) -> Self {
        Self { logouts, revoked }
    }
}

/// What is known of one.
#[derive(Default)]
struct Known {
    shard: Shard,
    /// The store's, when it was last read or written.
    version: Option<u64>,
}

/// All shards, as far as they hold something, and what is to be done with them.
#[derive(Default)]
pub(super) struct Users {
    known: BTreeMap<u16, Known>,
    /// The store lacks something of these.
    pub(super) dirty: BTreeSet<u16>,
    /// The store may have more of these.
    pub(super) unread: BTreeSet<u16>,
    /// They are written once as they were read: with the newest key, so that an old key can be removed.
    sealed_before: BTreeSet<u16>,
    /// Each revocation with its age and shard, oldest first.
    order: BTreeSet<(u64, u16, GrantKey)>,
    /// Revocations that the broker of now may not have heard of.
    told: BTreeMap<GrantKey, RevokedGrant>,
    next_to_prune: u16,
    /// What was written besides commands: every replica must read all shards.
    pub(super) restated: bool,
}

impl Users {
    /// Notes a logout that was received here.
    pub(super) fn log_out(&mut self, user: &str, until: SystemTime) {
        let index = shard_of(user);
        if self.known.entry(index).or_default().shard.log_out(user, seconds(until)) {
            self.dirty.insert(index);
        }
    }

    /// Notes a revocation that was made here, or what lifts one.
    pub(super) fn revoke(&mut self, grant: &RevokedGrant) {
        let index = shard_of(&grant.key.user);
        if self.add(index, grant) {
            self.dirty.insert(index);
            self.told.insert(grant.key.clone(), grant.clone());
        }
    }

    fn add(&mut self, index: u16, grant: &RevokedGrant) -> bool {
        let (new, displaced) = self.known.entry(index).or_default().shard.revoke(grant);
        if let Some(displaced) = displaced {
            self.order.remove(&(displaced.at, index, displaced.key));
        }
        if new {
            self.order.insert((grant.at, index, grant.key.clone()));
        }
        while self.order.len() > MOST_REVOKED {
            let Some((_, shard, key)) = self.order.pop_first() else { break };
            self.told.remove(&key);
            if let Some(known) = self.known.get_mut(&shard) {
                known.shard.revoked.retain(|one| one.key != key);
            }
        }
        new
    }

    /// Takes in what is said elsewhere.
    pub(super) fn merge(&mut self, index: u16, other: &Shard) {
        for grant in &other.revoked {
            if self.add(index, grant) {
                self.told.insert(grant.key.clone(), grant.clone());
            }
        }
        let shard = &mut self.known.entry(index).or_default().shard;
        for (user, until) in &other.logouts {
            shard.log_out(user, *until);
        }
    }

    /// Takes in the store's copy of one. What it lacks is written.
    pub(super) fn read(&mut self, index: u16, copy: Option<(u64, &Shard)>) {
        if let Some((_, shard)) = copy {
            self.merge(index, shard);
        }
        self.unread.remove(&index);
        let known = self.known.entry(index).or_default();
        known.version = copy.map(|(version, _)| version);
        let lacks = |copy: &Shard| {
            known
                .shard
                .logouts
                .iter()
                .any(|(user, until)| copy.logouts.get(user).is_none_or(|mark| mark < until))
                || known.shard.revoked.iter().any(|grant| !copy.revoked.contains(grant))
        };
        if copy.map_or(!known.shard.is_empty(), |(_, copy)| lacks(copy)) {
            self.dirty.insert(index);
        }
    }

    /// Takes in what another set knows, to be written.
    pub(super) fn inherit(&mut self, other: &Self) {
        for (index, known) in &other.known {
            self.merge(*index, &known.shard);
            self.dirty.insert(*index);
        }
        self.restated = true;
    }

    /// What stood in a record of an older version.
    pub(super) fn take_over(&mut self, old: Shard) {
        for (user, until) in &old.logouts {
            self.log_out(user, moment(*until));
        }
        for grant in &old.revoked {
            self.revoke(grant);
        }
        self.restated = true;
    }

    /// The store has lost what it had: all that is known is written again.
    pub(super) fn lost(&mut self) {
        self.restated = true;
        self.known.values_mut().for_each(|known| known.version = None);
        self.dirty
            .extend(self.known.iter().filter(|(_, known)| !known.shard.is_empty()).map(|(index, _)| *index));
    }

    /// These were read for the first time.
    pub(super) fn seal_anew(&mut self) {
        self.sealed_before.extend(self.known.keys());
    }

    pub(super) fn next_unread(&self) -> Option<(u16, Option<u64>)> {
        let index = *self.unread.first()?;
        Some((index, self.version(index)))
    }

    /// The next one to be written: what the store lacks first, then `anew` those that are only sealed anew.
    pub(super) fn next_dirty(&mut self, anew: bool) -> Option<u16> {
        let again = anew.then(|| self.sealed_before.first().copied()).flatten();
        let index = self.dirty.first().copied().or(again)?;
        self.dirty.remove(&index);
        self.sealed_before.remove(&index);
        Some(index)
    }

    /// There is no store.
    pub(super) fn settle(&mut self) {
        self.dirty.clear();
        self.restated = false;
    }

    pub(super) fn version(&self, index: u16) -> Option<u64> {
        self.known.get(&index).and_then(|known| known.version)
    }

    /// One as it is written now, without logouts before `since`: what changes from now on makes it dirty again.
    pub(super) fn begin(&mut self, index: u16, since: u64) -> Vec<u8> {
        self.dirty.remove(&index);
        let Some(known) = self.known.get_mut(&index) else { return encode(&Shard::default()) };
        known.shard.prune(since);
        encode(&known.shard)
    }

    pub(super) fn written(&mut self, index: u16, version: u64) {
        self.known.entry(index).or_default().version = Some(version);
    }

    /// Who logged out in this shard, and up to when tokens are refused.
    pub(super) fn logouts(&self, index: u16) -> impl Iterator<Item = (&str, SystemTime)> {
        let known = self.known.get(&index).into_iter();
        known
            .flat_map(|known| known.shard.logouts.iter().map(|(user, until)| (user.as_str(), moment(*until))))
    }

    /// The shards that hold something.
    pub(super) fn shards(&self) -> impl Iterator<Item = u16> {
        self.known.keys().copied()
    }

    pub(super) fn revoked(&self) -> Vec<RevokedGrant> {
        self.known.values().flat_map(|known| known.shard.revoked.iter().cloned()).collect()
    }

    /// What the broker has not heard of yet.
    pub(super) fn take_told(&mut self) -> Vec<RevokedGrant> {
        std::mem::take(&mut self.told).into_values().collect()
    }

    /// Drops old logouts of some shards, in turn.
    pub(super) fn prune(&mut self, now: SystemTime, age: Duration) {
        const AT_ONCE: usize = 16;
        let since = seconds(now).saturating_sub(age.as_secs());
        let mut last = None;
        for (index, known) in self.known.range_mut(self.next_to_prune..).take(AT_ONCE) {
            known.shard.prune(since);
            last = Some(*index);
        }
        self.next_to_prune = last.map_or(0, |last| last + 1);
    }
}
