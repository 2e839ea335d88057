//! Wycheproof's JOSE vectors, from the folder that `WYCHEPROOF_DIR` names.

use std::io::Write as _;
use std::path::PathBuf;

use serde_json::Value;

use super::fixture::rules;
use crate::signature::ParsedKeys;
use crate::{VerifyingKey, jose, signature};

/// The files' folder. Without it the tests are skipped, which `cargo xtask test` counts; with `DATA_REQUIRED` set they fail.
fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("WYCHEPROOF_DIR").map(PathBuf::from);
    if folder.is_none() {
        assert!(
            std::env::var_os("DATA_REQUIRED").is_none(),
            "DATA_REQUIRED is set, and WYCHEPROOF_DIR is not"
        );
        // The test harness would hide what `eprintln!` writes.
        let _ = writeln!(std::io::stderr(), "skipped: WYCHEPROOF_DIR is not set");
    }
    folder
}

/// Whether our parts accept `token` under the key of its group: form, algorithm, key binding, signature.
fn accepts(token: &str, key: &Value) -> bool {
    let Ok(parsed) = parse(token) else { return false };
    let member = |name: &str| key[name].as_str().unwrap_or_default();
    // Which keys are usable at all is decided where key sets are read; here only what a head may say about them.
    if key["use"].as_str().is_some_and(|usage| usage != "sig")
        || key["key_ops"].as_array().is_some_and(|all| !all.iter().any(|one| one == "verify"))
    {
        return false;
    }
    let algorithm = parsed.algorithm.as_str();
    match member("kty") {
        "RSA" => rules().algorithm(algorithm).is_some_and(|algorithm| {
            let (Some(modulus), Some(exponent)) = (jose::decode(member("n")), jose::decode(member("e")))
            else {
                return false;
            };
            let key = VerifyingKey::new(key["alg"].as_str(), &modulus, &exponent);
            signature::by_tenant(&ParsedKeys::default(), (algorithm, &key), parsed.signed, parsed.signature)
        }),
        "EC" if algorithm == "ES256" && member("crv") == "P-256" => {
            signature::by_p256(member("x"), member("y"), parsed.signed, parsed.signature)
        }
        _ => false,
    }
}

struct Parsed<'a> {
    algorithm: String,
    signed: &'a str,
    signature: &'a str,
}

/// The vectors' payloads are any bytes, which our parser refuses. So a token is parsed with `{}` in their place, and the
/// signature is checked over what was there.
fn parse(token: &str) -> Result<Parsed<'_>, ()> {
    let parts: Vec<&str> = token.split('.').collect();
    let [head, payload, signature] = parts[..] else { return Err(()) };
    jose::decode(payload).ok_or(())?;
    let stand_in = format!("{head}.e30.{signature}");
    let parsed = jose::parse(&stand_in, crate::MAX_TOKEN).map_err(|_| ())?;
    let algorithm = parsed.algorithm().ok_or(())?.to_owned();
    Ok(Parsed { algorithm, signed: &token[..head.len() + 1 + payload.len()], signature })
}

#[test]
fn no_wrong_accept_and_no_wrong_refusal() {
    let Some(folder) = folder() else { return };
    let (mut accepted, mut refused) = (0, 0);
    for file in ["json_web_signature_test.json", "json_web_crypto_test.json"] {
        let text = std::fs::read_to_string(folder.join(file)).unwrap();
        let vectors: Value = serde_json::from_str(&text).unwrap();
        for group in vectors["testGroups"].as_array().unwrap() {
            // Symmetric keys are private only; they are tried as they are, and must never work.
            let key = if group["public"].is_object() { &group["public"] } else { &group["private"] };
            for test in group["tests"].as_array().unwrap() {
                let token = test["jws"].as_str().or_else(|| test["jwt"].as_str()).unwrap_or_default();
                let name = format!("{file} {} {} {}", test["tcId"], group["comment"], test["comment"]);
                // Of RFC 7520 one key says PS256 and its token PS384: refusing that is right.
                let says = parse(token).map(|parsed| parsed.algorithm).unwrap_or_default();
                let ours = matches!(says.as_str(), "RS256" | "PS256" | "ES256");
                let ours = ours && key["alg"].as_str().is_none_or(|bound| bound == says);
                if accepts(token, key) {
                    accepted += 1;
                    assert_ne!(test["result"], "invalid", "wrongly accepted: {name}");
                } else {
                    refused += 1;
                    assert!(!ours || test["result"] != "valid", "wrongly refused: {name}");
                }
            }
        }
    }
    // The files hold eighteen valid vectors of the three algorithms; a later edition may hold more.
    assert!(accepted >= 18 && refused > 100, "{accepted} accepted, {refused} refused");
}
