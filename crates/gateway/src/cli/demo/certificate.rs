//! The certificate of `gateway demo --tls`, for clients that refuse plain HTTP.

use std::{
    fs::{self, DirBuilder},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::PathBuf,
};

/// A certificate that signs itself and its key, in a folder of their own that is gone when this is dropped.
pub(super) struct Certificate {
    folder: PathBuf,
}

impl Certificate {
    /// Makes one for loopback and for `names`.
    ///
    /// # Errors
    /// The folder for temporary files cannot be written to.
    pub(super) fn write(names: impl IntoIterator<Item = String>) -> io::Result<Self> {
        let loopback = ["localhost", "127.0.0.1"].map(str::to_owned);
        let made = sandbox::SelfSigned::new(loopback.into_iter().chain(names)).map_err(io::Error::other)?;
        let folder = std::env::temp_dir().join(format!("idp-gateway-demo-{}", std::process::id()));
        // A folder that exists already may belong to another user.
        DirBuilder::new().mode(0o700).create(&folder)?;
        let certificate = Self { folder };
        fs::write(certificate.file("cert.pem"), &made.certificate)?;
        let mut key = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(certificate.file("key.pem"))?;
        key.write_all(made.key.as_bytes())?;
        Ok(certificate)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Where clients find the certificate.
    pub(super) fn path(&self) -> String {
        self.file("cert.pem").display().to_string()
    }

    /// The line of section `[server]`.
    pub(super) fn setting(&self) -> String {
        format!(
            "tls = {{ cert_file = {:?}, key_file = {:?} }}\n",
            self.file("cert.pem"),
            self.file("key.pem")
        )
    }
}

impl Drop for Certificate {
    fn drop(&mut self) {
        // The process ends. The file that stays is trusted by no program.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_private_and_goes_with_the_demo() {
        use std::os::unix::fs::PermissionsExt as _;
        let certificate = Certificate::write(["www-googleapis-com.localhost".to_owned()]).unwrap();
        let folder = certificate.folder.clone();
        assert!(fs::read_to_string(certificate.path()).unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
        let mode = |name: &str| fs::metadata(folder.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("."), mode("key.pem")), (0o700, 0o600));
        drop(certificate);
        assert!(!folder.exists());
    }
}
