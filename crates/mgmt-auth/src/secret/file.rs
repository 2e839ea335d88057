//! Reading one secret file.

use std::{
    fmt,
    fs::{File, Metadata},
    io::{self, Read as _},
    path::Path,
    time::{Duration, SystemTime},
};

use secrecy::{SecretString, zeroize::Zeroizing};

/// A larger file is no secret.
const MAX_FILE: u64 = 64 * 1024;
/// File times are too coarse to tell two writes within this time apart.
const SETTLED: Duration = Duration::from_secs(2);

/// What tells one content of a file from another without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    file: (u64, u64),
    length: u64,
    modified: SystemTime,
    changed: (i64, i64),
}

pub(super) enum Read {
    /// The file is the known one.
    Unchanged,
    Changed(Contents),
}

pub(super) struct Contents {
    pub(super) secret: SecretString,
    /// `None` for a file that changed too recently to be told from its successor.
    pub(super) identity: Option<Identity>,
    pub(super) world_readable: bool,
}

/// Why a secret file cannot be used.
#[derive(Debug)]
pub(super) enum Unreadable {
    Io(io::Error),
    TimedOut,
    TooLarge,
    NotText,
    Empty,
    ByteOrderMark,
}

/// Reads the file, unless it still is the `known` one.
pub(super) fn read(path: &Path, known: Option<Identity>, now: SystemTime) -> Result<Read, Unreadable> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    let identity = Identity::of(&metadata)?;
    if known == Some(identity) {
        return Ok(Read::Unchanged);
    }
    // Sized first: a buffer that grows leaves copies that are not wiped.
    let capacity = metadata.len().min(MAX_FILE) + 2;
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(capacity).unwrap_or_default()));
    file.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(Unreadable::TooLarge);
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| Unreadable::NotText)?;
    let text = text.trim_end_matches(['\r', '\n']);
    if text.starts_with('\u{feff}') {
        return Err(Unreadable::ByteOrderMark);
    }
    if text.is_empty() {
        return Err(Unreadable::Empty);
    }
    Ok(Read::Changed(Contents {
        secret: SecretString::from(text),
        identity: identity.is_settled(now).then_some(identity),
        world_readable: world_readable(&metadata),
    }))
}

impl Identity {
    fn of(metadata: &Metadata) -> io::Result<Self> {
        let (file, changed) = inode(metadata);
        Ok(Self { file, length: metadata.len(), modified: metadata.modified()?, changed })
    }

    /// Whether a later change shows in the file's times.
    fn is_settled(&self, now: SystemTime) -> bool {
        let seconds = u64::try_from(self.changed.0).unwrap_or_default();
        let changed = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        now.duration_since(self.modified.max(changed)).is_ok_and(|age| age > SETTLED)
    }
}

#[cfg(unix)]
fn inode(metadata: &Metadata) -> ((u64, u64), (i64, i64)) {
    use std::os::unix::fs::MetadataExt as _;
    ((metadata.dev(), metadata.ino()), (metadata.ctime(), metadata.ctime_nsec()))
}

#[cfg(not(unix))]
fn inode(_: &Metadata) -> ((u64, u64), (i64, i64)) {
    Default::default()
}

#[cfg(unix)]
fn world_readable(metadata: &Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o004 != 0
}

#[cfg(not(unix))]
fn world_readable(_: &Metadata) -> bool {
    false
}

impl From<io::Error> for Unreadable {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "it cannot be read ({})", error.kind()),
            Self::TimedOut => f.write_str("it could not be read in time"),
            Self::TooLarge => f.write_str("it is larger than 64 KiB; it must contain the secret alone"),
            Self::NotText => f.write_str("it is no UTF-8 text; save it as UTF-8 without a byte order mark"),
            Self::Empty => f.write_str("it is empty"),
            Self::ByteOrderMark => f.write_str("it starts with a byte order mark (BOM); save it without"),
        }
    }
}

impl std::error::Error for Unreadable {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    fn contents(read: Result<Read, Unreadable>) -> Contents {
        match read.unwrap() {
            Read::Changed(contents) => contents,
            Read::Unchanged => panic!("read again"),
        }
    }

    #[test]
    fn a_file_is_read_again_when_it_is_another_one_or_changed_a_moment_ago() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, "first").unwrap();
        let (now, later) = (SystemTime::now(), SystemTime::now() + Duration::from_secs(10));
        assert!(contents(read(&path, None, now)).identity.is_none(), "too young to be told apart");
        let known = contents(read(&path, None, later)).identity;
        assert!(known.is_some() && matches!(read(&path, known, later), Ok(Read::Unchanged)));
        // What Kubernetes does: another file under the same name.
        std::fs::write(folder.path().join("next"), "other").unwrap();
        std::fs::rename(folder.path().join("next"), &path).unwrap();
        assert_eq!(contents(read(&path, known, later)).secret.expose_secret(), "other");
    }

    #[test]
    fn unusable_files_say_why() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let why = |content: &[u8]| {
            std::fs::write(&path, content).unwrap();
            read(&path, None, SystemTime::now()).err().unwrap().to_string()
        };
        assert!(why(b"").contains("empty"));
        assert!(why(b"\xef\xbb\xbfsecret").contains("byte order mark"));
        assert!(why(b"s\0e\0\xff\xfe").contains("UTF-8"));
        assert!(why(&[b'x'; 65 * 1024]).contains("64 KiB"));
    }
}
