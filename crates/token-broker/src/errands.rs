//! Work that an orderly end has to wait for.

use std::sync::Arc;

use tokio::sync::watch;

/// Counts refreshes of single-use tokens under way, and refreshed grants that are not stored yet: a process that ends in
/// between loses a grant, so an orderly end waits until there are none. Cheap to clone; clones count together, and
/// several brokers may share one.
#[derive(Clone, Debug, Default)]
pub struct Errands(Arc<watch::Sender<usize>>);

impl Errands {
    /// None under way.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many are under way.
    #[must_use]
    pub fn under_way(&self) -> usize {
        *self.0.borrow()
    }

    /// Waits until none is under way.
    pub async fn finished(&self) {
        // The sender lives in `self`, so this cannot end early.
        let _ = self.0.subscribe().wait_for(|count| *count == 0).await;
    }

    pub(crate) fn begin(&self) -> Errand {
        self.0.send_modify(|count| *count += 1);
        Errand(self.clone())
    }
}

/// One of them, until it is dropped.
#[derive(Debug)]
pub(crate) struct Errand(Errands);

impl Drop for Errand {
    fn drop(&mut self) {
        self.0.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}
