//! Files that the configuration names must be there and hold what they should.

use std::path::Path;

use secrecy::{ExposeSecret, SecretString};

use super::super::problems::Collector;

/// What a file must hold.
#[derive(Clone, Copy, Debug)]
pub(super) enum Content {
    Text,
    Pem,
    RsaKey,
    Keys,
}

/// Reports a file that is missing, unreadable, empty or holds something else.
pub(super) fn check_file(key: &str, path: Option<&Path>, content: Content, collector: &mut Collector) {
    let Some(path) = path else { return };
    let text = match std::fs::read_to_string(path) {
        Ok(text) => SecretString::from(text),
        Err(error) => {
            collector.report(
                key,
                format!("the file {} cannot be read: {error}", path.display()),
                "create the file, correct the name, or let this user read it; relative names start at the folder of the configuration file",
            );
            return;
        }
    };
    let whole = text.expose_secret().trim_end_matches(['\r', '\n']);
    let text = whole.trim();
    if text.starts_with('\u{feff}') {
        collector.report(
            key,
            format!("the file {} starts with a byte order mark (BOM)", path.display()),
            "save it as UTF-8 without a byte order mark",
        );
        return;
    }
    if text.is_empty() {
        collector.report(
            key,
            format!("the file {} is empty", path.display()),
            "write the value into the file",
        );
        return;
    }
    match content {
        Content::Text => {
            if let Some(hidden) = mgmt_auth::hidden_characters(whole) {
                let problem = format!("the file {} contains {hidden}", path.display());
                collector.warn(
                    key,
                    problem,
                    "if the value is refused, write the file again without this character",
                );
            }
        }
        Content::Pem if text.contains("-----BEGIN ") => {}
        Content::Pem => collector.report(
            key,
            format!("the file {} is not PEM", path.display()),
            "convert it to PEM: text that starts with -----BEGIN",
        ),
        Content::RsaKey => {
            if let Err(error) = mgmt_auth::check_private_key(&SecretString::from(text)) {
                let remedy = "use the RSA private key whose public key is registered with the application";
                collector.report(key, format!("the file {}: {error}", path.display()), remedy);
            }
        }
        Content::Keys => check_keys(key, path, text, collector),
    }
}

fn check_keys(key: &str, path: &Path, text: &str, collector: &mut Collector) {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let mut ids = std::collections::BTreeSet::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let problem = match line.split_once(':') {
            Some(("", _)) => "has no id",
            Some((id, _)) if !ids.insert(id.to_owned()) => "repeats an id",
            Some((_, encoded)) if STANDARD.decode(encoded.trim()).is_ok_and(|bytes| bytes.len() == 32) => {
                continue;
            }
            _ => "is not `id:base64 of 32 bytes`",
        };
        collector.report(
            key,
            format!("line {} of {} {problem}", index + 1, path.display()),
            "make lines with `gateway store keygen`",
        );
    }
    if ids.is_empty() {
        collector.report(
            key,
            format!("{} holds no key", path.display()),
            "make a line with `gateway store keygen`",
        );
    }
}

/// The folder of a file that will be made must be there.
pub(super) fn check_folder(key: &str, path: &Path, collector: &mut Collector) {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        collector.report(
            key,
            format!("the folder {} does not exist", folder.display()),
            "create the folder; the gateway creates the file",
        );
    } else if path.is_dir() {
        collector.report(key, format!("{} is a folder", path.display()), "name a file");
    }
}
