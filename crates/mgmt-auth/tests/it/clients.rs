//! All ways of client authentication, and the rest of the tenant, over sockets against the sandbox.

use std::{sync::Arc, time::SystemTime};

use mgmt_auth::{AssertionAlgorithm, ClientAuth, ClientCredentials, Fault, Priority, SecretSource, Tenant};
use sandbox::{ASSERTION_CLIENT, Client, ClientMethod, Sandbox, Server};
use secrecy::ExposeSecret as _;
use serde_json::Value;

const BEN: &str = "google-oauth2|100000000000000000002";

fn tenant(sandbox: &Sandbox, credentials: ClientCredentials) -> Tenant {
    Tenant::builder(sandbox.domain()).base_url(sandbox.tenant_url()).credentials(credentials).build().unwrap()
}

fn by_secret(sandbox: &Sandbox) -> Tenant {
    tenant(sandbox, ClientCredentials::secret(sandbox.client_id(), sandbox.client_secret()))
}

#[tokio::test]
async fn secrets_of_any_characters_arrive_by_post_and_by_basic() {
    let (id, secret) = ("a client:1", "p%ss +wörd&=/:ü");
    let audience = "https://sandbox.eu.auth0.com/api/v2/";
    let client = Client::machine(id, secret)
        .methods(&[ClientMethod::Post, ClientMethod::Basic])
        .grant(audience, &["read:users"]);
    let sandbox = Sandbox::builder().client(client).start().await.unwrap();
    for auth in [ClientAuth::SecretPost, ClientAuth::SecretBasic] {
        let auth = auth(SecretSource::Inline(secret.into()));
        let tenant = tenant(&sandbox, ClientCredentials::new(id, auth));
        let token = tenant.management_token().await.unwrap();
        assert_eq!(token.missing_scopes(), ["read:user_idp_tokens"]);
        assert!(token.lacks_idp_tokens());
        assert!(token.expires_at() > SystemTime::now());
    }
    let entries = sandbox.journal().of(Server::Tenant);
    assert!(entries[0].field("client_secret").is_some() && entries[0].header("authorization").is_none());
    assert!(entries[1].field("client_secret").is_none() && entries[1].header("authorization").is_some());
    assert!(
        entries.iter().all(|entry| entry.header("content-type") == Some("application/x-www-form-urlencoded"))
    );
}

#[tokio::test]
async fn assertions_are_taken_with_every_algorithm_and_are_never_the_same_twice() {
    let sandbox = Sandbox::builder().start().await.unwrap();
    let key: secrecy::SecretString = sandbox.client_key_pem().into();
    let mut seen = std::collections::HashSet::new();
    for algorithm in [AssertionAlgorithm::RS256, AssertionAlgorithm::RS384, AssertionAlgorithm::PS256] {
        let key = SecretSource::Inline(key.clone());
        let auth = ClientAuth::PrivateKeyJwt { key, key_id: Some("key-1".into()), algorithm };
        let tenant = tenant(&sandbox, ClientCredentials::new(ASSERTION_CLIENT, auth));
        tenant.management_token().await.unwrap();
        let assertion = sandbox.journal().last(Server::Tenant).unwrap().field("client_assertion").unwrap();
        check_assertion(&assertion, sandbox.domain());
        assert!(seen.insert(assertion));
    }
}

fn check_assertion(assertion: &str, domain: &str) {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    assert!(assertion.len() <= 2048);
    let part = |index| -> Value {
        let part = assertion.split('.').nth(index).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    };
    let (header, claims) = (part(0), part(1));
    assert_eq!(header["kid"], "key-1");
    assert_eq!(claims["aud"], format!("https://{domain}/"));
    assert_eq!((&claims["iss"], &claims["sub"]), (&ASSERTION_CLIENT.into(), &ASSERTION_CLIENT.into()));
    let number = |name: &str| claims[name].as_i64().unwrap();
    assert!((1..=180).contains(&(number("exp") - number("iat"))));
    assert!((16..=64).contains(&claims["jti"].as_str().unwrap().len()));
}

#[tokio::test]
async fn wrong_secrets_keys_and_ids_are_the_operators_fault() {
    let sandbox = Sandbox::builder().start().await.unwrap();
    let assertion = |client_id: String, key: &str| {
        let auth = ClientAuth::PrivateKeyJwt {
            key: SecretSource::Inline(key.into()),
            key_id: None,
            algorithm: AssertionAlgorithm::RS256,
        };
        ClientCredentials::new(client_id, auth)
    };
    for credentials in [
        ClientCredentials::secret(sandbox.client_id(), "wrong"),
        ClientCredentials::secret("nobody", "wrong"),
        assertion(ASSERTION_CLIENT.into(), "no key"),
        assertion("x".repeat(65), &sandbox.client_key_pem()),
    ] {
        let error = tenant(&sandbox, credentials).management_token().await.unwrap_err();
        assert_eq!((error.fault(), error.is_transient()), (Fault::Operator, false), "{error:?}");
    }
}

#[tokio::test]
async fn tm_s06_a_rotated_secret_file_is_used_for_the_next_token_and_the_old_one_for_none() {
    let sandbox = Sandbox::builder().start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("client-secret");
    std::fs::write(&path, format!("{}\n", sandbox.client_secret())).unwrap();
    let auth = ClientAuth::SecretPost(SecretSource::File(path.clone()));
    let tenant = tenant(&sandbox, ClientCredentials::new(sandbox.client_id(), auth));
    let _: Value = tenant.get(&["users", BEN], &[], Priority::Caller).await.unwrap();
    sandbox.world().set_client_secret(sandbox.client_id(), "another-secret");
    std::fs::write(&path, "another-secret").unwrap();
    sandbox.world().reject_management_tokens();
    let _: Value = tenant.get(&["users", BEN], &[], Priority::Caller).await.unwrap();
    let secrets: Vec<_> = sandbox
        .journal()
        .of(Server::Tenant)
        .iter()
        .filter_map(|entry| entry.field("client_secret"))
        .collect();
    assert_eq!(secrets, [sandbox.client_secret(), "another-secret"]);
}

#[tokio::test]
async fn reads_keys_discovery_and_exchanges_work_end_to_end() {
    let sandbox = Sandbox::builder().start().await.unwrap();
    let tenant = by_secret(&sandbox);
    let query = [("fields", "user_id,identities,blocked"), ("include_fields", "true")];
    let user: Value = tenant.get(&["users", BEN], &query, Priority::Caller).await.unwrap();
    assert_eq!(user["user_id"], BEN);
    let error = tenant.get::<Value>(&["users", "github|nobody"], &query, Priority::Caller).await.unwrap_err();
    assert!(error.is_not_found() && error.code() == Some("inexistent_user"), "{error:?}");

    assert_eq!(tenant.keys().find("nobody's").await.unwrap(), None);
    assert_eq!(tenant.keys().len(), 2);
    let discovery = tenant.discovery().await.unwrap();
    assert!(discovery.issuer().ends_with('/') && discovery.server_time().is_some());
    assert!(discovery.auth_methods().iter().any(|method| method == "private_key_jwt"));

    let form = [("grant_type", "client_credentials"), ("audience", tenant.audience())];
    let answer = tenant.request_token(tenant.credentials(), &form).await.unwrap();
    assert!(answer.expires_in().is_some() && answer.scope().is_some());
    assert!(!answer.access_token().expose_secret().is_empty());
    let bad = [("grant_type", "client_credentials"), ("audience", "https://nobody.test")];
    let error = tenant.request_token(tenant.credentials(), &bad).await.unwrap_err();
    assert_eq!((error.fault(), error.code()), (Fault::Operator, Some("access_denied")));
}

#[tokio::test]
async fn tm_k03_a_rotation_is_noticed_at_the_first_token_of_the_new_key() {
    let sandbox = Sandbox::builder().start().await.unwrap();
    let tenant = by_secret(&sandbox);
    let kid = |token: String| -> String {
        use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
        let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
        serde_json::from_slice::<Value>(&header).unwrap()["kid"].as_str().unwrap().to_owned()
    };
    let old = kid(sandbox.caller_token(BEN));
    assert!(tenant.keys().find(&old).await.unwrap().is_some());
    let generation = tenant.keys().generation();
    // The next key is published ahead; the one after it is not.
    sandbox.world().rotate_keys().unwrap();
    sandbox.world().rotate_keys().unwrap();
    let new = kid(sandbox.caller_token(BEN));
    assert_ne!(new, old);
    assert!(tenant.keys().find(&new).await.unwrap().is_some());
    assert!(tenant.keys().generation() > generation);
    assert!(sandbox.journal().count_of(Server::Tenant, "/.well-known/jwks.json") <= 2);
}

#[tokio::test]
async fn a_tenant_that_counts_is_never_asked_too_much() {
    let sandbox = Sandbox::builder().start().await.unwrap();
    sandbox.world().limit_management_api(2, 2);
    let tenant = Arc::new(by_secret(&sandbox));
    let reads: Vec<_> = (0..8)
        .map(|_| {
            let tenant = tenant.clone();
            tokio::spawn(async move { tenant.get::<Value>(&["users", BEN], &[], Priority::Caller).await })
        })
        .collect();
    for read in reads {
        read.await.unwrap().unwrap();
    }
    let refused = sandbox.journal().count(|entry| entry.status() == Some(429));
    assert!(refused <= 1, "{refused}");
    assert_eq!(tenant.allowance().limit(), Some(2));
}
