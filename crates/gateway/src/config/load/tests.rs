use std::io::Write as _;
use std::time::Duration;

use idp_adapters::Kind;
use secrecy::ExposeSecret as _;

use super::*;
use crate::config::{AuthMethod, ByteSize, Source, StoreKind};

const MINIMAL: &str = r#"
[tenant]
domain = "acme.eu.auth0.com"
client_id = "gateway"
client_secret = "hush"
[callers]
audience = ["https://api.acme.com"]
[providers.github]
"#;

fn environment(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn with_environment(text: &str, pairs: &[(&str, &str)]) -> Settings {
    load(text, None, &environment(pairs)).unwrap().settings
}

fn problems(text: &str, pairs: &[(&str, &str)]) -> Vec<Problem> {
    load(text, None, &environment(pairs)).unwrap_err().0
}

#[test]
fn what_follows_from_other_settings_is_filled_in() {
    let settings = Settings::from_toml(MINIMAL).unwrap();
    assert_eq!(settings.tenant.base_url.as_str(), "https://acme.eu.auth0.com/");
    assert_eq!(settings.tenant.audience, "https://acme.eu.auth0.com/api/v2/");
    assert_eq!(settings.tenant.proof.method(), AuthMethod::Post);
    assert_eq!(settings.callers.issuers, ["https://acme.eu.auth0.com/"]);
    let github = &settings.providers["github"];
    assert_eq!((github.adapter, github.name.as_str()), (Kind::GitHub, "github"));
    assert_eq!(github.connections, ["github"]);
    assert_eq!(github.base_url.as_str(), "https://api.github.com/");
    assert_eq!(github.token_url.as_ref().unwrap().as_str(), "https://github.com/login/oauth/access_token");
    assert_eq!(github.source, [Source::Identities]);
    assert!(github.encoded_slash && github.refresh && !github.refreshes());
    assert!(settings.vault.is_none());
}

#[test]
fn tm_j09_proofs_need_an_address_that_the_sender_does_not_choose() {
    let with = |dpop: &str, server: &str| {
        MINIMAL.replace("[callers]\n", &format!("{server}\n[callers]\ndpop = \"{dpop}\"\n"))
    };
    let known =
        ["[server]\npublic_url = \"https://gw.acme.com\"", "[server]\nallowed_hosts = [\"gw.acme.com\"]"];
    for dpop in ["allow", "require"] {
        let found = problems(&with(dpop, ""), &[]);
        assert_eq!(found.iter().map(|problem| problem.key.as_str()).collect::<Vec<_>>(), ["callers.dpop"]);
        for server in known {
            assert!(Settings::from_toml(&with(dpop, server)).is_ok(), "{server}");
        }
    }
    assert!(Settings::from_toml(&with("off", "")).is_ok());
}

#[test]
fn tm_c12_a_password_of_the_store_in_the_clear_is_warned_of() {
    let mut keys = tempfile::NamedTempFile::new().unwrap();
    writeln!(keys, "{}", token_broker::KeyRing::generate_line().unwrap().expose_secret()).unwrap();
    let warned = |url: &str| {
        let keys = keys.path().display();
        let store = format!("[store]\nkind = \"redis\"\nurl = \"{url}\"\nencryption_keys_file = \"{keys}\"");
        let loaded = load(&format!("{MINIMAL}{store}\n"), None, &environment(&[])).unwrap();
        loaded.warnings.iter().any(|warning| warning.key == "store.url")
    };
    assert!(warned("redis://:secret@redis:6379"));
    assert!(!warned("rediss://:secret@redis:6379") && !warned("redis://redis:6379"));
}

#[test]
fn defaults_are_the_contract_s() {
    let settings = Settings::from_toml(MINIMAL).unwrap();
    let server = &settings.server;
    assert_eq!(server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(server.admin_listen.to_string(), "127.0.0.1:9090");
    let seconds = |duration: Duration| duration.as_secs();
    let timeouts = server.timeouts;
    assert_eq!(
        [
            timeouts.header,
            timeouts.body_idle,
            timeouts.write_idle,
            timeouts.idle,
            timeouts.response,
            timeouts.upstream_idle,
            timeouts.connect,
            server.drain.delay,
            server.drain.timeout
        ]
        .map(seconds),
        [10, 15, 30, 60, 60, 60, 2, 5, 25]
    );
    let limits = server.limits;
    assert_eq!(
        (limits.connections, limits.in_flight, limits.header_count, limits.streams),
        (10_000, 1024, 100, 100)
    );
    assert_eq!(
        (limits.body, limits.replay, limits.headers, limits.uri),
        (ByteSize::mib(100), ByteSize::kib(64), ByteSize::kib(32), ByteSize::kib(8))
    );
    let keys = settings.callers.keys;
    assert_eq!([keys.max_age, keys.cooldown, keys.stale].map(seconds), [600, 30, 43_200]);
    assert_eq!(seconds(settings.callers.leeway), 30);
    let users = settings.users;
    assert_eq!([users.cache_ttl, users.stale_ttl, users.negative_ttl].map(seconds), [600, 3600, 5]);
    assert_eq!(users.capacity, 100_000);
    assert_eq!(settings.store.kind, StoreKind::Memory);
    assert_eq!(settings.providers["github"].max_in_flight, 256);
    assert_eq!(seconds(settings.cors.max_age), 600);
}

#[test]
fn texts_come_from_the_environment_verbatim_and_the_rest_as_toml() {
    let settings = with_environment(
        MINIMAL,
        &[
            ("IDP_GATEWAY_CONFIG", "ignored.toml"),
            ("IDP_GATEWAY_TENANT__CLIENT_ID", "1234"),
            ("IDP_GATEWAY_TENANT__CLIENT_SECRET", "[\"x\"]"),
            ("IDP_GATEWAY_CALLERS__AUDIENCE", "[\"https://a\", \"https://b\"]"),
            ("IDP_GATEWAY_CALLERS__CLIENTS", "one, two"),
            ("IDP_GATEWAY_CALLERS__DPOP_NONCE", "true"),
            ("IDP_GATEWAY_SERVER__LIMITS__IN_FLIGHT", "7"),
            ("IDP_GATEWAY_SERVER__LIMITS__BODY", "2MiB"),
            ("IDP_GATEWAY_QUOTAS__PER_CALLER", "{ per_second = 0.5, burst = 3 }"),
            ("IDP_GATEWAY_PROVIDERS__GITHUB__HOSTS", "{ \"api.gw.acme.com\" = \"api.github.com\" }"),
            ("IDP_GATEWAY_SERVICE_HOST", "10.0.0.1"),
            ("IDP_GATEWAY_PORT", "tcp://10.0.0.1:80"),
            ("IDP_GATEWAY_PORT_80_TCP_ADDR", "10.0.0.1"),
        ],
    );
    assert_eq!(settings.tenant.client_id, "1234");
    assert!(settings.tenant.proof.secret().is_some());
    assert_eq!(settings.callers.audience, ["https://a", "https://b"]);
    assert_eq!(settings.callers.clients, ["one", "two"]);
    assert!(settings.callers.dpop_nonce);
    assert_eq!(settings.server.limits.in_flight, 7);
    assert_eq!(settings.server.limits.body, ByteSize::mib(2));
    assert_eq!(settings.quotas.per_caller.unwrap().burst, 3);
    assert_eq!(settings.providers["github"].hosts["api.gw.acme.com"], "api.github.com");
}

#[test]
fn a_whole_configuration_may_come_from_the_environment() {
    let settings = with_environment(
        "",
        &[
            ("IDP_GATEWAY_TENANT__DOMAIN", "acme.eu.auth0.com"),
            ("IDP_GATEWAY_TENANT__CLIENT_ID", "gateway"),
            ("IDP_GATEWAY_TENANT__CLIENT_SECRET", "hush"),
            ("IDP_GATEWAY_CALLERS__AUDIENCE", "https://api.acme.com"),
            ("IDP_GATEWAY_PROVIDERS__GOOGLE__ACCESS", "full"),
        ],
    );
    assert_eq!(settings.providers["google"].adapter, Kind::Google);
}

#[test]
fn everything_wrong_is_said_at_once_with_its_source() {
    let text = MINIMAL
        .replace("client_secret = \"hush\"", "client_secrt = \"hush\"\nbase_url = \"http://evil.example\"");
    let found = problems(
        &text,
        &[("IDP_GATEWAY_SERVER__DRAIN__DELAY", "30 lightyears"), ("IDP_GATEWAY_USERS__CAPACITY", "many")],
    );
    let of = |key: &str| {
        found.iter().find(|problem| problem.key == key).unwrap_or_else(|| panic!("{key}: {found:#?}"))
    };
    assert!(of("tenant.client_secrt").remedy.contains("client_secret"));
    assert_eq!(of("tenant.client_secrt").source, "configuration:5");
    assert_eq!(of("tenant.base_url").source, "configuration:6");
    assert_eq!(of("server.drain.delay").source, "IDP_GATEWAY_SERVER__DRAIN__DELAY");
    assert_eq!(of("users.capacity").source, "IDP_GATEWAY_USERS__CAPACITY");
    assert!(of("tenant.client_secret_file").problem.contains("no secret and no private key"));
    assert_eq!(found.len(), 5, "{found:#?}");
}

#[test]
fn the_vault_takes_the_tenant_s_client_and_the_only_audience() {
    let text =
        MINIMAL.replace("[providers.github]", "[providers.google]\nsource = [\"vault\", \"identities\"]");
    let vault = Settings::from_toml(&text).unwrap().vault.unwrap();
    assert_eq!((vault.client_id.as_str(), vault.audience.as_str()), ("gateway", "https://api.acme.com"));
    assert!(vault.proof.credentials(&vault.client_id).is_some());
}

#[test]
fn endpoints_are_unset_when_the_base_moves_but_not_for_github_enterprise() {
    let with = |line: &str| {
        Settings::from_toml(&format!("{MINIMAL}{line}\nconnections = [\"c\"]")).unwrap().providers["github"]
            .clone()
    };
    assert_eq!(with("base_url = \"https://mirror.example\"").token_url, None);
    assert_eq!(with("base_url = \"http://127.0.0.1:9\"").revoke_url, None);
    let enterprise = with(
        "base_url = \"https://git.acme.com/api/v3\"\nclient_id = \"id\"\nclient_secret = \"s\"\nrefresh = false",
    );
    assert_eq!(
        enterprise.token_url.as_ref().unwrap().as_str(),
        "https://git.acme.com/login/oauth/access_token"
    );
    assert_eq!(
        enterprise.revoke_endpoint().unwrap().as_str(),
        "https://git.acme.com/api/v3/applications/id/grant"
    );
}

#[test]
fn debug_output_masks_secrets() {
    let settings = with_environment(MINIMAL, &[("IDP_GATEWAY_STORE__URL", "redis://u:hunter2@h")]);
    let text = format!("{settings:?}");
    assert!(!text.contains("hush") && !text.contains("hunter2"), "{text}");
}

#[test]
fn the_generic_adapter_s_settings_make_an_adapter() {
    let text = MINIMAL.replace(
        "[providers.github]",
        r#"
[providers.tracker]
adapter = "oauth2"
connections = ["acme-tracker"]
base_url = "https://api.tracker.example"
token_url = "https://login.tracker.example/token"
encoded_slash = true
[providers.tracker.oauth2]
hosts = ["files.tracker.example"]
scheme = "Token"
headers = { "X-Version" = "3" }
token_auth = "basic"
rotates = false
scope_delimiter = "comma"
profile_path = "/me"
profile = { sub = "/id", given_name = "/first" }
pagination = { style = "cursor", member = "/next", parameter = "after" }
errors = { token_dead = ["E7"], rate_limited = ["E9"] }
limits = [{ name = "X-Reset", unit = "epoch_millis" }, { name = "X-Wait", unit = "iso8601" }]
echo_prone = true
deny = [{ methods = ["POST"], path = "/batch/**" }]
"#,
    );
    let provider = Settings::from_toml(&text).unwrap().providers["tracker"].clone();
    let adapter = provider.make_adapter().unwrap();
    assert!(adapter.echo_prone() && adapter.encoded_slash());
    assert_eq!(adapter.refresh_rule(), idp_adapters::RefreshRule::Harmless);
    assert!(!provider.rotates());
}

#[test]
fn a_table_that_lacks_a_member_is_named_beside_all_other_problems() {
    let text = format!(
        "{MINIMAL}rules = [{{ methods = [\"GET\"] }}]\n[server.tls]\ncert_file = \"/nowhere/cert.pem\"\n\
         [quotas.per_caller]\nper_second = 5\nburst = \"many\"\n[store]\nkind = \"file\"\n"
    );
    let problems = problems(&text, &[]);
    let keys: Vec<_> = problems.iter().map(|problem| problem.key.as_str()).collect();
    for key in
        ["server.tls.key_file", "quotas.per_caller.burst", "providers.github.rules[0].paths", "store.path"]
    {
        assert_eq!(keys.iter().filter(|named| **named == key).count(), 1, "{key}: {keys:?}");
    }
    assert!(problems.iter().all(|problem| !problem.remedy.contains("defect")), "{problems:?}");
}

#[test]
fn defaults_give_way_to_the_settings_they_would_contradict() {
    let settings = Settings::from_toml(&format!(
        "{MINIMAL}[server.limits]\nbody = \"1KiB\"\n[users]\ncache_ttl = \"2h\"\n[callers.keys]\nmax_age = \"24h\"\n\
         [server.drain]\ndelay = \"0s\"\ntimeout = \"0s\"\n"
    ))
    .unwrap();
    assert_eq!(settings.server.limits.replay, settings.server.limits.body);
    assert_eq!(settings.users.stale_ttl, settings.users.cache_ttl);
    assert_eq!(settings.callers.keys.stale, settings.callers.keys.max_age);
    let given = problems(&format!("{MINIMAL}[server.limits]\nbody = \"1KiB\"\nreplay = \"2KiB\"\n"), &[]);
    assert_eq!(given[0].key, "server.limits.replay");
}
