//! A folder for the demo's files: its certificate and its audit log.

use std::{
    fs::{self, File, Metadata, Permissions},
    io,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use tempfile::TempDir;

/// What the names of the folders begin with.
const PREFIX: &str = "idp-gateway-demo-";

/// The file that is locked as long as the demo runs. The kernel frees the lock however the process ends.
const LOCK: &str = "lock";

/// A folder that only this user can read. It is removed when this is dropped.
pub(super) struct Folder {
    folder: TempDir,
    _lock: File,
}

impl Folder {
    /// Makes one among the temporary files, and removes those of demos that were killed.
    ///
    /// # Errors
    /// The folder for temporary files cannot be written to.
    pub(super) fn make() -> io::Result<Self> {
        let only_ours = Permissions::from_mode(0o700);
        let folder = tempfile::Builder::new().prefix(PREFIX).permissions(only_ours).tempdir()?;
        let lock = lock(folder.path())?;
        if let Ok(found) = fs::metadata(folder.path()) {
            remove_stale(&std::env::temp_dir(), &found);
        }
        Ok(Self { folder, _lock: lock })
    }

    /// The path of a file in it.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Removes it now. Files that are open can be written to, and are gone with the process.
    pub(super) fn remove(&self) {
        // The process ends, and the files hold nothing of value.
        let _ = fs::remove_dir_all(self.folder.path());
    }
}

/// Locks a folder. Its lock has its name only once it is held, so that no other demo finds it free.
fn lock(folder: &Path) -> io::Result<File> {
    let unnamed = folder.join("lock.new");
    let file = File::create_new(&unnamed)?;
    file.lock()?;
    fs::rename(&unnamed, folder.join(LOCK))?;
    Ok(file)
}

/// Removes the folders of this user whose lock is free. `own` is a folder of this process.
fn remove_stale(parent: &Path, own: &Metadata) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let named = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        // Not followed: a link of another user leads to where they like.
        let is_ours =
            |found: Metadata| found.is_dir() && found.uid() == own.uid() && found.ino() != own.ino();
        if named && entry.metadata().is_ok_and(is_ours) && is_free(&entry.path()) {
            // What cannot be removed stays; the demo runs without.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Whether nothing runs in this folder any more. One without a lock may just be being made.
fn is_free(folder: &Path) -> bool {
    File::open(folder.join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn each_folder_is_private_and_removed_with_its_owner() {
        let (first, second) = (Folder::make().unwrap(), Folder::make().unwrap());
        assert_ne!(first.folder.path(), second.folder.path());
        let path = first.folder.path().to_owned();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        drop(first);
        assert!(!path.exists() && second.folder.path().exists());
    }

    #[test]
    fn folders_of_dead_demos_are_removed_and_no_others() {
        let parent = tempfile::tempdir().unwrap();
        let folder = |name: &str| {
            let path = parent.path().join(name);
            fs::create_dir(&path).unwrap();
            path
        };
        let dead = folder("idp-gateway-demo-1-0");
        drop(lock(&dead).unwrap());
        fs::write(dead.join("audit.jsonl"), "{}").unwrap();
        let living = folder("idp-gateway-demo-1-1");
        let _held = lock(&living).unwrap();
        let begun = folder("idp-gateway-demo-1-2");
        let foreign = folder("another-1-0");
        drop(lock(&foreign).unwrap());
        let link = parent.path().join("idp-gateway-demo-1-3");
        symlink(&foreign, &link).unwrap();

        remove_stale(parent.path(), &fs::metadata(&living).unwrap());
        assert!(!dead.exists());
        assert!(living.exists() && begun.exists() && foreign.join(LOCK).exists() && link.is_symlink());
        // A folder that another process holds is no stale one either.
        remove_stale(parent.path(), &fs::metadata(&begun).unwrap());
        assert!(living.exists());
    }
}
