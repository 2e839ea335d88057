//! Tokens recognised by digest, and the marks of dead ones.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use token_keeper::BearerToken;
use tokio::time::Instant;

/// A token's SHA-256 digest: recognises it without keeping it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Digest([u8; 32]);

impl Digest {
    pub(crate) fn of(token: &BearerToken) -> Self {
        Self::of_text(token.expose())
    }

    pub(crate) fn of_text(text: &str) -> Self {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest.as_ref());
        Self(bytes)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(***)")
    }
}

/// How long a mark holds.
pub(crate) const DEAD_FOR: Duration = Duration::from_secs(60);
/// The most marks kept; beyond it the oldest go first.
const MAX_MARKS: usize = 100_000;

/// Tokens known to be dead: no look-up for them, no call with them.
#[derive(Debug, Default)]
pub(crate) struct DeadMarks {
    marks: Mutex<HashMap<Digest, Instant>>,
    /// Lets the hot path skip digest and lock while there are no marks.
    count: AtomicUsize,
}

impl DeadMarks {
    pub(crate) fn mark(&self, digest: Digest) {
        let now = Instant::now();
        let mut marks = self.lock();
        marks.retain(|_, until| *until > now);
        if marks.len() >= MAX_MARKS
            && let Some(oldest) = marks.iter().min_by_key(|(_, until)| **until).map(|(digest, _)| *digest)
        {
            marks.remove(&oldest);
        }
        marks.insert(digest, now + DEAD_FOR);
        self.count.store(marks.len(), Ordering::Release);
    }

    pub(crate) fn is_dead(&self, token: &BearerToken) -> bool {
        self.count.load(Ordering::Acquire) > 0 && self.holds(Digest::of(token))
    }

    pub(crate) fn holds(&self, digest: Digest) -> bool {
        self.lock().get(&digest).is_some_and(|until| *until > Instant::now())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Digest, Instant>> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_mark_holds_for_a_minute() {
        let (marks, token) = (DeadMarks::default(), BearerToken::new("gho_dead").unwrap());
        assert!(!marks.is_dead(&token));
        marks.mark(Digest::of(&token));
        tokio::time::advance(Duration::from_millis(59_900)).await;
        assert!(marks.is_dead(&token));
        assert!(!marks.is_dead(&BearerToken::new("gho_other").unwrap()));
        tokio::time::advance(Duration::from_millis(200)).await;
        assert!(!marks.is_dead(&token));
    }
}
