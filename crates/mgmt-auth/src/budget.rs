//! The tenant's rate limit of the Management API, shared by all requests of this process (threat A02).
//!
//! Each answer states how many calls are left and when that changes, but not how many there are after the reset. So
//! while nothing is known, and after each reset, one request goes ahead as a probe, and its answer states how many may
//! follow. A tenant that states no limits has none.

mod state;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::oneshot,
    time::{Instant, sleep_until},
};

use crate::{Error, hints::RateHeaders};
use state::{Slot, State};

/// The longest wait that a queue is estimated at.
const LONGEST_HINT: Duration = Duration::from_secs(60);
const SHORTEST_HINT: Duration = Duration::from_secs(1);

/// Which requests go first when the rate limit is short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Priority {
    /// A caller waits for the answer.
    Caller,
    /// Renewals ahead of time and jobs. They go after callers, and leave them a quarter of the limit.
    Background,
}

/// What is left of the Management API's rate limit, as far as known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Allowance {
    limit: Option<u32>,
    remaining: Option<u32>,
    reset_in: Option<Duration>,
    blocked_for: Option<Duration>,
    waiting: usize,
    in_flight: u32,
}

impl Allowance {
    /// The limit that the tenant stated last (`X-RateLimit-Limit`).
    #[must_use]
    pub fn limit(&self) -> Option<u32> {
        self.limit
    }

    /// How many calls may be made now; `None` while no limit is known.
    #[must_use]
    pub fn remaining(&self) -> Option<u32> {
        self.remaining
    }

    /// When the allowance is renewed.
    #[must_use]
    pub fn reset_in(&self) -> Option<Duration> {
        self.reset_in
    }

    /// How long nothing is sent, after the tenant refused a call for its limit.
    #[must_use]
    pub fn blocked_for(&self) -> Option<Duration> {
        self.blocked_for
    }

    /// How many calls wait for their turn.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// How many calls are in progress.
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        self.in_flight
    }
}

/// Cheap to clone; clones share the allowance.
#[derive(Clone, Default)]
pub(crate) struct Budget(Arc<Mutex<State>>);

/// What a waiting request is told.
pub(super) enum Turn {
    Go(Permit),
    /// The probe had no answer.
    Unanswered(Error),
}

/// The right to send one request. Dropped without an answer it is given back.
pub(crate) struct Permit {
    budget: Budget,
    slot: Slot,
    /// Whether it reached the request that waited for it.
    used: bool,
    settled: bool,
}

impl Budget {
    /// Waits for the right to send one request, until `deadline` at most.
    pub(crate) async fn acquire(&self, priority: Priority, deadline: Instant) -> Result<Permit, Error> {
        let mut turn = match self.enter(priority, deadline)? {
            Entered::Now(slot) => return Ok(self.permit(slot, true)),
            Entered::Queued(turn) => turn,
        };
        tokio::select! {
            biased;
            said = &mut turn => match said {
                Ok(Turn::Go(mut permit)) => {
                    permit.used = true;
                    Ok(permit)
                }
                Ok(Turn::Unanswered(error)) => Err(error),
                Err(_) => Err(full(SHORTEST_HINT)),
            },
            () = sleep_until(deadline) => Err(full(self.state().estimate(priority, Instant::now()))),
        }
    }

    pub(crate) fn allowance(&self) -> Allowance {
        let (state, now) = (self.state(), Instant::now());
        let left = |at: Option<Instant>| {
            at.map(|at| at.saturating_duration_since(now)).filter(|left| !left.is_zero())
        };
        Allowance {
            limit: state.limit,
            remaining: state.limit.map(|_| state.available),
            reset_in: left(state.reset_at),
            blocked_for: left(state.blocked_until),
            waiting: state.waiting(),
            in_flight: state.in_flight,
        }
    }

    fn enter(&self, priority: Priority, deadline: Instant) -> Result<Entered, Error> {
        let (mut state, now) = (self.state(), Instant::now());
        if state.is_next(priority)
            && let Some(slot) = state.take(priority, now)
        {
            return Ok(Entered::Now(slot));
        }
        let wait = state.estimate(priority, now);
        if now.checked_add(wait).is_none_or(|turn| turn > deadline) {
            return Err(full(wait));
        }
        let (sender, turn) = oneshot::channel();
        state.enqueue(priority, sender);
        drop(state);
        self.wake_in_time();
        Ok(Entered::Queued(turn))
    }

    /// Lets those waiting requests go that may.
    fn advance(&self) {
        let mut turns = Vec::new();
        {
            let (mut state, now) = (self.state(), Instant::now());
            while let Some((sender, slot)) = state.next(now) {
                turns.push((sender, slot));
            }
        }
        // Outside the lock: a permit whose request has gone away locks it again when dropped.
        for (sender, slot) in turns {
            drop(sender.send(Turn::Go(self.permit(slot, false))));
        }
        self.wake_in_time();
    }

    /// Starts the task that looks again when time alone lets the next request go. One such task runs for all.
    fn wake_in_time(&self) {
        let Some(at) = self.state().schedule(Instant::now()) else { return };
        // Without a runtime there is no waiting request.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let budget = self.clone();
        runtime.spawn(async move {
            sleep_until(at).await;
            budget.state().woken(at);
            budget.advance();
        });
    }

    fn permit(&self, slot: Slot, used: bool) -> Permit {
        Permit { budget: self.clone(), slot, used, settled: false }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn full(wait: Duration) -> Error {
    let message =
        "the Management API allowance is used up; wait, cache longer, or ask Auth0 for a higher limit";
    Error::limited(message, wait.clamp(SHORTEST_HINT, LONGEST_HINT))
}

enum Entered {
    Now(Slot),
    Queued(oneshot::Receiver<Turn>),
}

impl Permit {
    /// The request was answered. `refused_for` is set when it was refused for the limit: then nothing is sent
    /// for so long.
    pub(crate) fn answered(mut self, rate: RateHeaders, refused_for: Option<Duration>) {
        self.settled = true;
        self.budget.state().answered(self.slot, rate, refused_for, Instant::now());
        self.budget.advance();
    }

    /// The request had no answer. Those that wait for a probe's answer get `error`: one attempt at an unreachable tenant
    /// is enough for all.
    pub(crate) fn unanswered(mut self, error: &Error) {
        self.settled = true;
        let waiters = self.budget.state().unanswered(self.slot);
        for waiter in waiters {
            drop(waiter.send(Turn::Unanswered(error.clone())));
        }
        self.budget.advance();
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if !self.settled {
            self.budget.state().abandoned(self.slot, self.used);
            self.budget.advance();
        }
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.allowance(), f)
    }
}
