//! The list `SHA256SUMS` of what a release offers, and its signature: ECDSA on P-256 with SHA-256, made and checked by OpenSSL.
//! Users check it with the commands in `docs/operations/image.md`; so do `rehearse` and the tests.

use anyhow::{Context as _, Result, ensure};
use std::path::Path;
use xshell::{Shell, cmd};

const SUMS: &str = "SHA256SUMS";
/// The private key of the maintainers, PKCS #8 in PEM. It is not an argument, because others could see it there.
const KEY: &str = "IDP_GATEWAY_RELEASE_KEY";
const PAGE: &str = "docs/operations/image.md";
const NEW_KEY: [&str; 5] = ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];

pub(crate) fn list(sh: &Shell, folder: &Path) -> Result<()> {
    let files = sh.read_dir(folder)?.into_iter().filter(|file| file.is_file());
    let names = files.filter_map(|file| Some(file.file_name()?.to_string_lossy().into_owned()));
    let names: Vec<_> = names.filter(|name| !name.starts_with(SUMS)).collect();
    ensure!(!names.is_empty(), "{} has no files to list", folder.display());
    let _folder = sh.push_dir(folder);
    let sums = cmd!(sh, "sha256sum {names...}").read()?;
    Ok(sh.write_file(SUMS, sums + "\n")?)
}

pub(super) fn run(sh: &Shell, folder: &Path) -> Result<()> {
    let key = sh.var(KEY).with_context(|| format!("{KEY} is not set: it holds the private key as PEM"))?;
    sign(sh, folder, &key)
}

/// Signs with a temporary key and checks the result as a user does.
pub(super) fn rehearse(sh: &Shell, folder: &Path) -> Result<()> {
    let key = cmd!(sh, "openssl {NEW_KEY...}").ignore_stderr().read()?;
    sign(sh, folder, &key)?;
    let public = folder.join("release.pub");
    sh.write_file(&public, cmd!(sh, "openssl pkey -pubout").stdin(&key).read()? + "\n")?;
    let checked = check(sh, folder);
    sh.remove_path(public)?;
    sh.remove_path(folder.join("SHA256SUMS.der"))?;
    checked
}

fn sign(sh: &Shell, folder: &Path, key: &str) -> Result<()> {
    let _folder = sh.push_dir(folder);
    let signature = cmd!(sh, "openssl dgst -sha256 -sign /dev/stdin {SUMS}").stdin(key).output()?;
    let text = cmd!(sh, "openssl base64 -A").stdin(signature.stdout).read()?;
    Ok(sh.write_file("SHA256SUMS.sig", text + "\n")?)
}

/// Runs the commands of the documentation in a folder that holds a release and `release.pub`.
fn check(sh: &Shell, folder: &Path) -> Result<()> {
    let page = sh.read_file(PAGE)?;
    let (_, rest) =
        page.split_once("```sh\nopenssl ").with_context(|| format!("{PAGE} no longer shows the check"))?;
    let commands = rest.split("```").next().unwrap_or_default();
    let _folder = sh.push_dir(folder);
    Ok(cmd!(sh, "sh -e").stdin(format!("openssl {commands}")).run()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sh;

    #[test]
    fn tm_p04_a_signed_release_is_accepted_and_a_changed_one_refused() {
        let (sh, folder) = (sh::root().unwrap(), tempfile::tempdir().unwrap());
        let folder = folder.path();
        let write = |name: &str, content: &str| sh.write_file(folder.join(name), content).unwrap();
        let key = || {
            let key = cmd!(sh, "openssl {NEW_KEY...}").read().unwrap();
            let public = cmd!(sh, "openssl pkey -pubout").stdin(&key).read().unwrap();
            (key, public)
        };
        let check = || check(&sh, folder).is_ok();
        write("chart.tgz", "chart");
        write("image.tar", "image");
        list(&sh, folder).unwrap();
        rehearse(&sh, folder).unwrap();
        let ((own, public), (_, foreign)) = (key(), key());
        sign(&sh, folder, &own).unwrap();
        write("release.pub", &public);
        assert!(check());
        write("release.pub", &foreign);
        assert!(!check(), "a foreign key");
        write("release.pub", &public);
        write("image.tar", "other image");
        assert!(!check(), "a changed file");
        let sums = cmd!(sh, "sha256sum chart.tgz image.tar");
        let sums = {
            let _folder = sh.push_dir(folder);
            sums.read().unwrap()
        };
        write(SUMS, &format!("{sums}\n"));
        assert!(!check(), "a changed list");
        sign(&sh, folder, &own).unwrap();
        assert!(check(), "signed again");
        write("SHA256SUMS.sig", "");
        assert!(!check(), "no signature");
    }
}
