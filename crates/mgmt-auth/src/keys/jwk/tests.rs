use serde_json::{Value, json};

use super::*;

fn modulus(bits: usize) -> String {
    let mut bytes = vec![0xff; bits / 8];
    bytes[0] = 0x80;
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A good key with some members replaced; `null` takes a member away.
fn key(kid: &str, with: Value) -> Value {
    let mut key =
        json!({ "kty": "RSA", "use": "sig", "kid": kid, "n": modulus(2048), "e": "AQAB", "x5c": ["x"] });
    for (name, value) in with.as_object().unwrap() {
        match value {
            Value::Null => key.as_object_mut().unwrap().remove(name),
            value => key.as_object_mut().unwrap().insert(name.clone(), value.clone()),
        };
    }
    key
}

fn usable(keys: &[Value]) -> Vec<String> {
    let parsed = parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap_or_default();
    let mut ids: Vec<_> = parsed.into_keys().collect();
    ids.sort();
    ids
}

#[test]
fn good_keys_are_kept_with_and_without_optional_members() {
    for with in [
        json!({}),
        json!({ "use": null }),
        json!({ "alg": "RS256" }),
        json!({ "alg": "PS256" }),
        json!({ "key_ops": ["verify"] }),
        json!({ "e": "Aw" }),
        json!({ "n": modulus(4096) }),
    ] {
        assert_eq!(usable(&[key("a", with.clone())]), ["a"], "{with}");
    }
    let parsed =
        parse(json!({ "keys": [key("a", json!({ "alg": "RS256" }))] }).to_string().as_bytes()).unwrap();
    assert_eq!(parsed["a"].algorithm(), Some("RS256"));
    assert_eq!((parsed["a"].exponent(), parsed["a"].modulus().len()), (&[1, 0, 1][..], 256));
}

#[test]
fn tm_j03_weak_and_wrong_keys_are_no_keys() {
    let bad = [
        json!({ "n": modulus(1024) }),
        json!({ "n": modulus(2040) }),
        json!({ "n": modulus(16384) }),
        json!({ "n": format!("{}=", modulus(2048)) }),
        json!({ "n": "" }),
        json!({ "e": "AQ" }),
        json!({ "e": "Ag" }),
        json!({ "e": "AAAA" }),
        json!({ "e": "AQAAAAAAAAAB" }),
        json!({ "use": "enc" }),
        json!({ "use": 7 }),
        json!({ "key_ops": ["sign"] }),
        json!({ "key_ops": [] }),
        json!({ "alg": "HS256" }),
        json!({ "alg": "RSA-OAEP" }),
        json!({ "kty": "oct", "k": "c2VjcmV0" }),
        json!({ "kty": "EC" }),
        json!({ "kid": null }),
        json!({ "kid": "" }),
        json!({ "kid": "x".repeat(257) }),
    ];
    for with in bad {
        assert_eq!(usable(&[key("bad", with.clone()), key("good", json!({}))]), ["good"], "{with}");
    }
}

#[test]
fn tm_j03_a_key_id_that_occurs_twice_is_nobodys() {
    let twins = [key("a", json!({})), key("a", json!({ "e": "Aw" })), key("b", json!({}))];
    assert_eq!(usable(&twins), ["b"]);
    assert_eq!(usable(&[key("a", json!({})), key("a", json!({ "kty": "oct" })), key("b", json!({}))]), ["b"]);
}

#[test]
fn tm_j03_a_member_that_occurs_twice_is_no_key() {
    let body = format!(
        r#"{{"keys":[{{"kty":"RSA","kid":"a","kid":"b","n":"{0}","e":"AQAB"}},{{"kty":"RSA","kid":"c","n":"{0}","e":"AQAB"}}]}}"#,
        modulus(2048)
    );
    assert_eq!(parse(body.as_bytes()).unwrap().into_keys().collect::<Vec<_>>(), ["c"]);
}

#[test]
fn sets_without_keys_and_oversized_sets_are_failures() {
    for body in ["", "{}", "[]", r#"{"keys":[]}"#, r#"{"keys":{}}"#, "<html>"] {
        assert!(parse(body.as_bytes()).unwrap_err().is_transient(), "{body}");
    }
    let many = |count| (0..count).map(|number| key(&number.to_string(), json!({}))).collect::<Vec<_>>();
    assert_eq!(usable(&many(50)).len(), 50);
    assert!(usable(&many(51)).is_empty());
}

/// The program or folder that the variable `name` names. Without it the test that needs it is skipped, which `cargo xtask test`
/// counts; with `DATA_REQUIRED` set it fails.
fn part(name: &str) -> Option<String> {
    let part = std::env::var(name).ok();
    if part.is_none() {
        assert!(std::env::var_os("DATA_REQUIRED").is_none(), "DATA_REQUIRED is set, and {name} is not");
        // The test harness would hide what `eprintln!` writes.
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), "skipped: {name} is not set");
    }
    part
}

/// Wycheproof's key vectors, from the folder that `WYCHEPROOF_DIR` names. Of 26 sets two hold a key that may verify: the good one,
/// and one of the ROCA generator, which the gateway tells by its modulus.
#[test]
fn tm_j03_wycheproofs_bad_keys_are_no_keys() {
    let Some(folder) = part("WYCHEPROOF_DIR") else { return };
    let text = std::fs::read_to_string(std::path::Path::new(&folder).join("json_web_key_test.json")).unwrap();
    let vectors: Value = serde_json::from_str(&text).unwrap();
    let mut tried = 0;
    for group in vectors["testGroups"].as_array().unwrap() {
        let key = if group["public"].is_object() { &group["public"] } else { &group["private"] };
        let keys = key["keys"].as_array().cloned().unwrap_or_else(|| vec![key.clone()]);
        for test in group["tests"].as_array().unwrap() {
            tried += 1;
            let roca = test["comment"] == "rejectsKeyWithRocaVulnerability";
            let good = test["result"] == "valid" && keys.iter().all(|key| key["kty"] == "RSA");
            assert_eq!(
                usable(&keys).len(),
                usize::from(good || roca),
                "{} {}",
                test["tcId"],
                test["comment"]
            );
        }
    }
    assert!(tried >= 26, "{tried} vectors");
}
