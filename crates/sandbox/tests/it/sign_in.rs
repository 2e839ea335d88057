use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::{Response, Url};
use sandbox::{DpopKey, Quirk, SPA_CLIENT, Sandbox};
use serde_json::{Value, json};

use crate::helpers::{ANA, BEN, CLEO, client, json, start, text};

const BACK: &str = "http://127.0.0.1:9/app";
const VERIFIER: &str = "a-verifier-that-is-long-enough-to-be-one-0123456789";

fn digest(text: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    URL_SAFE_NO_PAD.encode(digest.as_ref())
}

fn authorize(sandbox: &Sandbox, with: &[(&str, &str)]) -> Url {
    let mut url = sandbox.tenant_url().join("authorize").expect("a path");
    let audience = sandbox.api_audience().to_owned();
    let challenge = digest(VERIFIER);
    let mut members = HashMap::from([
        ("client_id", SPA_CLIENT),
        ("redirect_uri", BACK),
        ("response_type", "code"),
        ("scope", "openid profile email offline_access"),
        ("audience", audience.as_str()),
        ("state", "xyz"),
        ("nonce", "n-1"),
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
    ]);
    members.extend(with.iter().copied());
    url.query_pairs_mut().extend_pairs(members.into_iter().filter(|(_, value)| !value.is_empty()));
    url
}

fn location(answer: &Response) -> HashMap<String, String> {
    let location = answer.headers()["location"].to_str().expect("text");
    assert!(location.starts_with(BACK), "{location}");
    Url::parse(location).expect("an address").query_pairs().into_owned().collect()
}

/// Presses the user's button; the answer sets the session cookie and leads back to the application.
async fn press(url: &Url, user: &str) -> Response {
    let form = Url::parse(&url.as_str().replace("/authorize?", "/u/login?")).expect("an address");
    client().post(form).form(&[("user", user)]).send().await.expect("an answer")
}

async fn redeem(sandbox: &Sandbox, with: &[(&str, &str)]) -> (u16, Value) {
    let mut form = HashMap::from([
        ("grant_type", "authorization_code"),
        ("client_id", SPA_CLIENT),
        ("redirect_uri", BACK),
        ("code_verifier", VERIFIER),
    ]);
    form.extend(with.iter().copied());
    json(client().post(sandbox.tenant_url().join("oauth/token").expect("a path")).form(&form)).await
}

fn claims(token: &str) -> Value {
    let part = token.split('.').nth(1).expect("claims");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64url")).expect("JSON")
}

#[tokio::test]
async fn a_user_signs_in_with_a_button_and_gets_tokens() {
    let sandbox = start().await;
    let url = authorize(&sandbox, &[]);
    let html = client().get(url.clone()).send().await.expect("an answer").text().await.expect("text");
    assert!(html.contains("<button type=\"submit\" name=\"user\""));
    assert_eq!(html.matches(">Ben Okafor</button>").count(), 1);
    let answer = press(&url, BEN).await;
    assert_eq!(answer.status(), 303);
    let back = location(&answer);
    assert_eq!(back["state"], "xyz");
    let (status, tokens) = redeem(&sandbox, &[("code", &back["code"])]).await;
    assert_eq!(status, 200, "{tokens}");
    let id = claims(text(&tokens, "/id_token"));
    assert_eq!((text(&id, "/iss"), text(&id, "/nonce")), (sandbox.tenant_url().as_str(), "n-1"));
    assert_eq!((text(&id, "/aud"), text(&id, "/sub"), text(&id, "/name")), (SPA_CLIENT, BEN, "Ben Okafor"));
    let access = claims(text(&tokens, "/access_token"));
    assert_eq!(access["aud"], json!([sandbox.api_audience(), format!("{}userinfo", sandbox.tenant_url())]));
    assert_eq!(redeem(&sandbox, &[("code", &back["code"])]).await.0, 403, "a code works once");

    let info = sandbox.tenant_url().join("userinfo").expect("a path");
    let (_, user) = json(client().get(info.clone()).bearer_auth(text(&tokens, "/access_token"))).await;
    assert_eq!(text(&user, "/email"), "ben@example.test");
    assert_eq!(client().get(info).bearer_auth("x").send().await.expect("an answer").status(), 401);

    let refresh = text(&tokens, "/refresh_token");
    let form = [("grant_type", "refresh_token"), ("refresh_token", refresh), ("scope", "openid admin")];
    let (status, fresh) = redeem(&sandbox, &form).await;
    assert_eq!((status, text(&fresh, "/scope")), (200, "openid"));
}

#[tokio::test]
async fn an_application_registers_itself_and_names_the_api_as_a_resource_where_the_tenant_lets_it() {
    const API: &str = "https://gw.example/mcp";
    let wanted = json!({ "client_name": "An assistant", "redirect_uris": [BACK], "token_endpoint_auth_method": "none" });
    let register = async |sandbox: &Sandbox, body: &Value| {
        json(client().post(sandbox.tenant_url().join("oidc/register").expect("a path")).json(body)).await
    };
    let closed = start().await;
    assert_eq!(register(&closed, &wanted).await.0, 404);
    let sandbox = Sandbox::builder().api(API).quirk(Quirk::OpenRegistration).quirk(Quirk::ResourceParameter);
    let sandbox = sandbox.start().await.expect("a sandbox");
    for bad in [json!({}), json!({ "redirect_uris": [] }), json!({ "redirect_uris": ["no address"] })] {
        assert_eq!(register(&sandbox, &bad).await.0, 400, "{bad}");
    }
    let (status, answer) = register(&sandbox, &wanted).await;
    assert_eq!((status, answer.get("client_secret")), (201, None), "{answer}");
    let id = text(&answer, "/client_id");
    let login = async |with: &[(&str, &str)]| {
        let url = authorize(&sandbox, &[&[("client_id", id)], with].concat());
        let back = location(&press(&url, BEN).await);
        match back.get("code") {
            None => json!(back),
            Some(code) => redeem(&sandbox, &[("client_id", id), ("code", code)]).await.1,
        }
    };
    let named = login(&[("audience", ""), ("resource", API), ("scope", "x")]).await;
    let access = claims(text(&named, "/access_token"));
    assert_eq!((&access["aud"], &access["azp"]), (&json!(API), &json!(id)));
    let both = login(&[("resource", API), ("scope", "x")]).await;
    assert_eq!(claims(text(&both, "/access_token"))["aud"], json!(sandbox.api_audience()), "audience counts");
    let unknown = login(&[("audience", ""), ("resource", "https://unknown.example")]).await;
    assert_eq!(text(&unknown, "/error"), "access_denied");
    let elsewhere = authorize(&sandbox, &[("client_id", id), ("redirect_uri", "http://127.0.0.1:9/other")]);
    assert_eq!(client().get(elsewhere).send().await.expect("an answer").status(), 403);
}

#[tokio::test]
async fn codes_are_bound_to_client_address_and_verifier() {
    let sandbox = start().await;
    for (name, value) in
        [("code_verifier", "another"), ("redirect_uri", "http://127.0.0.1:9/other"), ("code", "x")]
    {
        let back = location(&press(&authorize(&sandbox, &[]), BEN).await);
        let (status, body) = redeem(&sandbox, &[("code", back["code"].as_str()), (name, value)]).await;
        assert_eq!((status, text(&body, "/error")), (403, "invalid_grant"), "{name}");
    }
}

#[tokio::test]
async fn bad_requests_go_back_or_stay() {
    let sandbox = start().await;
    let ask = async |with: &[(&str, &str)]| {
        client().get(authorize(&sandbox, with)).send().await.expect("an answer")
    };
    assert_eq!(ask(&[("client_id", "nobody")]).await.status(), 403);
    assert_eq!(ask(&[("redirect_uri", "nonsense")]).await.status(), 403);
    for (with, error) in [
        ([("code_challenge", ""), ("code_challenge_method", "")], "invalid_request"),
        ([("code_challenge_method", "plain"), ("x", "")], "invalid_request"),
        ([("response_type", "token"), ("x", "")], "unsupported_response_type"),
        ([("audience", "https://none.example"), ("x", "")], "access_denied"),
        ([("prompt", "none"), ("x", "")], "login_required"),
    ] {
        assert_eq!(location(&ask(&with).await)["error"], error);
    }
    sandbox.world().block(CLEO, true);
    assert_eq!(location(&press(&authorize(&sandbox, &[]), CLEO).await)["error"], "unauthorized");
}

#[tokio::test]
async fn a_silent_request_answers_the_opening_window() {
    let sandbox = start().await;
    let silent = authorize(&sandbox, &[("prompt", "none"), ("response_mode", "web_message")]);
    let ask = async |cookie: &str| {
        let answer = client().get(silent.clone()).header("cookie", cookie).send().await.expect("an answer");
        answer.text().await.expect("text")
    };
    let html = ask("").await;
    assert!(html.contains("\"authorization_response\"") && html.contains("\"login_required\""));
    assert!(html.contains(",\"http://127.0.0.1:9\")"), "{html}");
    let signed_in = press(&authorize(&sandbox, &[]), BEN).await;
    let cookie = signed_in.headers()["set-cookie"]
        .to_str()
        .expect("text")
        .split(';')
        .next()
        .expect("a cookie")
        .to_owned();
    assert!(ask(&cookie).await.contains("\"code\""));
    let logout = sandbox
        .tenant_url()
        .join(&format!("v2/logout?client_id={SPA_CLIENT}&returnTo={BACK}"))
        .expect("a path");
    let out = client().get(logout).header("cookie", &cookie).send().await.expect("an answer");
    assert_eq!((out.status().as_u16(), out.headers()["location"].as_bytes()), (302, BACK.as_bytes()));
    assert!(ask(&cookie).await.contains("login_required"));
}

/// Presses a button of the consent page that an answer shows.
async fn decide(sandbox: &Sandbox, page: Response, decision: &str) -> Response {
    assert_eq!(page.status(), 200);
    assert!(page.headers()["content-security-policy"].to_str().expect("text").contains("default-src 'none'"));
    let html = page.text().await.expect("text");
    assert!(!html.contains("<script") && html.contains("/u/style.css"), "{html}");
    let action = html.split("action=\"/").nth(1).and_then(|rest| rest.split('"').next()).expect("a form");
    let to = sandbox.tenant_url().join(action).expect("a path");
    client().post(to).form(&[("decision", decision)]).send().await.expect("an answer")
}

#[tokio::test]
async fn a_sign_in_with_a_connection_passes_the_consent_page_and_adds_scopes() {
    let sandbox = start().await;
    assert!(!sandbox.world().is_granted(CLEO, "github"));
    let with = [("connection", "github"), ("connection_scope", "read:org,notifications")];
    let page = press(&authorize(&sandbox, &with), CLEO).await;
    let denied = decide(&sandbox, page, "deny").await;
    assert_eq!((denied.status().as_u16(), location(&denied)["error"].as_str()), (303, "access_denied"));
    assert!(!sandbox.world().is_granted(CLEO, "github"));
    let back = decide(&sandbox, press(&authorize(&sandbox, &with), CLEO).await, "allow").await;
    assert!(location(&back).contains_key("code"));
    assert!(sandbox.world().is_granted(CLEO, "github"));
    let url = sandbox.provider_url(sandbox::ProviderKind::GitHub).join("user/orgs").expect("a path");
    let token = sandbox.world().access_token(CLEO, "github").expect("a token");
    assert_eq!(json(client().get(url).bearer_auth(token)).await.0, 200);
    // The user agreed to all of it: the page does not come again, unless it is asked for.
    assert_eq!(press(&authorize(&sandbox, &with), CLEO).await.status(), 303);
    let forced = [("connection", "github"), ("prompt", "consent")];
    assert_eq!(press(&authorize(&sandbox, &forced), CLEO).await.status(), 200);
}

#[tokio::test]
async fn google_gives_a_refresh_token_only_when_asked_at_a_consent() {
    let sandbox = start().await;
    let held = || sandbox.world().refresh_token(BEN, "google-oauth2").is_some();
    assert!(held());
    let offline = ("access_type", "offline");
    for (with, expected) in [
        (vec![("connection", "google-oauth2"), offline], false),
        (vec![("connection", "google-oauth2"), offline, ("prompt", "consent")], true),
        (vec![("connection", "google-oauth2"), ("prompt", "consent")], false),
    ] {
        let mut answer = press(&authorize(&sandbox, &with), BEN).await;
        if answer.status() == 200 {
            answer = decide(&sandbox, answer, "allow").await;
        }
        assert!(location(&answer).contains_key("code"), "{with:?}");
        assert_eq!(held(), expected, "{with:?}");
    }
}

#[tokio::test]
async fn a_new_account_is_another_user_unless_the_tenant_links_accounts() {
    let sandbox = start().await;
    let with = [("connection", "github"), ("login_hint", "ana-dev@example.test")];
    let connect = async || {
        let back = location(&decide(&sandbox, press(&authorize(&sandbox, &with), ANA).await, "allow").await);
        let (status, tokens) = redeem(&sandbox, &[("code", &back["code"])]).await;
        assert_eq!(status, 200, "{tokens}");
        text(&claims(text(&tokens, "/id_token")), "/sub").to_owned()
    };
    let other = connect().await;
    assert!(other.starts_with("github|"), "{other}");
    assert!(sandbox.world().access_token(ANA, "github").is_none());
    assert!(sandbox.world().delete_user(&other));
    sandbox.quirks().turn_on(Quirk::LinkAccounts);
    assert_eq!(connect().await, ANA);
    assert!(sandbox.world().access_token(ANA, "github").is_some());
}

#[tokio::test]
async fn browsers_on_loopback_may_ask_for_tokens_and_others_may_not() {
    let sandbox = start().await;
    let token = sandbox.tenant_url().join("oauth/token").expect("a path");
    for (origin, allowed) in [("http://localhost:3000", true), ("https://evil.example", false)] {
        let preflight = client()
            .request(reqwest::Method::OPTIONS, token.clone())
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "auth0-client,dpop");
        let preflight = preflight.send().await.expect("an answer");
        assert_eq!(preflight.status(), 204);
        assert_eq!(preflight.headers()["access-control-allow-headers"].as_bytes(), b"auth0-client,dpop");
        let answer = client().post(token.clone()).header("origin", origin).send().await.expect("an answer");
        for headers in [preflight.headers(), answer.headers()] {
            assert_eq!(headers.contains_key("access-control-allow-origin"), allowed, "{origin}");
        }
    }
}

#[tokio::test]
async fn dpop_wants_a_nonce_and_binds_the_tokens() {
    let sandbox = start().await;
    let (key, other) = (DpopKey::generate().expect("a key"), DpopKey::generate().expect("a key"));
    let url = sandbox.tenant_url().join("oauth/token").expect("a path");
    let send = async |form: &[(&str, &str)], proof: String| {
        let answer =
            client().post(url.clone()).header("dpop", proof).form(form).send().await.expect("an answer");
        let nonce = answer.headers().get("dpop-nonce").map(|nonce| nonce.to_str().expect("text").to_owned());
        (answer.status().as_u16(), nonce, answer.json::<Value>().await.expect("JSON"))
    };
    let proof = |key: &DpopKey, with: Value| key.proof("POST", url.as_str(), None, with).expect("a proof");
    let back = location(&press(&authorize(&sandbox, &[]), BEN).await);
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", SPA_CLIENT),
        ("redirect_uri", BACK),
        ("code_verifier", VERIFIER),
        ("code", &back["code"]),
    ];
    let (status, nonce, body) = send(&form, proof(&key, json!({}))).await;
    assert_eq!((status, text(&body, "/error")), (400, "use_dpop_nonce"));
    let nonce = nonce.expect("a nonce");
    let (status, _, body) = send(&form, proof(&key, json!({ "nonce": nonce, "htm": "GET" }))).await;
    assert_eq!((status, text(&body, "/error")), (400, "invalid_dpop_proof"));
    let (status, _, tokens) = send(&form, proof(&key, json!({ "nonce": nonce }))).await;
    assert_eq!((status, text(&tokens, "/token_type")), (200, "DPoP"), "{tokens}");
    assert_eq!(text(&claims(text(&tokens, "/access_token")), "/cnf/jkt"), key.thumbprint());
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", SPA_CLIENT),
        ("refresh_token", text(&tokens, "/refresh_token")),
    ];
    assert_eq!(send(&form, proof(&other, json!({ "nonce": nonce }))).await.0, 400);
    assert_eq!(send(&form, proof(&key, json!({ "nonce": nonce }))).await.0, 200);
}
