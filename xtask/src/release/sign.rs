//! The list `SHA256SUMS` of what a release offers, and its signature: ECDSA on P-256 with SHA-256, made and checked by OpenSSL.
//! Users check it with the commands in `docs/operations/image.md`; so do `rehearse` and the tests.

use crate::sh;
use anyhow::{Context as _, Result, ensure};
use std::path::Path;

const SUMS: &str = "SHA256SUMS";
/// The private key of the maintainers, PKCS #8 in PEM. It is not an argument, because others could see it there.
const KEY: &str = "IDP_GATEWAY_RELEASE_KEY";
const PAGE: &str = "docs/operations/image.md";

/// Writes the list of all files in `folder`.
pub(crate) fn list(folder: &Path) -> Result<()> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_file() && !name.starts_with(SUMS) {
            names.push(name);
        }
    }
    ensure!(!names.is_empty(), "{} has no files to list", folder.display());
    names.sort();
    std::fs::write(folder.join(SUMS), sh::output(folder, "sha256sum", &names)?)?;
    Ok(())
}

/// Signs the list in `folder` with the key of the environment.
pub(super) fn run(folder: &Path) -> Result<()> {
    let key =
        std::env::var(KEY).with_context(|| format!("{KEY} is not set: it holds the private key as PEM"))?;
    sign(folder, key.as_bytes())
}

/// Signs with a temporary key and checks the result as a user does.
pub(super) fn rehearse(root: &Path, folder: &Path) -> Result<()> {
    let key = ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
    let key = sh::pipe(folder, "openssl", &key, b"")?;
    sign(folder, &key)?;
    let public = sh::pipe(folder, "openssl", &["pkey", "-pubout"], &key)?;
    std::fs::write(folder.join("release.pub"), public)?;
    let checked = check(root, folder);
    for file in ["release.pub", "SHA256SUMS.der"] {
        std::fs::remove_file(folder.join(file))?;
    }
    checked
}

fn sign(folder: &Path, key: &[u8]) -> Result<()> {
    let signature = sh::pipe(folder, "openssl", &["dgst", "-sha256", "-sign", "/dev/stdin", SUMS], key)?;
    let text = sh::pipe(folder, "openssl", &["base64", "-A"], &signature)?;
    std::fs::write(folder.join("SHA256SUMS.sig"), [text.as_slice(), b"\n"].concat())?;
    Ok(())
}

/// Runs the commands of the documentation in a folder that holds a release and `release.pub`.
fn check(root: &Path, folder: &Path) -> Result<()> {
    let page = std::fs::read_to_string(root.join(PAGE)).context(PAGE)?;
    let (_, rest) =
        page.split_once("```sh\nopenssl ").with_context(|| format!("{PAGE} no longer shows the check"))?;
    let commands = rest.split("```").next().unwrap_or_default();
    sh::pipe(folder, "sh", &["-e"], format!("openssl {commands}").as_bytes()).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tm_p04_a_signed_release_is_accepted_and_a_changed_one_refused() {
        let (root, folder) = (sh::root().unwrap(), tempfile::tempdir().unwrap());
        let folder = folder.path();
        let write = |name: &str, content: &[u8]| std::fs::write(folder.join(name), content).unwrap();
        let key = || {
            let curve = ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
            let key = sh::pipe(folder, "openssl", &curve, b"").unwrap();
            let public = sh::pipe(folder, "openssl", &["pkey", "-pubout"], &key).unwrap();
            (key, public)
        };
        let check = || check(&root, folder).is_ok();
        write("chart.tgz", b"chart");
        write("image.tar", b"image");
        list(folder).unwrap();
        rehearse(&root, folder).unwrap();
        let ((own, public), (_, foreign)) = (key(), key());
        sign(folder, &own).unwrap();
        write("release.pub", &public);
        assert!(check());
        write("release.pub", &foreign);
        assert!(!check(), "a foreign key");
        write("release.pub", &public);
        write("image.tar", b"other image");
        assert!(!check(), "a changed file");
        std::fs::write(
            folder.join(SUMS),
            sh::output(folder, "sha256sum", &["chart.tgz", "image.tar"]).unwrap(),
        )
        .unwrap();
        assert!(!check(), "a changed list");
        sign(folder, &own).unwrap();
        assert!(check(), "signed again");
        write("SHA256SUMS.sig", b"");
        assert!(!check(), "no signature");
    }
}
