//! The open database, opened again when the disk has failed it.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

use redb::{Database, DatabaseError, StorageError, backends::FileBackend};

use super::{overlay::Overlay, torn, unusable};
use crate::StoreError;

/// How the database is opened.
type Open = Box<dyn Fn(&Path) -> Result<Database, DatabaseError> + Send + Sync>;

/// After one failed write the database refuses everything until it is opened again, and a disk that is full now has room
/// later: so it is opened again.
pub(super) struct ReopenableDatabase {
    path: PathBuf,
    open: Open,
    /// `None` while it cannot be opened.
    database: RwLock<Option<Arc<Database>>>,
    failed: AtomicBool,
}

impl ReopenableDatabase {
    /// Opens what is there; makes nothing.
    pub(super) fn open(path: PathBuf) -> Result<Self, StoreError> {
        verify(&path).map_err(|error| refused(&path, error))?;
        Self::open_by(path, Box::new(|path| Database::open(path)))
    }

    pub(super) fn open_by(path: PathBuf, open: Open) -> Result<Self, StoreError> {
        let database = open(&path).map_err(|error| refused(&path, error))?;
        let database = RwLock::new(Some(Arc::new(database)));
        Ok(Self { path, open, database, failed: AtomicBool::new(false) })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Something failed that never should: the database is opened again before it is used next.
    pub(super) fn mark_failed(&self) {
        self.failed.store(true, Ordering::Release);
    }

    pub(super) fn get(&self) -> Result<Arc<Database>, StoreError> {
        if self.failed.load(Ordering::Acquire) {
            return self.open_again();
        }
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        database
            .clone()
            .ok_or_else(|| StoreError::unavailable(format!("{} is being opened again", self.path.display())))
    }

    fn open_again(&self) -> Result<Arc<Database>, StoreError> {
        let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(database) = database.as_ref().filter(|_| !self.failed.load(Ordering::Acquire)) {
            return Ok(database.clone());
        }
        // Closed first: an open database locks the file.
        *database = None;
        let opened = (self.open)(&self.path).map_err(|error| refused(&self.path, error))?;
        let opened = Arc::new(opened);
        *database = Some(opened.clone());
        self.failed.store(false, Ordering::Release);
        tracing::warn!(event = "store_opened_again", "the store's file had failed and was opened again");
        Ok(opened)
    }
}

/// Opens the file without changing it, and reads all of it.
fn verify(path: &Path) -> Result<(), DatabaseError> {
    let file = std::fs::OpenOptions::new().read(true).write(true).open(path).map_err(StorageError::from)?;
    let overlay = Overlay::new(FileBackend::new(file)?).map_err(StorageError::from)?;
    let mut database = Database::builder().create_with_backend(overlay)?;
    match database.check_integrity() {
        Ok(_) => Ok(()),
        Err(error) => Err(error),
    }
}

fn refused(path: &Path, error: DatabaseError) -> StoreError {
    match error {
        DatabaseError::DatabaseAlreadyOpen => StoreError::in_use(format!(
            "{} is in use by another process; one process has a file to itself, a fleet shares Redis or PostgreSQL",
            path.display()
        )),
        DatabaseError::Storage(StorageError::Io(error))
            if error.kind() != std::io::ErrorKind::InvalidData
                && error.kind() != std::io::ErrorKind::UnexpectedEof =>
        {
            unusable(path, error)
        }
        error => torn(path).caused_by(error),
    }
}

impl fmt::Debug for ReopenableDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReopenableDatabase").field("path", &self.path).finish_non_exhaustive()
    }
}
