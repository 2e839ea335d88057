//! Hosted connect against the sandbox: a browser of a few lines that keeps cookies and presses buttons.

use std::collections::HashMap;

use reqwest::{Method, StatusCode, Url};
use sandbox::{Client, ProviderKind, Sandbox, SandboxBuilder, VAULT_CLIENT};
use serde_json::{Value, json};

use crate::harness::{Answer, Rig};

/// The gateway's public address; the browser knows where it really is.
pub(crate) const PUBLIC: &str = "https://gw.example.com";
/// An address that `return_to` allows.
pub(crate) const APP: &str = "https://app.example.com/settings";
const CLIENT: &str = "connect-app";
const SECRET: &str = "the-secret-of-the-connect-application";

/// The sandbox with the application of the connect pages.
pub(crate) fn tenant() -> SandboxBuilder {
    let client = Client::machine(CLIENT, SECRET)
        .name("Acme's gateway")
        .grant_types(&["authorization_code"])
        .callbacks(&["https://gw.example.com/connect/callback"]);
    Sandbox::builder().client(client)
}

/// A gateway with hosted connect; GitHub and Bitbucket by identities, Google by the vault.
pub(crate) async fn start() -> Rig {
    start_over(tenant(), "").await
}

pub(crate) async fn start_over(builder: SandboxBuilder, connect: &str) -> Rig {
    let connect = connect.to_owned();
    let server = format!("public_url = \"{PUBLIC}\"");
    Rig::with_server(builder, &server, move |sandbox| {
        let url = |kind| sandbox.provider_url(kind).to_string();
        format!(
            r#"
[providers.bitbucket]
base_url = "{bitbucket}"
[providers.google]
base_url = "{google}"
source = ["vault"]
[vault]
client_id = "{VAULT_CLIENT}"
client_secret = "{vault}"
[connect]
client_id = "{CLIENT}"
client_secret = "{SECRET}"
return_to = ["https://app.example.com/"]
{connect}
"#,
            bitbucket = url(ProviderKind::Bitbucket),
            google = url(ProviderKind::Google),
            vault = sandbox.vault_client_secret(),
        )
    })
    .await
}

/// Asks for a link.
pub(crate) async fn ask(rig: &Rig, provider: &str, user: &str, body: Value) -> Answer {
    let request = rig.request(Method::POST, &format!("/v1/me/{provider}/connect"), user);
    rig.send(request.json(&body)).await
}

/// Asks for a link, and gets one.
pub(crate) async fn link(rig: &Rig, provider: &str, user: &str, body: Value) -> Url {
    let answer = ask(rig, provider, user, body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{:?}", answer.json());
    Url::parse(answer.json()["connect_url"].as_str().unwrap()).unwrap()
}

/// Where a walk ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// At a page: whose it is, its status, its text.
    Page { ours: bool, status: u16, html: String, outcome: String },
    /// Back at the app.
    App(Url),
}

impl Ended {
    /// The status and the heading of one of our pages.
    pub(crate) fn page(&self) -> (u16, &str) {
        match self {
            Self::Page { ours: true, status, html, .. } => (*status, heading(html)),
            other => panic!("no page of the gateway: {other:?}"),
        }
    }

    /// What the app is told.
    pub(crate) fn result(&self) -> String {
        match self {
            Self::App(url) => {
                assert!(url.as_str().starts_with(APP), "{url}");
                let members: HashMap<_, _> = url.query_pairs().into_owned().collect();
                assert_eq!(members["request_id"].len(), 32);
                members["idp_connect"].clone()
            }
            other => panic!("not at the app: {other:?}"),
        }
    }
}

fn heading(html: &str) -> &str {
    between(html, "<h1>", "</h1>").unwrap_or_default()
}

/// What a page's hidden field or form says.
pub(crate) fn between<'a>(html: &'a str, before: &str, after: &str) -> Option<&'a str> {
    html.split_once(before)?.1.split_once(after).map(|(found, _)| found)
}

/// A browser.
pub(crate) struct Browser<'a> {
    rig: &'a Rig,
    client: reqwest::Client,
    cookies: HashMap<String, HashMap<String, String>>,
    /// Every address it was at.
    pub(crate) visited: Vec<Url>,
}

impl<'a> Browser<'a> {
    pub(crate) fn new(rig: &'a Rig) -> Self {
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
        Self { rig, client: client.build().unwrap(), cookies: HashMap::new(), visited: Vec::new() }
    }

    pub(crate) fn is_ours(url: &Url) -> bool {
        url.as_str().starts_with(PUBLIC)
    }

    /// The cookie of that name at the gateway.
    pub(crate) fn cookie(&self, name: &str) -> Option<&String> {
        self.cookies.get(PUBLIC)?.get(name)
    }

    pub(crate) fn forget_cookies(&mut self) {
        self.cookies.clear();
    }

    /// One request; the answer is scanned for secrets where it is ours.
    pub(crate) async fn send(
        &mut self,
        method: Method,
        url: &Url,
        form: &[(&str, &str)],
        headers: &[(&'static str, &str)],
    ) -> Answer {
        self.visited.push(url.clone());
        let ours = Self::is_ours(url);
        let to = if ours { self.rig.url(&url.as_str()[PUBLIC.len()..]) } else { url.to_string() };
        let origin = url.origin().ascii_serialization();
        let mut request = self.client.request(method.clone(), to);
        if let Some(jar) = self.cookies.get(&origin).filter(|jar| !jar.is_empty()) {
            let pairs: Vec<String> = jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header("cookie", pairs.join("; "));
        }
        if method == Method::POST {
            request = request.form(form).header("origin", &origin).header("sec-fetch-site", "same-origin");
        }
        if ours {
            request = request.header("host", "gw.example.com");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = answer.bytes().await.unwrap();
        let jar = self.cookies.entry(origin).or_default();
        for line in headers.get_all("set-cookie") {
            let line = line.to_str().unwrap();
            let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
            if line.contains("Max-Age=0") {
                jar.remove(name);
            } else {
                jar.insert(name.to_owned(), value.to_owned());
            }
        }
        if ours {
            self.rig.note(&headers, &body);
        }
        Answer { status, headers, body }
    }

    pub(crate) async fn get(&mut self, url: &Url) -> Answer {
        self.send(Method::GET, url, &[], &[]).await
    }

    /// Presses the button of a link's page.
    pub(crate) async fn press(&mut self, url: &Url) -> Answer {
        let page = self.get(url).await;
        let html = String::from_utf8(page.body.to_vec()).unwrap();
        assert_eq!(page.status, 200, "{html}");
        let (action, ticket, token) = form_of(&html);
        self.send(Method::POST, &action, &[("ticket", &ticket), ("token", &token)], &[]).await
    }

    /// Opens a link and does what a user does: presses the button, signs in as `user`, and says yes or no to the provider.
    pub(crate) async fn walk(&mut self, url: &Url, user: &str, decision: &str) -> Ended {
        let answer = self.press(url).await;
        self.go_on(answer, user, decision).await
    }

    /// From an answer to the end.
    pub(crate) async fn go_on(&mut self, mut answer: Answer, user: &str, decision: &str) -> Ended {
        for _ in 0..20 {
            if answer.status.is_redirection() {
                let to = Url::parse(answer.header("location")).unwrap();
                if to.host_str() == Some("app.example.com") {
                    return Ended::App(to);
                }
                answer = self.get(&to).await;
                continue;
            }
            let at = self.visited.last().unwrap().clone();
            let html = String::from_utf8(answer.body.to_vec()).unwrap();
            if Self::is_ours(&at) {
                let outcome = answer.header("idp-outcome").to_owned();
                return Ended::Page { ours: true, status: answer.status.as_u16(), html, outcome };
            }
            let action = between(&html, "action=\"", "\"").map(|action| action.replace("&amp;", "&"));
            let Some(action) = action else {
                let status = answer.status.as_u16();
                return Ended::Page { ours: false, status, html, outcome: String::new() };
            };
            let to = at.join(&action).unwrap();
            let field =
                if html.contains("name=\"decision\"") { ("decision", decision) } else { ("user", user) };
            answer = self.send(Method::POST, &to, &[field], &[]).await;
        }
        panic!("the browser goes round in circles: {:?}", self.visited);
    }
}

/// Where the form of a link's page goes, and its two fields.
pub(crate) fn form_of(html: &str) -> (Url, String, String) {
    let action = between(html, "action=\"", "\"").unwrap();
    let ticket = between(html, "name=\"ticket\" value=\"", "\"").unwrap().to_owned();
    let token = between(html, "name=\"token\" value=\"", "\"").unwrap().to_owned();
    (Url::parse(action).unwrap(), ticket, token)
}

/// No body.
pub(crate) fn nothing() -> Value {
    json!({})
}
