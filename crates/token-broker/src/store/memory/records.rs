//! Records of one process, or of several replicas simulated in one.

use super::MemoryStore;
use crate::{BoxFuture, Durability, Reading, RecordStore, StoreError, Swap};

impl RecordStore for MemoryStore {
    fn durability(&self) -> Durability {
        Durability::Process
    }

    fn read<'a>(&'a self, name: &'a str, seen: Option<u64>) -> BoxFuture<'a, Result<Reading, StoreError>> {
        let state = self.state();
        let reading = match state.records.get(name) {
            None => Reading::Absent,
            Some((version, _)) if seen == Some(*version) => Reading::Unchanged,
            Some((version, bytes)) => Reading::Found { version: *version, bytes: bytes.clone().into() },
        };
        Box::pin(std::future::ready(Ok(reading)))
    }

    fn write<'a>(
        &'a self,
        name: &'a str,
        seen: Option<u64>,
        bytes: &'a [u8],
    ) -> BoxFuture<'a, Result<Swap, StoreError>> {
        let mut state = self.state();
        let swap = if state.records.get(name).map(|(version, _)| *version) == seen {
            state.serial += 1;
            let version = state.serial;
            state.records.insert(name.to_owned(), (version, bytes.to_vec()));
            self.written.notify_waiters();
            Swap::Done(version)
        } else {
            Swap::Conflict
        };
        Box::pin(std::future::ready(Ok(swap)))
    }

    fn wait<'a>(&'a self, _: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(self.written.notified())
    }
}
