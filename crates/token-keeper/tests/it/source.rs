//! A source that counts, and answers as it is told.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use token_keeper::{Load, LoadError, Loaded, Window};
use tokio::time::Instant;

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Failed {
    pub(crate) hint: Option<Duration>,
    pub(crate) aborted: bool,
}

impl LoadError for Failed {
    fn retry_after(&self) -> Option<Duration> {
        self.hint
    }

    fn aborted() -> Self {
        Self { hint: None, aborted: true }
    }

    fn with_retry_after(self, wait: Duration) -> Self {
        Self { hint: Some(wait), ..self }
    }
}

/// How the next load goes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Turn {
    Good { takes: Duration, lives: Duration },
    Bad { takes: Duration, hint: Option<Duration> },
    Panic,
}

/// A loaded value that knows its own end, so that a test can tell when it must not be seen any more.
#[derive(Debug)]
pub(crate) struct Value {
    pub(crate) number: usize,
    pub(crate) ends_at: Instant,
}

#[derive(Clone, Default)]
pub(crate) struct Source {
    pub(crate) turns: Arc<Mutex<VecDeque<Turn>>>,
    pub(crate) loads: Arc<AtomicUsize>,
    pub(crate) at_once: Arc<AtomicUsize>,
    pub(crate) most_at_once: Arc<AtomicUsize>,
}

impl Source {
    pub(crate) fn new(turns: impl IntoIterator<Item = Turn>) -> Self {
        Self { turns: Arc::new(Mutex::new(turns.into_iter().collect())), ..Self::default() }
    }

    pub(crate) fn count(&self) -> usize {
        self.loads.load(Ordering::SeqCst)
    }
}

struct Running(Arc<AtomicUsize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Load for Source {
    type Value = Value;
    type Error = Failed;

    async fn load(&self) -> Result<Loaded<Value>, Failed> {
        let number = self.loads.fetch_add(1, Ordering::SeqCst) + 1;
        let now_running = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        let _running = Running(Arc::clone(&self.at_once));
        self.most_at_once.fetch_max(now_running, Ordering::SeqCst);
        let turn = self.turns.lock().unwrap_or_else(std::sync::PoisonError::into_inner).pop_front();
        let default = Turn::Good { takes: Duration::ZERO, lives: Duration::from_secs(100) };
        let start = Instant::now();
        match turn.unwrap_or(default) {
            Turn::Good { takes, lives } => {
                tokio::time::sleep(takes).await;
                let window = Window::since(start, lives * 4 / 5, lives);
                Ok(Loaded::new(Value { number, ends_at: start + lives }, window))
            }
            Turn::Bad { takes, hint } => {
                tokio::time::sleep(takes).await;
                Err(Failed { hint, aborted: false })
            }
            #[expect(clippy::panic, reason = "what a broken source does")]
            Turn::Panic => panic!("a load that panics"),
        }
    }
}
