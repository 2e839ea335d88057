//! Bad configurations through the real binary: each names key, source and remedy.

use std::{fs, path::Path, process::Command};

use serde_json::Value;
use tempfile::TempDir;

/// A good configuration, to which each case adds lines.
const GOOD: &str = "\
[tenant]
domain = \"acme.eu.auth0.com\"
client_id = \"gateway\"
client_secret = \"sentinel-secret\"
[callers]
audience = [\"https://api.acme.com\"]
";

struct Answer {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Answer {
    fn problems(&self) -> Vec<Value> {
        let json: Value =
            serde_json::from_str(&self.stdout).unwrap_or_else(|_| panic!("{}{}", self.stdout, self.stderr));
        json["problems"].as_array().unwrap().clone()
    }
}

fn run(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Answer {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
    command.args(arguments).current_dir(folder).env_clear().envs(environment.iter().copied());
    let output = command.output().unwrap();
    Answer {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn check(toml: &str, environment: &[(&str, &str)]) -> Answer {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("gateway.toml"), toml).unwrap();
    fs::write(folder.path().join("empty"), "").unwrap();
    fs::write(folder.path().join("text"), "text").unwrap();
    run(folder.path(), &["check", "--json", "--config", "gateway.toml"], environment)
}

/// What is added to the good configuration, the key of the problem, words of its remedy.
const CASES: &[(&str, &str, &str)] = &[
    // Hosted connect.
    ("[connect]\nclient_secret = \"s\"", "connect.client_id", "Regular Web Application"),
    ("[connect]\nclient_id = \"a\"", "connect.client_secret_file", "client_secret_file"),
    ("[connect]\nclient_id = \"a\"\nclient_secret = \"s\"", "server.public_url", "public_url"),
    (
        "[server]\npublic_url = \"http://gw.example\"\n[connect]\nclient_id = \"a\"\nclient_secret = \"s\"",
        "server.public_url",
        "https://",
    ),
    (
        "[connect]\nclient_id = \"a\"\nreturn_to = [\"http://app.example/\"]",
        "connect.return_to[0]",
        "https://",
    ),
    (
        "[connect]\nclient_id = \"a\"\nreturn_to = [\"https://u:p@app.example/\"]",
        "connect.return_to[0]",
        "remove",
    ),
    (
        "[connect]\nclient_id = \"a\"\nreturn_to = [\"https://app.example/?x\"]",
        "connect.return_to[0]",
        "path",
    ),
    ("[connect]\nclient_id = \"a\"\nreturn_to = [\"/settings\"]", "connect.return_to[0]", "absolute"),
    ("[connect]\nclient_id = \"a\"\nticket_ttl = \"5s\"", "connect.ticket_ttl", "10m"),
    ("[connect]\nclient_id = \"a\"\nticket_ttl = \"2days\"", "connect.ticket_ttl", "10m"),
    (
        "[providers.callback]\nadapter = \"github\"\n[connect]\nclient_id = \"a\"",
        "providers.callback",
        "another name",
    ),
    ("[[webhooks]]\nurl = \"https://hooks.example/\"", "webhooks[0].secret_file", "secret_file"),
    ("[[webhooks]]\nurl = \"http://hooks.example/\"\nsecret_file = \"text\"", "webhooks[0].url", "https://"),
    (
        "[[webhooks]]\nurl = \"https://10.0.0.1/\"\nsecret_file = \"text\"",
        "webhooks[0].url",
        "allow_private_network",
    ),
    (
        "[[webhooks]]\nurl = \"https://hooks.example/\"\nsecret_file = \"missing\"",
        "webhooks[0].secret_file",
        "create the file",
    ),
    (
        "[[webhooks]]\nurl = \"https://hooks.example/\"\nsecret_file = \"text\"\nevents = []",
        "webhooks[0].events",
        "all of them",
    ),
    (
        "[[webhooks]]\nurl = \"https://hooks.example/\"\nsecret_file = \"text\"\nevents = [\"account.lost\"]",
        "webhooks[0].events[0]",
        "account.recovered",
    ),
    // Unknown keys.
    ("[serverr]", "serverr", "server"),
    ("[server]\nlisten_on = \"127.0.0.1:1\"", "server.listen_on", "listen"),
    ("[server.timeouts]\nheaders = \"1s\"", "server.timeouts.headers", "header"),
    ("[server.limits]\ninflight = 3", "server.limits.inflight", "in_flight"),
    ("[providers.github]\nacces = \"full\"", "providers.github.acces", "access"),
    ("[[providers.github.rules]]\npath = [\"/user\"]", "providers.github.rules[0].path", "paths"),
    ("[cors]\norigin = []", "cors.origin", "origins"),
    // Wrong types and formats.
    ("[server]\nlisten = 8080", "server.listen", "127.0.0.1:8080"),
    ("[server]\nlisten = \"localhost\"", "server.listen", "127.0.0.1:8080"),
    ("[server]\ntrusted_proxies = [\"10.0.0.0/33\"]", "server.trusted_proxies[0]", "10.0.0.0/8"),
    ("[server]\nallowed_hosts = \"gw.acme.com\"", "server.allowed_hosts", "list"),
    ("[server.timeouts]\nconnect = 2", "server.timeouts.connect", "unit"),
    ("[server.timeouts]\nidle = \"60\"", "server.timeouts.idle", "unit"),
    ("[server.drain]\ndelay = \"5 lightyears\"", "server.drain.delay", "unit"),
    ("[server.limits]\nbody = 1048576", "server.limits.body", "unit"),
    ("[server.limits]\nuri = \"8Kib\"", "server.limits.uri", "unit"),
    ("[server]\nmemory = \"1MiB\"", "server.memory", "8MiB"),
    ("[server.limits]\nconnections = \"many\"", "server.limits.connections", "whole number"),
    ("[server.limits]\nstreams = 0", "server.limits.streams", "at least 1"),
    ("[users]\ncapacity = -1", "users.capacity", "at least"),
    ("[console]\nenabled = \"yes\"", "console.enabled", "true or false"),
    ("[telemetry]\ntrace_sample = 2.0", "telemetry.trace_sample", "from 0 to 1"),
    ("[telemetry]\nlog_format = \"jsn\"", "telemetry.log_format", "json"),
    ("[telemetry]\nlog_level = \"loud\"", "telemetry.log_level", "debug"),
    ("[store]\nkind = \"sqlite\"", "store.kind", "redis"),
    ("[audit]\nsink = \"syslog\"", "audit.sink", "stdout"),
    ("[quotas]\nmode = \"watch\"", "quotas.mode", "observe"),
    ("[providers.github]\naccess = \"write\"", "providers.github.access", "full"),
    ("[providers.github]\nsource = [\"identity\"]", "providers.github.source[0]", "identities"),
    // Addresses.
    ("[server]\npublic_url = \"http://gw.acme.com\"", "server.public_url", "https"),
    ("[server]\npublic_url = \"https://u:p@gw.acme.com\"", "server.public_url", "credentials"),
    ("[server]\nallowed_hosts = [\"https://gw.acme.com\"]", "server.allowed_hosts[0]", "without scheme"),
    ("[server]\nadmin_listen = \"127.0.0.1:8080\"", "server.admin_listen", "its own port"),
    ("[telemetry]\notlp_endpoint = \"http://collector:4318\"", "telemetry.otlp_endpoint", "https"),
    ("[providers.github]\nbase_url = \"http://api.github.com\"", "providers.github.base_url", "https"),
    (
        "[providers.github]\nbase_url = \"https://10.0.0.1\"\nconnections = [\"g\"]",
        "providers.github.base_url",
        "allow_private_network",
    ),
    (
        "[providers.github]\nbase_url = \"https://169.254.169.254\"\nconnections = [\"g\"]",
        "providers.github.base_url",
        "allow_private_network",
    ),
    (
        "[providers.github]\nbase_url = \"https://mirror.example\"",
        "providers.github.connections",
        "Auth0 connections",
    ),
    (
        "[providers.google.upstreams]\n\"people.googleapis.com\" = \"https://evil.example\"",
        "providers.google.connections",
        "Auth0 connections",
    ),
    (
        "[providers.google.upstreams]\n\"people.googleapis.com\" = \"http://evil.example\"",
        "providers.google.upstreams.\"people.googleapis.com\"",
        "https",
    ),
    (
        "[providers.google.hosts]\n\"people.gw.acme.com\" = \"people.example\"",
        "providers.google.hosts.\"people.gw.acme.com\"",
        "upstreams",
    ),
    (
        "[providers.google.hosts]\n\"people.gw.acme.com:443\" = \"people.googleapis.com\"",
        "providers.google.hosts.\"people.gw.acme.com:443\"",
        "without scheme and port",
    ),
    ("[providers.github]\ntoken_url = \"http://github.com/token\"", "providers.github.token_url", "https"),
    // Providers.
    ("[providers.gitlab]", "providers.gitlab.adapter", "oauth2"),
    (
        "[providers.tracker]\nadapter = \"oauth2\"\nconnections = [\"t\"]",
        "providers.tracker.base_url",
        "origin",
    ),
    (
        "[providers.tracker]\nadapter = \"oauth2\"\nbase_url = \"https://api.tracker.example\"",
        "providers.tracker.connections",
        "Auth0 connections",
    ),
    (
        "[providers.one]\nadapter = \"github\"\n[providers.two]\nadapter = \"github\"\nbase_url = \"http://127.0.0.1:9\"",
        "providers.two.connections",
        "its own connections",
    ),
    ("[providers.github]\nclient_id = \"id\"", "providers.github.client_secret_file", "secret"),
    (
        "[providers.bitbucket]\nclient_id = \"id\"\nclient_secret = \"s\"",
        "providers.bitbucket.allow_rotation_in_memory",
        "redis",
    ),
    (
        "[providers.google]\nclient_id = \"id\"\nclient_secret = \"s\"\nclient_secret_file = \"text\"",
        "providers.google.client_secret",
        "keep one",
    ),
    (
        "[[providers.github.rules]]\nmethods = [\"get\"]\npaths = [\"/user\"]",
        "providers.github.rules[0].methods[0]",
        "capitals",
    ),
    ("[[providers.github.rules]]\npaths = [\"/repos/**/x\"]", "providers.github.rules[0].paths[0]", "**"),
    ("[providers.github.oauth2]\nscheme = \"token\"", "providers.github.oauth2", "adapter"),
    // Callers.
    ("[cors]\norigins = [\"*\"]", "cors.origins[0]", "origins of your apps"),
    ("[cors]\norigins = [\"null\"]", "cors.origins[0]", "origins of your apps"),
    ("[cors]\norigins = [\"https://app.acme.com/\"]", "cors.origins[0]", "slash at the end"),
    ("[users]\ncache_ttl = \"2h\"\nstale_ttl = \"1h\"", "users.stale_ttl", "cache_ttl"),
    ("[server.tls]\ncert_file = \"gateway.toml\"", "server.tls.key_file", "key_file"),
    ("[quotas.per_caller]\nper_second = 5", "quotas.per_caller.burst", "burst"),
    ("[quotas]\nper_caller = { per_second = 0.0, burst = 1 }", "quotas.per_caller.per_second", "above zero"),
    ("leeway = \"2m\"", "callers.leeway", "60s"),
    ("max_lifetime = \"31d\"", "callers.max_lifetime", "30d"),
    ("[callers.keys]\nstale = \"1m\"", "callers.keys.stale", "max_age"),
    ("[vault]\nclient_id = \"vault\"", "vault.client_secret_file", "client_secret_file"),
    // Store, files.
    ("[store]\nkind = \"file\"\nencryption_keys_file = \"text\"", "store.path", "the gateway creates it"),
    ("[store]\nkind = \"file\"\npath = \"s.redb\"", "store.encryption_keys_file", "keygen"),
    ("[store]\nkind = \"redis\"\nurl = \"rediss://redis\"", "store.encryption_keys_file", "keygen"),
    ("[store]\nkind = \"redis\"\nurl = \"http://redis\"", "store.url", "rediss://"),
    ("[store]\nkind = \"redis\"", "store.url", "rediss://"),
    ("[store]\nkind = \"postgres\"", "store.url", "postgres://gateway@db/gateway"),
    ("[store]\nkind = \"postgres\"\nurl = \"mysql://db/x\"", "store.url", "postgres://user:password"),
    ("[store]\nencryption_keys_file = \"text\"", "store.encryption_keys_file", "keygen"),
    ("[server]\nadmin_token_file = \"missing\"", "server.admin_token_file", "create the file"),
    ("[server]\nadmin_token_file = \"empty\"", "server.admin_token_file", "write the value"),
    ("[server]\ntls = { cert_file = \"text\", key_file = \"text\" }", "server.tls.cert_file", "PEM"),
    ("[audit]\nsink = \"file\"", "audit.path", "append"),
    ("[audit]\nsink = \"file\"\npath = \"no/such/folder/audit\"", "audit.path", "create the folder"),
    ("[console]\nenabled = true", "console.client_id", "single-page"),
];

#[test]
fn a_good_configuration_is_fine() {
    let answer = check(&format!("{GOOD}[providers.github]\n"), &[]);
    assert_eq!(answer.code, 0, "{}", answer.stdout);
    assert!(answer.problems().is_empty());
}

#[test]
fn tm_l02_each_bad_configuration_names_key_source_and_remedy() {
    assert!(CASES.len() >= 60);
    for (lines, key, remedy) in CASES {
        let answer = check(&format!("{GOOD}{lines}\n"), &[]);
        let problems = answer.problems();
        assert_eq!(answer.code, 2, "{lines}: {problems:#?}");
        let found = problems.iter().find(|problem| problem["key"] == *key);
        let found = found.unwrap_or_else(|| panic!("{lines}: no problem with {key}: {problems:#?}"));
        assert!(found["source"].as_str().unwrap().starts_with("gateway.toml"), "{lines}: {found}");
        assert!(found["remedy"].as_str().unwrap().contains(remedy), "{lines}: {found}");
        assert!(!found["problem"].as_str().unwrap().is_empty());
        assert!(!answer.stdout.contains("sentinel-secret"), "{lines}");
    }
}

#[test]
fn the_source_is_the_line_of_the_key() {
    let answer = check(&format!("{GOOD}[users]\n\ncapacity = -1\n"), &[]);
    assert_eq!(answer.problems()[0]["source"], "gateway.toml:9");
}

#[test]
fn tm_l02_a_gateway_with_a_bad_configuration_does_not_start_and_says_everything_at_once() {
    let folder = TempDir::new().unwrap();
    let wrong =
        format!("{GOOD}[serverr]\n[users]\ncapacity = -1\n[server]\npublic_url = \"http://gw.acme.com\"\n");
    fs::write(folder.path().join("gateway.toml"), wrong).unwrap();
    let answer = run(folder.path(), &["serve", "--config", "gateway.toml"], &[]);
    assert_eq!(answer.code, 2);
    for said in ["serverr", "users.capacity", "server.public_url", "gateway.toml:"] {
        assert!(answer.stderr.contains(said), "{said} is not in {}", answer.stderr);
    }
    assert!(!answer.stderr.contains("sentinel-secret") && !answer.stderr.contains("\"listening\""));
}

/// Cases that change the frame itself.
#[test]
fn what_is_required_is_said_all_at_once() {
    let keys = |toml: &str, environment: &[(&str, &str)]| -> Vec<String> {
        let answer = check(toml, environment);
        assert_eq!(answer.code, 2, "{}", answer.stdout);
        answer.problems().iter().map(|problem| problem["key"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(
        keys("", &[]),
        ["tenant.domain", "tenant.client_id", "callers.audience", "tenant.client_secret_file"]
    );
    let cases: &[(&str, &str, &str)] = &[
        ("domain = \"acme.eu.auth0.com\"", "domain = \"https://acme.eu.auth0.com/\"", "tenant.domain"),
        (
            "client_secret = \"sentinel-secret\"",
            "client_secret_file = \"missing\"",
            "tenant.client_secret_file",
        ),
        ("client_secret = \"sentinel-secret\"", "client_secret = \"\"", "tenant.client_secret"),
        ("client_secret = \"sentinel-secret\"", "private_key_file = \"text\"", "tenant.private_key_file"),
        ("client_secret = \"sentinel-secret\"", "auth = \"private_key_jwt\"", "tenant.private_key_file"),
        ("client_secret = \"sentinel-secret\"", "client_secret = \"a\"\nkey_id = \"k\"", "tenant.key_id"),
        (
            "client_secret = \"sentinel-secret\"",
            "client_secret = \"a\"\nclient_secret_file = \"text\"",
            "tenant.client_secret",
        ),
        (
            "client_secret = \"sentinel-secret\"",
            "client_secret = \"a\"\nbase_url = \"http://evil.example\"",
            "tenant.base_url",
        ),
        (
            "client_secret = \"sentinel-secret\"",
            "client_secret = \"a\"\nbase_url = \"https://192.168.1.1\"",
            "tenant.base_url",
        ),
        ("[\"https://api.acme.com\"]", "\"https://api.acme.com\"", "callers.audience"),
        ("[\"https://api.acme.com\"]", "[]", "callers.audience"),
        ("[\"https://api.acme.com\"]", "[\"a\"]\nissuers = [\"http://evil.example/\"]", "callers.issuers[0]"),
        ("[\"https://api.acme.com\"]", "[\"a\"]\nalgorithms = [\"HS256\"]", "callers.algorithms[0]"),
        ("[\"https://api.acme.com\"]", "[\"a\"]\nleeway = \"1h\"", "callers.leeway"),
        ("[\"https://api.acme.com\"]", "[\"a\"]\ndpop = \"required\"", "callers.dpop"),
        (
            "[\"https://api.acme.com\"]",
            "[\"a\"]\ndpop = \"require\"\n[server]\npublic_url = \"https://gw.acme.com\"\n[vault]",
            "vault",
        ),
        ("[\"https://api.acme.com\"]", "[\"a\"]\ndpop = \"allow\"", "callers.dpop"),
        ("[\"https://api.acme.com\"]", "[\"a\"]\nmax_token = \"32KiB\"", "callers.max_token"),
        ("[\"https://api.acme.com\"]", "[\"a\"]\nmax_lifetime = \"31d\"", "callers.max_lifetime"),
        ("[\"https://api.acme.com\"]", "[\"a\"]\nactors = \"some\"", "callers.actors"),
        ("[\"https://api.acme.com\"]", "[\"a\"]\nactors = [1]", "callers.actors"),
        ("[\"https://api.acme.com\"]", "[\"a\", \"b\"]\n[vault]", "vault.audience"),
        ("[tenant]", "[tenant", "(syntax)"),
    ];
    for (from, to, key) in cases {
        let found = keys(&GOOD.replacen(from, to, 1), &[]);
        assert_eq!(found, [*key], "{to}");
    }
}

#[test]
fn the_environment_is_named_as_the_source() {
    let environment = [
        ("IDP_GATEWAY_SERVER__LIMITS__BODY", "lots"),
        ("IDP_GATEWAY_SERVR__LISTEN", "127.0.0.1:1"),
        ("IDP_GATEWAY_CALLERS__AUDIENCE", "[broken, {"),
        ("IDP_GATEWAY_TENANT__CLIENT_ID", "1234"),
    ];
    let answer = check(GOOD, &environment);
    let problems = answer.problems();
    assert_eq!(answer.code, 2);
    for name in
        ["IDP_GATEWAY_SERVER__LIMITS__BODY", "IDP_GATEWAY_SERVR__LISTEN", "IDP_GATEWAY_CALLERS__AUDIENCE"]
    {
        assert!(problems.iter().any(|problem| problem["source"] == name), "{name}: {problems:#?}");
    }
    assert_eq!(problems.len(), 3, "{problems:#?}");
}

#[test]
fn relative_names_count_from_the_file_s_folder_and_the_file_may_come_from_the_environment() {
    let folder = TempDir::new().unwrap();
    let inner = folder.path().join("inner");
    fs::create_dir(&inner).unwrap();
    fs::write(inner.join("secret"), "s").unwrap();
    let toml = GOOD.replace("client_secret = \"sentinel-secret\"", "client_secret_file = \"secret\"");
    fs::write(inner.join("gateway.toml"), toml).unwrap();
    let answer = run(folder.path(), &["check"], &[("IDP_GATEWAY_CONFIG", "inner/gateway.toml")]);
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    let answer = run(folder.path(), &["check", "--config", "absent.toml"], &[]);
    assert_eq!(answer.code, 2);
    assert!(answer.stderr.contains("absent.toml") && answer.stderr.contains("remedy"), "{}", answer.stderr);
}

#[test]
fn the_committed_schema_is_current() {
    let folder = TempDir::new().unwrap();
    let printed = run(folder.path(), &["config", "schema"], &[]);
    assert_eq!(printed.code, 0);
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/config.schema.json");
    let committed = fs::read_to_string(committed).unwrap_or_default();
    assert!(
        committed == printed.stdout,
        "docs/reference/config.schema.json is out of date: `cargo xtask docs --bless`"
    );
}
