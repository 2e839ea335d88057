//! `gateway doctor` and `gateway check` on hosted connect.

use std::process::Command;

use sandbox::{Client, ProviderKind, Sandbox, VAULT_CLIENT};
use serde_json::Value;
use tempfile::TempDir;

use crate::connect_support::tenant;

const SECRET: &str = "the-secret-of-the-connect-application";

/// The checks of hosted connect, by id: status and remedy.
async fn doctor(sandbox: &Sandbox, connect: &str) -> Vec<(String, String, String)> {
    let toml = format!(
        "[server]\npublic_url = \"https://gw.example.com\"\n\
         [tenant]\ndomain = \"{}\"\nbase_url = \"{}\"\nclient_id = \"{}\"\nclient_secret = \"{}\"\n\
         [callers]\naudience = [\"{}\"]\n\
         [vault]\nclient_id = \"{VAULT_CLIENT}\"\nclient_secret = \"{}\"\n\
         [providers.google]\nbase_url = \"{}\"\nsource = [\"vault\"]\n\
         [connect]\n{connect}\n",
        sandbox.domain(),
        sandbox.tenant_url(),
        sandbox.client_id(),
        sandbox.client_secret(),
        sandbox.api_audience(),
        sandbox.vault_client_secret(),
        sandbox.provider_url(ProviderKind::Google),
    );
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("gateway.toml");
    std::fs::write(&file, toml).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
    command.args(["doctor", "--json", "--config"]).arg(&file).env_clear();
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains(SECRET), "{text}");
    let json: Value = serde_json::from_str(&text).unwrap_or_else(|_| {
        panic!("{text}{}", String::from_utf8_lossy(&output.stderr));
    });
    let word = |check: &Value, name: &str| check[name].as_str().unwrap_or_default().to_owned();
    let all = json["checks"].as_array().unwrap().iter();
    all.map(|check| (word(check, "id"), word(check, "status"), word(check, "remedy")))
        .filter(|(id, ..)| id.starts_with("connect-"))
        .collect()
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
        let checks = doctor(&sandbox, &connect).await;
        let Some((id, remedy)) = expected else {
            let ids: Vec<_> = checks.iter().map(|(id, ..)| id.as_str()).collect();
            assert_eq!(ids, ["connect-client", "connect-callback", "connect-my-account"]);
            assert!(checks.iter().all(|(_, status, _)| status == "ok"), "{checks:?}");
            continue;
        };
        let found = checks.iter().find(|(known, ..)| known == id).unwrap();
        assert_eq!(found.1, "fail", "{checks:?}");
        assert!(found.2.contains(remedy), "{checks:?}");
    }
}
