//! Mistakes that beginners make, and what they are told. The page in the documentation holds the messages word for word.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use reqwest::Method;
use sandbox::{Identity, ProviderKind, Sandbox, User, World};
use tempfile::TempDir;

use crate::harness::{ANA, Answer, BEN, CLEO, Rig};

/// A good configuration, to which each mistake is added.
const GOOD: &str = "[tenant]\ndomain = \"acme.eu.auth0.com\"\nclient_id = \"gateway\"\nclient_secret = \"s3cret\"\n\
    [callers]\naudience = [\"https://api.acme.com\"]\n";

const CALLERS: &str = "[callers]\naudience = [\"https://api.acme.com\"]\n";
const TENANT: &str = "[callers]\naudience = [\"https://api.acme.com\"]\n[tenant]\nclient_id = \"gateway\"\nclient_secret = \"s3cret\"\n";
const NO_CALLERS: &str =
    "[tenant]\ndomain = \"acme.eu.auth0.com\"\nclient_id = \"gateway\"\nclient_secret = \"s3cret\"\n";

/// A mistake in the file: what it is, what comes before the wrong lines, and the wrong lines.
const FILES: &[(&str, &str, &str)] = &[
    ("A quotation mark is missing", "", "[tenant]\ndomain = \"acme.eu.auth0.com"),
    ("A section is misspelled", GOOD, "[sever]"),
    ("A key is misspelled", TENANT, "domian = \"acme.eu.auth0.com\""),
    ("The domain is an address", TENANT, "domain = \"https://acme.eu.auth0.com/\""),
    (
        "The client has no secret",
        CALLERS,
        "[tenant]\ndomain = \"acme.eu.auth0.com\"\nclient_id = \"gateway\"",
    ),
    (
        "The file with the secret is not there",
        CALLERS,
        "[tenant]\ndomain = \"acme.eu.auth0.com\"\nclient_id = \"gateway\"\nclient_secret_file = \"client-secret\"",
    ),
    ("No audience is named", NO_CALLERS, "[callers]"),
    ("The audience is a string and not a list", NO_CALLERS, "[callers]\naudience = \"https://api.acme.com\""),
    ("The provider has no adapter", GOOD, "[providers.gitlab]"),
    ("The access level has another name", GOOD, "[providers.github]\naccess = \"all\""),
    (
        "A path of a rule begins without a slash",
        GOOD,
        "[providers.github]\naccess = \"rules\"\n[[providers.github.rules]]\nmethods = [\"GET\"]\npaths = [\"user\"]",
    ),
    (
        "A method of a rule is in small letters",
        GOOD,
        "[providers.github]\naccess = \"rules\"\n[[providers.github.rules]]\nmethods = [\"get\"]\npaths = [\"/user\"]",
    ),
    ("A duration has no unit", GOOD, "[users]\ncache_ttl = 600"),
    ("An allowed origin has a path", GOOD, "[cors]\norigins = [\"https://app.acme.com/app\"]"),
    ("Every origin is allowed", GOOD, "[cors]\norigins = [\"*\"]"),
    ("The address to listen on has no host", GOOD, "[server]\nlisten = \"8080\""),
    (
        "DPoP is required, and the public address is not known",
        NO_CALLERS,
        "[callers]\naudience = [\"https://api.acme.com\"]\ndpop = \"require\"",
    ),
    ("A source is misspelled", GOOD, "[providers.github]\nsource = [\"vautl\"]"),
    ("The stored grants have no key", GOOD, "[store]\nkind = \"file\"\npath = \"grants.redb\""),
    ("The console has no application", GOOD, "[console]\nenabled = true"),
    (
        "A client at the provider has no secret",
        GOOD,
        "[providers.google]\nclient_id = \"1234.apps.googleusercontent.com\"",
    ),
    (
        "The provider's address is not encrypted",
        GOOD,
        "[providers.github]\nbase_url = \"http://ghe.acme.com/api/v3\"",
    ),
];

/// A mistake on the command line: its title, the arguments, and what is set in the environment.
type Mistyped = (&'static str, &'static [&'static str], &'static [(&'static str, &'static str)]);

const COMMANDS: &[Mistyped] = &[
    ("No configuration is named", &["serve"], &[]),
    ("The file is not there", &["check", "--config", "gatway.toml"], &[]),
    ("The variable has one underscore", &["check"], &[("IDP_GATEWAY_TENANT_DOMAIN", "acme.eu.auth0.com")]),
    ("The command is misspelled", &["chek"], &[]),
    (
        "The path of a call begins without a slash",
        &["call", "--config", "good.toml", "github", "user", "--user", "auth0|1"],
        &[],
    ),
    (
        "The provider of a call is misspelled",
        &["call", "--config", "good.toml", "gihub", "/user", "--user", "auth0|1"],
        &[],
    ),
    ("A call has no user", &["call", "--config", "good.toml", "github", "/user"], &[]),
    ("No demo runs", &["demo", "env", "--port", "65532"], &[]),
    ("The page's address is given as its origin", &["demo", "--origin", "http://localhost:5173/app"], &[]),
    ("The demo is given a configuration", &["demo", "--config", "good.toml"], &[]),
    (
        "The file with the token is not there",
        &["doctor", "--config", "good.toml", "--token", "token.txt"],
        &[],
    ),
];

fn section(page: &mut String, title: &str, told: &str) {
    let _ = write!(page, "\n### {title}\n\n{told}");
}

/// What a command says on both streams, and its exit code.
fn said(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
    command.args(arguments).current_dir(folder).env_clear().envs(environment.iter().copied());
    let output = command.output().unwrap();
    let variables: String = environment.iter().fold(String::new(), |mut text, (name, value)| {
        let _ = write!(text, "{name}={value} ");
        text
    });
    format!(
        "```text\n$ {variables}gateway {}\n{}{}(exit code {})\n```\n",
        arguments.join(" "),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
        output.status.code().unwrap(),
    )
}

fn files(page: &mut String) {
    let folder = TempDir::new().unwrap();
    for (title, before, lines) in FILES {
        std::fs::write(folder.path().join("gateway.toml"), format!("{before}{lines}\n")).unwrap();
        let told = said(folder.path(), &["check", "--config", "gateway.toml"], &[]);
        section(page, title, &format!("```text\n{lines}\n```\n\n{told}"));
    }
}

fn commands(page: &mut String) {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("good.toml"), format!("{GOOD}[providers.github]\n")).unwrap();
    for (title, arguments, environment) in COMMANDS {
        section(page, title, &said(folder.path(), arguments, environment));
    }
}

fn refused(page: &mut String, title: &str, call: &str, answer: &Answer) {
    let problem = answer.json();
    let text = |name: &str| problem[name].as_str().unwrap_or_default().to_owned();
    assert!(!text("message").is_empty() && !text("remedy").is_empty(), "{title}: {problem}");
    let told = format!(
        "`{call}` is answered with {} `{}`:\n\n- {}\n- Remedy: {}\n",
        answer.status.as_u16(),
        text("code"),
        text("message"),
        text("remedy"),
    );
    section(page, title, &told);
}

/// The world of the demo, and a user with two accounts at one provider.
async fn rig() -> Rig {
    let twin = User::new("google-oauth2|100000000000000000009")
        .identity(Identity::google("100000000000000000009", "twin"))
        .identity(Identity::bitbucket("{6f1c9b0e-2d0e-4b53-9d5a-1f3c5a7e9b08}", "twin"))
        .identity(Identity::bitbucket("{6f1c9b0e-2d0e-4b53-9d5a-1f3c5a7e9b09}", "twin-work"));
    let address = |sandbox: &Sandbox, kind| sandbox.provider_url(kind).to_string();
    Rig::with(Sandbox::builder().world(World::demo().with(twin)), |sandbox| {
        format!(
            "[providers.google]\nbase_url = \"{}\"\nconnections = [\"google-oauth2\"]\n\
             [providers.bitbucket]\nbase_url = \"{}\"\nconnections = [\"bitbucket\"]\n",
            address(sandbox, ProviderKind::Google),
            address(sandbox, ProviderKind::Bitbucket),
        )
    })
    .await
}

async fn calls(page: &mut String) {
    let rig = rig().await;
    let bearer = |token: &str| rig.bare(Method::GET, "/proxy/github/user").bearer_auth(token);
    let mint = || rig.sandbox.mint().user(BEN);
    let user = "GET /proxy/github/user";
    let get = |path: &str, who: &str| rig.request(Method::GET, path, who);
    for (title, call, request) in [
        ("The call has no token", user, rig.bare(Method::GET, "/proxy/github/user")),
        (
            "`Bearer` is missing",
            "Authorization: eyJ…",
            rig.bare(Method::GET, "/proxy/github/user").header("authorization", mint().sign()),
        ),
        ("The token has expired", user, bearer(&mint().issued_ago(7200).expires_in(-3600).sign())),
        (
            "The app asked for no audience",
            "Authorization: Bearer (opaque token)",
            bearer("dGhpcyBpcyBhbiBvcGFxdWUgdG9rZW4"),
        ),
        ("The token is for another API", user, bearer(&mint().audience("https://other.acme.com").sign())),
        ("The token is a machine's", user, bearer(&rig.sandbox.mint().machine("worker").sign())),
        (
            "The token is in the query",
            "GET /proxy/github/user?access_token=eyJ…",
            rig.bare(Method::GET, &format!("/proxy/github/user?access_token={}", mint().sign())),
        ),
        ("The provider is not configured", "GET /proxy/gitlab/user", get("/proxy/gitlab/user", BEN)),
        ("`/proxy` is missing", "GET /github/user", get("/github/user", BEN)),
        (
            "The path is encoded too many times",
            "GET /proxy/github/user%25252525",
            get("/proxy/github/user%25252525", BEN),
        ),
        (
            "The provider is open for reading only",
            "POST /proxy/github/user/repos",
            rig.request(Method::POST, "/proxy/github/user/repos", BEN).body("{}"),
        ),
        (
            "A host of someone else is named",
            "GET /proxy/github/~example.com/",
            get("/proxy/github/~example.com/", BEN),
        ),
        ("The user has no such account", user, get("/proxy/github/user", ANA)),
        (
            "The user has two accounts",
            "GET /proxy/bitbucket/2.0/user",
            get("/proxy/bitbucket/2.0/user", "google-oauth2|100000000000000000009"),
        ),
        ("The user has revoked the app", user, get("/proxy/github/user", CLEO)),
        (
            "The consent lacks a scope",
            "GET /proxy/google/calendar/v3/users/me/calendarList",
            get("/proxy/google/calendar/v3/users/me/calendarList", CLEO).header("idp-errors", "problem"),
        ),
    ] {
        refused(page, title, call, &rig.send(request).await);
    }
    assert_eq!(rig.get("/proxy/github/user", BEN).await.status, 200);
    assert!(rig.sandbox.world().revoke(BEN, "github"));
    let answer = rig.get("/proxy/github/user", BEN).await;
    refused(page, "The user has revoked the app less than a minute after a call", user, &answer);
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_mistakes_says_what_is_said() {
    let mut page = String::from(
        "# Mistakes and their messages\n\nWhat the gateway says about the mistakes that are made most often. A test makes each of them and\n\
         compares the messages with this page.\n\n## In the configuration\n",
    );
    files(&mut page);
    page.push_str("\n## On the command line\n");
    commands(&mut page);
    page.push_str("\n## In a call\n");
    calls(&mut page).await;
    assert!(page.matches("\n### ").count() >= 40);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guides/mistakes.md");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == page,
        "docs/guides/mistakes.md is out of date: run this test with BLESS=1, and read what has changed"
    );
}
