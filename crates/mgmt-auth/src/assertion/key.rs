//! Private keys as people paste them, and what is wrong with those that cannot be used.

use std::time::SystemTime;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jsonwebtoken::EncodingKey;
use secrecy::{ExposeSecret as _, SecretString, zeroize::Zeroizing};

use super::{AssertionAlgorithm, Subject};
use crate::Error;

/// Object identifiers inside a PKCS#8 key: RFC 5480 and RFC 8410.
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const ED25519: &[u8] = &[0x06, 0x03, 0x2b, 0x65, 0x70];

/// The RSA private key of a PEM text, PKCS#1 or PKCS#8.
pub(super) fn parse(pem: &SecretString) -> Result<EncodingKey, Error> {
    let text = pem.expose_secret();
    EncodingKey::from_rsa_pem(text.as_bytes())
        .map_err(|error| Error::operator(format!("the private key {}", fault(text))).caused_by(error))
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

/// Why a text is no usable private key, and what to do.
fn fault(text: &str) -> &'static str {
    let label = text.split_once("-----BEGIN ").and_then(|(_, rest)| rest.split_once("-----"));
    let Some((label, body)) = label else {
        return "is not in PEM form; the file must begin with -----BEGIN PRIVATE KEY-----";
    };
    if text.contains("\\n") {
        return "has its line breaks spelled out as \\n; write real line breaks";
    }
    match label {
        "ENCRYPTED PRIVATE KEY" => return "is encrypted; decrypt it with `openssl pkey -in FILE`",
        "RSA PRIVATE KEY" if text.contains("ENCRYPTED") => {
            return "is encrypted; decrypt it with `openssl rsa -in FILE`";
        }
        "EC PRIVATE KEY" => return "is an EC key; Auth0 takes RSA keys only",
        "OPENSSH PRIVATE KEY" => return "is in OpenSSH form; convert it with `ssh-keygen -p -m PEM -f FILE`",
        "PUBLIC KEY" | "RSA PUBLIC KEY" => return "is a public key; use the private one of the pair",
        "CERTIFICATE" => return "is a certificate; use the private key that belongs to it",
        "PRIVATE KEY" | "RSA PRIVATE KEY" => {}
        _ => return "has an unknown PEM label; it must be PRIVATE KEY or RSA PRIVATE KEY",
    }
    let body = body.split("-----END").next().unwrap_or_default();
    let body = Zeroizing::new(body.split_ascii_whitespace().collect::<String>());
    let Ok(der) = STANDARD.decode(body.as_bytes()).map(Zeroizing::new) else {
        return "is damaged: its body is not base64";
    };
    let contains = |needle: &[u8]| der.windows(needle.len()).any(|window| window == needle);
    if contains(EC) {
        "is an EC key; Auth0 takes RSA keys only"
    } else if contains(ED25519) {
        "is an Ed25519 key; Auth0 takes RSA keys only"
    } else {
        "is damaged: it is no RSA key in PKCS#1 or PKCS#8 form"
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
            ("a-client-secret", "PEM"),
        ] {
            let error = check_private_key(&text.into()).unwrap_err();
            assert_eq!(error.fault(), crate::Fault::Operator);
            assert!(error.to_string().contains(word), "{word}: {error}");
            assert!(std::error::Error::source(&error).is_some());
        }
    }
}
