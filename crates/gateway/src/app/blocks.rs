//! What operators refuse: users, connections, providers, everything. Looked at on every request, after caches.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;

use crate::outcome::Code;
use crate::problem::Problem;
use crate::server::admin::{BlockEntry, BlockRequest, Selector};

/// One block in force.
#[derive(Clone, Debug)]
struct Block {
    selector: Selector,
    reason: Option<String>,
    until: Option<SystemTime>,
}

/// The blocks of this replica.
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    list: ArcSwap<Vec<Block>>,
    writing: Mutex<()>,
}

impl Blocks {
    /// Refuses what is blocked.
    pub(crate) fn check(
        &self,
        user: &str,
        provider: Option<&str>,
        connection: Option<&str>,
    ) -> Result<(), Problem> {
        let list = self.list.load();
        if list.is_empty() {
            return Ok(());
        }
        let now = SystemTime::now();
        let hit =
            list.iter().find(|block| block.is_in_force(now) && block.matches(user, provider, connection));
        match hit {
            None => Ok(()),
            Some(block) if block.names_a_user_alone() => {
                Err(Problem::new(Code::UserBlocked).detail("an operator blocked this user at the gateway"))
            }
            Some(_) => {
                Err(Problem::new(Code::PolicyDenied).detail("an operator blocked this at the gateway"))
            }
        }
    }

    /// Adds a block; the same selector again replaces it.
    pub(crate) fn add(&self, request: BlockRequest) {
        let until = request.duration.and_then(|duration: Duration| SystemTime::now().checked_add(duration));
        let block = Block { selector: request.selector, reason: request.reason, until };
        self.change(|list| {
            list.retain(|known| known.selector != block.selector);
            list.push(block);
        });
    }

    /// Lifts the block with exactly this selector.
    pub(crate) fn remove(&self, selector: &Selector) {
        self.change(|list| list.retain(|known| known.selector != *selector));
    }

    /// The blocks in force.
    pub(crate) fn entries(&self) -> Vec<BlockEntry> {
        let now = SystemTime::now();
        let in_force = |block: &&Block| block.is_in_force(now);
        let list = self.list.load();
        let entries = list.iter().filter(in_force).map(|block| BlockEntry {
            selector: block.selector.clone(),
            reason: block.reason.clone(),
            until: block.until.map(crate::api::rfc3339),
        });
        entries.collect()
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Block>)) {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let now = SystemTime::now();
        let mut list: Vec<Block> =
            self.list.load().iter().filter(|block| block.is_in_force(now)).cloned().collect();
        change(&mut list);
        self.list.store(Arc::new(list));
    }
}

impl Block {
    fn is_in_force(&self, now: SystemTime) -> bool {
        self.until.is_none_or(|until| until > now)
    }

    /// Every member that is set must apply. A member about which nothing is known yet does not.
    fn matches(&self, user: &str, provider: Option<&str>, connection: Option<&str>) -> bool {
        let Selector { user: for_user, connection: for_connection, provider: for_provider, all, .. } =
            &self.selector;
        *all || (for_user.as_deref().is_none_or(|wanted| wanted == user)
            && for_provider.as_deref().is_none_or(|wanted| provider == Some(wanted))
            && for_connection.as_deref().is_none_or(|wanted| connection == Some(wanted)))
    }

    fn names_a_user_alone(&self) -> bool {
        self.selector.user.is_some() && self.selector.provider.is_none() && self.selector.connection.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(
        blocks: &Blocks,
        user: Option<&str>,
        connection: Option<&str>,
        provider: Option<&str>,
    ) -> Selector {
        let own = |text: Option<&str>| text.map(str::to_owned);
        let selector = Selector {
            user: own(user),
            connection: own(connection),
            provider: own(provider),
            ..Selector::default()
        };
        blocks.add(BlockRequest { selector: selector.clone(), reason: None, duration: None });
        selector
    }

    fn code(blocks: &Blocks, user: &str, provider: &str, connection: Option<&str>) -> Option<Code> {
        blocks.check(user, Some(provider), connection).err().map(|problem| problem.code())
    }

    #[test]
    fn blocks_hit_what_they_name_and_nothing_else() {
        let blocks = Blocks::default();
        let user = block(&blocks, Some("auth0|1"), None, None);
        assert_eq!(code(&blocks, "auth0|1", "github", None), Some(Code::UserBlocked));
        assert_eq!(code(&blocks, "auth0|2", "github", None), None);
        blocks.remove(&user);
        assert_eq!(code(&blocks, "auth0|1", "github", None), None);
        block(&blocks, None, Some("github"), None);
        assert_eq!(code(&blocks, "auth0|1", "github", None), None, "the connection is not known yet");
        assert_eq!(code(&blocks, "auth0|1", "github", Some("github")), Some(Code::PolicyDenied));
        block(&blocks, Some("auth0|3"), None, Some("google"));
        assert_eq!(code(&blocks, "auth0|3", "google", None), Some(Code::PolicyDenied));
        assert_eq!(code(&blocks, "auth0|3", "github", None), None);
        assert_eq!(blocks.entries().len(), 2);
    }

    #[test]
    fn blocks_end() {
        let blocks = Blocks::default();
        let selector = Selector { all: true, ..Selector::default() };
        blocks.add(BlockRequest { selector, reason: Some("drill".into()), duration: Some(Duration::ZERO) });
        assert_eq!(code(&blocks, "auth0|1", "github", None), None);
        assert!(blocks.entries().is_empty());
    }
}
