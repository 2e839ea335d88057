//! What a store holds after the flows of hosted connect: no token of the tenant's, and none of a provider's in plain sight.

use std::path::Path;

use reqwest::Method;
use serde_json::json;

use crate::connect_support::{APP, Browser, link, start_over, tenant};
use crate::fleet_support::Redis;
use crate::harness::{BEN, CLEO, Rig};

/// A key ring of one key.
const KEYS: &str = "k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";

/// Walks both kinds of flow with this store, and disconnects an account, which the store remembers.
async fn walk(store: &str) -> Rig {
    let rig = start_over(tenant(), store).await;
    for (provider, user, path) in
        [("github", CLEO, "/proxy/github/user"), ("google", BEN, "/proxy/google/oauth2/v3/userinfo")]
    {
        if provider == "google" {
            rig.sandbox.world().disconnect_account(BEN, "google-oauth2");
        }
        let url = link(&rig, provider, user, json!({ "return_to": APP })).await;
        assert_eq!(Browser::new(&rig).walk(&url, user, "allow").await.result(), "ok", "{provider}");
        assert_eq!(rig.get(path, user).await.outcome(), (200, "ok".into()), "{provider}");
    }
    let gone = rig.send(rig.request(Method::DELETE, "/v1/me/google", BEN)).await;
    assert_eq!(gone.status, 200, "{:?}", gone.json());
    assert!(gone.json()["detail"].as_str().unwrap().contains("Auth0 keeps the connected account"));
    rig
}

/// Everything that stands in the files of a folder.
fn bytes(folder: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(bytes(&path));
        } else if path.file_name().unwrap() != "keys" {
            all.extend(std::fs::read(path).unwrap());
        }
    }
    all
}

fn assert_no_secrets(rig: &Rig, stored: &[u8]) {
    let secrets = rig.sandbox.secrets();
    let tokens = secrets.iter().filter(|secret| secret.starts_with("eyJ")).count();
    assert!(tokens >= 4, "ID and access tokens of both flows are looked for: {tokens}");
    for secret in secrets.iter().filter(|secret| secret.len() >= 8) {
        let found = memchr::memmem::find(stored, secret.as_bytes());
        assert!(found.is_none(), "a secret of {} bytes stands in the store", secret.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_h09_a_store_holds_no_token_of_a_flow() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("keys"), KEYS).unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let store = format!(
        "[store]\nkind = \"file\"\npath = \"{}\"\nencryption_keys_file = \"{}\"\n",
        at("grants.redb"),
        at("keys")
    );
    let rig = walk(&store).await;
    let stored = bytes(folder.path());
    assert!(stored.len() > 1000, "{} bytes", stored.len());
    assert_no_secrets(&rig, &stored);
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_holds_no_token_of_a_flow() {
    let Some(redis) = Redis::start("connect and the store").await else { return };
    let keys = redis.file("keys");
    std::fs::write(&keys, KEYS).unwrap();
    let store = redis.store().replace("\"keys\"", &format!("{:?}", keys.display().to_string()));
    let rig = walk(&store).await;
    let stored = bytes(keys.parent().unwrap());
    assert!(memchr::memmem::find(&stored, b"idp-gateway:").is_some(), "the flows wrote something");
    assert_no_secrets(&rig, &stored);
    rig.finish();
}
