//! A deadline that is cheap to move: the runtime's timer is touched only when it fires early.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Instant, Sleep, sleep_until};

/// At most one deadline at a time.
#[derive(Debug, Default)]
pub(crate) struct Deadline {
    at: Option<Instant>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Deadline {
    /// Sets the deadline, unless one is set.
    pub(crate) fn arm(&mut self, after: Duration) {
        if self.at.is_none() {
            self.at = Some(Instant::now() + after);
        }
    }

    /// Forgets the deadline.
    pub(crate) fn disarm(&mut self) {
        self.at = None;
    }

    /// Whether the deadline has passed; registers for waking when not.
    pub(crate) fn poll_passed(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(at) = self.at else { return false };
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(at)));
        loop {
            // An alarm that is too early only costs one extra wake-up; one that is too late must be moved.
            if sleep.deadline() > at || (sleep.is_elapsed() && Instant::now() < at) {
                sleep.as_mut().reset(at);
            }
            match sleep.as_mut().poll(cx) {
                Poll::Pending => return false,
                Poll::Ready(()) if Instant::now() >= at => return true,
                Poll::Ready(()) => {}
            }
        }
    }
}
