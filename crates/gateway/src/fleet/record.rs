//! The control state of all replicas, as one record: what is blocked, what was to be forgotten lately, and which shards hold who
//! logged out and which accounts were disconnected.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use token_broker::RevokedGrant;

use super::blocks::{Block, Target};
use super::shard::{SHARDS, Shard, shard_of};
use crate::time::unix_seconds as seconds;

/// How long a replica may be out of reach and still learn what to forget; after that its caches have run out anyway.
const LATELY: Duration = Duration::from_secs(900);
/// The most such entries. A replica that has missed one reads all shards.
const MOST: usize = 256;

/// One command.
#[derive(Clone, Debug)]
pub(super) enum Command {
    /// Refuse this.
    Block(Block),
    /// Remove the block with exactly this target.
    Unblock(Target),
    /// Refuse the user's tokens issued up to this moment, and forget the user.
    LogOut(String, SystemTime),
    /// Forget what is cached.
    Forget(Target),
    /// Refuse this account until its user connects it anew, and read the user's grants again.
    Revoke(RevokedGrant),
}

impl Command {
    /// Whether nothing is left of `earlier` after this one.
    pub(super) fn replaces(&self, earlier: &Self) -> bool {
        match (self, earlier) {
            (
                Self::Block(Block { target, .. }) | Self::Unblock(target),
                Self::Block(Block { target: other, .. }),
            )
            | (Self::Block(Block { target, .. }) | Self::Unblock(target), Self::Unblock(other))
            | (Self::Forget(target), Self::Forget(other)) => target == other,
            (Self::LogOut(user, until), Self::LogOut(other, earlier)) => user == other && until >= earlier,
            (Self::Revoke(grant), Self::Revoke(other)) => grant.key == other.key,
            _ => false,
        }
    }
}

/// Something to be forgotten.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Invalidation {
    serial: u64,
    at: u64,
    /// The replica that has done it already; 0: one that cannot tell.
    by: u64,
    #[serde(flatten)]
    pub(crate) what: Forget,
}

/// What is to be forgotten.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Forget {
    /// Everything cached about it.
    Cached(Target),
    /// What is believed of this user's stored grants.
    Grants(String),
}

/// The record. Its size does not grow with the number of users who logged out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct ControlState {
    /// A random number of the record, given when it is first written: a store that has lost the record and got a new one shows
    /// another. Zero in records of older versions.
    lineage: u64,
    /// Grows with every command; the newest entry of `lately` has the serial of its command.
    serial: u64,
    pub(super) blocks: Vec<Block>,
    #[serde(deserialize_with = "known_invalidations")]
    lately: Vec<Invalidation>,
    /// The serial of the newest entry that `lately` has lost.
    dropped: u64,
    /// Which shards hold something: four bits in each hexadecimal digit.
    used: String,
    /// Older versions kept them here.
    #[serde(skip_serializing)]
    logouts: BTreeMap<String, u64>,
    #[serde(skip_serializing)]
    revoked: Vec<RevokedGrant>,
}

impl ControlState {
    /// Applies a command, for the replica `by`. Logouts and revocations stand in their shards.
    pub(super) fn apply(&mut self, command: &Command, by: u64, now: SystemTime) {
        self.serial += 1;
        match command {
            Command::Block(block) => {
                self.blocks.retain(|known| known.target != block.target);
                self.blocks.push(block.clone());
            }
            Command::Unblock(target) => self.blocks.retain(|known| known.target != *target),
            Command::LogOut(user, _) => {
                self.use_shards([shard_of(user)]);
                self.note(Forget::Cached(Target::user(user)), by, now);
            }
            Command::Forget(target) => self.note(Forget::Cached(target.clone()), by, now),
            Command::Revoke(grant) => {
                self.use_shards([shard_of(&grant.key.user)]);
                self.note(Forget::Grants(grant.key.user.clone()), by, now);
            }
        }
    }

    fn note(&mut self, what: Forget, by: u64, now: SystemTime) {
        self.lately.push(Invalidation { serial: self.serial, at: seconds(now), by, what });
        let excess = self.lately.len().saturating_sub(MOST);
        self.drop_lately(excess);
    }

    fn drop_lately(&mut self, count: usize) {
        let newest = self.lately.drain(..count).map(|lost| lost.serial).max();
        self.dropped = newest.unwrap_or(0).max(self.dropped);
    }

    /// Drops what has lost its meaning.
    pub(super) fn prune(&mut self, now: SystemTime) {
        let since = seconds(now).saturating_sub(LATELY.as_secs());
        self.blocks.retain(|block| block.is_in_force(now));
        let old = self.lately.iter().take_while(|invalidation| invalidation.at < since).count();
        self.drop_lately(old);
    }

    /// Notes that shards hold something.
    pub(super) fn use_shards(&mut self, shards: impl IntoIterator<Item = u16>) {
        let mut digits = std::mem::take(&mut self.used).into_bytes();
        digits.resize(usize::from(SHARDS / 4), b'0');
        for index in shards {
            let Some(digit) = digits.get_mut(usize::from(index / 4)) else { continue };
            let old = char::from(*digit).to_digit(16).unwrap_or(0);
            let new = char::from_digit(old | (1 << (index % 4)), 16).unwrap_or('f');
            *digit = u8::try_from(new).unwrap_or(b'f');
        }
        self.used = String::from_utf8(digits).unwrap_or_default();
    }

    /// All shards may hold something new that no noted command tells.
    pub(super) fn restate(&mut self, shards: impl IntoIterator<Item = u16>) {
        self.use_shards(shards);
        self.serial += 1;
        self.dropped = self.serial;
    }

    /// The shards that hold something.
    pub(super) fn used(&self) -> impl Iterator<Item = u16> {
        let digits = self.used.chars().map(|digit| digit.to_digit(16).unwrap_or(0));
        (0..SHARDS / 4).zip(digits).flat_map(|(at, digit)| {
            (0..4).filter(move |bit| digit & (1 << bit) != 0).map(move |bit| at * 4 + bit)
        })
    }

    /// The shards that may hold something that a reader of `before` does not know.
    pub(super) fn changed_since(&self, before: &Self) -> BTreeSet<u16> {
        if self.dropped > before.serial {
            return self.used().collect();
        }
        let since = self.lately.iter().filter(|invalidation| invalidation.serial > before.serial);
        since
            .filter_map(|invalidation| match &invalidation.what {
                Forget::Cached(target) => target.names_user(),
                Forget::Grants(user) => Some(user.as_str()),
            })
            .map(shard_of)
            .collect()
    }

    /// What older versions kept in this record.
    pub(super) fn take_old(&mut self) -> Option<Shard> {
        let (logouts, revoked) = (std::mem::take(&mut self.logouts), std::mem::take(&mut self.revoked));
        (!logouts.is_empty() || !revoked.is_empty()).then(|| Shard::new(logouts, revoked))
    }

    /// That of the newest command.
    pub(super) fn serial(&self) -> u64 {
        self.serial
    }

    /// Whether this copy holds all that `other` holds: it came later in the history of the same record.
    pub(super) fn continues(&self, other: &Self) -> bool {
        self.lineage == other.lineage && self.serial >= other.serial
    }

    /// Gives the record a lineage, where it has none.
    pub(super) fn begin(&mut self, lineage: u64) {
        if self.lineage == 0 {
            self.lineage = lineage;
        }
    }

    /// What is to be forgotten by the replica `own` that has applied all up to `applied`.
    pub(super) fn pending_invalidations(&self, applied: u64, own: Option<u64>) -> Vec<Invalidation> {
        self.lately
            .iter()
            .filter(|invalidation| invalidation.serial > applied && Some(invalidation.by) != own)
            .cloned()
            .collect()
    }

    /// The blocks as commands, for another record to take over.
    pub(super) fn commands(&self) -> Vec<Command> {
        self.blocks.iter().cloned().map(Command::Block).collect()
    }
}

/// What a newer version wants forgotten in a way that this one does not know is left out; the rest of the record counts.
fn known_invalidations<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<Invalidation>, D::Error> {
    let all = Vec::<serde_json::Value>::deserialize(from)?;
    Ok(all.into_iter().filter_map(|one| serde_json::from_value(one).ok()).collect())
}
