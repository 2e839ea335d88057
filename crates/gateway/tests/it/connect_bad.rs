//! Hosted connect against everything that is not the walk it is made for.

use reqwest::{Method, Url};
use sandbox::Server;
use serde_json::json;

use crate::connect_support::{
    APP, Browser, Ended, PUBLIC, ask, form_of, link, nothing, start, start_over, tenant,
};
use crate::harness::{ANA, BEN, CLEO, Rig};

fn with_ticket(url: &Url, ticket: &str) -> Url {
    let mut url = url.clone();
    url.query_pairs_mut().clear().append_pair("ticket", ticket);
    url
}

fn ticket_of(url: &Url) -> String {
    url.query_pairs().find(|(name, _)| name == "ticket").unwrap().1.into_owned()
}

/// Nothing was asked of the tenant on the user's behalf, and nothing has changed for the user.
async fn nothing_was_connected(rig: &Rig) {
    assert_eq!(rig.get("/proxy/github/user", CLEO).await.outcome(), (403, "reconnect-required".into()));
    assert_eq!(rig.sandbox.journal().count_of(Server::Tenant, "/u/consent"), 0);
    assert_eq!(rig.sandbox.journal().count_of(Server::Tenant, "/me/v1"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_h01_forged_and_misplaced_tickets_open_nothing() {
    let rig = start().await;
    let url = link(&rig, "github", CLEO, nothing()).await;
    let ticket = ticket_of(&url);
    let mut browser = Browser::new(&rig);
    let mut altered = ticket.clone().into_bytes();
    altered[ticket.len() / 2] ^= 1;
    let altered = String::from_utf8(altered).unwrap();
    for bad in ["", "x", &altered, &ticket[..ticket.len() - 1], &format!("{ticket}A"), &"A".repeat(4000)] {
        let answer = browser.get(&with_ticket(&url, bad)).await;
        assert_eq!(answer.outcome(), (400, "bad-request".into()), "{bad}");
        assert!(answer.headers.get("set-cookie").is_none());
    }
    // A ticket is for its own page, and a state is no ticket.
    let elsewhere = Url::parse(&format!("{PUBLIC}/connect/google?ticket={ticket}")).unwrap();
    assert_eq!(browser.get(&elsewhere).await.status, 400);
    let twice = Url::parse(&format!("{url}&ticket={ticket}")).unwrap();
    assert_eq!(browser.get(&twice).await.status, 400);
    let sent = browser.press(&url).await;
    let to = Url::parse(sent.header("location")).unwrap();
    let state = to.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    assert_eq!(browser.get(&with_ticket(&url, &state)).await.status, 400);
    nothing_was_connected(&rig).await;
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_h02_a_link_works_once_and_not_for_ever() {
    let rig = start().await;
    let url = link(&rig, "github", CLEO, json!({ "return_to": APP })).await;
    let mut first = Browser::new(&rig);
    let answer = first.press(&url).await;
    // Another press of the same button, another tab and another browser come too late.
    assert_eq!(first.press(&url).await.outcome(), (410, "bad-request".into()));
    assert_eq!(Browser::new(&rig).press(&url).await.outcome(), (410, "bad-request".into()));
    assert_eq!(first.go_on(answer, CLEO, "allow").await.result(), "ok");
    // The callback works once too.
    let callback = first.visited.iter().rfind(|url| url.path() == "/connect/callback").unwrap().clone();
    let again = first.get(&callback).await;
    assert_eq!(again.outcome(), (410, "bad-request".into()));
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_h03_a_link_sent_to_somebody_else_connects_nothing() {
    let rig = start().await;
    for (provider, user) in [("github", CLEO), ("google", CLEO)] {
        let url = link(&rig, provider, user, json!({ "return_to": APP })).await;
        // The victim signs in as themselves, with a session at the tenant or without.
        let ended = Browser::new(&rig).walk(&url, BEN, "allow").await;
        assert_eq!(ended.page(), (403, "This link was made for another user"), "{provider}");
        let Ended::Page { outcome, .. } = ended else { unreachable!() };
        assert_eq!(outcome, "caller-not-allowed");
    }
    nothing_was_connected(&rig).await;
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_h07_what_one_browser_began_another_cannot_end() {
    let rig = start().await;
    // The attacker begins with a link of their own, and has the victim come back with the attacker's state.
    for provider in ["github", "google"] {
        let url = link(&rig, provider, CLEO, json!({ "return_to": APP })).await;
        let mut attacker = Browser::new(&rig);
        let mut answer = attacker.press(&url).await;
        // As far as the attacker gets without the victim: to the provider's consent page.
        loop {
            if answer.status.is_redirection() {
                let to = Url::parse(answer.header("location")).unwrap();
                answer = attacker.get(&to).await;
                continue;
            }
            let html = String::from_utf8(answer.body.to_vec()).unwrap();
            if html.contains("name=\"decision\"") {
                break;
            }
            let action =
                crate::connect_support::between(&html, "action=\"", "\"").unwrap().replace("&amp;", "&");
            let to = attacker.visited.last().unwrap().join(&action).unwrap();
            answer = attacker.send(Method::POST, &to, &[("user", CLEO)], &[]).await;
        }
        let html = String::from_utf8(answer.body.to_vec()).unwrap();
        let action = crate::connect_support::between(&html, "action=\"", "\"").unwrap().replace("&amp;", "&");
        let consent = attacker.visited.last().unwrap().join(&action).unwrap();
        // The victim agrees, having opened the attacker's link before so as to have a cookie of the gateway.
        let mut victim = Browser::new(&rig);
        victim.get(&url).await;
        let back = victim.send(Method::POST, &consent, &[("decision", "allow")], &[]).await;
        let ended = victim.go_on(back, BEN, "allow").await;
        assert_eq!(ended.page(), (403, "This browser did not start the connection"), "{provider}");
    }
    let completed = "/me/v1/connected-accounts/complete";
    assert_eq!(rig.sandbox.journal().count_of(Server::Tenant, completed), 0);
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_h07_a_callback_needs_its_browser_and_its_state() {
    let rig = start().await;
    let url = link(&rig, "github", CLEO, json!({ "return_to": APP })).await;
    let mut browser = Browser::new(&rig);
    let to = Url::parse(browser.press(&url).await.header("location")).unwrap();
    let state = to.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let callback = |query: &str| Url::parse(&format!("{PUBLIC}/connect/callback{query}")).unwrap();
    for (query, status) in [
        ("".to_owned(), 400),
        ("?code=x".to_owned(), 400),
        ("?code=x&state=".to_owned(), 400),
        ("?code=x&state=nonsense".to_owned(), 400),
        (format!("?code=x&state={}", ticket_of(&url)), 400),
        (format!("?code=x&state={state}x"), 400),
        (format!("?code=x&state={state}&state={state}"), 400),
        (format!("?code=x&state={state}&iss=https%3A%2F%2Fevil.example%2F"), 400),
    ] {
        let answer = browser.get(&callback(&query)).await;
        assert_eq!(answer.status.as_u16(), status, "{query}");
        assert!(answer.headers.get("location").is_none(), "{query}");
    }
    // Without the cookie, or with another browser's.
    let good = callback(&format!("?code=x&state={state}"));
    assert_eq!(Browser::new(&rig).get(&good).await.status, 403);
    let mut other = Browser::new(&rig);
    other.get(&url).await;
    assert_eq!(other.get(&good).await.status, 403);
    // None of that has used the state up: its own browser comes back with a code that the tenant does not know.
    let answer = browser.get(&good).await;
    assert_eq!(answer.outcome(), (303, "ok".into()));
    assert!(
        answer
            .header("location")
            .starts_with("https://app.example.com/settings?idp_connect=failed&request_id=")
    );
    let issuer = rig.sandbox.tenant_url();
    let named = link(&rig, "github", CLEO, json!({ "return_to": APP })).await;
    let to = Url::parse(browser.press(&named).await.header("location")).unwrap();
    let state = to.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let mut with_issuer = callback("");
    with_issuer.query_pairs_mut().append_pair("error", "access_denied").append_pair("state", &state);
    with_issuer.query_pairs_mut().append_pair("iss", issuer.as_str());
    let denied = browser.get(&with_issuer).await;
    assert!(denied.header("location").contains("idp_connect=denied"), "{}", denied.header("location"));
    nothing_was_connected(&rig).await;
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_h05_nothing_but_the_pressed_button_begins_anything() {
    let rig = start().await;
    let url = link(&rig, "github", CLEO, nothing()).await;
    let mut browser = Browser::new(&rig);
    let head = browser.send(Method::HEAD, &url, &[], &[]).await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
    assert!(head.headers.get("set-cookie").is_none());
    for header in
        [("sec-purpose", "prefetch"), ("sec-purpose", "prefetch;prerender"), ("sec-fetch-dest", "iframe")]
    {
        let answer = browser.send(Method::GET, &url, &[], &[header]).await;
        assert_eq!(answer.status, 503, "{header:?}");
        assert!(answer.headers.get("set-cookie").is_none(), "{header:?}");
    }
    assert!(browser.cookie("__Host-idp-connect").is_none());
    let html = String::from_utf8(browser.get(&url).await.body.to_vec()).unwrap();
    let (action, ticket, token) = form_of(&html);
    let fields = [("ticket", ticket.as_str()), ("token", token.as_str())];
    for header in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("sec-fetch-dest", "iframe"),
    ] {
        // The browser's own header comes first: two of them, or a foreign one.
        let answer = browser.send(Method::POST, &action, &fields, &[header]).await;
        assert!(matches!(answer.status.as_u16(), 403 | 503), "{header:?}: {}", answer.status);
    }
    for fields in
        [&[("ticket", ticket.as_str())][..], &[("ticket", &ticket), ("token", "x")], &[("token", &token)]]
    {
        let answer = browser.send(Method::POST, &action, fields, &[]).await;
        assert!(matches!(answer.status.as_u16(), 400 | 403), "{}", answer.status);
    }
    // The form of one browser is no other's, and cookies are needed.
    let mut other = Browser::new(&rig);
    other.get(&url).await;
    assert_eq!(other.send(Method::POST, &action, &fields, &[]).await.status, 403);
    other.forget_cookies();
    assert_eq!(other.send(Method::POST, &action, &fields, &[]).await.status, 403);
    // All that has left the link unused.
    assert_eq!(browser.send(Method::POST, &action, &fields, &[]).await.status, 303);
    for (method, path) in [(Method::POST, "/connect/callback"), (Method::PUT, "/connect/github")] {
        let answer = rig.send(rig.bare(method, path)).await;
        assert_eq!(answer.outcome(), (405, "method-not-allowed".into()), "{path}");
    }
    nothing_was_connected(&rig).await;
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_h04_return_addresses_that_only_look_allowed_are_refused() {
    let rig = start().await;
    for bad in [
        "https://app.example.com.evil.example/",
        "https://user@app.example.com/",
        "https://app.example.com:8443/",
        "https://evil.example\\@app.example.com/",
        "https:\\\\app.example.com/",
        "//app.example.com/",
        "/settings",
        "http://app.example.com/",
        "javascript:alert(1)",
    ] {
        let answer = ask(&rig, "github", CLEO, json!({ "return_to": bad })).await;
        assert_eq!(answer.outcome(), (400, "bad-request".into()), "{bad}");
        assert!(answer.json()["detail"].as_str().unwrap().contains("return_to"), "{bad}");
    }
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_link_cannot_be_asked_for_is_said() {
    let rig = start().await;
    for body in [
        json!({ "scopes": ["a b"] }),
        json!({ "scopes": [""] }),
        json!({ "scopes": "repo" }),
        json!({ "scope": ["repo"] }),
        json!({ "account": "google-oauth2|1" }),
        json!([]),
    ] {
        let answer = ask(&rig, "github", BEN, body.clone()).await;
        assert_eq!(answer.outcome(), (400, "bad-request".into()), "{body}");
    }
    assert_eq!(ask(&rig, "nothing", BEN, nothing()).await.outcome(), (404, "unknown-provider".into()));
    let get = rig.send(rig.request(Method::GET, "/v1/me/github/connect", BEN)).await;
    assert_eq!((get.outcome(), get.header("allow")), ((405, "method-not-allowed".into()), "POST"));
    let anonymous = rig.send(rig.bare(Method::POST, "/v1/me/github/connect")).await;
    assert_eq!(anonymous.outcome(), (401, "caller-token-missing".into()));
    let empty = rig.send(rig.request(Method::POST, "/v1/me/github/connect", BEN)).await;
    assert_eq!(empty.status, 201);
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_h06_who_is_blocked_connects_nothing() {
    let rig = start().await;
    let url = link(&rig, "github", CLEO, json!({ "return_to": APP })).await;
    let mut browser = Browser::new(&rig);
    let answer = browser.press(&url).await;
    let selector = || gateway::admin::Selector { user: Some(CLEO.to_owned()), ..Default::default() };
    let block = gateway::admin::BlockRequest { selector: selector(), reason: None, duration: None };
    let operations: std::sync::Arc<dyn gateway::admin::Operations> = rig.app.clone();
    operations.block(block).await.unwrap();
    // A link that was made before, and a flow that is under way, end here.
    let ended = browser.go_on(answer, CLEO, "allow").await;
    assert_eq!(ended.page(), (403, "You may not connect accounts here"));
    assert_eq!(browser.get(&url).await.outcome(), (403, "user-blocked".into()));
    assert_eq!(ask(&rig, "github", CLEO, nothing()).await.outcome(), (403, "user-blocked".into()));
    operations.unblock(selector()).await.unwrap();
    // Blocked in Auth0: the tenant refuses the login.
    let url = link(&rig, "github", ANA, json!({ "return_to": APP })).await;
    rig.sandbox.world().block(ANA, true);
    assert_eq!(Browser::new(&rig).walk(&url, ANA, "allow").await.result(), "failed");
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_h12_who_may_call_nothing_at_a_provider_gets_no_link_to_it() {
    let rules = r#"
[[providers.bitbucket.rules]]
clients = ["another-app"]
paths = ["/**"]
[[providers.bitbucket.rules]]
paths = ["/**"]
allow = false
[[providers.google.rules]]
paths = ["/drive/**"]
allow = false
"#;
    let rig = start_over(tenant(), rules).await;
    let body = || json!({ "scopes": ["repository:write"] });
    assert_eq!(ask(&rig, "bitbucket", CLEO, body()).await.outcome(), (403, "policy-denied".into()));
    // Nor does it disconnect the account for the apps to which something is open.
    let gone = rig.send(rig.request(Method::DELETE, "/v1/me/bitbucket", CLEO)).await;
    assert_eq!(gone.outcome(), (403, "policy-denied".into()));
    assert!(gone.json()["connect"].is_null());
    // What is open in part can be connected.
    link(&rig, "google", CLEO, nothing()).await;
    link(&rig, "github", CLEO, nothing()).await;
    // A block of the connection alone, which the route does not name.
    let selector = gateway::admin::Selector { connection: Some("github".to_owned()), ..Default::default() };
    let block = gateway::admin::BlockRequest { selector, reason: None, duration: None };
    let operations: std::sync::Arc<dyn gateway::admin::Operations> = rig.app.clone();
    operations.block(block).await.unwrap();
    assert_eq!(ask(&rig, "github", CLEO, nothing()).await.outcome(), (403, "policy-denied".into()));
    rig.finish();
}

/// The address that the caller chose is not the app's name.
#[tokio::test(flavor = "multi_thread")]
async fn tm_h13_the_page_names_the_app_that_called() {
    let rig = start().await;
    let url = link(&rig, "github", CLEO, json!({ "return_to": APP })).await;
    let page = Browser::new(&rig).get(&url).await;
    let page = String::from_utf8(page.body.to_vec()).unwrap();
    let app = page.find("client id <code>").expect("the app");
    let back = page.find("sent to <code>app.example.com</code>").expect("the return address");
    assert!(app < back && !page.contains("app.example.com</code> wants"), "{page}");
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_h09_a_tenant_that_fails_is_said_and_leaves_no_token_behind() {
    let rig = start().await;
    for path in ["/me/v1/connected-accounts/connect", "/me/v1/connected-accounts/complete", "/oauth/token"] {
        let fault = sandbox::Fault::on(Server::Tenant).path(path).status(503).times(1);
        let url = link(&rig, "google", BEN, json!({ "return_to": APP })).await;
        let _ordered = rig.sandbox.faults().add(fault);
        assert_eq!(Browser::new(&rig).walk(&url, BEN, "allow").await.result(), "failed", "{path}");
    }
    rig.finish();
}
