//! The gateway as a process: what it writes, what its memory keeps, what a reload must not forget.

use std::collections::BTreeMap;
use std::os::unix::fs::FileExt as _;
use std::process::Command;

use sandbox::{Fault, Sandbox, Server};
use serde_json::{Value, json};

use crate::child::RunningGateway;
use crate::harness::{ANA, BEN, CLEO};

const USER: &str = "/proxy/github/user";

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

async fn status(serving: &RunningGateway, path: &str, token: &str) -> u16 {
    client().get(serving.url(path)).bearer_auth(token).send().await.unwrap().status().as_u16()
}

async fn command(serving: &RunningGateway, method: reqwest::Method, path: &str, body: Value) -> Value {
    let request = client().request(method, serving.admin_url(path)).json(&body);
    let answer = request.send().await.unwrap();
    assert!(answer.status().is_success(), "{path}: {}", answer.status());
    answer.json().await.unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_s02_nothing_that_is_written_at_trace_level_holds_a_secret_or_a_user() {
    let sandbox = Sandbox::builder().start().await.unwrap();
    let serving = RunningGateway::start(&sandbox, "");
    let ben = sandbox.caller_token(BEN);
    let forged = sandbox.mint().user(BEN).signer(sandbox::Signer::Foreign).sign();
    for _ in 0..2 {
        assert_eq!(status(&serving, USER, &ben).await, 200);
    }
    status(&serving, USER, &sandbox.caller_token(CLEO)).await;
    status(&serving, USER, &sandbox.caller_token(ANA)).await;
    status(&serving, USER, &forged).await;
    status(&serving, "/v1/me", &ben).await;
    status(&serving, &format!("/proxy/github/user?access_token={ben}&q=QUERY-SENTINEL"), &ben).await;
    status(&serving, "/proxy/github/search?q=QUERY-SENTINEL", &ben).await;
    status(&serving, "/proxy/github/PATH-SENTINEL/%2e%2e/x", &ben).await;
    let odd = client()
        .post(serving.url(USER))
        .bearer_auth(&ben)
        .header("cookie", "COOKIE-SENTINEL=1")
        .header("x-odd", "HEADER-SENTINEL")
        .body("BODY-SENTINEL");
    odd.send().await.unwrap();
    let error = sandbox::Answer::json(500, &json!({"message": "PROVIDER-SENTINEL"}));
    sandbox.faults().add(Fault::on(Server::GitHub).path("/error").answer(error));
    status(&serving, "/proxy/github/error", &ben).await;
    let error =
        sandbox::Answer::json(500, &json!({"message": "TENANT-SENTINEL", "error": "TENANT-SENTINEL"}));
    sandbox.faults().add(Fault::on(Server::Tenant).path("/api/v2/users").answer(error));
    status(&serving, USER, &sandbox.caller_token("github|42")).await;
    let metrics = client().get(serving.admin_url("/metrics")).send().await.unwrap().text().await.unwrap();
    serving.signal("TERM");
    serving.wait_for("draining");
    let (lines, audit) = (serving.logged(), serving.audited());
    let named = audit.iter().filter(|line| line.contains(BEN)).count();
    assert!(named >= 6, "the audit log names callers: {named} of {} lines", audit.len());
    let all = format!("{lines}\n{}", audit.join("\n"));
    let mut secrets = sandbox.secrets();
    secrets.extend([ben.clone(), forged]);
    for secret in secrets.iter().filter(|secret| secret.len() >= 8) {
        assert!(!all.contains(secret.as_str()), "a secret of {} bytes was written", secret.len());
        assert!(!metrics.contains(secret.as_str()), "a secret of {} bytes is a metric", secret.len());
    }
    for word in ["QUERY", "COOKIE", "HEADER", "BODY", "PROVIDER", "TENANT", "PATH"] {
        let word = format!("{word}-SENTINEL");
        assert!(!lines.contains(&word), "{word} was logged");
        assert!(!metrics.contains(&word), "{word} is a metric");
    }
    for user in [BEN, CLEO, ANA, "100000000000000000002"] {
        let line = lines.lines().find(|line| line.contains(user));
        assert!(line.is_none(), "a user is named outside the audit log: {line:?}");
        assert!(!metrics.contains(user));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_c05_a_reload_forgets_no_block_and_no_logout() {
    let sandbox = Sandbox::builder().start().await.unwrap();
    let serving = RunningGateway::start(&sandbox, "");
    let ben = sandbox.mint().user(BEN).issued_ago(30).sign();
    let cleo = sandbox.caller_token(CLEO);
    assert_eq!(status(&serving, USER, &ben).await, 200);
    let logout = sandbox.mint().user(BEN).logout_token("spa").sign();
    let hook = client().post(serving.url("/hooks/backchannel-logout")).form(&[("logout_token", &logout)]);
    assert_eq!(hook.send().await.unwrap().status(), 200);
    command(&serving, reqwest::Method::POST, "/admin/block", json!({"user": CLEO, "reason": "drill"})).await;
    assert_eq!(status(&serving, USER, &ben).await, 401);
    assert_eq!(status(&serving, "/v1/me", &cleo).await, 403);
    serving.reload(&sandbox, "access = \"full\"");
    serving.wait_for("config_reloaded");
    assert_eq!(status(&serving, USER, &ben).await, 401, "the logout was forgotten");
    assert_eq!(status(&serving, "/v1/me", &cleo).await, 403, "the block was forgotten");
    let again = client().post(serving.url("/hooks/backchannel-logout")).form(&[("logout_token", &logout)]);
    assert_eq!(again.send().await.unwrap().status(), 400, "the used id was forgotten");
    let list = client().get(serving.admin_url("/admin/block")).header("content-type", "application/json");
    assert!(list.send().await.unwrap().text().await.unwrap().contains("drill"));
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_l03_a_reload_keeps_what_its_change_does_not_touch() {
    let sandbox = Sandbox::builder().start().await.unwrap();
    let serving = RunningGateway::start(&sandbox, "");
    let ben = sandbox.caller_token(BEN);
    let served = client().get(serving.url(USER)).bearer_auth(&ben).send().await.unwrap();
    assert_eq!(served.status(), 200);
    let id = served.headers()["x-request-id"].to_str().unwrap().to_owned();
    let asked = |path| sandbox.journal().count_of(Server::Tenant, path);
    let counts = || (asked("/.well-known/jwks.json"), asked("/oauth/token"), asked("/api/v2/users/"));
    assert_eq!(counts(), (1, 1, 1));

    // Nothing is fetched anew, and so a reload does no harm while the tenant is down.
    sandbox.faults().take_down(Server::Tenant);
    serving.reload(&sandbox, "access = \"full\"");
    serving.wait_for("config_reloaded");
    assert_eq!(status(&serving, USER, &ben).await, 200);
    assert_eq!(
        status(&serving, &format!("/v1/explain/{id}"), &ben).await,
        200,
        "explanations were forgotten"
    );
    let ready = client().get(serving.admin_url("/readyz")).send().await.unwrap();
    assert_eq!(ready.status(), 200);
    assert_eq!(counts(), (1, 1, 1));

    // Other ages of records make other records; keys and management token are none of theirs.
    sandbox.faults().bring_up(Server::Tenant);
    serving.reload(&sandbox, "[users]\ncache_ttl = \"9m\"");
    let patience = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    while counts() == (1, 1, 1) {
        assert!(tokio::time::Instant::now() < patience, "the second reload did not happen");
        assert_eq!(status(&serving, USER, &ben).await, 200);
    }
    assert_eq!(counts(), (1, 1, 2));
}

/// How often each kind of secret may stand in the memory of a gateway that has served calls and was then told to forget.
/// Every number is what was measured, rounded up; they may be lowered, never raised.
const RESIDUE: [(&str, usize); 4] =
    [("IdP tokens", 4), ("refresh tokens", 2), ("client secret", 4), ("caller tokens", 2)];

#[tokio::test(flavor = "multi_thread")]
async fn tm_s04_the_process_cannot_be_dumped_and_keeps_little() {
    let sandbox = Sandbox::builder().start().await.unwrap();
    let serving = RunningGateway::start(&sandbox, "");
    assert!(!serving.logged().contains("hardening_missing"), "the kernel refused something");
    assert!(!gateway::hardening::missing().is_empty(), "a process that did not ask is not hardened");
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", serving.id())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"]);

    let caller = sandbox.caller_token(BEN);
    for _ in 0..20 {
        assert_eq!(status(&serving, USER, &caller).await, 200);
    }
    command(&serving, reqwest::Method::POST, "/admin/forget", json!({"all": true, "grants": true})).await;
    let Some(memory) = memory(serving.id()) else {
        // Without the capability to trace, that nobody can read it is the proof.
        return;
    };
    let world = sandbox.world();
    let of = |token: fn(&sandbox::LiveWorld, &str, &str) -> Option<String>| {
        ["github", "google-oauth2", "bitbucket"].iter().filter_map(|name| token(&world, BEN, name)).collect()
    };
    let kinds: BTreeMap<&str, Vec<String>> = BTreeMap::from([
        ("IdP tokens", of(sandbox::LiveWorld::access_token)),
        ("refresh tokens", of(sandbox::LiveWorld::refresh_token)),
        ("client secret", vec![sandbox.client_secret().to_owned()]),
        ("caller tokens", vec![caller]),
    ]);
    for (kind, most) in RESIDUE {
        let found: usize = kinds[kind]
            .iter()
            .map(|secret| {
                memory.iter().map(|part| memchr::memmem::find_iter(part, secret).count()).sum::<usize>()
            })
            .sum();
        eprintln!("residue: {kind}: {found} of at most {most}");
        assert!(found <= most, "{kind}: {found} copies in memory, at most {most} were there before");
    }
}

/// The writable memory of a process, or `None` where the kernel does not let us read it.
fn memory(id: u32) -> Option<Vec<Vec<u8>>> {
    let maps = std::fs::read_to_string(format!("/proc/{id}/maps")).ok()?;
    let file = std::fs::File::open(format!("/proc/{id}/mem")).ok()?;
    let mut parts = Vec::new();
    for line in maps.lines().filter(|line| line.contains(" rw")) {
        let range = line.split(' ').next()?;
        let (from, to) = range.split_once('-')?;
        let (from, to) = (u64::from_str_radix(from, 16).ok()?, u64::from_str_radix(to, 16).ok()?);
        let mut part = vec![0; usize::try_from(to - from).ok()?];
        let mut at = 0;
        while at < part.len() {
            match file.read_at(&mut part[at..], from + at as u64) {
                Ok(0) | Err(_) => break,
                Ok(read) => at += read,
            }
        }
        parts.push(part);
    }
    Some(parts)
}

#[test]
fn tm_s07_no_command_takes_a_secret_on_its_command_line() {
    let gateway = |arguments: &[&str]| {
        let output =
            Command::new(env!("CARGO_BIN_EXE_gateway")).args(arguments).env_clear().output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
    };
    let mut todo = vec![Vec::new()];
    let mut seen = 0;
    while let Some(words) = todo.pop() {
        let mut arguments: Vec<&str> = words.iter().map(String::as_str).collect();
        arguments.push("--help");
        let help = gateway(&arguments);
        seen += 1;
        let (_, commands) = help.split_once("Commands:\n").unwrap_or_default();
        for name in
            commands.lines().take_while(|line| !line.is_empty()).filter(|line| !line.starts_with("    "))
        {
            let name = name.split_whitespace().next().unwrap_or_default();
            if name != "help" && !name.is_empty() {
                todo.push([words.clone(), vec![name.to_owned()]].concat());
            }
        }
        // The name of a file that holds a secret is none.
        let help = help.replace(" <FILE>", "=FILE");
        for word in help.split(|c: char| c.is_whitespace() || c == '[' || c == ']' || c == ',') {
            let is_option = word.starts_with("--") && !word.ends_with("=FILE");
            let secret = ["secret", "password", "token", "key", "bearer", "credential"];
            assert!(
                !(is_option && secret.iter().any(|part| word.to_ascii_lowercase().contains(part))),
                "{words:?} takes {word}"
            );
        }
    }
    assert!(seen >= 12, "{seen} commands were looked at");
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_s08_a_management_token_that_can_do_more_is_said_at_start_and_in_readiness() {
    let sandbox = Sandbox::builder().start().await.unwrap();
    let scopes = ["read:users", "read:user_idp_tokens", "update:users"];
    assert!(sandbox.world().set_management_scopes(sandbox.client_id(), &scopes));
    let serving = RunningGateway::start(&sandbox, "");
    let warning = serving.wait_for("management_token_excess_scopes");
    assert!(warning.to_string().contains("update:users"), "{warning}");
    let ready: Value = client().get(serving.admin_url("/readyz")).send().await.unwrap().json().await.unwrap();
    assert_eq!(ready["status"], "ready", "nothing refuses to serve");
    assert_eq!(ready["checks"]["management_token"]["status"], "warn");
    assert!(ready["checks"]["management_token"]["detail"].as_str().unwrap().contains("update:users"));
}

#[tokio::test]
async fn tm_s01_nothing_that_can_be_printed_of_the_settings_shows_a_secret() {
    use gateway::{
        config::Settings,
        state::App,
        telemetry::{Audit, Metrics},
    };
    let text = r#"
[tenant]
domain = "acme.eu.auth0.com"
client_id = "gateway"
client_secret = "SECRET-SENTINEL-1"
[callers]
audience = ["https://api.acme.com"]
[providers.facebook]
client_id = "app"
client_secret = "SECRET-SENTINEL-2"
[providers.google]
source = ["vault"]
client_id = "app"
client_secret = "SECRET-SENTINEL-3"
[vault]
client_id = "vault"
client_secret = "SECRET-SENTINEL-4"
audience = "https://api.acme.com"
"#;
    let settings = Settings::from_toml(text).unwrap();
    let app = App::new(&settings, Metrics::new().unwrap(), Audit::default()).await.unwrap();
    for shown in [format!("{settings:?}"), format!("{settings:#?}"), format!("{app:?}")] {
        assert!(!shown.contains("SENTINEL"), "{shown}");
    }
    // A wrong configuration names the key and never what stands there.
    let wrong = text.replace("\"gateway\"", "7").replace("[vault]", "[volt]");
    let problems = Settings::from_toml(&wrong).unwrap_err();
    assert!(!format!("{problems} {problems:?}").contains("SENTINEL"), "{problems}");
}
