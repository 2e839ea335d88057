use sandbox::{Identity, ProviderKind, Sandbox, VAULT_CLIENT};
use serde_json::{Value, json};

use crate::helpers::{BEN, client, json, start, text};

const GRANT: &str = "urn:auth0:params:oauth:grant-type:token-exchange:federated-connection-access-token";
const ISSUED: &str = "http://auth0.com/oauth/token-type/federated-connection-access-token";

async fn exchange(sandbox: &Sandbox, subject: &str, connection: &str, with: &[(&str, &str)]) -> (u16, Value) {
    let mut form = vec![
        ("grant_type", GRANT),
        ("client_id", VAULT_CLIENT),
        ("client_secret", sandbox.vault_client_secret()),
        ("subject_token", subject),
        ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        ("requested_token_type", ISSUED),
        ("connection", connection),
    ];
    form.extend(with);
    json(client().post(sandbox.tenant_url().join("oauth/token").expect("a path")).form(&form)).await
}

#[tokio::test]
async fn the_vault_hands_out_a_token_of_its_own_and_renews_it() {
    let sandbox = start().await;
    let caller = sandbox.caller_token(BEN);
    let (status, body) = exchange(&sandbox, &caller, "google-oauth2", &[]).await;
    assert_eq!((status, text(&body, "/issued_token_type")), (200, ISSUED), "{body}");
    assert!(body.get("refresh_token").is_none() && text(&body, "/scope").contains("openid"));
    let token = text(&body, "/access_token").to_owned();
    assert_ne!(Some(&token), sandbox.world().access_token(BEN, "google-oauth2").as_ref());
    let url = sandbox.provider_url(ProviderKind::Google).join("v1/userinfo").expect("a path");
    assert_eq!(json(client().get(url).bearer_auth(&token)).await.0, 200);
    let again = exchange(&sandbox, &caller, "google-oauth2", &[]).await.1;
    assert_eq!(text(&again, "/access_token"), token);
    sandbox.world().expire(BEN, "google-oauth2");
    let renewed = exchange(&sandbox, &caller, "google-oauth2", &[]).await.1;
    assert_ne!(text(&renewed, "/access_token"), token);
    sandbox.world().revoke(BEN, "google-oauth2");
    let (status, body) = exchange(&sandbox, &caller, "google-oauth2", &[]).await;
    assert_eq!((status, text(&body, "/error")), (401, "federated_connection_refresh_token_flow_failed"));
}

#[tokio::test]
async fn what_is_only_among_the_identities_is_not_in_the_vault() {
    let sandbox = start().await;
    let caller = sandbox.caller_token(BEN);
    let (status, body) = exchange(&sandbox, &caller, "github", &[]).await;
    assert_eq!((status, text(&body, "/error")), (401, "federated_connection_refresh_token_not_found"));
    for (id, login) in [("1", "ben-home"), ("2", "ben-work")] {
        assert!(sandbox.world().connect_account(BEN, &Identity::github_app(id, login)));
    }
    let (_, body) = exchange(&sandbox, &caller, "github", &[("login_hint", "2")]).await;
    let url = sandbox.provider_url(ProviderKind::GitHub).join("user").expect("a path");
    let (_, user) = json(client().get(url).bearer_auth(text(&body, "/access_token"))).await;
    assert_eq!(text(&user, "/login"), "ben-work");
    assert_eq!(exchange(&sandbox, &caller, "github", &[("login_hint", "3")]).await.0, 401);
}

#[tokio::test]
async fn bad_subjects_and_policies_are_told_apart() {
    let sandbox = start().await;
    let mint = || sandbox.mint().user(BEN);
    for (subject, status, error) in [
        ("nonsense".to_owned(), 403, "invalid_grant"),
        (mint().signer(sandbox::Signer::Foreign).sign(), 403, "invalid_grant"),
        (mint().expires_in(-5).sign(), 401, "expired_token"),
        (mint().audience("https://other.example").sign(), 403, "access_denied"),
        (mint().user("github|0").sign(), 403, "invalid_grant"),
    ] {
        let (got, body) = exchange(&sandbox, &subject, "google-oauth2", &[]).await;
        assert_eq!((got, text(&body, "/error")), (status, error), "{body}");
    }
    let caller = sandbox.caller_token(BEN);
    assert_eq!(exchange(&sandbox, &caller, "google-oauth2", &[("audience", "x")]).await.0, 400);
    sandbox.world().require_mfa(true);
    let (status, body) = exchange(&sandbox, &caller, "google-oauth2", &[]).await;
    assert_eq!((status, text(&body, "/error")), (401, "mfa_required"));
}

#[tokio::test]
async fn an_account_is_connected_through_the_browser() {
    let sandbox = start().await;
    let scope = "create:me:connected_accounts read:me:connected_accounts delete:me:connected_accounts";
    let audience = format!("https://{}/me/", sandbox.domain());
    let token = sandbox.mint().user(BEN).audience(audience).scope(scope).sign();
    let api =
        |path: &str| sandbox.tenant_url().join(&format!("me/v1/connected-accounts/{path}")).expect("a path");
    let start = json!({ "connection": "github", "redirect_uri": "http://127.0.0.1:9/back", "state": "s", "scopes": ["x"] });
    let (status, flow) = json(client().post(api("connect")).bearer_auth(&token).json(&start)).await;
    assert_eq!((status, flow.get("expires_in")), (201, Some(&json!(300))));
    let page = format!("{}?ticket={}", text(&flow, "/connect_uri"), text(&flow, "/connect_params/ticket"));
    let html = client().get(&page).send().await.expect("an answer").text().await.expect("text");
    assert!(html.contains("Connect GitHub") && html.contains("<code>x</code>"), "{html}");
    let back = client().post(&page).send().await.expect("an answer").headers()["location"].clone();
    let back = reqwest::Url::parse(back.to_str().expect("text")).expect("an address");
    let members: std::collections::HashMap<_, _> = back.query_pairs().into_owned().collect();
    assert_eq!(members["state"], "s");
    let mut done = json!({ "auth_session": flow["auth_session"], "connect_code": "wrong", "redirect_uri": "http://127.0.0.1:9/back" });
    assert_eq!(json(client().post(api("complete")).bearer_auth(&token).json(&done)).await.0, 400);
    done["connect_code"] = members["connect_code"].clone().into();
    let (status, account) = json(client().post(api("complete")).bearer_auth(&token).json(&done)).await;
    assert_eq!((status, text(&account, "/connection")), (201, "github"), "{account}");
    assert_eq!(exchange(&sandbox, &sandbox.caller_token(BEN), "github", &[]).await.0, 200);

    let (_, list) = json(client().get(api("accounts?connection=github")).bearer_auth(&token)).await;
    assert_eq!(list["accounts"].as_array().map(Vec::len), Some(1));
    let gone = client().delete(api(&format!("accounts/{}", text(&account, "/id")))).bearer_auth(&token);
    assert_eq!(gone.send().await.expect("an answer").status(), 204);
    assert_eq!(json(client().get(api("accounts")).bearer_auth(sandbox.caller_token(BEN))).await.0, 401);
}

#[tokio::test]
async fn a_connection_can_be_denied_and_does_not_wait_for_ever() {
    let sandbox = start().await;
    // The audience that Auth0's SDK makes of the address it is set to.
    let audience = format!("{}me/", sandbox.tenant_url());
    let token = sandbox.mint().user(BEN).audience(audience).scope("create:me:connected_accounts").sign();
    let connect = sandbox.tenant_url().join("me/v1/connected-accounts/connect").expect("a path");
    let start = json!({ "connection": "github", "redirect_uri": "http://127.0.0.1:9/back", "state": "s" });
    let (status, flow) = json(client().post(connect).bearer_auth(&token).json(&start)).await;
    assert_eq!(status, 201, "{flow}");
    let page = format!("{}?ticket={}", text(&flow, "/connect_uri"), text(&flow, "/connect_params/ticket"));
    let denied = client().post(&page).form(&[("decision", "deny")]).send().await.expect("an answer");
    let back = denied.headers()["location"].to_str().expect("text").to_owned();
    assert!(back.contains("error=access_denied") && back.contains("state=s"), "{back}");
    assert_eq!(client().get(&page).send().await.expect("an answer").status(), 400, "the ticket is used");
}

#[tokio::test]
async fn an_account_is_connected_again_when_its_grant_is_dead_or_too_narrow() {
    let sandbox = start().await;
    let token = sandbox.mint().user(BEN).audience(sandbox.my_account_audience());
    let token = token.scope("create:me:connected_accounts").sign();
    let api =
        |path: &str| sandbox.tenant_url().join(&format!("me/v1/connected-accounts/{path}")).expect("a path");
    let connect = async |scopes: &[&str]| {
        let address = "http://127.0.0.1:9/back";
        let mut start = json!({ "connection": "bitbucket", "redirect_uri": address });
        if !scopes.is_empty() {
            start["scopes"] = json!(scopes);
        }
        let (_, flow) = json(client().post(api("connect")).bearer_auth(&token).json(&start)).await;
        let page =
            format!("{}?ticket={}", text(&flow, "/connect_uri"), text(&flow, "/connect_params/ticket"));
        let back = client().post(&page).send().await.expect("an answer").headers()["location"].clone();
        let back = reqwest::Url::parse(back.to_str().expect("text")).expect("an address");
        let code =
            back.query_pairs().find(|(name, _)| name == "connect_code").expect("a code").1.into_owned();
        let done =
            json!({ "auth_session": flow["auth_session"], "connect_code": code, "redirect_uri": address });
        json(client().post(api("complete")).bearer_auth(&token).json(&done)).await.0
    };
    assert_eq!(connect(&[]).await, 201);
    assert_eq!(connect(&[]).await, 409);
    assert_eq!(connect(&["pipeline"]).await, 201);
    assert_eq!(connect(&["pipeline"]).await, 409);
    sandbox.world().revoke(BEN, "bitbucket");
    let caller = sandbox.caller_token(BEN);
    assert_eq!(exchange(&sandbox, &caller, "bitbucket", &[]).await.0, 401);
    assert_eq!(connect(&[]).await, 201);
    assert_eq!(exchange(&sandbox, &caller, "bitbucket", &[]).await.0, 200);
}
