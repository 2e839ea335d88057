//! `gateway doctor` against seeded misconfigurations: the right check with the right remedy, and none in a good set-up.

use std::{fs, process::Command};

use sandbox::{Answer, Client, Fault, Identity, ProviderKind, Quirk, Sandbox, Server};
use serde_json::{Value, json};
use tempfile::TempDir;

const ANA: &str = "google-oauth2|100000000000000000001";
const BEN: &str = "google-oauth2|100000000000000000002";

/// Runs a command against a sandbox's good set-up.
async fn run(sandbox: &Sandbox, arguments: &'static [&'static str]) -> (i32, String, String) {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("gateway.toml");
    let audit = "[audit]\nsink = \"file\"\npath = \"audit.jsonl\"\n";
    fs::write(&file, format!("{}{audit}", Setup::good(sandbox).toml(sandbox))).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
    command.args(arguments).arg("--config").arg(&file).env_clear();
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let audited = fs::read_to_string(folder.path().join("audit.jsonl")).unwrap_or_default();
    assert_eq!(
        audited.lines().count(),
        usize::from(arguments[0] == "call"),
        "calls are audited, questions are not"
    );
    assert!(
        audited.is_empty() || (audited.contains("operator_call") && audited.contains("github")),
        "{audited}"
    );
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn token_shows_scopes_and_life_and_itself_only_when_asked() {
    let sandbox = Sandbox::builder().start().await.unwrap();
    let (code, stdout, _) = run(&sandbox, &["token", "--json"]).await;
    let json: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(code, 0);
    assert_eq!(json["audience"], format!("https://{}/api/v2/", sandbox.domain()));
    assert_eq!(json["scopes"], json!(["read:user_idp_tokens", "read:users"]));
    let moment = |name: &str| json[name].as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_second();
    assert_eq!(moment("expires_at") - moment("issued_at"), 86_400);
    assert!(sandbox.secrets().iter().all(|secret| !stdout.contains(secret)));
    let (_, stdout, _) = run(&sandbox, &["token", "--reveal"]).await;
    assert!(sandbox.secrets().iter().any(|secret| stdout.contains(secret)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn user_shows_identities_without_tokens() {
    let sandbox = Sandbox::builder().start().await.unwrap();
    for arguments in [&["user", BEN, "--json"][..], &["user", BEN]] {
        let (code, stdout, stderr) = run(&sandbox, arguments).await;
        assert_eq!(code, 0, "{stderr}");
        assert!(
            stdout.contains("github|583232") && stdout.contains("google-oauth2|100000000000000000002"),
            "{stdout}"
        );
        assert!(sandbox.secrets().iter().all(|secret| !stdout.contains(secret) && !stderr.contains(secret)));
    }
    let (code, stdout, stderr) = run(&sandbox, &["user", "google-oauth2|0"]).await;
    assert_eq!((code, stdout.as_str()), (1, ""));
    assert!(stderr.contains("the tenant has no user `google-oauth2|0`"), "{stderr}");
    let (code, _, stderr) = run(&sandbox, &["user", "ana"]).await;
    assert_eq!(code, 1);
    assert!(stderr.contains("`ana` is not a user id") && !stderr.contains("tenant.audience"), "{stderr}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn call_acts_for_a_user_without_caller_policy_and_is_audited() {
    let sandbox = Sandbox::builder().start().await.unwrap();
    let (code, stdout, stderr) = run(&sandbox, &["call", "github", "/user", "--user", BEN]).await;
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(serde_json::from_str::<Value>(&stdout).unwrap()["login"], "ben");
    assert!(stderr.contains("200 ok"), "{stderr}");
    let json = ["call", "github", "/user", "--user", ANA, "--json"];
    let (code, stdout, _) = run(&sandbox, Vec::leak(json.to_vec())).await;
    let answer: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(
        (code, &answer["status"], &answer["outcome"]),
        (1, &json!(403), &json!("account-not-connected"))
    );
    // What no setting opens stays closed to operators too.
    let (code, stdout, _) =
        run(&sandbox, &["call", "github", "/applications/x", "--user", BEN, "--json"]).await;
    assert!(code == 1 && stdout.contains("policy-denied"), "{stdout}");
    assert!(sandbox.secrets().iter().all(|secret| !stdout.contains(secret) && !stderr.contains(secret)));
}

/// The good configuration's values; a seed changes them.
struct Setup {
    secret: String,
    tenant: String,
    callers: String,
    github: String,
    github_secret: String,
    github_url: String,
    source: &'static str,
    vault_secret: String,
    store: String,
    user: Option<&'static str>,
}

impl Setup {
    fn good(sandbox: &Sandbox) -> Self {
        Self {
            secret: sandbox.client_secret().to_owned(),
            tenant: String::new(),
            callers: format!("issuers = [\"{}\"]", issuer(sandbox)),
            github: String::new(),
            github_secret: sandbox.provider_client(ProviderKind::GitHub).1,
            github_url: sandbox.provider_url(ProviderKind::GitHub).to_string(),
            source: "\"vault\", \"identities\"",
            vault_secret: sandbox.vault_client_secret().to_owned(),
            store: String::new(),
            user: Some(BEN),
        }
    }

    fn toml(&self, sandbox: &Sandbox) -> String {
        let (client, _) = sandbox.provider_client(ProviderKind::GitHub);
        format!(
            "[tenant]\ndomain = \"{}\"\nbase_url = \"{}\"\nclient_id = \"{}\"\nclient_secret = \"{}\"\n{}\n\
             [callers]\naudience = [\"{}\"]\n{}\n\
             [vault]\nclient_id = \"{}\"\nclient_secret = \"{}\"\n\
             [providers.github]\nsource = [{}]\nbase_url = \"{}\"\ntoken_url = \"{}\"\nclient_id = \"{client}\"\n\
             client_secret = \"{}\"\nallow_rotation_in_memory = true\n{}\n{}\n",
            sandbox.domain(),
            sandbox.tenant_url(),
            sandbox.client_id(),
            self.secret,
            self.tenant,
            sandbox.api_audience(),
            self.callers,
            sandbox::VAULT_CLIENT,
            self.vault_secret,
            self.source,
            self.github_url,
            sandbox.provider_token_url(ProviderKind::GitHub),
            self.github_secret,
            self.github,
            self.store,
        )
    }
}

fn issuer(sandbox: &Sandbox) -> String {
    format!("{}/", sandbox.tenant_url().as_str().trim_end_matches('/'))
}

/// What the sandbox does not speak itself: the refusals of made-up tokens by Token Vault and GitHub's token endpoint.
/// The first request to the tenant's token endpoint is the one for the management token.
fn made_up_tokens_are_refused(sandbox: &Sandbox) {
    vault_answers(sandbox, 403, "invalid_grant");
    github_answers(sandbox, "bad_refresh_token");
}

fn vault_answers(sandbox: &Sandbox, status: u16, error: &str) {
    let answer = Answer::json(status, &json!({ "error": error, "error_description": "said the tenant" }));
    sandbox.faults().add(Fault::on(Server::Tenant).path("/oauth/token").skip(1).answer(answer));
}

fn github_answers(sandbox: &Sandbox, error: &str) {
    let answer = Answer::json(200, &json!({ "error": error }));
    sandbox.faults().add(Fault::on(Server::GitHub).path("/login/oauth").answer(answer));
}

/// Runs the doctor; its checks and its exit code.
async fn doctor(sandbox: &Sandbox, setup: &Setup) -> (Vec<Value>, i32) {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("gateway.toml");
    fs::write(&file, setup.toml(sandbox)).unwrap();
    fs::write(folder.path().join("keys"), "k:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
    command.args(["doctor", "--json", "--config"]).arg(&file).env_clear();
    command.args(setup.user.map(|user| ["--user", user]).into_iter().flatten());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let (stdout, stderr) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    for secret in sandbox.secrets() {
        assert!(
            !stdout.contains(&secret) && !stderr.contains(&secret),
            "a secret is shown: {stdout}{stderr}"
        );
    }
    let json: Value = serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("{stdout}{stderr}"));
    (json["checks"].as_array().unwrap().clone(), output.status.code().unwrap())
}

type Change = fn(&Sandbox, &mut Setup);

/// What is wrong, the check that says so, how, and words of the remedy.
const SEEDS: &[(&str, Change, &str, &str, &str)] = &[
    (
        "tenant down",
        |sandbox, _| sandbox.faults().take_down(Server::Tenant),
        "discovery",
        "fail",
        "tenant.base_url",
    ),
    (
        "something else answers",
        |sandbox, _| {
            sandbox.faults().add(Fault::on(Server::Tenant).path("/.well-known/openid").html(404));
        },
        "discovery",
        "fail",
        "no Auth0 tenant",
    ),
    (
        "another issuer",
        |_, setup| setup.callers = "issuers = [\"https://other.example/\"]".to_owned(),
        "discovery",
        "fail",
        "callers.issuers",
    ),
    (
        "clock skew",
        |sandbox, _| {
            let answer = Answer::json(200, &json!({ "issuer": issuer(sandbox) }));
            let answer = answer.header("date", "Tue, 02 Jan 2024 03:04:05 GMT");
            sandbox.faults().add(Fault::on(Server::Tenant).path("/.well-known/openid").answer(answer));
        },
        "clock",
        "fail",
        "NTP",
    ),
    (
        "no usable key",
        |sandbox, _| {
            let key = json!({ "keys": [{ "kty": "EC", "kid": "a", "crv": "P-256" }] });
            sandbox
                .faults()
                .add(Fault::on(Server::Tenant).path("/.well-known/jwks").answer(Answer::json(200, &key)));
        },
        "keys",
        "fail",
        "RS256",
    ),
    ("wrong secret", |_, setup| setup.secret = "wrong".to_owned(), "grant", "fail", "tenant.client_id"),
    (
        "no client grant",
        |sandbox, _| {
            let audience = format!("https://{}/api/v2/", sandbox.domain());
            sandbox.world().remove_client_grant(sandbox.client_id(), &audience);
        },
        "grant",
        "fail",
        "authorise the application",
    ),
    (
        "grant type not allowed",
        |sandbox, _| {
            let client = Client::machine(sandbox.client_id(), sandbox.client_secret());
            sandbox.world().add_client(client.grant_types(&["authorization_code"]));
        },
        "grant",
        "fail",
        "Client Credentials",
    ),
    (
        "unknown audience",
        |_, setup| setup.tenant = "audience = \"https://nobody.example/api/v2/\"".to_owned(),
        "grant",
        "fail",
        "canonical domain",
    ),
    (
        "opaque management token",
        |sandbox, _| {
            let token = json!({ "access_token": "opaque", "token_type": "Bearer", "expires_in": 86400 });
            sandbox
                .faults()
                .add(Fault::on(Server::Tenant).path("/oauth/token").answer(Answer::json(200, &token)));
        },
        "grant",
        "fail",
        "tenant.audience",
    ),
    (
        "limit used up",
        |sandbox, _| {
            sandbox.faults().add(Fault::on(Server::Tenant).path("/oauth/token").status(429));
        },
        "grant",
        "fail",
        "limit",
    ),
    (
        "no read:users",
        |sandbox, _| {
            sandbox.world().set_management_scopes(sandbox.client_id(), &["read:user_idp_tokens"]);
        },
        "user-look-up",
        "fail",
        "read:users",
    ),
    (
        "no read:user_idp_tokens",
        |sandbox, _| {
            sandbox.world().set_management_scopes(sandbox.client_id(), &["read:users"]);
        },
        "scopes-missing",
        "fail",
        "read:user_idp_tokens",
    ),
    (
        "too many scopes",
        |sandbox, _| {
            let scopes = ["read:users", "read:user_idp_tokens", "delete:users"];
            sandbox.world().set_management_scopes(sandbox.client_id(), &scopes);
        },
        "scopes-excess",
        "fail",
        "remove these scopes",
    ),
    (
        "unknown user",
        |_, setup| setup.user = Some("google-oauth2|0"),
        "user-look-up",
        "fail",
        "primary user id",
    ),
    (
        "blocked user",
        |sandbox, _| {
            sandbox.world().block(BEN, true);
        },
        "user-look-up",
        "fail",
        "unblock",
    ),
    ("no such account", |_, setup| setup.user = Some(ANA), "connection:github", "warn", "link the account"),
    (
        "an identity without token",
        |sandbox, setup| {
            sandbox.world().link(ANA, &Identity::github("583999", "ana").without_token());
            setup.user = Some(ANA);
        },
        "connection:github",
        "fail",
        "developer keys",
    ),
    (
        "provider unreachable",
        |_, setup| setup.github_url = "http://127.0.0.1:1".to_owned(),
        "provider:github",
        "fail",
        "base_url",
    ),
    (
        "wrong client of the connection",
        |sandbox, _| github_answers(sandbox, "incorrect_client_credentials"),
        "credentials:github",
        "fail",
        "those of the Auth0 connection",
    ),
    (
        "wrong vault secret",
        |sandbox, _| vault_answers(sandbox, 401, "access_denied"),
        "vault",
        "fail",
        "vault.client_id",
    ),
    (
        "vault with an ordinary client",
        |sandbox, _| vault_answers(sandbox, 403, "unauthorized_client"),
        "vault",
        "fail",
        "Custom API Client",
    ),
    (
        "vault for an API that callers do not use",
        |_, setup| setup.vault_secret.push_str("\"\naudience = \"https://other.example"),
        "vault-audience",
        "warn",
        "set it to the API whose tokens callers send",
    ),
    (
        "no Redis",
        |_, setup| {
            setup.store =
                "[store]\nkind = \"redis\"\nurl = \"redis://127.0.0.1:1\"\nencryption_keys_file = \"keys\""
                    .to_owned();
        },
        "store",
        "fail",
        "store.url",
    ),
    (
        "a torn store",
        |_, setup| {
            let file = tempfile::NamedTempFile::new().unwrap().into_temp_path().keep().unwrap();
            fs::write(&file, [7; 4096]).unwrap();
            setup.store = file_store(&file);
        },
        "store",
        "fail",
        "backup",
    ),
];

fn file_store(path: &std::path::Path) -> String {
    format!("[store]\nkind = \"file\"\npath = \"{}\"\nencryption_keys_file = \"keys\"", path.display())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_of_foreign_keys_is_found() {
    let sandbox = Sandbox::builder().start().await.unwrap();
    made_up_tokens_are_refused(&sandbox);
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("grants");
    let good = Setup { store: file_store(&path), ..Setup::good(&sandbox) };
    let find = |checks: Vec<Value>, id: &str| checks.into_iter().find(|check| check["id"] == id).unwrap();
    let (checks, _) = doctor(&sandbox, &good).await;
    assert_eq!(find(checks, "store")["status"], "ok", "a store that is not there yet");
    let foreign = token_broker::KeyRing::parse(&format!("k:{}E=", "A".repeat(42)).into()).unwrap();
    let store = token_broker::FileStore::open(&path, foreign).await.unwrap();
    let account = token_broker::Account::new("github", Some("1".to_owned()));
    let key = token_broker::GrantKey::new("t", "u", token_broker::Source::Identities, &account);
    let origin = serde_json::from_str("\"k:00\"").unwrap();
    let record = token_broker::GrantRecord::starting(origin, None, std::time::SystemTime::now());
    token_broker::GrantStore::swap(&store, &key, None, &record).await.unwrap();
    let (checks, _) = doctor(&sandbox, &good).await;
    assert_eq!(find(checks, "store")["status"], "ok", "held by a running gateway");
    drop(store);
    let (checks, code) = doctor(&sandbox, &good).await;
    let check = find(checks, "store");
    assert_eq!((check["status"].as_str(), code), (Some("fail"), 1), "{check}");
    assert!(check["remedy"].as_str().unwrap().contains("missing key"), "{check}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_good_set_up_has_nothing_to_complain_of() {
    for user in [Some(BEN), None] {
        let sandbox = Sandbox::builder().start().await.unwrap();
        made_up_tokens_are_refused(&sandbox);
        let (checks, code) = doctor(&sandbox, &Setup { user, ..Setup::good(&sandbox) }).await;
        let complaints: Vec<_> =
            checks.iter().filter(|check| check["status"] == "fail" || check["status"] == "warn").collect();
        assert!(complaints.is_empty(), "{complaints:#?}");
        assert_eq!(code, 0);
        for id in [
            "discovery",
            "clock",
            "keys",
            "grant",
            "scopes-missing",
            "scopes-excess",
            "user-look-up",
            "vault",
        ] {
            assert!(
                checks.iter().any(|check| check["id"] == id && check["status"] == "ok"),
                "{id}: {checks:#?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_seeded_misconfiguration_is_found_with_its_remedy() {
    assert!(SEEDS.len() >= 20);
    let mut wrong = Vec::new();
    for (name, change, id, status, remedy) in SEEDS {
        let sandbox = Sandbox::builder().start().await.unwrap();
        let mut setup = Setup::good(&sandbox);
        change(&sandbox, &mut setup);
        made_up_tokens_are_refused(&sandbox);
        let (checks, code) = doctor(&sandbox, &setup).await;
        let check = checks.iter().find(|check| check["id"] == *id).cloned().unwrap_or_default();
        let said = check["remedy"].as_str().is_some_and(|said| said.contains(remedy));
        if check["status"] != *status || !said || (*status == "fail") != (code == 1) {
            wrong.push(format!("{name}: exit {code}, {check:#}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_misspelled_connection_gets_the_name_that_the_user_has() {
    let sandbox = Sandbox::builder().start().await.unwrap();
    made_up_tokens_are_refused(&sandbox);
    let mut setup = Setup::good(&sandbox);
    setup.github = "connections = [\"githb\"]".to_owned();
    let (checks, _) = doctor(&sandbox, &setup).await;
    let check = checks.iter().find(|check| check["id"] == "connection:github").unwrap();
    assert_eq!(check["finding"], "the user has no account of githb; did you mean `github`?", "{check}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn facebooks_app_is_proved_by_an_exchange() {
    let sandbox = Sandbox::builder().start().await.unwrap();
    let (app, secret) = sandbox.provider_client(ProviderKind::Facebook);
    for (given, status, says) in
        [(secret.as_str(), "ok", "knows the client"), ("wrong-secret-1", "fail", "code 1")]
    {
        let facebook = format!(
            "[providers.facebook]\nbase_url = \"{}\"\ntoken_url = \"{}\"\nclient_id = \"{app}\"\n\
             client_secret = \"{given}\"\n",
            sandbox.provider_url(ProviderKind::Facebook),
            sandbox.provider_token_url(ProviderKind::Facebook),
        );
        let setup = Setup { store: facebook, ..Setup::good(&sandbox) };
        let (checks, _) = doctor(&sandbox, &setup).await;
        let check = checks.iter().find(|check| check["id"] == "credentials:facebook").unwrap();
        assert_eq!(check["status"], status, "{check}");
        assert!(check["finding"].as_str().unwrap().contains(says), "{check}");
        assert!(!check.to_string().contains(given), "the secret is not repeated");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entras_numbers_tell_the_wrong_endpoint_from_the_wrong_client() {
    let sandbox = Sandbox::builder().start().await.unwrap();
    sandbox.quirks().turn_on(Quirk::SingleTenant);
    let (client, secret) = sandbox.provider_client(ProviderKind::Microsoft);
    for (tenant, secret, status, part) in [
        ("acme.onmicrosoft.com", secret.as_str(), "ok", "knows the client"),
        // AADSTS50194: it comes as `invalid_request`.
        ("common", secret.as_str(), "fail", "token-endpoint-wrong"),
        ("acme.onmicrosoft.com", "wrong-secret-1", "fail", "client-rejected"),
    ] {
        let url = sandbox.provider_token_url(ProviderKind::Microsoft);
        let microsoft = format!(
            "[providers.microsoft]\nbase_url = \"{}\"\ntoken_url = \"{}\"\nclient_id = \"{client}\"\n\
             client_secret = \"{secret}\"\n",
            sandbox.provider_url(ProviderKind::Microsoft),
            url.as_str().replace("/common/", &format!("/{tenant}/")),
        );
        let setup = Setup { store: microsoft, ..Setup::good(&sandbox) };
        let (checks, _) = doctor(&sandbox, &setup).await;
        let check = checks.iter().find(|check| check["id"] == "credentials:microsoft").unwrap();
        assert_eq!(check["status"], status, "{tenant}: {check}");
        assert!(check["finding"].as_str().unwrap().contains(part), "{tenant}: {check}");
        if tenant == "common" {
            assert!(check["remedy"].as_str().unwrap().contains("providers.microsoft.token_url"), "{check}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_caller_token_is_explained_without_being_shown() {
    let sandbox = Sandbox::builder().start().await.unwrap();
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("token");
    let mint = || sandbox.mint().user(BEN);
    for (name, token, failed, said) in [
        ("good", mint().sign(), None, ""),
        (
            "custom domain",
            mint().claim("iss", "https://login.acme.com/").sign(),
            Some("token-issuer"),
            "callers.issuers",
        ),
        (
            "audience",
            mint().audience("https://other.example").sign(),
            Some("token-audience"),
            "https://other.example",
        ),
        ("HS256", mint().hmac_with_public_key().sign(), Some("token-algorithm"), "RS256"),
        ("agent", mint().claim("sub_profile", "ai_agent").sign(), Some("token-user"), "token of a user"),
        ("expired", mint().expires_in(-3600).issued_ago(7200).sign(), Some("token-times"), "new token"),
        ("opaque", "opaque-token".to_owned(), Some("token-form"), "callers.audience"),
    ] {
        fs::write(&file, format!("Bearer {token}\n")).unwrap();
        let arguments = ["doctor", "--json", "--token", file.to_str().unwrap()].map(str::to_owned);
        let arguments = Vec::leak(arguments.into_iter().map(|text| &*text.leak()).collect());
        let (code, stdout, stderr) = run(&sandbox, arguments).await;
        assert_eq!(code, i32::from(failed.is_some()), "{name}: {stdout}{stderr}");
        assert!(token.len() < 20 || !stdout.contains(&token[..20]), "{name}");
        let json: Value = serde_json::from_str(&stdout).unwrap();
        let checks = json["checks"].as_array().unwrap();
        assert!(checks.iter().all(|check| check["id"].as_str().unwrap().starts_with("token-")), "{stdout}");
        match failed {
            None => assert!(checks.iter().all(|check| check["status"] == "ok"), "{stdout}"),
            Some(id) => {
                let check = checks.iter().find(|check| check["id"] == id).unwrap();
                assert_eq!(check["status"], "fail", "{name}: {stdout}");
                let text = format!("{}{}", check["finding"], check["remedy"]);
                assert!(text.contains(said), "{name}: {text}");
            }
        }
    }
    let (code, _, stderr) = run(&sandbox, &["doctor", "--token", "/nowhere/token"]).await;
    assert!(code == 1 && stderr.contains("cannot be read"), "{stderr}");
}
