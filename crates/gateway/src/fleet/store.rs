//! What is said to the store, and what it says.

use std::time::SystemTime;

use token_broker::{Reading, RecordStore, StoreError, Swap};

use super::record::ControlState;
use super::shard::{Shard, encode};
use super::{ATTEMPTS, Fleet};

impl Fleet {
    /// One look at the store, and its copy taken over.
    pub(super) async fn look(&self, record: &dyn RecordStore) -> Result<(), StoreError> {
        let seen = self.state().version;
        match record.read(&self.name, seen).await? {
            Reading::Found { version, bytes } if seen.is_none_or(|own| own < version) => {
                let copy: ControlState = serde_json::from_slice(&bytes)
                    .map_err(|_| StoreError::damaged("the record of blocks and logouts cannot be read"))?;
                self.take_over(copy, version);
                // Not before what it held of users is in their records.
                if seen.is_none() && !self.state().users.restated {
                    self.seal_anew(record, version).await;
                }
            }
            // The store has lost the record or an older one has come back: it gets ours.
            Reading::Found { version, .. } => {
                self.state().users.lost();
                self.put_back(record, Some(version)).await?;
            }
            Reading::Absent => {
                self.state().users.lost();
                self.put_back(record, None).await?;
            }
            // Unchanged.
            _ => return Ok(()),
        }
        self.show();
        Ok(())
    }

    fn take_over(&self, mut copy: ControlState, version: u64) {
        let mut state = self.state();
        if state.version.is_none() {
            state.applied = copy.serial();
            state.users.unread.extend(copy.used());
        } else if copy.continues(&state.copy) {
            let changed = copy.changed_since(&state.copy);
            state.users.unread.extend(changed);
        } else {
            // The store went back, or lost the record and got a new one: what we know is applied to it again.
            let ours = state.copy.commands();
            state.pending.put_first(ours);
            state.users.lost();
            state.users.unread.extend(copy.used());
        }
        if let Some(old) = copy.take_old() {
            state.users.take_over(old);
            let shards: Vec<u16> = state.users.shards().collect();
            shards.into_iter().for_each(|index| self.marks.merge(state.users.logouts(index)));
        }
        (state.copy, state.version) = (copy, Some(version));
    }

    /// Reads the shards that may have changed.
    pub(super) async fn read_shards(&self, record: &dyn RecordStore) -> Result<(), StoreError> {
        loop {
            let Some((index, seen)) = self.state().users.next_unread() else { break };
            self.read_shard(record, index, seen).await?;
        }
        let mut state = self.state();
        if !state.complete {
            state.complete = true;
            state.users.seal_anew();
        }
        Ok(())
    }

    async fn read_shard(
        &self,
        record: &dyn RecordStore,
        index: u16,
        seen: Option<u64>,
    ) -> Result<(), StoreError> {
        let reading = record.read(&self.shard_name(index), seen).await?;
        let mut state = self.state();
        match reading {
            Reading::Found { version, bytes } => {
                let copy: Shard = serde_json::from_slice(&bytes)
                    .map_err(|_| StoreError::damaged("a record of logouts cannot be read"))?;
                state.users.read(index, Some((version, &copy)));
                self.marks.merge(state.users.logouts(index));
            }
            Reading::Absent => state.users.read(index, None),
            // Unchanged.
            _ => {
                state.users.unread.remove(&index);
            }
        }
        Ok(())
    }

    /// Writes the shards that the store lacks something of, and some that are to be sealed anew.
    pub(super) async fn write_shards(
        &self,
        record: &dyn RecordStore,
        mut anew: usize,
    ) -> Result<(), StoreError> {
        loop {
            let Some(index) = self.state().users.next_dirty(anew > 0) else { return Ok(()) };
            anew = anew.saturating_sub(1);
            let written = self.write_shard(record, index).await;
            if written.is_err() {
                self.state().users.dirty.insert(index);
            }
            written?;
        }
    }

    async fn write_shard(&self, record: &dyn RecordStore, index: u16) -> Result<(), StoreError> {
        let now = crate::time::unix_seconds(SystemTime::now());
        let since = now.saturating_sub(self.logout_age().as_secs());
        for _ in 0..ATTEMPTS {
            let (bytes, seen) = {
                let mut state = self.state();
                (state.users.begin(index, since), state.users.version(index))
            };
            match record.write(&self.shard_name(index), seen, &bytes).await? {
                Swap::Done(version) => {
                    self.state().users.written(index, version);
                    return Ok(());
                }
                Swap::Conflict => self.read_shard(record, index, None).await?,
            }
        }
        Err(StoreError::unavailable("a record of logouts is written over and over"))
    }

    fn shard_name(&self, index: u16) -> String {
        format!("{}/users/{index:03x}", self.name)
    }

    /// Writes the record once as it was read: with the newest key, so that an old key can be removed without a new command.
    async fn seal_anew(&self, record: &dyn RecordStore, version: u64) {
        if let Err(error) = self.put_back(record, Some(version)).await {
            tracing::debug!(%error, "the record of blocks and logouts was not sealed anew");
        }
    }

    async fn put_back(&self, record: &dyn RecordStore, there: Option<u64>) -> Result<(), StoreError> {
        let bytes = {
            let mut state = self.state();
            self.own.iter().for_each(|own| state.copy.begin(*own));
            encode(&state.copy)
        };
        // On a conflict another replica has written first; the next read gets its record.
        if let Swap::Done(version) = record.write(&self.name, there, &bytes).await? {
            self.state().version = Some(version);
        }
        Ok(())
    }

    /// Writes what our commands say of users, applies them to the newest copy of the record, and writes that: who reads it finds
    /// the shards.
    pub(super) async fn flush(&self, record: &dyn RecordStore) -> Result<(), StoreError> {
        for _ in 0..ATTEMPTS {
            if self.state().version.is_none() {
                self.look(record).await?;
            }
            self.write_shards(record, 0).await?;
            let (next, seen, last) = {
                let state = self.state();
                if state.pending.commands.is_empty() && !state.users.restated {
                    return Ok(());
                }
                (self.with_pending(&state), state.version, state.pending.last)
            };
            match record.write(&self.name, seen, &encode(&next)).await? {
                Swap::Done(version) => {
                    let mut state = self.state();
                    (state.copy, state.version) = (next, Some(version));
                    state.users.restated = false;
                    state.pending.taken(last);
                    drop(state);
                    self.show();
                    return Ok(());
                }
                Swap::Conflict => self.look(record).await?,
            }
        }
        Err(StoreError::unavailable("the record of blocks and logouts is written over and over"))
    }
}
