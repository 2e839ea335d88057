//! The control state of all replicas, as one record: what is blocked, who logged out, which accounts were disconnected, what
//! was to be forgotten lately.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use token_broker::RevokedGrant;

use super::blocks::{Block, Target};
use crate::time::{from_unix_seconds as moment, unix_seconds as seconds};

/// How long a replica may be out of reach and still learn what to forget; after that its caches have run out anyway.
const LATELY: Duration = Duration::from_secs(900);
/// The most such entries.
const MOST: usize = 1000;

/// The most revocations: the oldest are dropped, and are then in the store's grants alone.
const MOST_REVOKED: usize = 1000;

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

/// The record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct ControlState {
    /// A random number of the record, given when it is first written: a store that has lost the record and got a new one shows
    /// another. Zero in records of older versions.
    lineage: u64,
    /// Grows with every command; the newest entry of `lately` has the serial of its command.
    serial: u64,
    pub(super) blocks: Vec<Block>,
    /// User to the second up to which tokens are refused.
    logouts: BTreeMap<String, u64>,
    #[serde(deserialize_with = "known_invalidations")]
    lately: Vec<Invalidation>,
    /// Oldest first. Whether one is lifted shows in Auth0's copy of the account, so nothing ends it here.
    pub(super) revoked: Vec<RevokedGrant>,
}

impl ControlState {
    /// Applies a command, for the replica `by`.
    pub(super) fn apply(&mut self, command: &Command, by: u64, now: SystemTime) {
        self.serial += 1;
        match command {
            Command::Block(block) => {
                self.blocks.retain(|known| known.target != block.target);
                self.blocks.push(block.clone());
            }
            Command::Unblock(target) => self.blocks.retain(|known| known.target != *target),
            Command::LogOut(user, until) => {
                let mark = self.logouts.entry(user.clone()).or_default();
                *mark = (*mark).max(seconds(*until));
                self.note(Forget::Cached(Target::user(user)), by, now);
            }
            Command::Forget(target) => self.note(Forget::Cached(target.clone()), by, now),
            Command::Revoke(grant) => {
                self.revoked.retain(|known| known.key != grant.key);
                self.revoked.push(grant.clone());
                let excess = self.revoked.len().saturating_sub(MOST_REVOKED);
                self.revoked.drain(..excess);
                self.note(Forget::Grants(grant.key.user.clone()), by, now);
            }
        }
    }

    fn note(&mut self, what: Forget, by: u64, now: SystemTime) {
        self.lately.push(Invalidation { serial: self.serial, at: seconds(now), by, what });
        let excess = self.lately.len().saturating_sub(MOST);
        self.lately.drain(..excess);
    }

    /// Drops what has lost its meaning: a logout after `logout`, when no token from before it can be used any more.
    pub(super) fn prune(&mut self, now: SystemTime, logout: Duration) {
        let since = |age: Duration| seconds(now).saturating_sub(age.as_secs());
        self.blocks.retain(|block| block.is_in_force(now));
        self.logouts.retain(|_, until| *until >= since(logout));
        self.lately.retain(|invalidation| invalidation.at >= since(LATELY));
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

    /// Who logged out, and up to when tokens are refused.
    pub(super) fn logouts(&self) -> impl Iterator<Item = (&str, SystemTime)> {
        self.logouts.iter().map(|(user, until)| (user.as_str(), moment(*until)))
    }

    /// What is in force as commands, for another record to take over.
    pub(super) fn commands(&self) -> Vec<Command> {
        let blocks = self.blocks.iter().cloned().map(Command::Block);
        let logouts = self.logouts().map(|(user, until)| Command::LogOut(user.to_owned(), until));
        let revoked = self.revoked.iter().cloned().map(Command::Revoke);
        blocks.chain(logouts).chain(revoked).collect()
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        // Plain data into memory cannot fail; an empty record would be refused when it is read.
        serde_json::to_vec(self).unwrap_or_default()
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

/// What a newer version wants forgotten in a way that this one does not know is left out; the rest of the record counts.
fn known_invalidations<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<Invalidation>, D::Error> {
    let all = Vec::<serde_json::Value>::deserialize(from)?;
    Ok(all.into_iter().filter_map(|one| serde_json::from_value(one).ok()).collect())
}
