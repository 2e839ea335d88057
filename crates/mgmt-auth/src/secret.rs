//! Secrets by value or by file; files are read at each use, so that rotation needs no restart.

use std::{
    collections::HashMap,
    fmt,
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use secrecy::{SecretString, zeroize::Zeroizing};

use crate::Error;

/// A secret file larger than this is none.
const MAX_FILE: u64 = 64 * 1024;

/// Where a secret comes from.
#[derive(Clone, Debug)]
pub enum SecretSource {
    /// The secret itself.
    Inline(SecretString),
    /// A file that holds it, read at each use. Line breaks at its end do not count.
    File(PathBuf),
}

/// Reads secrets. A file that can no longer be read, or is empty, is bridged with its last good value.
#[derive(Default)]
pub struct SecretReader {
    files: Mutex<HashMap<PathBuf, Remembered>>,
    failures: AtomicU64,
}

#[derive(Default)]
struct Remembered {
    last_good: Option<SecretString>,
    failing: bool,
    warned_of_mode: bool,
}

impl SecretReader {
    /// A reader that remembers nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The secret as it is now, or a file's last good value. A failing file is one warning, not one a use.
    ///
    /// # Errors
    /// The secret is empty, or its file never could be read.
    pub async fn read(&self, source: &SecretSource) -> Result<SecretString, Error> {
        use secrecy::ExposeSecret as _;
        match source {
            SecretSource::Inline(secret) if secret.expose_secret().is_empty() => {
                Err(Error::operator("a client secret is empty; set it, or name a file that holds it"))
            }
            SecretSource::Inline(secret) => Ok(secret.clone()),
            SecretSource::File(path) => {
                let owned = path.clone();
                let read = tokio::task::spawn_blocking(move || read_file(&owned)).await;
                let read = read.unwrap_or_else(|_| Err(io::ErrorKind::Other.into()));
                self.settle(path, read)
            }
        }
    }

    /// How often a file could not be read or was empty.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    fn settle(&self, path: &Path, read: io::Result<Contents>) -> Result<SecretString, Error> {
        let mut files = self.lock();
        let remembered = files.entry(path.to_owned()).or_default();
        match read {
            Ok(contents) => {
                if contents.world_readable && !remembered.warned_of_mode {
                    remembered.warned_of_mode = true;
                    tracing::warn!(
                        event = "secret_file_world_readable",
                        path = %path.display(),
                        "everybody on this machine can read this secret; chmod o-r"
                    );
                }
                remembered.failing = false;
                remembered.last_good = Some(contents.secret.clone());
                Ok(contents.secret)
            }
            Err(error) => {
                self.failures.fetch_add(1, Ordering::Relaxed);
                if !std::mem::replace(&mut remembered.failing, true) {
                    tracing::warn!(
                        event = "secret_file_unreadable",
                        path = %path.display(),
                        reason = %error.kind(),
                        bridged = remembered.last_good.is_some(),
                        "a secret file is unreadable or empty; the last good value serves if there is one"
                    );
                }
                remembered.last_good.clone().ok_or_else(|| {
                    Error::operator(format!(
                        "the secret file {} is unreadable or empty ({}); it must hold the secret and nothing else",
                        path.display(),
                        error.kind()
                    ))
                })
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PathBuf, Remembered>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Contents {
    secret: SecretString,
    world_readable: bool,
}

fn read_file(path: &Path) -> io::Result<Contents> {
    let file = std::fs::File::open(path)?;
    let metadata = file.metadata()?;
    let mut text = Zeroizing::new(String::new());
    file.take(MAX_FILE + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_FILE {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let trimmed = text.trim_end_matches(['\r', '\n']);
    if trimmed.is_empty() {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok(Contents { secret: SecretString::from(trimmed), world_readable: world_readable(&metadata) })
}

#[cfg(unix)]
fn world_readable(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o004 != 0
}

#[cfg(not(unix))]
fn world_readable(_: &std::fs::Metadata) -> bool {
    false
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
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[tokio::test]
    async fn tm_s06_a_secret_file_is_read_at_each_use_and_bridged_by_its_last_good_value() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let (reader, source) = (SecretReader::new(), SecretSource::File(path.clone()));
        let read = async || reader.read(&source).await.map(|secret| secret.expose_secret().to_owned());

        let error = read().await.unwrap_err();
        assert_eq!(error.fault(), crate::Fault::Operator);
        assert!(error.to_string().contains("secret"), "{error}");
        std::fs::write(&path, "first\r\n\n").unwrap();
        assert_eq!(read().await.unwrap(), "first");
        std::fs::write(&path, "second").unwrap();
        assert_eq!(read().await.unwrap(), "second", "rotation needs no restart");
        for broken in ["", "\n"] {
            std::fs::write(&path, broken).unwrap();
            assert_eq!(read().await.unwrap(), "second");
        }
        std::fs::remove_file(&path).unwrap();
        assert_eq!(read().await.unwrap(), "second");
        assert_eq!(reader.failures(), 4);
        std::fs::write(&path, "third").unwrap();
        assert_eq!(read().await.unwrap(), "third");
    }

    #[tokio::test]
    async fn spaces_inside_and_around_belong_to_the_secret() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, " a b \n").unwrap();
        let secret = SecretReader::new().read(&SecretSource::File(path)).await.unwrap();
        assert_eq!(secret.expose_secret(), " a b ");
        assert!(SecretReader::new().read(&SecretSource::Inline("".into())).await.is_err());
    }
}
