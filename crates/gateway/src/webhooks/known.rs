//! Which accounts are known to need the user: an event is sent when that changes, and not at every call.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// Accounts that are remembered; of more the oldest are forgotten, and told again at their next call.
const MOST: usize = 10_000;

/// Accounts whose grant is dead.
#[derive(Default)]
pub(super) struct Known {
    /// So that no call takes the lock where no account is dead.
    any: AtomicBool,
    dead: Mutex<Dead>,
}

#[derive(Default)]
struct Dead {
    /// Each with its place in the order.
    all: HashMap<[u8; 32], u64>,
    order: BTreeMap<u64, [u8; 32]>,
    count: u64,
}

impl Known {
    /// Whether this is news.
    pub(super) fn died(&self, account: [u8; 32]) -> bool {
        let mut dead = self.dead.lock().unwrap_or_else(PoisonError::into_inner);
        self.any.store(true, Ordering::Release);
        if dead.all.contains_key(&account) {
            return false;
        }
        dead.count += 1;
        let place = dead.count;
        dead.all.insert(account, place);
        dead.order.insert(place, account);
        while dead.order.len() > MOST {
            if let Some((_, oldest)) = dead.order.pop_first() {
                dead.all.remove(&oldest);
            }
        }
        true
    }

    /// Whether it was dead before.
    pub(super) fn works(&self, account: impl FnOnce() -> [u8; 32]) -> bool {
        if !self.any.load(Ordering::Acquire) {
            return false;
        }
        let account = account();
        let mut dead = self.dead.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(place) = dead.all.remove(&account) else { return false };
        dead.order.remove(&place);
        self.any.store(!dead.all.is_empty(), Ordering::Release);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_change_is_news_once() {
        let known = Known::default();
        assert!(!known.works(|| [1; 32]));
        assert!(known.died([1; 32]) && !known.died([1; 32]) && known.died([2; 32]));
        assert!(known.works(|| [1; 32]) && !known.works(|| [1; 32]));
        assert!(known.died([1; 32]));
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let known = Known::default();
        let account = |number: usize| {
            let mut bytes = [0; 32];
            bytes[..8].copy_from_slice(&number.to_be_bytes());
            bytes
        };
        for number in 0..=MOST {
            assert!(known.died(account(number)));
        }
        assert!(known.died(account(0)) && !known.died(account(MOST)));
        let dead = known.dead.lock().unwrap();
        assert_eq!((dead.all.len(), dead.order.len()), (MOST, MOST));
    }
}
