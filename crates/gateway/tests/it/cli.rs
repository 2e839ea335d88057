//! The command line itself, through the real binary.

use std::process::{Command, Output};

fn gateway(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gateway")).args(arguments).env_clear().output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn usage_errors_end_with_2_on_standard_error() {
    for arguments in [
        &[][..],
        &["frobnicate"],
        &["check", "--nope"],
        &["man", "frobnicate"],
        &["store", "keygen", "--id", "a b"],
    ] {
        let output = gateway(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn help_and_version_are_results() {
    for arguments in
        [&["--help"][..], &["doctor", "--help"], &["--version"], &["version"], &["version", "--json"]]
    {
        let output = gateway(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(!output.stdout.is_empty() && output.stderr.is_empty(), "{arguments:?}");
    }
    let json: serde_json::Value = serde_json::from_slice(&gateway(&["version", "--json"]).stdout).unwrap();
    assert_eq!(json["version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn completions_and_manual_pages_are_made_for_every_shell_and_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(stdout(&gateway(&["completions", shell])).contains("doctor"), "{shell}");
    }
    assert!(stdout(&gateway(&["man"])).starts_with(".ie"));
    assert!(stdout(&gateway(&["man", "doctor"])).contains("gateway\\-doctor"));
}

#[test]
fn keygen_prints_a_line_that_check_accepts_and_no_two_are_alike() {
    let folder = tempfile::TempDir::new().unwrap();
    let (one, two) =
        (stdout(&gateway(&["store", "keygen"])), stdout(&gateway(&["store", "keygen", "--id", "next"])));
    assert_ne!(one, two);
    assert!(two.starts_with("next:"));
    std::fs::write(folder.path().join("keys"), format!("{one}{two}")).unwrap();
    let toml = "[tenant]\ndomain = \"a.auth0.com\"\nclient_id = \"g\"\nclient_secret = \"s\"\n[callers]\naudience = [\"a\"]\n\
        [store]\nkind = \"file\"\npath = \"s.redb\"\nencryption_keys_file = \"keys\"\n";
    let file = folder.path().join("gateway.toml");
    std::fs::write(&file, toml).unwrap();
    let output = gateway(&["check", "--config", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_gateway_that_does_not_run_is_not_healthy() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("gateway.toml");
    let toml = "[server]\nadmin_listen = \"127.0.0.1:1\"\n[tenant]\ndomain = \"a.auth0.com\"\nclient_id = \"g\"\n\
        client_secret = \"s\"\n[callers]\naudience = [\"a\"]\n";
    std::fs::write(&file, toml).unwrap();
    let by_address = gateway(&["healthcheck", "--url", "http://127.0.0.1:9/livez", "--json"]);
    assert_eq!(by_address.status.code(), Some(1), "needs no configuration");
    let output = gateway(&["healthcheck", "--config", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("remedy"));
}
