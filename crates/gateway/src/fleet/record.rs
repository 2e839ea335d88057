//! The orders that all replicas obey, as one record: what is blocked, who logged out, what was to be forgotten lately.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::blocks::{Block, Target};
use crate::time::{from_unix_seconds as moment, unix_seconds as seconds};

/// How long a replica may be out of reach and still learn what to forget; after that its caches have run out anyway.
const LATELY: Duration = Duration::from_secs(900);
/// The most such entries.
const MOST: usize = 1000;

/// One order.
#[derive(Clone, Debug)]
pub(super) enum Order {
    /// Refuse this.
    Block(Block),
    /// Lift the block with exactly this target.
    Lift(Target),
    /// Refuse the user's tokens issued up to this moment, and forget the user.
    LogOut(String, SystemTime),
    /// Forget what is cached.
    Forget(Target),
    /// Read a user's grants again: another replica has changed them.
    Doubt(String),
}

/// Something to be forgotten.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Past {
    serial: u64,
    at: u64,
    /// The replica that has done it already.
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
    Doubted(String),
}

/// The record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Orders {
    /// Of the newest entry of `lately`.
    serial: u64,
    pub(super) blocks: Vec<Block>,
    /// User to the second up to which tokens are refused.
    logouts: BTreeMap<String, u64>,
    lately: Vec<Past>,
}

impl Orders {
    /// Carries an order out, for the replica `by`, and drops what has lost its meaning: a logout after `logout`, when no token
    /// from before it can be used any more.
    pub(super) fn carry_out(&mut self, order: &Order, by: u64, now: SystemTime, logout: Duration) {
        self.prune(now, logout);
        match order {
            Order::Block(block) => {
                self.blocks.retain(|known| known.target != block.target);
                self.blocks.push(block.clone());
            }
            Order::Lift(target) => self.blocks.retain(|known| known.target != *target),
            Order::LogOut(user, until) => {
                let mark = self.logouts.entry(user.clone()).or_default();
                *mark = (*mark).max(seconds(*until));
                self.note(Forget::Cached(Target::user(user)), by, now);
            }
            Order::Forget(target) => self.note(Forget::Cached(target.clone()), by, now),
            Order::Doubt(user) => self.note(Forget::Doubted(user.clone()), by, now),
        }
    }

    fn note(&mut self, what: Forget, by: u64, now: SystemTime) {
        self.serial += 1;
        self.lately.push(Past { serial: self.serial, at: seconds(now), by, what });
        let excess = self.lately.len().saturating_sub(MOST);
        self.lately.drain(..excess);
    }

    fn prune(&mut self, now: SystemTime, logout: Duration) {
        let since = |age: Duration| seconds(now).saturating_sub(age.as_secs());
        self.blocks.retain(|block| block.is_in_force(now));
        self.logouts.retain(|_, until| *until >= since(logout));
        self.lately.retain(|past| past.at >= since(LATELY));
    }

    /// The newest thing to be forgotten.
    pub(super) fn serial(&self) -> u64 {
        self.serial
    }

    /// What is to be forgotten by the replica `own` that has obeyed up to `obeyed`.
    pub(super) fn to_obey(&self, obeyed: u64, own: u64) -> Vec<Past> {
        self.lately.iter().filter(|past| past.serial > obeyed && past.by != own).cloned().collect()
    }

    /// Who logged out, and up to when tokens are refused.
    pub(super) fn logouts(&self) -> impl Iterator<Item = (&str, SystemTime)> {
        self.logouts.iter().map(|(user, until)| (user.as_str(), moment(*until)))
    }

    /// The standing orders, for another record to take over.
    pub(super) fn standing(&self) -> Vec<Order> {
        let blocks = self.blocks.iter().cloned().map(Order::Block);
        let logouts = self.logouts().map(|(user, until)| Order::LogOut(user.to_owned(), until));
        blocks.chain(logouts).collect()
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        // Plain data into memory cannot fail; an empty record would be refused when it is read.
        serde_json::to_vec(self).unwrap_or_default()
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}
