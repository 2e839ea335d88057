use sandbox::{ASSERTION_CLIENT, Client, ClientMethod, Fault, Hold, MACHINE_CLIENT, Sandbox, Server};
use serde_json::{Value, json};

use crate::helpers::{ANA, BEN, client, json, start, text};

fn management_audience(sandbox: &Sandbox) -> String {
    format!("https://{}/api/v2/", sandbox.domain())
}

fn token_request(sandbox: &Sandbox, form: &[(&str, &str)]) -> reqwest::RequestBuilder {
    client().post(sandbox.tenant_url().join("oauth/token").expect("a path")).form(form)
}

async fn management_token(sandbox: &Sandbox) -> String {
    let audience = management_audience(sandbox);
    let (status, body) = json(token_request(
        sandbox,
        &[
            ("grant_type", "client_credentials"),
            ("client_id", MACHINE_CLIENT),
            ("client_secret", sandbox.client_secret()),
            ("audience", &audience),
            ("scope", "read:users"),
        ],
    ))
    .await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(
        text(&body, "/scope"),
        "read:users read:user_idp_tokens",
        "the request's scope does not narrow"
    );
    text(&body, "/access_token").to_owned()
}

async fn user(sandbox: &Sandbox, token: &str, id: &str, query: &str) -> (u16, Value) {
    let url = format!("{}api/v2/users/{}{query}", sandbox.tenant_url(), id.replace('|', "%7C"));
    json(client().get(url).bearer_auth(token)).await
}

#[tokio::test]
async fn client_credentials_are_checked_as_auth0_does() {
    let sandbox = start().await;
    let audience = management_audience(&sandbox);
    management_token(&sandbox).await;
    let json_body = json!({ "grant_type": "client_credentials", "client_id": MACHINE_CLIENT,
        "client_secret": sandbox.client_secret(), "audience": audience });
    let url = sandbox.tenant_url().join("oauth/token").expect("a path");
    assert_eq!(json(client().post(url.clone()).json(&json_body)).await.0, 200);
    let basic = client().post(url).basic_auth(MACHINE_CLIENT, Some(sandbox.client_secret()));
    let form = [("grant_type", "client_credentials"), ("audience", audience.as_str())];
    assert_eq!(json(basic.form(&form)).await.0, 200);

    let secret = sandbox.client_secret().to_owned();
    let cases = [
        ("client_credentials", MACHINE_CLIENT, "wrong", audience.as_str(), 401, "access_denied"),
        ("client_credentials", "nobody", &secret, &audience, 401, "access_denied"),
        ("client_credentials", MACHINE_CLIENT, &secret, "https://nowhere.example", 403, "access_denied"),
        ("client_credentials", MACHINE_CLIENT, &secret, sandbox.api_audience(), 403, "access_denied"),
        ("client_credentials", ASSERTION_CLIENT, &secret, &audience, 401, "access_denied"),
        ("password", MACHINE_CLIENT, &secret, &audience, 400, "unsupported_grant_type"),
        ("refresh_token", MACHINE_CLIENT, &secret, &audience, 403, "unauthorized_client"),
    ];
    for (grant, id, secret, audience, status, error) in cases {
        let form =
            [("grant_type", grant), ("client_id", id), ("client_secret", secret), ("audience", audience)];
        let (got, body) = json(token_request(&sandbox, &form)).await;
        assert_eq!((got, text(&body, "/error")), (status, error), "{grant} {id} {audience}: {body}");
    }
}

#[tokio::test]
async fn a_missing_audience_yields_an_opaque_token_that_the_api_refuses() {
    let sandbox = start().await;
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", MACHINE_CLIENT),
        ("client_secret", sandbox.client_secret()),
    ];
    let (status, body) = json(token_request(&sandbox, &form)).await;
    let token = text(&body, "/access_token");
    assert_eq!(status, 200);
    assert!(token.split('.').count() == 5 && token.contains(".."), "a JWE with alg dir: {token}");
    let (status, body) = user(&sandbox, token, ANA, "").await;
    assert_eq!((status, text(&body, "/errorCode")), (400, "Bearer"));
}

#[tokio::test]
async fn a_user_record_shows_tokens_only_with_the_scope_for_them() {
    let sandbox = start().await;
    let token = management_token(&sandbox).await;
    let (status, body) =
        user(&sandbox, &token, BEN, "?fields=user_id,identities,blocked&include_fields=true").await;
    assert_eq!(status, 200);
    assert_eq!(body.as_object().map(serde_json::Map::len), Some(2), "{body}");
    assert_eq!(body.pointer("/identities/1/user_id"), Some(&json!(583_232)));
    assert_eq!(
        Some(text(&body, "/identities/1/access_token")),
        sandbox.world().access_token(BEN, "github").as_deref()
    );
    let (_, whole) = user(&sandbox, &token, BEN, "?fields=identities&include_fields=false").await;
    assert!(whole.get("identities").is_none() && whole.get("email").is_some());

    sandbox.world().set_management_scopes(MACHINE_CLIENT, &["read:users"]);
    let audience = management_audience(&sandbox);
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", MACHINE_CLIENT),
        ("client_secret", sandbox.client_secret()),
        ("audience", &audience),
    ];
    let (_, narrow) = json(token_request(&sandbox, &form)).await;
    let (status, body) = user(&sandbox, text(&narrow, "/access_token"), BEN, "").await;
    assert_eq!(status, 200);
    assert!(body.pointer("/identities/1/connection").is_some());
    assert!(
        body.pointer("/identities/1/access_token").is_none()
            && body.pointer("/identities/0/refresh_token").is_none()
    );
}

#[tokio::test]
async fn user_errors_are_boom_objects() {
    let sandbox = start().await;
    let token = management_token(&sandbox).await;
    let cases = [
        ("google-oauth2|1", "", 404, "inexistent_user"),
        ("github|583232", "", 404, "inexistent_user"),
        ("nopipe", "", 400, "invalid_uri"),
        (ANA, "?fields=a%20b", 400, "invalid_query_string"),
    ];
    for (id, query, status, code) in cases {
        let (got, body) = user(&sandbox, &token, id, query).await;
        assert_eq!((got, text(&body, "/errorCode")), (status, code), "{id}");
        assert_eq!(body.get("statusCode"), Some(&json!(status)));
    }
    assert_eq!(user(&sandbox, &sandbox.caller_token(ANA), ANA, "").await.0, 401);
    sandbox.world().reject_management_tokens();
    assert_eq!(user(&sandbox, &token, ANA, "").await.0, 401);
    sandbox.world().limit_management_api(1, 0);
    let token = management_token(&sandbox).await;
    assert_eq!(user(&sandbox, &token, ANA, "").await.0, 200);
    assert_eq!(user(&sandbox, &token, ANA, "").await.0, 429);
}

#[tokio::test]
async fn keys_rotate_and_stay_published_until_revoked() {
    let sandbox = start().await;
    let keys = || async {
        let (_, set) = json(client().get(format!("{}.well-known/jwks.json", sandbox.tenant_url()))).await;
        set["keys"]
            .as_array()
            .expect("keys")
            .iter()
            .map(|key| text(key, "/kid").to_owned())
            .collect::<Vec<_>>()
    };
    let before = keys().await;
    assert_eq!(before.len(), 2);
    sandbox.world().rotate_keys().expect("a key");
    let after = keys().await;
    assert_eq!(after.first(), before.get(1));
    assert!(after.contains(&before[0]) && after.len() == 3);
    sandbox.world().revoke_previous_keys();
    assert!(!keys().await.contains(&before[0]));
}

#[tokio::test]
async fn quotas_are_announced_and_end_in_429() {
    let sandbox = Sandbox::builder()
        .client(
            Client::machine("limited", "s3cret")
                .grant("https://sandbox.eu.auth0.com/api/v2/", &["read:users"])
                .quota(1, 5)
                .methods(&[ClientMethod::Post]),
        )
        .start()
        .await
        .expect("the sandbox starts");
    let audience = management_audience(&sandbox);
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "limited"),
        ("client_secret", "s3cret"),
        ("audience", &audience),
    ];
    let first = token_request(&sandbox, &form).send().await.expect("an answer");
    assert!(
        first.headers()["auth0-client-quota-limit"]
            .to_str()
            .expect("text")
            .starts_with("b=per_hour;q=1;r=0;t=")
    );
    let second = token_request(&sandbox, &form).send().await.expect("an answer");
    assert_eq!(second.status(), 429);
    assert!(second.headers().contains_key("retry-after"));
}

#[tokio::test]
async fn faults_act_once_and_holds_hold() {
    let sandbox = start().await;
    let url = format!("{}.well-known/jwks.json", sandbox.tenant_url());
    sandbox.faults().add(Fault::on(Server::Tenant).path("/.well-known").html(503).times(1));
    sandbox.faults().add(Fault::on(Server::Tenant).path("/.well-known").disconnect().times(1));
    assert_eq!(client().get(&url).send().await.expect("an answer").status(), 503);
    assert!(client().get(&url).send().await.is_err());
    let hold = Hold::new();
    sandbox.faults().add(Fault::on(Server::Tenant).hold(&hold).times(1));
    let asking = tokio::spawn(client().get(&url).send());
    sandbox.journal().wait_for(|entry| entry.path().ends_with("jwks.json"), 3).await.expect("the request");
    assert!(!asking.is_finished());
    hold.release();
    assert_eq!(asking.await.expect("no panic").expect("an answer").status(), 200);
    sandbox.faults().take_down(Server::Tenant);
    assert!(client().get(&url).send().await.is_err());
    sandbox.faults().bring_up(Server::Tenant);
    assert_eq!(client().get(&url).send().await.expect("an answer").status(), 200);
}
