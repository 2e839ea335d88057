//! The certificate of `gateway demo --tls`, for clients that refuse plain HTTP.

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
};

use super::folder::Folder;

/// A certificate that signs itself and its key, in the demo's folder.
pub(super) struct Certificate<'a> {
    folder: &'a Folder,
}

impl<'a> Certificate<'a> {
    /// Makes one for loopback and for `names`.
    ///
    /// # Errors
    /// The folder cannot be written to.
    pub(super) fn write(folder: &'a Folder, names: impl IntoIterator<Item = String>) -> io::Result<Self> {
        let loopback = ["localhost", "127.0.0.1"].map(str::to_owned);
        let made = sandbox::SelfSigned::new(loopback.into_iter().chain(names)).map_err(io::Error::other)?;
        fs::write(folder.file("cert.pem"), &made.certificate)?;
        let mut key =
            fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(folder.file("key.pem"))?;
        key.write_all(made.key.as_bytes())?;
        Ok(Self { folder })
    }

    /// Where clients find the certificate.
    pub(super) fn path(&self) -> String {
        self.folder.file("cert.pem").display().to_string()
    }

    /// The line of section `[server]`.
    pub(super) fn setting(&self) -> String {
        format!(
            "tls = {{ cert_file = {:?}, key_file = {:?} }}\n",
            self.folder.file("cert.pem"),
            self.folder.file("key.pem")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_private() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = Folder::make().unwrap();
        let certificate = Certificate::write(&folder, ["www-googleapis-com.localhost".to_owned()]).unwrap();
        assert!(fs::read_to_string(certificate.path()).unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
        let mode = fs::metadata(folder.file("key.pem")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
