//! What operators refuse: users, connections, providers, everything.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::selector::{BlockRequest, Selector};
use crate::time::{from_unix_seconds as moment, unix_seconds as seconds};

/// How far a block reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Reach {
    /// This process alone.
    Replica,
    /// All replicas that share the store.
    Fleet,
}

/// One block in force.
#[derive(Clone, Debug, Serialize)]
pub struct BlockEntry {
    /// What is blocked.
    #[serde(flatten)]
    pub selector: Selector,
    /// Why, in the operator's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it ends (RFC 3339); `null`: never.
    pub until: Option<String>,
}

/// Whom or what a command is about. Every member that is set must apply; a version that knows more members than this one
/// may have written it, and this one then applies it to more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Target {
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    all: bool,
    /// Members of a newer version. They are written back as they were read.
    #[serde(flatten)]
    more: BTreeMap<String, serde_json::Value>,
}

impl From<Selector> for Target {
    fn from(selector: Selector) -> Self {
        let Selector { user, connection, provider, all, .. } = selector;
        Self { user, connection, provider, all, more: BTreeMap::new() }
    }
}

impl Target {
    pub(super) fn user(user: &str) -> Self {
        Self { user: Some(user.to_owned()), ..Self::default() }
    }

    /// The user whom it names.
    pub(super) fn names_user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The same as the admin listener's words. Never with stored grants: those are the store's.
    pub(crate) fn selector(&self) -> Selector {
        let Self { user, connection, provider, all, .. } = self.clone();
        Selector { user, connection, provider, all, grants: false }
    }

    /// A member about which nothing is known yet does not apply.
    fn matches(&self, user: &str, provider: Option<&str>, connection: Option<&str>) -> bool {
        let names_something = self.user.is_some() || self.provider.is_some() || self.connection.is_some();
        self.all
            || (names_something
                && self.user.as_deref().is_none_or(|wanted| wanted == user)
                && self.provider.as_deref().is_none_or(|wanted| provider == Some(wanted))
                && self.connection.as_deref().is_none_or(|wanted| connection == Some(wanted)))
    }

    fn names_a_user_alone(&self) -> bool {
        self.user.is_some() && self.provider.is_none() && self.connection.is_none()
    }
}

/// One block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Block {
    pub(super) target: Target,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<u64>,
}

impl Block {
    pub(super) fn new(request: BlockRequest, now: SystemTime) -> Self {
        let until = request.duration.and_then(|duration: Duration| now.checked_add(duration));
        Self { target: request.selector.into(), reason: request.reason, until: until.map(seconds) }
    }

    pub(super) fn is_in_force(&self, now: SystemTime) -> bool {
        self.until.is_none_or(|until| until > seconds(now))
    }

    pub(super) fn entry(&self) -> BlockEntry {
        BlockEntry {
            selector: self.target.selector(),
            reason: self.reason.clone(),
            until: self.until.map(|until| crate::time::rfc3339(moment(until))),
        }
    }
}

/// What an operator blocked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blocked {
    /// The user.
    User,
    /// The provider, the connection, the user's use of one of them, or everything.
    Target,
}

/// Refuses what one of the blocks is about.
pub(super) fn check(
    blocks: &[Block],
    user: &str,
    provider: Option<&str>,
    connection: Option<&str>,
) -> Result<(), Blocked> {
    if blocks.is_empty() {
        return Ok(());
    }
    let now = SystemTime::now();
    let mut hits = blocks
        .iter()
        .filter(|block| block.is_in_force(now) && block.target.matches(user, provider, connection));
    match hits.next() {
        None => Ok(()),
        Some(block) if block.target.names_a_user_alone() => Err(Blocked::User),
        Some(_) => Err(Blocked::Target),
    }
}
