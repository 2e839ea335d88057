//! From running to gone, in one direction.

use std::sync::Arc;
use tokio::sync::watch;

/// How far the end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Serving.
    Running,
    /// `/readyz` fails, the listener is still open.
    Unready,
    /// No new connections; requests in flight may end.
    Closing,
    /// Whatever is left is cut off.
    Aborted,
}

/// Shared by listeners, connections and the admin surface. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Lifecycle(Arc<watch::Sender<Stage>>);

impl Default for Lifecycle {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(Stage::Running)))
    }
}

impl Lifecycle {
    /// The present stage.
    #[must_use]
    pub fn stage(&self) -> Stage {
        *self.0.borrow()
    }

    /// Moves on to `stage`; never back.
    pub fn advance(&self, stage: Stage) {
        self.0.send_if_modified(|now| {
            let later = stage > *now;
            if later {
                *now = stage;
            }
            later
        });
    }

    /// Waits until `stage` or a later one is reached.
    pub fn reached(&self, stage: Stage) -> impl Future<Output = ()> + Send + use<> {
        let sender = Arc::clone(&self.0);
        let mut watch = sender.subscribe();
        async move {
            // The sender lives in this future, so this cannot end early.
            let _ = watch.wait_for(|now| *now >= stage).await;
            drop(sender);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;
    use std::{future::poll_fn, pin::pin, time::Duration};

    #[tokio::test]
    async fn a_stage_is_noticed_also_after_one_that_is_not_waited_for() {
        let lifecycle = Lifecycle::default();
        let mut polled = Box::pin(lifecycle.reached(Stage::Closing));
        let woken = tokio::spawn(lifecycle.reached(Stage::Closing));
        for stage in [Stage::Running, Stage::Unready] {
            lifecycle.advance(stage);
            for _ in 0..3 {
                tokio::task::yield_now().await;
                assert!((&mut polled).now_or_never().is_none() && !woken.is_finished(), "{stage:?}");
            }
        }
        lifecycle.advance(Stage::Closing);
        assert!(polled.now_or_never().is_some());
        woken.await.expect("woken");
    }

    /// A task that has spent its budget is polled in vain, and nothing is registered then.
    #[tokio::test(start_paused = true)]
    async fn a_stage_is_noticed_also_after_a_poll_without_budget() {
        let lifecycle = Lifecycle::default();
        let (mut reached, mut spent) = (Box::pin(lifecycle.reached(Stage::Closing)), false);
        let waiting = tokio::spawn(poll_fn(move |cx| {
            while !spent {
                spent = pin!(tokio::task::consume_budget()).poll(cx).is_pending();
            }
            reached.as_mut().poll(cx)
        }));
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        lifecycle.advance(Stage::Closing);
        tokio::time::timeout(Duration::from_secs(1), waiting).await.expect("noticed").unwrap();
    }
}
