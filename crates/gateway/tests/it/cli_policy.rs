//! `gateway check --as` and `--cases`.

use std::fs;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

const CONFIGURATION: &str = r#"
[tenant]
domain = "acme.eu.auth0.com"
client_id = "gateway"
client_secret = "sentinel"
[callers]
audience = ["https://api.acme.com"]
[providers.github]
access = "rules"
[[providers.github.rules]]
methods = ["GET"]
paths = ["/user"]
[[providers.github.rules]]
methods = ["POST"]
paths = ["/user/repos"]
actors = "none"
"#;

const CASES: &str = r#"
[[tests]]
name = "everybody reads"
as = { sub = "auth0|ana", act = { sub = "planner" } }
method = "GET"
path = "/proxy/github/user"
allowed = true
rule = "rules[0]"

[[tests]]
as = { sub = "auth0|ana", act = { sub = "planner" } }
method = "POST"
path = "/proxy/github/user/repos"
allowed = false
outcome = "policy-denied"
"#;

fn check(folder: &TempDir, arguments: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_gateway"))
        .args(["check", "--config", "gateway.toml"])
        .args(arguments)
        .current_dir(folder.path())
        .env_clear()
        .output()
        .unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn a_policy_is_tested_without_anything_that_runs() {
    let folder = TempDir::new().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("gateway.toml", CONFIGURATION);
    write("ana.json", r#"{ "sub": "auth0|ana", "azp": "spa" }"#);
    write("agent.json", r#"{ "sub": "auth0|ana", "act": { "sub": "planner" } }"#);
    let (code, text) = check(&folder, &["--as", "ana.json", "POST", "/proxy/github/user/repos", "--json"]);
    let verdict: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (code, &verdict["allowed"], verdict["rule"].as_str()),
        (0, &Value::Bool(true), Some("rules[1]"))
    );
    let (code, text) = check(&folder, &["--as", "agent.json", "POST", "/proxy/github/user/repos"]);
    assert!(code == 1 && text.starts_with("refused by access=rules (policy-denied)"), "{text}");
    assert_eq!(check(&folder, &["--as", "none.json", "GET", "/proxy/github/user"]).0, 2);

    write("cases.toml", CASES);
    let (code, text) = check(&folder, &["--cases", "cases.toml"]);
    assert!(code == 0 && text.contains("2 of 2 cases hold"), "{text}");
    write("cases.toml", &CASES.replace("allowed = false", "allowed = true"));
    let (code, text) = check(&folder, &["--cases", "cases.toml"]);
    assert!(code == 1 && text.contains("failed  POST /proxy/github/user/repos"), "{text}");
    write("cases.toml", &CASES.replace("rules[0]", "rules[1]"));
    assert_eq!(check(&folder, &["--cases", "cases.toml"]).0, 1);
    write("cases.toml", "[[tests]]\nmethod = 1");
    assert_eq!(check(&folder, &["--cases", "cases.toml"]).0, 2);
}
