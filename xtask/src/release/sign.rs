//! Signatures over `SHA256SUMS`, and so over everything that it names: ECDSA on P-256 with SHA-256, in the form that
//! `openssl dgst -verify` and `cosign verify-blob --key` read.

use anyhow::{Context as _, Result, bail, ensure};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::path::Path;

pub(crate) const SUMS: &str = "SHA256SUMS";
const SIGNATURE: &str = "SHA256SUMS.sig";
/// The maintainers' private key, PKCS #8 in PEM. A secret is no argument.
const KEY: &str = "IDP_GATEWAY_RELEASE_KEY";

/// DER ahead of an uncompressed P-256 point in a SubjectPublicKeyInfo.
const SPKI: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// Signs the list in `folder` with the key of the environment.
pub(super) fn run(folder: &Path) -> Result<()> {
    let key =
        std::env::var(KEY).with_context(|| format!("{KEY} is not set: it holds the private key as PEM"))?;
    sign(folder, &pem(&key, "PRIVATE KEY")?)?;
    Ok(())
}

/// Signs with a key that nobody keeps, and checks: what a maintainer's key will do works.
pub(super) fn rehearse(folder: &Path) -> Result<()> {
    let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new())
        .map_err(|_| anyhow::anyhow!("no key could be made"))?;
    let public = sign(folder, key.as_ref())?;
    check(folder, &public)
}

/// Checks the signature of the list, then each file that it names.
pub(super) fn check(folder: &Path, public: &str) -> Result<()> {
    let key = pem(public, "PUBLIC KEY")?;
    let point = key.strip_prefix(&SPKI).context("the public key is not one on P-256")?;
    let list = std::fs::read(folder.join(SUMS)).context(SUMS)?;
    let signature = std::fs::read_to_string(folder.join(SIGNATURE)).context(SIGNATURE)?;
    let signature = STANDARD.decode(signature.trim()).context(SIGNATURE)?;
    if UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).verify(&list, &signature).is_err() {
        bail!("{SUMS} was not signed with this key");
    }
    let list = String::from_utf8(list).context(SUMS)?;
    ensure!(!list.is_empty(), "{SUMS} names nothing");
    for line in list.lines() {
        let (sum, name) = line.split_once("  ").with_context(|| format!("{SUMS}: {line}"))?;
        ensure!(digest(&folder.join(name))? == sum, "{name} is not what was signed");
    }
    Ok(())
}

/// Writes the list of all files in the folder.
pub(crate) fn list(folder: &Path) -> Result<()> {
    let mut lines = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_file() && !name.starts_with(SUMS) {
            lines.push(format!("{}  {name}\n", digest(&entry.path())?));
        }
    }
    lines.sort_by(|one, other| one[64..].cmp(&other[64..]));
    std::fs::write(folder.join(SUMS), lines.concat())?;
    Ok(())
}

/// Signs, and returns the public key.
fn sign(folder: &Path, key: &[u8]) -> Result<String> {
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, key)
        .map_err(|_| anyhow::anyhow!("the private key is not one on P-256 as PKCS #8"))?;
    let list = std::fs::read(folder.join(SUMS)).context(SUMS)?;
    let signature = pair.sign(&SystemRandom::new(), &list).map_err(|_| anyhow::anyhow!("signing failed"))?;
    std::fs::write(folder.join(SIGNATURE), format!("{}\n", STANDARD.encode(signature.as_ref())))?;
    let public = [SPKI.as_slice(), pair.public_key().as_ref()].concat();
    Ok(format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        folded(&STANDARD.encode(public))
    ))
}

fn folded(text: &str) -> String {
    let lines: Vec<&str> =
        (0..text.len()).step_by(64).map(|start| &text[start..text.len().min(start + 64)]).collect();
    lines.join("\n")
}

fn digest(file: &Path) -> Result<String> {
    let content = std::fs::read(file).with_context(|| file.display().to_string())?;
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &content);
    Ok(digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn pem(text: &str, label: &str) -> Result<Vec<u8>> {
    let body = text
        .split_once(&format!("-----BEGIN {label}-----"))
        .and_then(|(_, rest)| rest.split_once(&format!("-----END {label}-----")))
        .map(|(body, _)| body.split_whitespace().collect::<String>())
        .with_context(|| format!("no `{label}` in PEM"))?;
    STANDARD.decode(body).with_context(|| format!("the `{label}` is not base64"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    /// A folder with two files, their list, its signature, and the key's public half.
    fn release(name: &str) -> (PathBuf, String) {
        let folder = std::env::temp_dir().join(format!("xtask-sign-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("chart.tgz"), "chart").unwrap();
        std::fs::write(folder.join("image.tar"), "image").unwrap();
        list(&folder).unwrap();
        let key =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new()).unwrap();
        let public = sign(&folder, key.as_ref()).unwrap();
        (folder, public)
    }

    #[test]
    fn tm_p04_a_signed_release_is_accepted_and_a_changed_one_refused() {
        let (folder, public) = release("changed");
        check(&folder, &public).unwrap();
        let (other, foreign) = release("foreign");
        assert!(check(&folder, &foreign).is_err(), "a foreign key");
        let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
        write("image.tar", "other image");
        assert!(check(&folder, &public).is_err(), "a changed file");
        list(&folder).unwrap();
        assert!(check(&folder, &public).is_err(), "a changed list");
        write("image.tar", "image");
        list(&folder).unwrap();
        check(&folder, &public).unwrap();
        std::fs::remove_file(folder.join("chart.tgz")).unwrap();
        assert!(check(&folder, &public).is_err(), "a missing file");
        write(SIGNATURE, "");
        assert!(check(&folder, &public).is_err(), "no signature");
        for folder in [folder, other] {
            std::fs::remove_dir_all(folder).unwrap();
        }
    }

    #[test]
    fn tm_p04_openssl_checks_it_as_the_documentation_says() {
        if !crate::sh::found("openssl") {
            return;
        }
        let (folder, public) = release("openssl");
        std::fs::write(folder.join("release.pub"), public).unwrap();
        let page =
            std::fs::read_to_string(crate::sh::root().unwrap().join("docs/operations/image.md")).unwrap();
        let wanted = page.lines().filter(|line| line.starts_with("openssl ")).collect::<Vec<_>>();
        assert_eq!(wanted.len(), 2, "the page shows how to check a signature");
        let script = format!("set -e\n{}\nsha256sum --check --quiet SHA256SUMS\n", wanted.join("\n"));
        let run = || {
            let output = std::process::Command::new("sh").args(["-c", &script]).current_dir(&folder).output();
            output.unwrap().status.success()
        };
        assert!(run());
        std::fs::write(folder.join("SHA256SUMS"), "").unwrap();
        assert!(!run());
        std::fs::remove_dir_all(folder).unwrap();
    }
}
