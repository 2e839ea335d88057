//! The control state (blocks, logouts, disconnections, invalidations), kept whole in every replica: read again on a message and
//! every second.
//!
//! One record holds blocks and invalidations, and says what has changed; logouts and disconnections are in records of their own
//! ([`shard`]), of which a command writes one and a replica reads those that have changed.
//!
//! A message only says 'read again'. While the store is down the last copy serves, and commands given here apply
//! here at once, and for the others when it is back. A store that has lost the record, or gone back to an older one, gets it back.

mod blocks;
mod pending;
mod record;
mod shard;
mod store;

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use futures_util::future::BoxFuture;
use token_broker::{Durability, RecordStore, RevokedGrant, StoreError};

use self::blocks::Block;
pub(crate) use self::blocks::Blocked;
pub use self::blocks::{BlockEntry, Reach};
use self::pending::Pending;
use self::record::{Command, ControlState};
pub(crate) use self::record::{Forget, Invalidation};
use self::shard::Users;
use crate::selector::{BlockRequest, Selector};
use caller_auth::LogoutMarks;

/// The record's name in the store. Two tenants in one store are two fleets.
pub(crate) fn record_name(tenant: &str) -> String {
    format!("control/1/{tenant}")
}

/// How old a copy may get.
const PERIOD: Duration = Duration::from_secs(1);
/// The same where there is no other writer.
const LONG_PERIOD: Duration = Duration::from_secs(30);
/// Seconds by which a token may outlive its allowed life: leeway, clocks that differ.
const SLACK: u64 = 3600;
/// How many shards are only sealed anew each time that the record is read.
const SEALED_AT_ONCE: usize = 16;
/// Attempts at a write that others keep overtaking.
const ATTEMPTS: usize = 16;

/// The control state of this process, and of all that share its store. Outlives reloads.
pub(crate) struct Fleet {
    record: Option<Arc<dyn RecordStore>>,
    name: String,
    /// The blocks that apply: the store's, and our own unwritten commands applied to them.
    blocks: ArcSwap<Vec<Block>>,
    marks: LogoutMarks,
    state: Mutex<State>,
    /// A revocation was made here.
    revoked_here: tokio::sync::Notify,
    /// One conversation with the store at a time.
    store_lock: tokio::sync::Mutex<()>,
    /// Tells this process from the others.
    own: Option<u64>,
    /// Seconds for which a logout is kept.
    logout: AtomicU64,
}

#[derive(Default)]
struct State {
    /// The store's copy and its version.
    copy: ControlState,
    version: Option<u64>,
    /// Commands that the store has not taken yet, each with its number.
    pending: Pending,
    /// Logouts and disconnections.
    users: Users,
    /// Everything was read once.
    complete: bool,
    /// Up to which entry this process has forgotten what was to be forgotten.
    applied: u64,
    /// Why the last conversation failed.
    failure: Option<String>,
}

/// What can be said about the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RecordStatus {
    /// The copy is at most a second or two old.
    Current,
    /// The store does not answer; the last copy serves.
    Old(String),
    /// It was never read.
    Unread(String),
}

impl Fleet {
    /// A control state for this process alone, gone with it.
    pub(crate) fn alone() -> Self {
        Self::new(None, String::new())
    }

    /// A tenant's control state, kept in a store.
    pub(crate) fn kept(record: Arc<dyn RecordStore>, tenant: &str) -> Self {
        Self::new(Some(record), record_name(tenant))
    }

    fn new(record: Option<Arc<dyn RecordStore>>, name: String) -> Self {
        Self {
            record,
            name,
            blocks: ArcSwap::default(),
            marks: LogoutMarks::default(),
            state: Mutex::default(),
            revoked_here: tokio::sync::Notify::new(),
            store_lock: tokio::sync::Mutex::default(),
            own: random(),
            logout: AtomicU64::new(caller_auth::MAX_LIFETIME.as_secs() + SLACK),
        }
    }

    /// Keeps logouts as long as a token can live (`callers.max_lifetime`) that was issued before them.
    pub(crate) fn keep_logouts_for(&self, life: Duration) {
        self.logout.store(life.as_secs().saturating_add(SLACK), Ordering::Relaxed);
    }

    /// Takes over what stood in another record.
    pub(crate) fn inherit(&self, other: &Self) {
        let theirs = other.state();
        let control = other.with_pending(&theirs);
        let mut state = self.state();
        control.commands().into_iter().for_each(|command| state.pending.add(command));
        state.users.inherit(&theirs.users);
        drop(theirs);
        let shards: Vec<u16> = state.users.shards().collect();
        shards.into_iter().for_each(|index| self.marks.merge(state.users.logouts(index)));
        drop(state);
        self.show();
    }

    /// The logout marks that verification asks.
    pub(crate) fn marks(&self) -> &LogoutMarks {
        &self.marks
    }

    /// Refuses what is blocked. Looked at on every request, after caches.
    pub(crate) fn check(
        &self,
        user: &str,
        provider: Option<&str>,
        connection: Option<&str>,
    ) -> Result<(), Blocked> {
        blocks::check(&self.blocks.load(), user, provider, connection)
    }

    /// The blocks in force.
    pub(crate) fn entries(&self) -> Vec<BlockEntry> {
        let now = SystemTime::now();
        let blocks = self.blocks.load();
        blocks.iter().filter(|block| block.is_in_force(now)).map(Block::entry).collect()
    }

    /// Adds a block; the same selector again replaces it.
    pub(crate) async fn block(&self, request: BlockRequest) -> Reach {
        self.submit(Command::Block(Block::new(request, SystemTime::now()))).await
    }

    /// Removes the block with exactly this selector.
    pub(crate) async fn unblock(&self, selector: Selector) -> Reach {
        self.submit(Command::Unblock(selector.into())).await
    }

    /// Refuses the user's older tokens everywhere, and makes the others forget the user.
    pub(crate) async fn log_out(&self, user: &str, until: SystemTime) -> Reach {
        self.submit(Command::LogOut(user.to_owned(), until)).await
    }

    /// Makes the others forget what is cached.
    pub(crate) async fn forget(&self, selector: Selector) -> Reach {
        self.submit(Command::Forget(selector.into())).await
    }

    /// Has every replica refuse a disconnected account, also one that has never seen it, and while the store is down.
    pub(crate) async fn revoke(&self, revoked: RevokedGrant) -> Reach {
        self.submit(Command::Revoke(revoked)).await
    }

    /// The disconnected accounts.
    pub(crate) fn revoked(&self) -> Vec<RevokedGrant> {
        self.state().users.revoked()
    }

    /// Submits a command: it applies here when this returns, and in the fleet where the answer says so.
    async fn submit(&self, command: Command) -> Reach {
        self.apply_here(command);
        let Some(record) = &self.record else {
            // There is no store to wait for.
            self.settle_alone();
            return Reach::Replica;
        };
        let _lock = self.store_lock.lock().await;
        match self.flush(&**record).await {
            Ok(()) if record.durability() == Durability::Fleet => Reach::Fleet,
            Ok(()) => Reach::Replica,
            Err(error) => {
                tracing::error!(event = "command_not_shared", %error, "applied here; the store gets it when it answers");
                self.state().failure = Some(error.to_string());
                Reach::Replica
            }
        }
    }

    fn apply_here(&self, command: Command) {
        let mut state = self.state();
        match &command {
            Command::LogOut(user, until) => {
                state.users.log_out(user, *until);
                self.marks.add(user, *until);
            }
            Command::Revoke(grant) => {
                state.users.revoke(grant);
                self.revoked_here.notify_one();
            }
            Command::Block(_) | Command::Unblock(_) | Command::Forget(_) => {}
        }
        let shows = matches!(command, Command::Block(_) | Command::Unblock(_));
        state.pending.push(command);
        drop(state);
        if shows {
            self.show();
        }
    }

    /// Reads the record. The first time whatever was to be forgotten is of no interest: nothing is cached yet.
    ///
    /// # Errors
    /// The store does not answer, or the record cannot be opened.
    pub(crate) async fn read(&self) -> Result<(), StoreError> {
        let Some(record) = &self.record else { return Ok(()) };
        let _lock = self.store_lock.lock().await;
        let read = async {
            self.look(&**record).await?;
            self.read_shards(&**record).await?;
            self.flush(&**record).await?;
            self.write_shards(&**record, SEALED_AT_ONCE).await
        }
        .await;
        self.state().failure = read.as_ref().err().map(ToString::to_string);
        read
    }

    /// Reads again for ever, calls `apply` with what other replicas were told to forget, and `refuse` with what they or this one
    /// revoked: a revocation may come from a broker that a reload has replaced.
    pub(crate) async fn follow<'a>(
        &self,
        apply: impl Fn(Invalidation) -> BoxFuture<'a, ()> + Send,
        refuse: impl Fn(&[RevokedGrant]) + Send,
    ) -> Infallible {
        refuse(&self.revoked());
        let Some(record) = &self.record else {
            loop {
                self.revoked_here.notified().await;
                self.tell_revoked(&refuse);
            }
        };
        let period = if record.durability() == Durability::Fleet { PERIOD } else { LONG_PERIOD };
        loop {
            let was_down = self.state().failure.is_some();
            match self.read().await {
                Ok(()) if was_down => tracing::info!(event = "store_back", "the store answers again"),
                Err(error) if !was_down => {
                    tracing::error!(event = "store_unavailable", %error, "the last copy of blocks and logouts serves");
                }
                _ => {}
            }
            // Before anything is forgotten: what is read anew while the store is down must find it.
            self.tell_revoked(&refuse);
            for invalidation in self.pending_invalidations() {
                apply(invalidation).await;
            }
            // Marks that came with the record end here too, where no logout may ever arrive.
            let now = SystemTime::now();
            self.marks.prune(now, self.logout_age());
            self.state().users.prune(now, self.logout_age());
            tokio::select! {
                _ = tokio::time::timeout(period, record.wait(&self.name)) => {}
                () = self.revoked_here.notified() => {}
            }
        }
    }

    fn tell_revoked(&self, refuse: impl Fn(&[RevokedGrant])) {
        let told = self.state().users.take_told();
        if !told.is_empty() {
            refuse(&told);
        }
    }

    /// What can be said about the record.
    pub(crate) fn status(&self) -> RecordStatus {
        let state = self.state();
        match (&self.record, &state.failure, state.version.filter(|_| state.complete)) {
            (None, ..) | (_, None, Some(_)) => RecordStatus::Current,
            (_, Some(failure), Some(_)) => RecordStatus::Old(failure.clone()),
            (_, failure, None) => {
                RecordStatus::Unread(failure.clone().unwrap_or_else(|| "not asked yet".to_owned()))
            }
        }
    }

    fn settle_alone(&self) {
        let mut state = self.state();
        state.copy = self.with_pending(&state);
        state.pending.commands.clear();
        state.users.settle();
        state.applied = state.copy.serial();
    }

    fn with_pending(&self, state: &State) -> ControlState {
        let mut control = state.copy.clone();
        self.own.iter().for_each(|own| control.begin(*own));
        let now = SystemTime::now();
        if !state.pending.commands.is_empty() {
            control.prune(now);
        }
        if state.users.restated {
            control.restate(state.users.shards());
        }
        let own = self.own.unwrap_or(0);
        state.pending.commands.iter().for_each(|(_, command)| control.apply(command, own, now));
        control
    }

    fn logout_age(&self) -> Duration {
        Duration::from_secs(self.logout.load(Ordering::Relaxed))
    }

    /// Lets requests see what is known by now.
    fn show(&self) {
        let state = self.state();
        let blocks = self.with_pending(&state).blocks;
        self.blocks.store(Arc::new(blocks));
    }

    fn pending_invalidations(&self) -> Vec<Invalidation> {
        let mut state = self.state();
        if !state.users.unread.is_empty() {
            return Vec::new();
        }
        let invalidations = state.copy.pending_invalidations(state.applied, self.own);
        // A store that was emptied begins again at one.
        state.applied = state.copy.serial();
        invalidations
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A number that no other replica has; `None` without randomness: such a replica does again what it has done itself.
fn random() -> Option<u64> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).ok()?;
    Some(u64::from_ne_bytes(bytes)).filter(|number| *number != 0)
}

#[cfg(test)]
mod tests;
