//! What the tokens of many users have in common. Tokens are cached in great numbers, so equal parts are kept once.

use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::rules::Authorization;

/// What a token says that is not about its user alone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Common {
    pub(crate) is_user: bool,
    pub(crate) client: Option<Box<str>>,
    pub(crate) organization: Option<Box<str>>,
    pub(crate) organization_name: Option<Box<str>>,
    pub(crate) issuer: Arc<str>,
    pub(crate) audience: Box<[Arc<str>]>,
    pub(crate) scope: Box<str>,
    pub(crate) permissions: Box<[Box<str>]>,
    pub(crate) authorization: Authorization,
    pub(crate) counted: Counted,
}

/// Whether [`Commons`] counts the bytes, and not each caller. Not compared.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counted(bool);

impl PartialEq for Counted {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Counted {}

impl Hash for Counted {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

impl Common {
    /// The bytes that a caller with this part takes for it.
    pub(crate) fn size_for_caller(&self) -> usize {
        if self.counted.0 { 0 } else { self.size() }
    }

    fn size(&self) -> usize {
        const COUNTERS: usize = 2 * size_of::<usize>();
        let optional = [&self.client, &self.organization, &self.organization_name];
        let texts = optional.into_iter().flatten().chain([&self.scope]).chain(&self.permissions);
        COUNTERS
            + size_of::<Self>()
            + texts.map(|text| text.len()).sum::<usize>()
            + self.permissions.len() * size_of::<Box<str>>()
            + self.audience.iter().map(|one| size_of::<Arc<str>>() + COUNTERS + one.len()).sum::<usize>()
    }
}

/// One copy of each such part, as far as there is room.
pub(crate) struct Commons {
    kept: Mutex<Kept>,
    most_bytes: usize,
}

#[derive(Default)]
struct Kept {
    parts: HashSet<Arc<Common>>,
    bytes: usize,
    swept: Option<Instant>,
}

impl Commons {
    /// More than most tenants have apps, organisations and roles. What comes after them is not shared.
    const MOST: usize = 1000;
    /// What a part takes besides: its places in the set.
    const OVERHEAD: usize = 32;
    /// How often parts without a caller are looked for, when there is no room.
    const SWEEP: Duration = Duration::from_secs(60);

    /// Keeps parts of so many bytes at most.
    pub(crate) fn new(most_bytes: usize) -> Self {
        Self { kept: Mutex::default(), most_bytes }
    }

    /// The copy that is kept, or the same part where there is no room.
    pub(crate) fn share(&self, part: Arc<Common>) -> Arc<Common> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = kept.parts.get(&part) {
            return Arc::clone(known);
        }
        let size = Self::OVERHEAD + part.size();
        let is_full = |kept: &Kept| kept.parts.len() >= Self::MOST || kept.bytes + size > self.most_bytes;
        if is_full(&kept) {
            kept.sweep();
        }
        if is_full(&kept) {
            return part;
        }
        let part = Arc::new(Common { counted: Counted(true), ..Arc::unwrap_or_clone(part) });
        kept.parts.insert(Arc::clone(&part));
        kept.bytes += size;
        part
    }

    /// Bytes that they take.
    pub(crate) fn bytes(&self) -> usize {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).bytes
    }
}

impl Kept {
    /// Drops the parts that no caller has.
    fn sweep(&mut self) {
        if self.swept.is_some_and(|swept| swept.elapsed() < Commons::SWEEP) {
            return;
        }
        self.swept = Some(Instant::now());
        self.parts.retain(|part| Arc::strong_count(part) > 1);
        self.bytes = self.parts.iter().map(|part| Commons::OVERHEAD + part.size()).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(client: &str) -> Arc<Common> {
        Arc::new(Common {
            is_user: true,
            client: Some(client.into()),
            organization: None,
            organization_name: None,
            issuer: "https://acme.test/".into(),
            audience: ["https://api".into()].into(),
            scope: "read write".into(),
            permissions: Box::default(),
            authorization: Authorization::Scope,
            counted: Counted::default(),
        })
    }

    #[test]
    fn equal_parts_are_one_copy_that_is_counted_once() {
        let commons = Commons::new(10_000);
        let (first, second) = (commons.share(part("spa")), commons.share(part("spa")));
        assert!(Arc::ptr_eq(&first, &second));
        assert_eq!(first, part("spa"));
        assert_eq!(first.size_for_caller(), 0);
        assert_eq!(commons.bytes(), Commons::OVERHEAD + part("spa").size_for_caller());
        assert!(!Arc::ptr_eq(&first, &commons.share(part("cli"))));
    }

    #[tokio::test(start_paused = true)]
    async fn parts_of_callers_who_left_make_room() {
        let commons = Commons::new(1 << 20);
        let mut held: Vec<_> = (0..Commons::MOST).map(|app| commons.share(part(&app.to_string()))).collect();
        let full = commons.bytes();
        assert!(commons.share(part("one more")).size_for_caller() > 0, "its caller counts it");
        held.truncate(10);
        assert!(commons.share(part("one more")).size_for_caller() > 0, "looked for a moment ago");
        tokio::time::advance(Commons::SWEEP).await;
        assert_eq!(commons.share(part("one more")).size_for_caller(), 0);
        assert!(commons.bytes() < full / 50);
    }

    #[test]
    fn tm_a11_parts_stay_within_the_bytes() {
        let commons = Commons::new(10_000);
        let held: Vec<_> = (0..100).map(|app| commons.share(part(&app.to_string()))).collect();
        let shared = held.iter().filter(|part| part.size_for_caller() == 0).count();
        assert!(commons.bytes() <= 10_000 && (10..100).contains(&shared));
    }
}
