//! Hosted connect as a user walks it: reconnect, widen, connect, deny.

use reqwest::Method;
use sandbox::{Identity, Quirk, Sandbox, Server};
use serde_json::json;

use crate::accounts::{self, DANA};
use crate::connect_support::{APP, Browser, PUBLIC, ask, link, nothing, start, start_over, tenant};
use crate::harness::{ANA, BEN, CLEO, Rig};
use crate::mcp_support;

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_grant_is_reconnected_through_the_link_of_the_problem() {
    let rig = start().await;
    let refused = rig.get("/proxy/github/user", CLEO).await;
    assert_eq!(refused.outcome(), (403, "reconnect-required".into()));
    let remembered = rig.get("/proxy/github/user", CLEO).await;
    assert_eq!(remembered.outcome(), (403, "reconnect-required".into()));
    assert_eq!(remembered.header("retry-after"), "", "waiting does not help");
    let problem = refused.json();
    assert_eq!(problem["connect"]["connection"], "github");
    let url = problem["connect"]["url"].as_str().unwrap().parse().unwrap();
    let mut browser = Browser::new(&rig);
    let page = browser.get(&url).await;
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; style-src 'nonce-"), "{policy}");
    assert!(policy.ends_with("base-uri 'none'; frame-ancestors 'none'") && !policy.contains("unsafe"));
    assert_eq!((page.header("x-frame-options"), page.header("cache-control")), ("DENY", "no-store"));
    let html = String::from_utf8(page.body.to_vec()).unwrap();
    assert!(
        html.contains("<h1>Connect GitHub</h1>") && !html.contains("<script") && !html.contains(" style=")
    );
    assert_eq!(browser.visited.len(), 1, "nothing happens before the button is pressed");
    let ended = browser.walk(&url, CLEO, "allow").await;
    assert_eq!(ended.page(), (200, "The account is connected"));
    let again = rig.get("/proxy/github/user", CLEO).await;
    assert_eq!(again.outcome(), (200, "ok".into()), "with the same caller token");
    let asked: Vec<_> = browser.visited.iter().filter(|url| url.path() == "/authorize").collect();
    assert!(asked[0].query().unwrap().contains("prompt=none"), "first without a page");
    assert!(asked.iter().all(|url| url.query().unwrap().contains("code_challenge_method=S256")));
    assert!(asked.last().unwrap().query().unwrap().contains("connection=github"));
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_widened_and_the_app_is_told() {
    let rig = start().await;
    let body = json!({ "scopes": ["pullrequest"], "return_to": format!("{APP}?tab=accounts") });
    let answer = ask(&rig, "bitbucket", BEN, body.clone()).await;
    assert_eq!(answer.status, 201, "{:?}", answer.json());
    assert!(answer.json()["expires_at"].as_str().unwrap().ends_with('Z'));
    let url = link(&rig, "bitbucket", BEN, body).await;
    assert!(url.as_str().starts_with(&format!("{PUBLIC}/connect/bitbucket?ticket=")));
    let mut browser = Browser::new(&rig);
    let page = String::from_utf8(browser.get(&url).await.body.to_vec()).unwrap();
    assert!(
        page.contains("sent to <code>app.example.com</code>") && page.contains("<code>pullrequest</code>")
    );
    let ended = browser.walk(&url, BEN, "allow").await;
    assert_eq!(ended.result(), "ok");
    let asked = browser.visited.iter().rfind(|url| url.path() == "/authorize").unwrap();
    assert!(asked.query().unwrap().contains("pullrequest"), "{asked}");
    assert_eq!(rig.get("/proxy/bitbucket/2.0/user", BEN).await.status, 200);
    rig.finish();
}

/// How many accounts of the vault `/v1/me` lists.
async fn in_vault(rig: &Rig, user: &str) -> usize {
    let me = rig.get("/v1/me", user).await.json();
    me["accounts"].as_array().unwrap().iter().filter(|account| account["source"] == "vault").count()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_connected_in_the_vault_and_works_with_the_same_token() {
    let rig = start().await;
    rig.sandbox.world().disconnect_account(BEN, "google-oauth2");
    let refused = rig.get("/proxy/google/oauth2/v3/userinfo", BEN).await;
    assert_eq!(refused.outcome(), (403, "account-not-connected".into()));
    assert_eq!(in_vault(&rig, BEN).await, 0);
    let url = refused.json()["connect"]["url"].as_str().unwrap().parse().unwrap();
    let mut browser = Browser::new(&rig);
    let ended = browser.walk(&url, BEN, "allow").await;
    assert_eq!(ended.page(), (200, "The account is connected"));
    let path = "/me/v1/connected-accounts/complete";
    assert_eq!(rig.sandbox.journal().count_of(Server::Tenant, path), 1);
    assert_eq!(rig.get("/proxy/google/oauth2/v3/userinfo", BEN).await.outcome(), (200, "ok".into()));
    assert_eq!(in_vault(&rig, BEN).await, 1, "the list is read again");
    // The session of the flow is gone from the browser; its id stays for other tabs.
    let left = browser.cookie("__Host-idp-connect");
    assert!(left.is_some());
    assert!(rig.sandbox.journal().count_of(Server::Tenant, "/connected-accounts/connect") >= 2);
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_connected_already_is_connected() {
    let rig = start().await;
    let url = link(&rig, "google", BEN, json!({ "return_to": APP })).await;
    assert_eq!(Browser::new(&rig).walk(&url, BEN, "allow").await.result(), "ok");
    let url = link(&rig, "google", BEN, json!({ "return_to": APP })).await;
    assert_eq!(Browser::new(&rig).walk(&url, BEN, "allow").await.result(), "ok");
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disconnected_account_is_connected_again() {
    let rig = start().await;
    for (provider, path) in [("github", "/proxy/github/user"), ("google", "/proxy/google/oauth2/v3/userinfo")]
    {
        assert_eq!(rig.get(path, BEN).await.status, 200, "{provider}");
        let gone = rig.send(rig.request(Method::DELETE, &format!("/v1/me/{provider}"), BEN)).await;
        assert_eq!(gone.status, 200, "{provider}: {:?}", gone.json());
        assert_eq!(rig.get(path, BEN).await.outcome(), (403, "reconnect-required".into()), "{provider}");
        let url = link(&rig, provider, BEN, json!({ "return_to": APP })).await;
        assert_eq!(Browser::new(&rig).walk(&url, BEN, "allow").await.result(), "ok", "{provider}");
        assert_eq!(rig.get(path, BEN).await.outcome(), (200, "ok".into()), "{provider}");
    }
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_h14_connecting_one_account_again_opens_no_other() {
    let rig = start().await;
    rig.sandbox.world().add_user(accounts::dana());
    let outcome = async |account: &str| {
        let request = rig.request(Method::GET, "/proxy/github/user", DANA).header("idp-account", account);
        rig.send(request).await.outcome()
    };
    for account in ["github|901", "github|902"] {
        let request = rig.request(Method::DELETE, "/v1/me/github", DANA).header("idp-account", account);
        assert_eq!(rig.send(request).await.status, 200, "{account}");
    }
    let asked = json!({ "account": "github|901", "return_to": APP });
    let url = link(&rig, "github", DANA, asked).await;
    assert_eq!(Browser::new(&rig).walk(&url, DANA, "allow").await.result(), "ok");
    assert_eq!(outcome("github|901").await, (200, "ok".into()));
    assert_eq!(outcome("github|902").await, (403, "reconnect-required".into()));
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_removed_from_the_vault_where_the_tenant_exchanges_the_callers_token() {
    let removals = "/me/v1/connected-accounts/accounts/";
    for (builder, removed) in [(tenant(), false), (tenant().quirk(Quirk::OnBehalfOf), true)] {
        let rig = start_over(builder, "").await;
        assert_eq!(rig.get("/proxy/google/oauth2/v3/userinfo", BEN).await.status, 200);
        let gone = rig.send(rig.request(Method::DELETE, "/v1/me/google", BEN)).await;
        assert_eq!((gone.status.as_u16(), &gone.json()["forgotten"]), (200, &json!(true)));
        let detail = gone.json()["detail"].as_str().unwrap_or_default().to_owned();
        assert_eq!(detail.contains("Auth0 keeps the connected account"), !removed, "{detail}");
        assert_eq!(rig.sandbox.journal().count_of(Server::Tenant, removals), usize::from(removed));
        let known = rig.get("/v1/me", BEN).await.json();
        let accounts = known["accounts"].as_array().unwrap();
        let listed = accounts.iter().find(|account| account["provider"] == "google");
        assert_eq!(
            listed.map(|account| &account["state"]),
            (!removed).then_some(&json!("reconnect")),
            "{known}"
        );
        // Refused either way, and connected again by the same walk.
        let question = json!({ "provider": "google", "method": "GET", "path": "/oauth2/v3/userinfo" });
        let asked = rig.send(rig.request(Method::POST, "/v1/check", BEN).json(&question)).await.json();
        assert_eq!((&asked["allowed"], &asked["outcome"]), (&json!(false), &json!("reconnect-required")));
        let refused = rig.get("/proxy/google/oauth2/v3/userinfo", BEN).await;
        assert_eq!(refused.outcome(), (403, "reconnect-required".into()));
        let url = link(&rig, "google", BEN, json!({ "return_to": APP })).await;
        assert_eq!(Browser::new(&rig).walk(&url, BEN, "allow").await.result(), "ok");
        assert_eq!(rig.get("/proxy/google/oauth2/v3/userinfo", BEN).await.status, 200);
        rig.finish();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_c10_an_explanation_names_no_account_that_auth0_has_not_confirmed() {
    let rig = start().await;
    let request = rig.request(Method::GET, "/proxy/google/oauth2/v3/userinfo", BEN);
    let answer = rig.send(request.header("idp-account", BEN)).await;
    assert_eq!(answer.status, 200, "{:?}", answer.json());
    let explained = rig.get(&format!("/v1/explain/{}", answer.header("x-request-id")), BEN).await.json();
    // The vault does not say whose token it gave.
    assert_eq!((&explained["source"], &explained["account"]), (&json!("vault"), &json!("google-oauth2")));
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_accounts_in_the_vault_none_is_removed_for_a_call_that_names_one() {
    let listed = "/me/v1/connected-accounts/accounts";
    for (named, removed) in [(None, 2), (Some("google-oauth2|100000000000000000002"), 0)] {
        let rig = start_over(tenant().quirk(Quirk::OnBehalfOf), "").await;
        let second = Identity::google("2000001", "ben.second@example.com");
        assert!(rig.sandbox.world().connect_account(BEN, &second));
        let mut request = rig.request(Method::DELETE, "/v1/me/google", BEN);
        if let Some(account) = named {
            request = request.header("idp-account", account);
        }
        let gone = rig.send(request).await;
        assert_eq!(gone.status, 200, "{:?}", gone.json());
        let detail = gone.json()["detail"].as_str().unwrap_or_default().to_owned();
        assert_eq!(detail.contains("Auth0 keeps the connected account"), removed == 0, "{detail}");
        let journal = rig.sandbox.journal();
        assert_eq!(journal.count_of(Server::Tenant, &format!("{listed}/")), removed, "{named:?}");
        assert_eq!(journal.count_of(Server::Tenant, listed), removed + 1, "the accounts were read");
        let refused = rig.get("/proxy/google/oauth2/v3/userinfo", BEN).await;
        assert_eq!(refused.outcome(), (403, "reconnect-required".into()), "{named:?}");
        rig.finish();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_fails_to_remove_an_account_leaves_it_disconnected_here() {
    let rig = start_over(tenant().quirk(Quirk::OnBehalfOf), "").await;
    assert_eq!(rig.get("/proxy/google/oauth2/v3/userinfo", BEN).await.status, 200);
    let fault = sandbox::Fault::on(Server::Tenant).path("/me/v1/connected-accounts/accounts").status(503);
    let _ordered = rig.sandbox.faults().add(fault);
    let gone = rig.send(rig.request(Method::DELETE, "/v1/me/google", BEN)).await;
    assert_eq!(gone.status, 200);
    assert!(gone.json()["detail"].as_str().unwrap().contains("Auth0 keeps the connected account"));
    let refused = rig.get("/proxy/google/oauth2/v3/userinfo", BEN).await;
    assert_eq!(refused.outcome(), (403, "reconnect-required".into()));
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_says_no_is_sent_back_and_nothing_changes() {
    let rig = start().await;
    for provider in ["github", "google"] {
        let url = link(&rig, provider, CLEO, json!({ "return_to": APP })).await;
        let ended = Browser::new(&rig).walk(&url, CLEO, "deny").await;
        assert_eq!(ended.result(), "denied", "{provider}");
        let url = link(&rig, provider, CLEO, nothing()).await;
        let ended = Browser::new(&rig).walk(&url, CLEO, "deny").await;
        assert_eq!(ended.page(), (200, "You did not agree"), "{provider}");
    }
    assert_eq!(rig.get("/proxy/github/user", CLEO).await.outcome(), (403, "reconnect-required".into()));
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_account_needs_linking_which_the_gateway_never_does() {
    let rig = start().await;
    let url = link(&rig, "github", ANA, json!({ "return_to": APP })).await;
    let ended = Browser::new(&rig).walk(&url, ANA, "allow").await;
    assert_eq!(ended.page(), (403, "This account is not one of yours here"));
    assert_eq!(rig.get("/proxy/github/user", ANA).await.outcome(), (403, "account-not-connected".into()));
    rig.finish();
    // Where the tenant links accounts itself, the same walk connects it.
    let rig = start_over(tenant().quirk(Quirk::LinkAccounts), "").await;
    let url = link(&rig, "github", ANA, json!({ "return_to": APP })).await;
    assert_eq!(Browser::new(&rig).walk(&url, ANA, "allow").await.result(), "ok");
    assert_eq!(rig.get("/proxy/github/user", ANA).await.outcome(), (200, "ok".into()));
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tabs_of_one_browser_do_not_disturb_each_other() {
    let rig = start().await;
    let first = link(&rig, "github", BEN, json!({ "return_to": APP })).await;
    let second = link(&rig, "google", BEN, json!({ "return_to": APP })).await;
    let mut browser = Browser::new(&rig);
    let one = browser.press(&first).await;
    let two = browser.press(&second).await;
    assert_eq!(browser.go_on(two, BEN, "allow").await.result(), "ok");
    assert_eq!(browser.go_on(one, BEN, "allow").await.result(), "ok");
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_section_there_is_no_such_thing() {
    let rig = Rig::over(Sandbox::builder(), "", "").await;
    let refused = rig.get("/proxy/github/user", CLEO).await.json();
    assert!(refused["connect"]["connection"].is_string() && refused["connect"].get("url").is_none());
    let post = rig.send(rig.request(Method::POST, "/v1/me/github/connect", CLEO)).await;
    assert_eq!(post.outcome(), (404, "not-found".into()));
    for path in ["/connect/github?ticket=x", "/connect/callback?state=x"] {
        let answer = rig.send(rig.bare(Method::GET, path)).await;
        assert_eq!(answer.outcome(), (404, "not-found".into()), "{path}");
    }
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_the_mcp_endpoint_is_led_to_the_link_once_and_the_call_then_works() {
    let rig = start_over(tenant(), "[mcp]\nenabled = true").await;
    let token = rig.sandbox.caller_token(CLEO);
    let body = |state: Option<&str>, opens_urls: bool| {
        let arguments = json!({ "provider": "github", "method": "GET", "path": "/user" });
        let mut params = json!({ "name": "call", "arguments": arguments });
        if let Some(state) = state {
            params["requestState"] = json!(state);
        }
        let mut body = mcp_support::message("tools/call", params);
        if opens_urls {
            let meta = &mut body["params"]["_meta"];
            meta["io.modelcontextprotocol/clientCapabilities"] = json!({ "elicitation": { "url": {} } });
        }
        body
    };
    let ask = async |state: Option<&str>, opens_urls: bool| {
        let answer = rig.send(mcp_support::request(&rig, &token, &body(state, opens_urls))).await;
        assert_eq!(answer.status, 200, "{:?}", answer.json());
        answer.json()["result"].clone()
    };
    let asked = ask(None, true).await;
    assert_eq!(asked["resultType"], "input_required", "{asked}");
    let url = asked["inputRequests"]["connect"]["params"]["url"].as_str().unwrap();
    assert!(url.starts_with(&format!("{PUBLIC}/connect/github?ticket=")), "{url}");
    let state = asked["requestState"].as_str().unwrap();
    // Who comes back without having connected is told so, and not sent there again.
    let again = ask(Some(state), true).await;
    assert_eq!((&again["isError"], &again["resultType"]), (&json!(true), &json!("complete")), "{again}");
    // A client that opens no addresses gets the link in the problem.
    let told = ask(None, false).await;
    assert_eq!(told["isError"], true);
    let link = told["structuredContent"]["connect"]["url"].as_str().unwrap();
    assert!(link.starts_with(&format!("{PUBLIC}/connect/github?ticket=")), "{told}");
    let ended = Browser::new(&rig).walk(&url.parse().unwrap(), CLEO, "allow").await;
    assert_eq!(ended.page(), (200, "The account is connected"));
    let made = ask(Some(state), true).await;
    assert_eq!(made["isError"], false, "{made}");
    assert!(made["content"][0]["text"].as_str().unwrap().contains("\"login\":\"cleo\""), "{made}");
    rig.finish();
}
