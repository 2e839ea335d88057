//! A folder for the demo's files: its certificate and its audit log.

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt as _,
    path::PathBuf,
};

/// How many names are tried. A demo that was killed leaves its folder behind, and process ids come again.
const ATTEMPTS: usize = 16;

/// A folder that only this user can read. It is removed when this is dropped.
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Makes one among the temporary files.
    ///
    /// # Errors
    /// The folder for temporary files cannot be written to.
    pub(super) fn make() -> io::Result<Self> {
        let parent = std::env::temp_dir();
        let mut made = Err(io::ErrorKind::AlreadyExists.into());
        for attempt in 0..ATTEMPTS {
            let path = parent.join(format!("idp-gateway-demo-{}-{attempt}", std::process::id()));
            // A folder that exists already may belong to another user.
            made = DirBuilder::new().mode(0o700).create(&path).map(|()| Self(path));
            match &made {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                _ => break,
            }
        }
        made
    }

    /// The path of a file in it.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // The process ends, and the files hold nothing of value.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn each_folder_is_private_and_removed_with_its_owner() {
        let (first, second) = (Folder::make().unwrap(), Folder::make().unwrap());
        assert_ne!(first.0, second.0);
        let path = first.0.clone();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        drop(first);
        assert!(!path.exists() && second.0.exists());
    }
}
