//! Records beside the grants, in a table of their own.

use redb::{ReadableDatabase, ReadableTable, TableDefinition, TableError};
use zeroize::Zeroizing;

use super::{FileStore, META, SERIAL, Shared, torn, version_of};
use crate::{
    BoxFuture, Durability, Reading, RecordStore, StoreError, Swap,
    store::{bound, open_bound},
};

/// Name to version (8 bytes, big-endian) and sealed bytes.
const RECORDS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("records/1");

/// What sealing binds a record to; no grant's place looks like this.
fn place(name: &str) -> String {
    serde_json::json!(["record/1", name]).to_string()
}

impl Shared {
    fn read(&self, name: &str, seen: Option<u64>) -> Result<Reading, StoreError> {
        let read = self.database.get()?.begin_read().map_err(|error| self.failed(error))?;
        let table = match read.open_table(RECORDS) {
            Ok(table) => table,
            // Written by a version that had no records yet.
            Err(TableError::TableDoesNotExist(_)) => return Ok(Reading::Absent),
            Err(error) => return Err(self.failed(error)),
        };
        let Some(value) = table.get(name).map_err(|error| self.failed(error))? else {
            return Ok(Reading::Absent);
        };
        let version = version_of(value.value()).ok_or_else(|| torn(self.path()))?;
        if seen == Some(version) {
            return Ok(Reading::Unchanged);
        }
        Ok(Reading::Found { version, bytes: self.open_record(name, version, value.value())? })
    }

    fn open_record(&self, name: &str, version: u64, value: &[u8]) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let sealed = value.get(8..).unwrap_or_default();
        open_bound(&self.keys, &place(name), version, sealed).map_err(|error| self.sealed(&error))
    }

    /// Opens every record.
    pub(super) fn check_records(&self) -> Result<(), StoreError> {
        let read = self.database.get()?.begin_read().map_err(|error| self.failed(error))?;
        let table = match read.open_table(RECORDS) {
            Ok(table) => table,
            Err(TableError::TableDoesNotExist(_)) => return Ok(()),
            Err(error) => return Err(self.failed(error)),
        };
        for entry in table.iter().map_err(|error| self.failed(error))? {
            let (name, value) = entry.map_err(|error| self.failed(error))?;
            let version = version_of(value.value()).ok_or_else(|| torn(self.path()))?;
            self.open_record(name.value(), version, value.value())?;
        }
        Ok(())
    }

    fn write(&self, name: &str, seen: Option<u64>, bytes: &[u8]) -> Result<Swap, StoreError> {
        let write = self.database.get()?.begin_write().map_err(|error| self.failed(error))?;
        let version;
        {
            let mut records = write.open_table(RECORDS).map_err(|error| self.failed(error))?;
            let mut meta = write.open_table(META).map_err(|error| self.failed(error))?;
            let now = match records.get(name).map_err(|error| self.failed(error))? {
                Some(value) => Some(version_of(value.value()).ok_or_else(|| torn(self.path()))?),
                None => None,
            };
            if now != seen {
                return Ok(Swap::Conflict);
            }
            let serial = meta.get(SERIAL).map_err(|error| self.failed(error))?;
            version = serial.map_or(0, |serial| serial.value()) + 1;
            let sealed =
                self.keys.seal(&bound(&place(name), version), bytes).map_err(|error| self.sealed(&error))?;
            let value = [&version.to_be_bytes()[..], &sealed].concat();
            records.insert(name, &*value).map_err(|error| self.failed(error))?;
            meta.insert(SERIAL, version).map_err(|error| self.failed(error))?;
        }
        write.commit().map_err(|error| self.failed(error))?;
        Ok(Swap::Done(version))
    }
}

impl RecordStore for FileStore {
    fn durability(&self) -> Durability {
        Durability::Restart
    }

    fn read<'a>(&'a self, name: &'a str, seen: Option<u64>) -> BoxFuture<'a, Result<Reading, StoreError>> {
        let name = name.to_owned();
        Box::pin(self.run(move |shared| shared.read(&name, seen)))
    }

    fn write<'a>(
        &'a self,
        name: &'a str,
        seen: Option<u64>,
        bytes: &'a [u8],
    ) -> BoxFuture<'a, Result<Swap, StoreError>> {
        let (name, bytes) = (name.to_owned(), bytes.to_vec());
        Box::pin(self.run(move |shared| shared.write(&name, seen, &bytes)))
    }
}
