//! What this process has seen of tokens: which are dead, which worked, which endpoints refuse them.

use std::{
    hash::Hash,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime},
};

use moka::{ops::compute::Op, sync::Cache};
use tokio::time::Instant;

use crate::{
    GrantKey, GrantRecord,
    bounds::{Bound, Bounds},
    digest::Digest,
    grant::seconds,
};

/// How long a token stays marked as dead.
pub(crate) const DEAD_FOR: Duration = Duration::from_secs(60);
/// A token that worked, or was issued, within this time is not taken for dead because one endpoint refuses it.
pub(crate) const GOOD_FOR: Duration = Duration::from_secs(60);
/// How long an endpoint that refused a good token causes neither a refresh nor a look-up.
pub(crate) const REFUSING_FOR: Duration = Duration::from_secs(300);
/// How long a grant that the provider has revoked is not revoked there again.
pub(crate) const REVOKED_FOR: Duration = Duration::from_secs(60);
/// A success is noted again after this time: that keeps the cost of a call low.
const NOTED_EACH: Duration = Duration::from_secs(10);
/// How long it is remembered that Auth0's copy was read after a stored grant. Forgetting it costs one read.
const CAUGHT_UP_FOR: Duration = Duration::from_secs(3600);

/// What happened to tokens lately. Bounded; holds digests only.
#[derive(Debug)]
pub(crate) struct Knowledge {
    dead: Recent<Digest>,
    worked: Worked,
    /// Endpoints, and the accounts that they belong to.
    refusing: Recent<Digest>,
    revoked: Recent<Digest>,
    /// Connections whose revocation was begun.
    revoking: Recent<Digest>,
    /// Stored grants, and the first of Auth0's copies that was read after each.
    caught_up: Cache<Digest, SystemTime>,
}

/// One account's use of one endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Use {
    account: Digest,
    endpoint: Digest,
}

impl Use {
    pub(crate) fn of(key: &GrantKey, endpoint: Option<&str>) -> Self {
        let endpoint = Digest::of_text(&format!("{}\0{}", key.encode(), endpoint.unwrap_or_default()));
        Self { account: account(key), endpoint }
    }
}

fn account(key: &GrantKey) -> Digest {
    Digest::of_text(&key.encode())
}

/// A stored grant with the copy of Auth0's that it was made from.
fn written(key: &GrantKey, record: &GrantRecord) -> Digest {
    Digest::of_text(&format!("{}\0{}\0{}", key.encode(), seconds(record.updated_at), record.origin.0))
}

impl Knowledge {
    /// Nothing seen yet.
    pub(crate) fn new(bounds: &Bounds) -> Self {
        let bound = bounds.tokens_seen;
        Self {
            dead: Recent::new(DEAD_FOR, bound),
            worked: Worked::new(bound),
            refusing: Recent::new(REFUSING_FOR, bound),
            revoked: Recent::new(REVOKED_FOR, bounds.revoked),
            revoking: Recent::new(REVOKED_FOR, bounds.revoked),
            caught_up: bounds.caught_up.cache(Some(CAUGHT_UP_FOR), |_, _| size_of::<(Digest, SystemTime)>()),
        }
    }

    /// Marks a token as dead: no call and no look-up for it for a while.
    pub(crate) fn mark_dead(&self, token: Digest) {
        self.dead.note(token);
    }

    pub(crate) fn is_dead(&self, token: impl FnOnce() -> Digest) -> bool {
        self.dead.holds(token)
    }

    /// How long the mark still holds.
    pub(crate) fn dead_for(&self, token: Digest) -> Option<Duration> {
        self.dead.left(&token)
    }

    /// The provider has revoked the grant.
    pub(crate) fn note_revoked(&self, grant: Digest) {
        self.revoked.note(grant);
    }

    pub(crate) fn was_revoked(&self, grant: impl FnOnce() -> Digest) -> bool {
        self.revoked.holds(grant)
    }

    /// Whether the revocation may begin: not again for a while, whatever came of it.
    pub(crate) fn begin_revoking(&self, grant: Digest) -> bool {
        self.revoking.note_first(grant)
    }

    /// Auth0's copy of `fetched_at` was read after this process had seen the stored grant.
    pub(crate) fn note_caught_up(&self, key: &GrantKey, record: &GrantRecord, fetched_at: SystemTime) {
        self.caught_up.insert(written(key, record), fetched_at);
    }

    /// Whether Auth0's copy of `fetched_at` is known to be newer than the stored grant.
    pub(crate) fn has_caught_up(&self, key: &GrantKey, record: &GrantRecord, fetched_at: SystemTime) -> bool {
        self.caught_up.get(&written(key, record)).is_some_and(|first| first <= fetched_at)
    }

    /// The provider accepted the token.
    pub(crate) fn note_worked(&self, token: Digest, used: impl FnOnce() -> Use) {
        self.worked.note(token);
        if !self.refusing.is_idle() {
            self.refusing.forget(&used().endpoint);
        }
    }

    pub(crate) fn has_worked(&self, token: Digest) -> bool {
        self.worked.holds(token)
    }

    /// The endpoint refused a token that is good elsewhere.
    pub(crate) fn note_refusing(&self, used: Use) {
        self.refusing.note(used.endpoint);
        self.refusing.note(used.account);
    }

    pub(crate) fn is_refusing(&self, used: Use) -> bool {
        self.refusing.holds(|| used.endpoint)
    }

    /// Whether some endpoint refused a good token of this account.
    pub(crate) fn has_refusing(&self, key: &GrantKey) -> bool {
        self.refusing.holds(|| account(key))
    }
}

/// Which tokens worked within [`GOOD_FOR`]: a word for each, because every user's token is here and every call asks. A word holds
/// the second in which the token worked and bits of its digest. A digest names a set of words, which fill a line of the
/// processor's cache; in a full set the oldest gives way.
#[derive(Debug)]
struct Worked {
    sets: Box<[Set]>,
    started: Instant,
}

type Set = [AtomicU64; 8];

impl Worked {
    /// Half a MiB. Of more tokens than that the oldest are forgotten early: the refusal of one endpoint may then cost a refresh.
    const MOST_SETS: usize = 1 << 13;
    /// Bits for the seconds since `started`; the others are bits of the token's digest.
    const TIME: u64 = (1 << 24) - 1;

    fn new(bound: Bound) -> Self {
        let sets = usize::try_from(bound.bytes).unwrap_or(usize::MAX) / size_of::<Set>();
        Self {
            sets: (0..sets.clamp(1, Self::MOST_SETS)).map(|_| Set::default()).collect(),
            started: Instant::now(),
        }
    }

    fn note(&self, token: Digest) {
        let (set, bits) = self.place(token);
        let (now, word) = (self.now(), |place: &AtomicU64| place.load(Ordering::Relaxed));
        let place = match set.iter().find(|place| word(place) & !Self::TIME == bits) {
            Some(known) if age(word(known), now) < NOTED_EACH.as_secs() => return,
            None => set.iter().max_by_key(|place| age(word(place), now)),
            known => known,
        };
        if let Some(place) = place {
            place.store(bits | now, Ordering::Relaxed);
        }
    }

    fn holds(&self, token: Digest) -> bool {
        let (set, bits) = self.place(token);
        let (now, words) = (self.now(), set.iter().map(|place| place.load(Ordering::Relaxed)));
        words.filter(|known| known & !Self::TIME == bits).any(|known| age(known, now) < GOOD_FOR.as_secs())
    }

    /// The token's set, and its bits of a word.
    fn place(&self, token: Digest) -> (&[AtomicU64], u64) {
        let [place, bits, ..] = token.words();
        let at = usize::try_from(place % self.sets.len() as u64).unwrap_or_default();
        (self.sets.get(at).map_or(&[], |set| set.as_slice()), bits & !Self::TIME)
    }

    /// Begins late enough for an empty word to be too old.
    fn now(&self) -> u64 {
        (self.started.elapsed() + GOOD_FOR).as_secs() & Self::TIME
    }
}

/// Seconds from the time in a word to `now`.
fn age(word: u64, now: u64) -> u64 {
    now.wrapping_sub(word) & Worked::TIME
}

/// Keys that count for a fixed time after they were noted. moka's own clock is not Tokio's, so it only bounds memory.
#[derive(Debug)]
pub(crate) struct Recent<K: Hash + Eq + Send + Sync + 'static> {
    noted: Cache<K, Instant>,
    for_how_long: Duration,
    started: Instant,
    /// Milliseconds after `started` up to which something may count: until then the hot path has nothing to look up.
    idle_after: AtomicU64,
}

impl<K: Hash + Eq + Copy + Send + Sync + 'static> Recent<K> {
    pub(crate) fn new(for_how_long: Duration, bound: Bound) -> Self {
        Self {
            noted: bound.cache(Some(for_how_long.saturating_add(Duration::from_secs(60))), |_, _| {
                size_of::<(K, Instant)>()
            }),
            for_how_long,
            started: Instant::now(),
            idle_after: AtomicU64::new(0),
        }
    }

    pub(crate) fn note(&self, key: K) {
        let now = Instant::now();
        self.noted.insert(key, now);
        self.counts_from(now);
    }

    /// Notes a key that does not count yet; of several at the same time exactly one hears yes.
    pub(crate) fn note_first(&self, key: K) -> bool {
        let now = Instant::now();
        let mut first = false;
        self.noted.entry(key).and_compute_with(|known| {
            if known.is_some_and(|known| known.value().elapsed() < self.for_how_long) {
                return Op::Nop;
            }
            first = true;
            Op::Put(now)
        });
        self.counts_from(now);
        first
    }

    /// Something counts from now on.
    fn counts_from(&self, now: Instant) {
        let end = (now + self.for_how_long).saturating_duration_since(self.started).as_millis();
        self.idle_after.fetch_max(u64::try_from(end).unwrap_or(u64::MAX).saturating_add(1), Ordering::AcqRel);
    }

    /// Whether nothing counts.
    pub(crate) fn is_idle(&self) -> bool {
        let after = self.idle_after.load(Ordering::Acquire);
        // Most often nothing was ever noted.
        after == 0 || self.started.elapsed().as_millis() >= u128::from(after)
    }

    /// Whether the key counts. It is not computed while nothing does.
    pub(crate) fn holds(&self, key: impl FnOnce() -> K) -> bool {
        !self.is_idle() && self.holds_since(&key(), self.for_how_long)
    }

    fn holds_since(&self, key: &K, age: Duration) -> bool {
        self.noted.get(key).is_some_and(|noted| noted.elapsed() < age)
    }

    /// How long the key still counts.
    fn left(&self, key: &K) -> Option<Duration> {
        let left = self.for_how_long.checked_sub(self.noted.get(key)?.elapsed());
        left.filter(|left| !left.is_zero())
    }

    pub(crate) fn forget(&self, key: &K) {
        self.noted.invalidate(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_mark_holds_for_a_minute() {
        let (knowledge, token) = (Knowledge::new(&Bounds::new(1 << 20, 1000)), Digest::of_text("gho_dead"));
        assert!(!knowledge.is_dead(|| token));
        knowledge.mark_dead(token);
        tokio::time::advance(Duration::from_millis(59_900)).await;
        assert!(knowledge.is_dead(|| token));
        assert_eq!(knowledge.dead_for(token), Some(Duration::from_millis(100)));
        assert!(!knowledge.is_dead(|| Digest::of_text("gho_other")));
        tokio::time::advance(Duration::from_millis(200)).await;
        assert!(!knowledge.is_dead(|| panic!("nothing is marked, so nothing is computed")));
        assert_eq!(knowledge.dead_for(token), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_success_counts_for_a_minute_and_clears_the_endpoint() {
        let account = crate::Account::new("github", Some("1".into()));
        let key = GrantKey::new("acme.test", "u", crate::Source::Identities, &account);
        let (knowledge, token) = (Knowledge::new(&Bounds::new(1 << 20, 1000)), Digest::of_text("gho_good"));
        let used = Use::of(&key, Some("GET /user"));
        knowledge.note_refusing(used);
        assert!(knowledge.is_refusing(used));
        assert!(!knowledge.is_refusing(Use::of(&key, Some("GET /repos"))));
        assert!(
            knowledge.has_refusing(&key)
                && !knowledge.has_refusing(&key.clone().with_client(Some("c".into())))
        );
        knowledge.note_worked(token, || used);
        assert!(knowledge.has_worked(token) && !knowledge.is_refusing(used));
        tokio::time::advance(Duration::from_secs(30)).await;
        knowledge.note_worked(token, || used);
        tokio::time::advance(Duration::from_secs(59)).await;
        assert!(knowledge.has_worked(token), "noted anew");
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(!knowledge.has_worked(token));
    }

    #[tokio::test(start_paused = true)]
    async fn tokens_that_share_a_set_are_told_apart_and_the_oldest_gives_way() {
        let worked = Worked::new(Bounds::new(1 << 10, 1000).tokens_seen);
        let tokens: [_; 9] = std::array::from_fn(|number| Digest::of_text(&format!("gho_{number}")));
        for (number, token) in tokens.into_iter().enumerate() {
            assert!(!worked.holds(token), "{number} was not noted");
            worked.note(token);
            assert!(worked.holds(token), "{number}");
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert_eq!(worked.sets.len(), 1);
        assert!(!worked.holds(tokens[0]) && tokens[1..].iter().all(|token| worked.holds(*token)));
        tokio::time::advance(Duration::from_secs(55)).await;
        assert_eq!(tokens.map(|token| worked.holds(token)), std::array::from_fn(|number| number >= 5));
    }

    #[tokio::test(start_paused = true)]
    async fn a_success_is_written_again_after_ten_seconds() {
        let (worked, token) = (Worked::new(Bounds::new(1 << 20, 1000).tokens_seen), Digest::of_text("gho_a"));
        let written = || worked.place(token).0.iter().map(|word| word.load(Ordering::Relaxed)).max().unwrap();
        worked.note(token);
        let first = written();
        tokio::time::advance(Duration::from_secs(9)).await;
        worked.note(token);
        assert_eq!(written(), first);
        tokio::time::advance(Duration::from_secs(1)).await;
        worked.note(token);
        assert_eq!(written(), first + 10);
    }
}
