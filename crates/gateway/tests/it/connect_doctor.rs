//! `gateway doctor` on hosted connect and the MCP endpoint.

use std::process::Command;

use sandbox::{Client, ProviderKind, Sandbox, VAULT_CLIENT};
use serde_json::Value;
use tempfile::TempDir;

use crate::connect_support::tenant;

const SECRET: &str = "the-secret-of-the-connect-application";

/// What a command says of a configuration, as JSON.
async fn command(name: &'static str, toml: &str) -> Value {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("gateway.toml");
    std::fs::write(&file, toml).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
    command.args([name, "--json", "--config"]).arg(&file).env_clear();
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains(SECRET), "{text}");
    serde_json::from_str(&text).unwrap_or_else(|_| {
        panic!("{text}{}", String::from_utf8_lossy(&output.stderr));
    })
}

/// The checks whose id begins so: id, status, what was found, and remedy. `audiences` is a list of TOML.
async fn doctor(sandbox: &Sandbox, prefix: &str, sections: (&str, &str)) -> Vec<[String; 4]> {
    let json = command("doctor", &configuration(sandbox, sections)).await;
    let word = |check: &Value, name: &str| check[name].as_str().unwrap_or_default().to_owned();
    let all = json["checks"].as_array().unwrap().iter();
    all.map(|check| ["id", "status", "finding", "remedy"].map(|name| word(check, name)))
        .filter(|[id, ..]| id.starts_with(prefix))
        .collect()
}

fn configuration(sandbox: &Sandbox, (audiences, sections): (&str, &str)) -> String {
    format!(
        "[server]\npublic_url = \"https://gw.example.com\"\n\
         [tenant]\ndomain = \"{}\"\nbase_url = \"{}\"\nclient_id = \"{}\"\nclient_secret = \"{}\"\n\
         [callers]\naudience = {audiences}\n\
         [vault]\nclient_id = \"{VAULT_CLIENT}\"\nclient_secret = \"{}\"\naudience = \"{}\"\n\
         [providers.google]\nbase_url = \"{}\"\nsource = [\"vault\"]\n\
         {sections}\n",
        sandbox.domain(),
        sandbox.tenant_url(),
        sandbox.client_id(),
        sandbox.client_secret(),
        sandbox.vault_client_secret(),
        sandbox.api_audience(),
        sandbox.provider_url(ProviderKind::Google),
    )
}

fn application(secret: &str) -> String {
    format!("client_id = \"connect-app\"\nclient_secret = \"{secret}\"")
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_finds_what_shows_of_the_application() {
    let good = application(SECRET);
    let audience = format!("{good}\nmy_account_audience = \"https://nobody.example/me/\"");
    let elsewhere = Client::machine("connect-app", SECRET)
        .grant_types(&["authorization_code"])
        .callbacks(&["https://other.example/callback"]);
    let cases = [
        (tenant(), good.clone(), None),
        (tenant(), application("wrong"), Some(("connect-client", "connect.client_id"))),
        (
            tenant().client(Client::machine("connect-app", SECRET)),
            good.clone(),
            Some(("connect-client", "Regular Web Application")),
        ),
        (
            tenant().client(elsewhere),
            good,
            Some(("connect-callback", "https://gw.example.com/connect/callback")),
        ),
        (tenant(), audience, Some(("connect-my-account", "create:me:connected_accounts"))),
    ];
    for (builder, connect, expected) in cases {
        let sandbox = builder.start().await.unwrap();
        let audiences = format!("[\"{}\"]", sandbox.api_audience());
        let checks = doctor(&sandbox, "connect-", (&audiences, &format!("[connect]\n{connect}"))).await;
        let Some((id, remedy)) = expected else {
            let ids: Vec<_> = checks.iter().map(|[id, ..]| id.as_str()).collect();
            assert_eq!(ids, ["connect-client", "connect-callback", "connect-my-account"]);
            assert!(checks.iter().all(|[_, status, ..]| status == "ok"), "{checks:?}");
            continue;
        };
        let found = checks.iter().find(|[known, ..]| known == id).unwrap();
        assert_eq!(found[1], "fail", "{checks:?}");
        assert!(found[3].contains(remedy), "{checks:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_says_how_auth0_gives_a_token_for_the_mcp_endpoint() {
    const RESOURCE: &str = "https://gw.example.com/mcp";
    let sandbox = tenant().start().await.unwrap();
    let api = sandbox.api_audience();
    let on = "[mcp]\nenabled = true";
    let both = format!("[\"{api}\", \"{RESOURCE}\"]");
    let one = format!("[\"{api}\"]");
    for (audiences, status) in [(&both, "ok"), (&one, "warn")] {
        let checks = doctor(&sandbox, "mcp", (audiences, on)).await;
        let [[_, found, detail, remedy]] = checks.as_slice() else { panic!("{checks:?}") };
        assert_eq!(found, status, "{checks:?}");
        for word in
            [&format!("an API has the identifier `{RESOURCE}`"), "Resource Parameter Compatibility Profile"]
        {
            assert!(detail.contains(word), "{checks:?}");
        }
        assert_eq!(remedy.contains(&format!("add `{RESOURCE}` to `callers.audience`")), status == "warn");
    }
    assert!(doctor(&sandbox, "mcp", (&both, "")).await.is_empty(), "nothing is said of what is off");
    // Google's accounts are in Token Vault, which takes tokens for the other API alone.
    let warned = command("check", &configuration(&sandbox, (&both, on))).await["warnings"].to_string();
    assert!(warned.contains("vault.audience") && warned.contains(RESOURCE), "{warned}");
    for quiet in [format!("{on}\nproviders = []"), String::new()] {
        let warned =
            command("check", &configuration(&sandbox, (&both, &quiet))).await["warnings"].to_string();
        assert!(!warned.contains("vault.audience"), "{warned}");
    }
}
