//! Private keys as people paste them, and what is wrong with those that cannot be used.

use std::time::SystemTime;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use secrecy::{ExposeSecret as _, SecretString, zeroize::Zeroizing};

use super::{AssertionAlgorithm, Subject};
use crate::{
    Error,
    crypto::{KeyRejected, signature::RsaKeyPair},
};

/// Labels.
const PKCS1: &str = "RSA PRIVATE KEY";
const PKCS8: &str = "PRIVATE KEY";
/// Object identifiers inside a PKCS#8 key: RFC 5480 and RFC 8410.
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const ED25519: &[u8] = &[0x06, 0x03, 0x2b, 0x65, 0x70];

/// The RSA private key of a PEM text, PKCS#1 or PKCS#8.
pub(super) fn parse(pem: &SecretString) -> Result<RsaKeyPair, Error> {
    let unusable = |why| Error::operator(format!("the private key {why}"));
    let (label, body) = unwrap(pem.expose_secret()).map_err(unusable)?;
    let der = STANDARD.decode(body.as_bytes()).map(Zeroizing::new);
    let der = der.map_err(|error| unusable("is damaged: its body is not base64").caused_by(error))?;
    let key = if label == PKCS1 { RsaKeyPair::from_der(&der) } else { RsaKeyPair::from_pkcs8(&der) };
    key.map_err(|rejected| unusable(fault(&der, rejected)).caused_by(rejected))
}

/// Whether a PEM text is a private key that can sign client assertions: RSA of at least 2048 bits, not encrypted.
/// Nothing is sent; for a check of a configuration.
///
/// # Errors
/// It cannot; the message says why and what to do.
pub fn check_private_key(pem: &SecretString) -> Result<(), Error> {
    let subject = Subject {
        client_id: "check",
        audience: "https://example.com/",
        key_id: None,
        algorithm: AssertionAlgorithm::RS256,
    };
    subject.sign(pem, SystemTime::now()).map(drop)
}

/// Label and base64 of a PEM text with a private key; else why it has none, and what to do.
fn unwrap(text: &str) -> Result<(&str, Zeroizing<String>), &'static str> {
    let label = text.split_once("-----BEGIN ").and_then(|(_, rest)| rest.split_once("-----"));
    let Some((label, body)) = label else {
        return Err("is not in PEM form; the file must begin with -----BEGIN PRIVATE KEY-----");
    };
    if text.contains("\\n") {
        return Err("has its line breaks spelled out as \\n; write real line breaks");
    }
    match label {
        "ENCRYPTED PRIVATE KEY" => return Err("is encrypted; decrypt it with `openssl pkey -in FILE`"),
        PKCS1 if text.contains("ENCRYPTED") => {
            return Err("is encrypted; decrypt it with `openssl rsa -in FILE`");
        }
        "EC PRIVATE KEY" => return Err("is an EC key; Auth0 takes RSA keys only"),
        "OPENSSH PRIVATE KEY" => {
            return Err("is in OpenSSH form; convert it with `ssh-keygen -p -m PEM -f FILE`");
        }
        "PUBLIC KEY" | "RSA PUBLIC KEY" => return Err("is a public key; use the private one of the pair"),
        "CERTIFICATE" => return Err("is a certificate; use the private key that belongs to it"),
        PKCS8 | PKCS1 => {}
        _ => return Err("has an unknown PEM label; it must be PRIVATE KEY or RSA PRIVATE KEY"),
    }
    let Some((body, _)) = body.split_once("-----END ") else {
        return Err("is damaged: the line -----END PRIVATE KEY----- is missing");
    };
    Ok((label, Zeroizing::new(body.split_ascii_whitespace().collect())))
}

/// Why a key was rejected, and what to do.
fn fault(der: &[u8], rejected: KeyRejected) -> &'static str {
    let contains = |needle: &[u8]| der.windows(needle.len()).any(|window| window == needle);
    if contains(EC) {
        "is an EC key; Auth0 takes RSA keys only"
    } else if contains(ED25519) {
        "is an Ed25519 key; Auth0 takes RSA keys only"
    } else {
        // Both backends say the size in these words.
        match rejected.to_string().as_str() {
            "TooSmall" => "is too short; it must be an RSA key of at least 2048 bits",
            "TooLarge" => "is too long; an RSA key of 2048 to 4096 bits is enough",
            _ => "is damaged: it is no RSA key in PKCS#1 or PKCS#8 form",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pem(label: &str, der: &[u8]) -> String {
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
    }

    #[test]
    fn an_unusable_key_is_named_for_what_it_is() {
        let spelled_out = pem("PRIVATE KEY", b"x").replace('\n', "\\n");
        let old_style =
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nMII=\n-----END RSA PRIVATE KEY-----";
        for (text, word) in [
            (spelled_out.as_str(), "spelled out"),
            (&*pem("ENCRYPTED PRIVATE KEY", b"x"), "encrypted"),
            (old_style, "encrypted"),
            (&*pem("EC PRIVATE KEY", b"x"), "EC key"),
            (&*pem("PRIVATE KEY", &[&b"\x30\x06"[..], EC].concat()), "EC key"),
            (&*pem("PRIVATE KEY", &[&b"\x30\x06"[..], ED25519].concat()), "Ed25519"),
            (&*pem("OPENSSH PRIVATE KEY", b"x"), "OpenSSH"),
            (&*pem("PUBLIC KEY", b"x"), "public key"),
            (&*pem("CERTIFICATE", b"x"), "certificate"),
            (&*pem("DSA PRIVATE KEY", b"x"), "label"),
            (&*pem("PRIVATE KEY", b"x"), "damaged"),
            ("-----BEGIN PRIVATE KEY-----\n%%%\n-----END PRIVATE KEY-----", "base64"),
            ("-----BEGIN PRIVATE KEY-----\nMII=\n", "END"),
            (include_str!("short-key.pem"), "2048 bits"),
            ("a-client-secret", "PEM"),
        ] {
            let error = check_private_key(&text.into()).unwrap_err();
            assert_eq!(error.fault(), crate::Fault::Operator);
            assert!(error.to_string().contains(word), "{word}: {error}");
            // Whatever was not refused for its form alone has a cause.
            let refused = ["EC key", "Ed25519", "damaged", "base64", "2048 bits"];
            let by_library = refused.contains(&word) && !text.contains("EC PRIVATE KEY");
            assert_eq!(std::error::Error::source(&error).is_some(), by_library, "{word}");
        }
    }
}
