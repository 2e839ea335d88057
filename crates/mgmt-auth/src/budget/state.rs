//! What the budget knows, behind its lock.

use std::{collections::VecDeque, time::Duration};

use tokio::{sync::oneshot, time::Instant};

use super::{Priority, Turn};
use crate::hints::RateHeaders;

type Sender = oneshot::Sender<Turn>;

/// The shortest time after which an allowance can be another one.
const SHORTEST_WINDOW: Duration = Duration::from_secs(1);
/// On top of a reset, and as much again at random: clocks differ by so much.
const MARGIN: Duration = Duration::from_millis(20);

/// One request's place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    number: u64,
    /// Whether it went ahead to learn how many may follow.
    scout: bool,
}

#[derive(Default)]
pub(super) struct State {
    /// Whether any answer said something, if only that there is no limit.
    known: bool,
    pub(super) limit: Option<u32>,
    /// The limit is our own guess after a refusal that named none.
    guessed: bool,
    pub(super) available: u32,
    pub(super) reset_at: Option<Instant>,
    window: Duration,
    pub(super) blocked_until: Option<Instant>,
    scouting: bool,
    pub(super) in_flight: u32,
    next_number: u64,
    /// The newest request whose answer was taken at its word.
    heard: Option<u64>,
    callers: VecDeque<Sender>,
    background: VecDeque<Sender>,
    wake_at: Option<Instant>,
}

impl State {
    /// Takes a place if there is one now.
    pub(super) fn take(&mut self, priority: Priority, now: Instant) -> Option<Slot> {
        if self.blocked_until.is_some_and(|until| now < until) {
            return None;
        }
        let reserve = match (priority, self.limit) {
            (Priority::Background, Some(limit)) => limit / 4,
            _ => 0,
        };
        let reset = self.reset_at.is_none_or(|at| now >= at);
        let scout = match self.limit {
            _ if !self.known => true,
            Some(_) => self.available <= reserve,
            None => false,
        };
        if scout && (self.scouting || (self.known && !reset)) {
            return None;
        }
        self.scouting |= scout;
        self.available = self.available.saturating_sub(1);
        self.in_flight += 1;
        self.next_number += 1;
        Some(Slot { number: self.next_number, scout })
    }

    /// Whether nobody with the same right or more waits.
    pub(super) fn is_next(&mut self, priority: Priority) -> bool {
        self.purge();
        self.callers.is_empty() && (priority == Priority::Caller || self.background.is_empty())
    }

    pub(super) fn enqueue(&mut self, priority: Priority, sender: Sender) {
        match priority {
            Priority::Caller => self.callers.push_back(sender),
            Priority::Background => self.background.push_back(sender),
        }
    }

    /// The next who may go, callers first.
    pub(super) fn next(&mut self, now: Instant) -> Option<(Sender, Slot)> {
        self.purge();
        let priority = if self.callers.is_empty() { Priority::Background } else { Priority::Caller };
        let queued = match priority {
            Priority::Caller => !self.callers.is_empty(),
            Priority::Background => !self.background.is_empty(),
        };
        if !queued {
            return None;
        }
        let slot = self.take(priority, now)?;
        let sender = match priority {
            Priority::Caller => self.callers.pop_front(),
            Priority::Background => self.background.pop_front(),
        };
        sender.map(|sender| (sender, slot))
    }

    pub(super) fn waiting(&self) -> usize {
        let alive = |queue: &VecDeque<Sender>| queue.iter().filter(|sender| !sender.is_closed()).count();
        alive(&self.callers) + alive(&self.background)
    }

    /// When somebody has to look again because time alone lets the next one go; `None` when nobody waits, time does not
    /// help, or somebody does so already.
    pub(super) fn schedule(&mut self, now: Instant) -> Option<Instant> {
        self.purge();
        if self.callers.is_empty() && self.background.is_empty() {
            return None;
        }
        let reset = self.reset_at.filter(|_| self.limit.is_some());
        let at = [self.blocked_until, reset].into_iter().flatten().filter(|at| *at > now).max()?;
        if self.wake_at.is_some_and(|wake_at| wake_at <= at && wake_at > now) {
            return None;
        }
        self.wake_at = Some(at);
        Some(at)
    }

    /// The look that was planned for `at` is under way.
    pub(super) fn woken(&mut self, at: Instant) {
        self.wake_at.take_if(|wake_at| *wake_at == at);
    }

    /// How long a new one would wait, by what is known.
    pub(super) fn estimate(&self, priority: Priority, now: Instant) -> Duration {
        let Some(limit) = self.limit else { return Duration::ZERO };
        let ahead = match priority {
            Priority::Caller => self.callers.len(),
            Priority::Background => self.callers.len() + self.background.len(),
        };
        let left = |at: Option<Instant>| at.map_or(Duration::ZERO, |at| at.saturating_duration_since(now));
        let opens = left(self.blocked_until).max(if self.available == 0 {
            left(self.reset_at)
        } else {
            Duration::ZERO
        });
        let ahead = u32::try_from(ahead).unwrap_or(u32::MAX).saturating_sub(self.available);
        opens.saturating_add(self.window.max(SHORTEST_WINDOW).saturating_mul(ahead / limit.max(1)))
    }

    pub(super) fn answered(
        &mut self,
        slot: Slot,
        rate: RateHeaders,
        refused_for: Option<Duration>,
        now: Instant,
    ) {
        self.land(slot);
        self.known = true;
        if let Some(refused_for) = refused_for {
            self.refused(rate, refused_for, now);
            return;
        }
        let Some(remaining) = rate.remaining else {
            if self.guessed {
                (self.limit, self.guessed, self.reset_at) = (None, false, None);
            }
            return;
        };
        self.limit =
            rate.limit.or(self.limit.filter(|_| !self.guessed)).or(Some(remaining.saturating_add(1)));
        self.guessed = false;
        // Answers may overtake each other: an older one knows less, and must not raise the allowance.
        if self.heard.is_none_or(|heard| slot.number > heard) {
            self.heard = Some(slot.number);
            // Whether those under way are counted already nobody knows.
            self.available = remaining.saturating_sub(self.in_flight);
            let reset_in = rate.reset_in.unwrap_or(SHORTEST_WINDOW);
            self.window = reset_in.max(SHORTEST_WINDOW);
            self.reset_at = now.checked_add(reset_in + margin());
        } else {
            self.available = self.available.min(remaining);
        }
    }

    fn refused(&mut self, rate: RateHeaders, refused_for: Duration, now: Instant) {
        let until = now.checked_add(refused_for + margin());
        self.blocked_until = self.blocked_until.max(until);
        self.reset_at = self.blocked_until;
        self.available = 0;
        self.window = self.window.max(SHORTEST_WINDOW);
        if let Some(limit) = rate.limit {
            (self.limit, self.guessed) = (Some(limit), false);
        } else if self.limit.is_none() {
            (self.limit, self.guessed) = (Some(1), true);
        }
    }

    /// Gives the waiters that nobody can tell anything now: nothing is known, and nothing was learnt.
    pub(super) fn unanswered(&mut self, slot: Slot) -> Vec<Sender> {
        self.land(slot);
        if self.known || !slot.scout {
            return Vec::new();
        }
        self.callers.drain(..).chain(self.background.drain(..)).collect()
    }

    /// A place given back; `used` if the request may have been sent.
    pub(super) fn abandoned(&mut self, slot: Slot, used: bool) {
        self.land(slot);
        if !used && !slot.scout {
            self.available = self.available.saturating_add(1);
        }
    }

    fn land(&mut self, slot: Slot) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if slot.scout {
            self.scouting = false;
        }
    }

    /// Forgets those who went away at the front of the queues.
    fn purge(&mut self) {
        for queue in [&mut self.callers, &mut self.background] {
            while queue.front().is_some_and(Sender::is_closed) {
                queue.pop_front();
            }
        }
    }
}

fn margin() -> Duration {
    MARGIN.mul_f64(1.0 + fastrand::f64())
}
