//! Barriers that make races deterministic.

use std::sync::Arc;

use tokio::sync::watch;

/// A barrier: a request waits at it until it is opened. Clones share one state.
#[derive(Clone, Debug)]
pub struct Hold(Arc<watch::Sender<bool>>);

impl Default for Hold {
    fn default() -> Self {
        Self::new()
    }
}

impl Hold {
    /// A closed barrier.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// Opens the barrier, for requests that wait and for later ones.
    pub fn release(&self) {
        self.0.send_replace(true);
    }

    pub(crate) async fn passed(&self) {
        let mut open = self.0.subscribe();
        // The sender is held by `self`: this cannot fail.
        let _ = open.wait_for(|open| *open).await;
    }
}
