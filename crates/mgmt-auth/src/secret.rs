//! Secrets by value or by file. Files are read at each use, so that rotation needs no restart.

mod file;
mod hidden;

use std::{
    collections::HashMap,
    fmt,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use secrecy::{ExposeSecret as _, SecretString};

use crate::Error;
use file::{Contents, Identity, Read, Unreadable};
pub use hidden::hidden_characters;

/// The longest a file may take; a network file system can hang.
const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// Where a secret comes from.
#[derive(Clone, Debug)]
pub enum SecretSource {
    /// The secret itself.
    Inline(SecretString),
    /// A file that contains it, read at each use. Line breaks at its end do not count.
    File(PathBuf),
}

/// Reads secrets: client secrets, private keys, encryption keys, admin tokens. Clones share what is known of the files,
/// so one reader serves a whole process.
///
/// A file is read without blocking the runtime, up to 64 KiB, into memory that is wiped. Its content is cached by the
/// file's identity (device, inode, size, times of change); a file that changed within the last two seconds is always
/// read. If a file becomes unreadable or empty, its last good value is used, with one warning and a count.
///
/// ```
/// use mgmt_auth::{SecretReader, SecretSource, secrecy::ExposeSecret};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("secret");
/// std::fs::write(&path, "hunter2\n")?;
/// let secret = SecretReader::new().read(&SecretSource::File(path)).await?;
/// assert_eq!(secret.expose_secret(), "hunter2");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct SecretReader(Arc<Inner>);

#[derive(Default)]
struct Inner {
    files: Mutex<HashMap<PathBuf, KnownFile>>,
    failures: AtomicU64,
}

#[derive(Default)]
struct KnownFile {
    last_good: Option<SecretString>,
    /// Of the file that `last_good` was read from.
    identity: Option<Identity>,
    failing: bool,
    warned_of_mode: bool,
    warned_of_hidden: bool,
}

impl SecretReader {
    /// A reader that knows no file yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The secret as it is now, or a file's last good value. A failing file is one warning, not one for each use.
    ///
    /// # Errors
    /// The secret is empty or begins with a byte order mark, or its file never could be read.
    pub async fn read(&self, source: &SecretSource) -> Result<SecretString, Error> {
        match source {
            SecretSource::Inline(secret) => inline(secret),
            SecretSource::File(path) => {
                let (owned, known) = (path.clone(), self.lock().get(path).and_then(|file| file.identity));
                // The times of files are the system's.
                let reading =
                    tokio::task::spawn_blocking(move || file::read(&owned, known, SystemTime::now()));
                let read = match tokio::time::timeout(READ_TIMEOUT, reading).await {
                    Ok(Ok(read)) => read,
                    Ok(Err(_)) | Err(_) => Err(Unreadable::TimedOut),
                };
                self.settle(path, read)
            }
        }
    }

    /// How often a file could not be read or was empty.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.0.failures.load(Ordering::Relaxed)
    }

    fn settle(&self, path: &Path, read: Result<Read, Unreadable>) -> Result<SecretString, Error> {
        let mut files = self.lock();
        let known = files.entry(path.to_owned()).or_default();
        let failure = match (read, &known.last_good) {
            (Ok(Read::Changed(contents)), _) => return Ok(known.learn(path, contents)),
            (Ok(Read::Unchanged), Some(secret)) => {
                known.failing = false;
                return Ok(secret.clone());
            }
            // There is an identity only beside a value.
            (Ok(Read::Unchanged), None) => Unreadable::TimedOut,
            (Err(failure), _) => failure,
        };
        self.0.failures.fetch_add(1, Ordering::Relaxed);
        if !std::mem::replace(&mut known.failing, true) {
            tracing::warn!(
                event = "secret_file_unreadable",
                path = %path.display(),
                reason = %failure,
                last_good_value = known.last_good.is_some(),
                "a secret file cannot be used; its last good value is used if there is one"
            );
        }
        known.last_good.clone().ok_or_else(|| {
            let message = format!("the secret file {} cannot be used: {failure}", path.display());
            Error::operator(message).caused_by(failure)
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PathBuf, KnownFile>> {
        self.0.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KnownFile {
    fn learn(&mut self, path: &Path, contents: Contents) -> SecretString {
        if contents.world_readable && !std::mem::replace(&mut self.warned_of_mode, true) {
            tracing::warn!(
                event = "secret_file_world_readable",
                path = %path.display(),
                "every user of this machine can read this secret; chmod o-r"
            );
        }
        if let Some(hidden) = hidden_characters(contents.secret.expose_secret())
            && !std::mem::replace(&mut self.warned_of_hidden, true)
        {
            tracing::warn!(
                event = "secret_hidden_characters",
                path = %path.display(),
                hidden,
                "a secret contains characters that cannot be seen; if it is refused, write the file again"
            );
        }
        self.failing = false;
        self.identity = contents.identity;
        self.last_good = Some(contents.secret.clone());
        contents.secret
    }
}

fn inline(secret: &SecretString) -> Result<SecretString, Error> {
    let text = secret.expose_secret();
    if text.is_empty() {
        return Err(Error::operator("a secret is empty; set it, or name a file that contains it"));
    }
    if text.starts_with('\u{feff}') {
        return Err(Error::operator("a secret starts with a byte order mark (BOM); write it without"));
    }
    Ok(secret.clone())
}

impl fmt::Debug for SecretReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretReader")
            .field("files", &self.lock().len())
            .field("failures", &self.failures())
            .finish()
    }
}

#[cfg(test)]
mod tests;
