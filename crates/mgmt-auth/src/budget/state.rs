//! The budget's state, behind its lock.

use std::{collections::VecDeque, time::Duration};

use tokio::{sync::oneshot, time::Instant};

use super::{Priority, Turn};
use crate::hints::RateHeaders;

type Sender = oneshot::Sender<Turn>;

/// The shortest period of a rate limit.
const SHORTEST_WINDOW: Duration = Duration::from_secs(1);
/// Added to a reset, and up to as much again at random: clocks differ by so much.
const MARGIN: Duration = Duration::from_millis(20);

/// One request's slot.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    number: u64,
    /// The requests that were in progress when it was sent.
    beside: u32,
    /// Whether it went ahead to find out how many may follow.
    probe: bool,
}

#[derive(Default)]
pub(super) struct State {
    /// Whether there was an answer, if only without a limit.
    known: bool,
    pub(super) limit: Option<u32>,
    /// The limit is a guess after a refusal that stated none.
    guessed: bool,
    pub(super) available: u32,
    pub(super) reset_at: Option<Instant>,
    window: Duration,
    pub(super) blocked_until: Option<Instant>,
    probing: bool,
    pub(super) in_flight: u32,
    newest_number: u64,
    /// The newest request whose answer set the state.
    newest_answer: Option<u64>,
    callers: VecDeque<Sender>,
    background: VecDeque<Sender>,
    wake_at: Option<Instant>,
}

impl State {
    /// Takes a slot if there is one now.
    pub(super) fn take(&mut self, priority: Priority, now: Instant) -> Option<Slot> {
        if self.blocked_until.is_some_and(|until| now < until) {
            return None;
        }
        let reserve = match (priority, self.limit) {
            (Priority::Background, Some(limit)) => limit / 4,
            _ => 0,
        };
        let reset = self.reset_at.is_none_or(|at| now >= at);
        let probe = match self.limit {
            _ if !self.known => true,
            Some(_) => self.available <= reserve,
            None => false,
        };
        if probe && (self.probing || (self.known && !reset)) {
            return None;
        }
        self.probing |= probe;
        self.available = self.available.saturating_sub(1);
        self.newest_number += 1;
        let slot = Slot { number: self.newest_number, beside: self.in_flight, probe };
        self.in_flight += 1;
        Some(slot)
    }

    /// Whether no request of the same or a higher priority waits.
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

    /// The next request that may go, callers first.
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

    /// When to look again because time alone lets the next request go; `None` when none waits, time does not help, or a
    /// look is planned already.
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

    /// The look that was planned for `at` has begun.
    pub(super) fn woken(&mut self, at: Instant) {
        self.wake_at.take_if(|wake_at| *wake_at == at);
    }

    /// How long a new request would wait, as far as known.
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
        self.leave(slot);
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
        // The answer to an older request must not raise the allowance.
        if self.newest_answer.is_none_or(|newest| slot.number > newest) {
            self.newest_answer = Some(slot.number);
            // Requests are handled in any order: the tenant may have counted all that overlap with this one after it.
            let later = u32::try_from(self.newest_number - slot.number).unwrap_or(u32::MAX);
            let certain = remaining.saturating_sub(slot.beside.saturating_add(later));
            let expected = self.available.min(remaining.saturating_sub(self.in_flight));
            self.available = certain.max(expected);
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
        // No answer to a request that was sent before raises the allowance.
        self.newest_answer = Some(self.newest_number);
        self.window = self.window.max(SHORTEST_WINDOW);
        if let Some(limit) = rate.limit {
            (self.limit, self.guessed) = (Some(limit), false);
        } else if self.limit.is_none() {
            (self.limit, self.guessed) = (Some(1), true);
        }
    }

    /// The waiting requests that get no answer now: nothing was known, and the probe failed.
    pub(super) fn unanswered(&mut self, slot: Slot) -> Vec<Sender> {
        self.leave(slot);
        if self.known || !slot.probe {
            return Vec::new();
        }
        self.callers.drain(..).chain(self.background.drain(..)).collect()
    }

    /// A slot given back; `used` if the request may have been sent.
    pub(super) fn abandoned(&mut self, slot: Slot, used: bool) {
        self.leave(slot);
        if !used && !slot.probe {
            self.available = self.available.saturating_add(1);
        }
    }

    fn leave(&mut self, slot: Slot) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if slot.probe {
            self.probing = false;
        }
    }

    /// Drops requests that went away from the front of the queues.
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A tenant whose allowance does not come back within the test.
    struct Tenant {
        left: u32,
    }

    impl Tenant {
        fn handle(&mut self) -> RateHeaders {
            self.left = self.left.checked_sub(1).expect("a request beyond the allowance");
            let reset_in = Some(Duration::from_secs(60));
            RateHeaders { limit: Some(100), remaining: Some(self.left), reset_in }
        }
    }

    #[test]
    fn no_order_of_answers_makes_it_send_more_than_the_allowance() {
        let now = Instant::now();
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..2000 {
            let (mut state, mut tenant) = (State::default(), Tenant { left: random.u32(1..30) });
            let (mut sent, mut handled) = (Vec::new(), Vec::new());
            let mut idle = 0;
            while idle < 30 {
                idle += 1;
                match random.u8(..3) {
                    0 => sent.extend(state.take(Priority::Caller, now)),
                    1 if !sent.is_empty() => {
                        let slot = sent.swap_remove(random.usize(..sent.len()));
                        handled.push((slot, tenant.handle()));
                        idle = 0;
                    }
                    _ if !handled.is_empty() => {
                        let (slot, rate) = handled.swap_remove(random.usize(..handled.len()));
                        state.answered(slot, rate, None, now);
                        idle = 0;
                    }
                    _ => {}
                }
            }
        }
    }

    #[test]
    fn after_a_refusal_no_answer_to_an_earlier_request_raises_the_allowance() {
        let now = Instant::now();
        let rate = |remaining| {
            let reset_in = Some(Duration::from_secs(1));
            RateHeaders { limit: Some(10), remaining: Some(remaining), reset_in }
        };
        let mut state = State::default();
        let probe = state.take(Priority::Caller, now).unwrap();
        state.answered(probe, rate(9), None, now);
        let [refused, served] = [(); 2].map(|()| state.take(Priority::Caller, now).unwrap());
        state.answered(refused, rate(0), Some(Duration::from_secs(5)), now);
        state.answered(served, rate(8), None, now);
        let later = now + Duration::from_secs(6);
        assert!(state.take(Priority::Caller, later).unwrap().probe);
        assert!(state.take(Priority::Caller, later).is_none(), "one request finds out how many may follow");
    }
}
