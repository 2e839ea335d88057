//! Grants of one process in one file that survives it.

mod overlay;
mod records;
mod reopen;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use self::reopen::ReopenableDatabase;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, backends::FileBackend};

use super::{
    BoxFuture, Durability, GrantFilter, GrantStore, KeyRing, Lease, StoreError, Swap, Unsealable, Versioned,
    bound, leases::Leases, open_bound,
};
use crate::{GrantKey, GrantRecord, GrantSummary};

/// Encoded key to version (8 bytes, big-endian) and sealed record.
const GRANTS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("grants/1");
/// The highest version given out; versions go on over deletions.
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta/1");
const SERIAL: &str = "serial";

/// Keeps grants in an embedded ACID database. Every write is on disk when it returns; a kill at any moment leaves
/// either the old record or the new one. One process at a time: the file is locked.
///
/// ```
/// use token_broker::{FileStore, GrantFilter, GrantStore, KeyRing};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("grants.redb");
/// let keys = KeyRing::parse(&KeyRing::generate_line()?)?; // to be kept: no other ring opens the file
/// let store = FileStore::open(&path, keys.clone()).await?;
/// assert!(store.list(&GrantFilter::default()).await?.is_empty());
/// assert!(FileStore::open(&path, keys).await.is_err_and(|error| error.is_in_use()));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct FileStore {
    shared: Arc<Shared>,
    leases: Arc<Leases>,
}

#[derive(Debug)]
struct Shared {
    database: Arc<ReopenableDatabase>,
    keys: KeyRing,
}

impl FileStore {
    /// Opens the store, or makes it where there is none. Every record is opened once: a torn file, or one that
    /// was sealed with keys that are not on the ring, is an error now and not later.
    ///
    /// # Errors
    /// The file is in use, torn, cannot be read or written, or holds a record these keys do not open. It is never
    /// emptied or replaced.
    pub async fn open(path: impl Into<PathBuf>, keys: KeyRing) -> Result<Self, StoreError> {
        let path = path.into();
        let shown = path.display().to_string();
        let opened = tokio::task::spawn_blocking(move || Shared::open(path, keys)).await;
        // A database that cannot even be walked through makes its library give up.
        let shared = opened.map_err(|_| torn(Path::new(&shown)))??;
        Ok(Self { shared: Arc::new(shared), leases: Arc::default() })
    }

    /// The same store under another ring of keys, for as long as the process lives. Records are sealed anew when they
    /// are written next.
    ///
    /// # Errors
    /// The ring does not open every record.
    pub async fn with_keys(&self, keys: KeyRing) -> Result<Self, StoreError> {
        let shared = Arc::new(Shared { database: self.shared.database.clone(), keys });
        let store = Self { shared, leases: self.leases.clone() };
        store.run(Shared::check).await?;
        Ok(store)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let shared = self.shared.clone();
        let done = tokio::task::spawn_blocking(move || work(&shared)).await;
        done.unwrap_or_else(|_| Err(torn(self.shared.path())))
    }
}

fn torn(path: &Path) -> StoreError {
    StoreError::damaged(format!(
        "{} is damaged; restore it from a backup, or move it away: users whose refresh tokens it holds then have to \
         connect again",
        path.display()
    ))
}

impl Shared {
    fn open(path: PathBuf, keys: KeyRing) -> Result<Self, StoreError> {
        match fs::metadata(&path) {
            Ok(found) if found.len() == 0 => return Err(torn(&path)),
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => make(&path)?,
            Err(error) => return Err(unusable(&path, error)),
        }
        let this = Self { database: Arc::new(ReopenableDatabase::open(path)?), keys };
        this.check()?;
        Ok(this)
    }

    fn path(&self) -> &Path {
        self.database.path()
    }

    /// Whether every record can be opened.
    fn check(&self) -> Result<(), StoreError> {
        self.walk(|_, found| found.map(|_| ()))?;
        self.check_records()
    }

    /// Opens every record.
    fn walk(
        &self,
        mut each: impl FnMut(GrantKey, Result<Versioned, StoreError>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let read = self.database.get()?.begin_read().map_err(|error| self.failed(error))?;
        let table = read.open_table(GRANTS).map_err(|error| self.failed(error))?;
        for entry in table.iter().map_err(|error| self.failed(error))? {
            let (place, value) = entry.map_err(|error| self.failed(error))?;
            let key = GrantKey::decode(place.value()).ok_or_else(|| torn(self.path()))?;
            each(key, self.unseal(place.value(), value.value()))?;
        }
        Ok(())
    }

    fn load(&self, place: &str) -> Result<Option<Versioned>, StoreError> {
        let read = self.database.get()?.begin_read().map_err(|error| self.failed(error))?;
        let table = read.open_table(GRANTS).map_err(|error| self.failed(error))?;
        let value = table.get(place).map_err(|error| self.failed(error))?;
        value.map(|value| self.unseal(place, value.value())).transpose()
    }

    /// Writes if the version still is `seen`; on disk when it returns.
    fn swap(&self, place: &str, seen: Option<u64>, record: &GrantRecord) -> Result<Swap, StoreError> {
        let write = self.database.get()?.begin_write().map_err(|error| self.failed(error))?;
        let version;
        {
            let mut grants = write.open_table(GRANTS).map_err(|error| self.failed(error))?;
            let mut meta = write.open_table(META).map_err(|error| self.failed(error))?;
            let now = match grants.get(place).map_err(|error| self.failed(error))? {
                Some(value) => Some(version_of(value.value()).ok_or_else(|| torn(self.path()))?),
                None => None,
            };
            if now != seen {
                return Ok(Swap::Conflict);
            }
            let serial =
                meta.get(SERIAL).map_err(|error| self.failed(error))?.map_or(0, |serial| serial.value());
            version = serial + 1;
            let sealed = self
                .keys
                .seal(&bound(place, version), &record.encode())
                .map_err(|error| self.sealed(&error))?;
            let value = [&version.to_be_bytes()[..], &sealed].concat();
            grants.insert(place, &*value).map_err(|error| self.failed(error))?;
            meta.insert(SERIAL, version).map_err(|error| self.failed(error))?;
        }
        write.commit().map_err(|error| self.failed(error))?;
        Ok(Swap::Done(version))
    }

    fn delete(&self, place: &str) -> Result<bool, StoreError> {
        let write = self.database.get()?.begin_write().map_err(|error| self.failed(error))?;
        let was_there = {
            let mut grants = write.open_table(GRANTS).map_err(|error| self.failed(error))?;
            grants.remove(place).map_err(|error| self.failed(error))?.is_some()
        };
        write.commit().map_err(|error| self.failed(error))?;
        Ok(was_there)
    }

    fn unseal(&self, place: &str, value: &[u8]) -> Result<Versioned, StoreError> {
        let version = version_of(value).ok_or_else(|| torn(self.path()))?;
        let sealed = value.get(8..).unwrap_or_default();
        let plain = open_bound(&self.keys, place, version, sealed).map_err(|error| self.sealed(&error))?;
        let record = GrantRecord::decode(&plain).ok_or_else(|| torn(self.path()))?;
        Ok(Versioned::new(record, version))
    }

    fn failed(&self, error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
        self.database.mark_failed();
        StoreError::unavailable(format!("{}: {error}", self.path().display())).caused_by(error)
    }

    fn sealed(&self, error: &Unsealable) -> StoreError {
        let remedy = "put the missing key back on the ring";
        StoreError::sealing(error, &format!("{remedy} ({})", self.path().display()))
    }
}

/// Makes an empty store beside its place and moves it there, unless another process was faster: then that one's store is
/// left alone. A kill on the way leaves nothing half made.
fn make(path: &Path) -> Result<(), StoreError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let made = || -> Result<(), redb::Error> {
        fs::create_dir_all(folder)?;
        // Readable by its owner alone.
        let new = tempfile::Builder::new().prefix(".new-store-").tempfile_in(folder)?;
        // A handle of its own: closing it gives up the lock.
        let database = Database::builder().create_with_backend(FileBackend::new(new.reopen()?)?)?;
        let write = database.begin_write()?;
        write.open_table(GRANTS)?;
        write.open_table(META)?;
        write.commit()?;
        drop(database);
        match new.persist_noclobber(path) {
            Ok(_) => {}
            Err(lost) if lost.error.kind() == std::io::ErrorKind::AlreadyExists => return Ok(()),
            Err(lost) => return Err(lost.error.into()),
        }
        fs::File::open(folder)?.sync_all()?;
        Ok(())
    };
    made().map_err(|error| unusable(path, error))
}

fn unusable(path: &Path, error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::unavailable(format!("{} cannot be used: {error}", path.display())).caused_by(error)
}

fn version_of(value: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(*value.first_chunk::<8>()?))
}

impl GrantStore for FileStore {
    fn durability(&self) -> Durability {
        Durability::Restart
    }

    fn keys(&self) -> &KeyRing {
        &self.shared.keys
    }

    fn load<'a>(&'a self, key: &'a GrantKey) -> BoxFuture<'a, Result<Option<Versioned>, StoreError>> {
        let place = key.encode();
        Box::pin(self.run(move |shared| shared.load(&place)))
    }

    fn swap<'a>(
        &'a self,
        key: &'a GrantKey,
        seen: Option<u64>,
        record: &'a GrantRecord,
    ) -> BoxFuture<'a, Result<Swap, StoreError>> {
        let (place, record) = (key.encode(), record.clone());
        Box::pin(self.run(move |shared| shared.swap(&place, seen, &record)))
    }

    fn delete<'a>(&'a self, key: &'a GrantKey) -> BoxFuture<'a, Result<bool, StoreError>> {
        let place = key.encode();
        Box::pin(self.run(move |shared| shared.delete(&place)))
    }

    fn list<'a>(&'a self, filter: &'a GrantFilter) -> BoxFuture<'a, Result<Vec<GrantSummary>, StoreError>> {
        let filter = filter.clone();
        Box::pin(self.run(move |shared| {
            let mut list = Vec::new();
            shared.walk(|key, found| {
                if filter.matches(&key) {
                    // One that cannot be opened must not hide the others.
                    list.push(match found {
                        Ok(found) => found.record.summary(key),
                        Err(_) => GrantSummary::unreadable(key),
                    });
                }
                Ok(())
            })?;
            list.sort_by(|a, b| a.key.cmp(&b.key));
            Ok(list)
        }))
    }

    fn acquire<'a>(
        &'a self,
        key: &'a GrantKey,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<Option<Lease>, StoreError>> {
        Box::pin(std::future::ready(Ok(self.leases.acquire(key, ttl))))
    }

    fn release<'a>(&'a self, key: &'a GrantKey, lease: &'a Lease) -> BoxFuture<'a, Result<(), StoreError>> {
        self.leases.release(key, lease);
        Box::pin(std::future::ready(Ok(())))
    }

    fn check(&self) -> BoxFuture<'_, Result<Vec<String>, StoreError>> {
        Box::pin(self.run(|shared| {
            shared.check()?;
            Ok(Vec::new())
        }))
    }
}

#[cfg(test)]
mod tests;
