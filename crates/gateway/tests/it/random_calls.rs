//! Random calls of random callers: for the properties that the dry run and the MCP tools say what the proxy does.

use fastrand::Rng;
use gateway::admin::{BlockRequest, Operations, Selector};
use sandbox::{ProviderKind, Sandbox, Server};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::{ANA, BEN, CLEO, Rig};
use crate::policy::RULES;

const METHODS: [&str; 12] =
    ["GET", "GET", "HEAD", "POST", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "post", "TRACE", "CONNECT"];

const GITHUB: [&str; 20] = [
    "/user",
    "",
    "/",
    "//user",
    "/users/ben?x=1",
    "/repos/acme/payroll",
    "/repos/acme/payroll/issues",
    "/repos/acme%2Fpayroll/x",
    "/repos/ben/site/issues",
    "/markdown",
    "/graphql",
    "/graphql",
    "/graphql/",
    "/graphql?query=%7Bviewer%7Blogin%7D%7D",
    "/applications/x/token",
    "/user?access_token=x",
    "/../user",
    "/user#x",
    "/user\\x",
    "/user`",
];
const GOOGLE: [&str; 5] =
    ["/oauth2/v3/userinfo", "/calendar/v3/calendars/primary/events", "/batch", "/oauth2/v3/tokeninfo", "/"];
const FACEBOOK: [&str; 6] = ["/v22.0/me", "/v22.0/me/feed", "/v22.0", "/me?method=delete", "/oauth/x", "/me"];
const BITBUCKET: [&str; 3] = ["/2.0/user", "/2.0/repositories/ben/anvil/pullrequests", "/2.0/workspaces"];
const MICROSOFT: [&str; 5] = ["/v1.0/me", "/v1.0/me/messages", "/v1.0/Me/secret", "/v1.0/$batch", "/beta/me"];
const HOSTS: [&str; 5] =
    ["api.github.com", "people.googleapis.com", "uploads.github.com", "evil.example", "169.254.169.254"];

const BODIES: [&str; 19] = [
    r#"{"query":"{viewer{login}}"}"#,
    r#"{"query":"{me:viewer{login}}","operationName":null,"variables":{}}"#,
    r#"{"query":"mutation{addStar(input:{}){clientMutationId}}"}"#,
    r#"{"query":"query A{viewer{login}} mutation B{addStar{x}}","operationName":"A"}"#,
    r#"{"query":"{...F} fragment F on Query{repository{name}}"}"#,
    r#"{"query":"{relay{nodes{id}}}"}"#,
    r#"{"query":"{viewer{a{b{c{d}}}}}"}"#,
    r#"{"query":"{__schema{types{name}}}"}"#,
    r#"[{"query":"{viewer{login}}"},{"query":"{repository{name}}"}]"#,
    r#"{"query":"{viewer{login}}","query":"mutation{addStar{x}}"}"#,
    r#"{"extensions":{"persistedQuery":{"sha256Hash":"abc"}}}"#,
    r#"{"query":"{viewer"}"#,
    r#"{"text":"hi"}"#,
    r#"{"message":"hi","fields":"id"}"#,
    r#"{"method":"delete"}"#,
    r#"{"a":{"b":1},"m\u0065thod":"DELETE"}"#,
    r#"{"batch":[]}"#,
    "[1]",
    "7",
];

/// Rules for GitHub, scopes that are enforced at Bitbucket, bodies that are read at Facebook, case that is ignored at
/// Microsoft, and a second host of Google's.
pub(crate) fn providers(sandbox: &Sandbox) -> String {
    let url = |kind| sandbox.provider_url(kind);
    let google = url(ProviderKind::Google);
    let token = sandbox.provider_token_url(ProviderKind::Bitbucket);
    let (id, secret) = sandbox.provider_client(ProviderKind::Bitbucket);
    format!(
        r#"{RULES}
[providers.google]
base_url = "{google}"
upstreams = {{ "people.googleapis.com" = "{google}" }}
[providers.facebook]
base_url = "{}"
access = "full"
[providers.bitbucket]
base_url = "{}"
check_scopes = "enforce"
token_url = "{token}"
client_id = "{id}"
client_secret = "{secret}"
allow_rotation_in_memory = true
[providers.microsoft]
base_url = "{}"
access = "rules"
rules = [
    {{ paths = ["/v1.0/me/secret/**"], allow = false }},
    {{ methods = ["GET"], paths = ["/v1.0/me/**"], hosts = ["graph.microsoft.com"] }},
]
"#,
        url(ProviderKind::Facebook),
        url(ProviderKind::Bitbucket),
        url(ProviderKind::Microsoft),
    )
}

/// Users with and without accounts, scopes, agents and claims, and other apps.
fn callers(rig: &Rig) -> Vec<String> {
    let mint = || rig.sandbox.mint();
    let role = |role: Value| mint().user(BEN).claim("azp", "cli").claim("https://acme.test/role", role);
    [
        mint().user(BEN),
        mint().user(BEN).scope("openid payroll"),
        mint().user(BEN).acting(&["planner"]),
        mint().user(BEN).acting(&["planner", "helper"]),
        mint().user(BEN).acting(&["helper", "planner"]),
        mint().user(BEN).acting(&["helper"]),
        mint().user(BEN).claim("azp", "cli"),
        mint().user(BEN).claim("azp", "cli").acting(&["planner"]),
        role(json!("admin")),
        role(json!(["viewer", "editor"])),
        role(json!("viewer")),
        mint().user(ANA),
        mint().user(CLEO),
    ]
    .into_iter()
    .map(|token| token.sign())
    .collect()
}

/// The callers' tokens, after all that the caches can know is known, and ANA is blocked at Google.
pub(crate) async fn prepared(rig: &Rig) -> Vec<String> {
    let world = rig.sandbox.world();
    // The scopes are known of a token that a refresh brought.
    assert!(world.set_scopes(BEN, "bitbucket", &["account"]) && world.expire(BEN, "bitbucket"));
    for user in [ANA, BEN, CLEO] {
        for path in ["/v1/me", "/proxy/github/user", "/proxy/bitbucket/2.0/user"] {
            rig.get(path, user).await;
        }
    }
    let selector =
        Selector { user: Some(ANA.to_owned()), provider: Some("google".to_owned()), ..Selector::default() };
    block(rig, selector).await;
    let callers = callers(rig);
    for caller in &callers {
        rig.get_with("/proxy/github/user", caller).await;
    }
    callers
}

/// Blocks as an operator does.
pub(crate) async fn block(rig: &Rig, selector: Selector) {
    let operations: std::sync::Arc<dyn Operations> = rig.app.clone();
    operations.block(BlockRequest { selector, reason: None, duration: None }).await.unwrap();
}

/// One call.
#[derive(Debug)]
pub(crate) struct RandomCall {
    /// The number of the caller.
    pub(crate) caller: usize,
    pub(crate) provider: &'static str,
    pub(crate) method: &'static str,
    pub(crate) path: String,
    /// Sent as `application/json`.
    pub(crate) body: Option<&'static str>,
}

impl RandomCall {
    /// The call of this number.
    pub(crate) fn new(seed: u64, callers: &[String]) -> Self {
        let mut rng = Rng::with_seed(seed);
        let (provider, paths): (_, &[&str]) = match rng.u8(..12) {
            0..=5 => ("github", &GITHUB),
            6 | 7 => ("google", &GOOGLE),
            8 | 9 => ("facebook", &FACEBOOK),
            10 => ("bitbucket", &BITBUCKET),
            _ => ("microsoft", &MICROSOFT),
        };
        let provider = if rng.u8(..60) == 0 { "gitlab" } else { provider };
        let caller = rng.usize(..callers.len());
        let mut path = paths[rng.usize(..paths.len())].to_owned();
        match rng.u8(..40) {
            0..=7 => path = respelled(&mut rng, &path),
            8 => path = format!("{path}/{}", callers[caller]),
            9 => path.push_str(&"/x".repeat(5000)),
            10..=14 => path = format!("/~{}{path}", HOSTS[rng.usize(..HOSTS.len())]),
            _ => {}
        }
        let method = METHODS[rng.usize(..METHODS.len())];
        let takes_body = !matches!(method, "GET" | "HEAD" | "CONNECT" | "TRACE");
        let body = if takes_body { rng.u8(..8) > 0 } else { rng.u8(..12) == 0 };
        Self { caller, provider, method, path, body: body.then(|| BODIES[rng.usize(..BODIES.len())]) }
    }

    /// The body where it is JSON, as it is written: a duplicate member has to arrive as it is.
    pub(crate) fn json(&self) -> String {
        self.body.map(|body| format!("\"body\":{body},")).unwrap_or_default()
    }

    /// The provider's server.
    fn server(&self) -> Server {
        match self.provider {
            "google" => Server::Google,
            "facebook" => Server::Facebook,
            "bitbucket" => Server::Bitbucket,
            "microsoft" => Server::Microsoft,
            _ => Server::GitHub,
        }
    }

    /// Whether a request has reached the provider since the journal was cleared.
    pub(crate) fn reached(&self, rig: &Rig) -> bool {
        rig.sandbox.journal().count_of(self.server(), "/") > 0
    }

    /// Makes the call, byte for byte as it is written. Whether the provider was reached, and the outcome.
    pub(crate) async fn proxied(&self, rig: &Rig, token: &str) -> (bool, String) {
        rig.sandbox.journal().clear();
        let Self { provider, method, path, .. } = self;
        let mut request = format!(
            "{method} /proxy/{provider}{path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nIdp-Errors: problem\r\n\
             Authorization: Bearer {token}\r\n",
            rig.addr
        );
        if let Some(body) = self.body {
            request
                .push_str(&format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len()));
        }
        request.push_str("\r\n");
        request.push_str(self.body.unwrap_or_default());
        let mut stream = TcpStream::connect(rig.addr).await.unwrap();
        // What is refused by its first line may be answered, and the connection closed, before all is sent.
        let _ = stream.write_all(request.as_bytes()).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        rig.note(&http::HeaderMap::new(), &answer);
        let head = String::from_utf8_lossy(&answer);
        let head = head.split("\r\n\r\n").next().unwrap();
        let outcome = head.lines().find_map(|line| line.strip_prefix("idp-outcome: "));
        (self.reached(rig), outcome.unwrap_or_default().to_owned())
    }
}

/// A path in one of its many spellings.
fn respelled(rng: &mut Rng, path: &str) -> String {
    // Where the path begins is not in question.
    let (first, rest) = path.split_at_checked(1).unwrap_or(("/", ""));
    let mut out = first.to_owned();
    for c in rest.chars() {
        match rng.u8(..40) {
            0 if c.is_ascii_alphabetic() => out.push_str(&format!("%{:02x}", c as u32)),
            1 if c.is_ascii_alphabetic() => out.push_str(&format!("%{:02X}", c as u32)),
            2 if c.is_ascii_alphabetic() => out.push_str(&format!("%25{:02x}", c as u32)),
            3..=6 => out.push(c.to_ascii_uppercase()),
            7 if c == '/' => out.push_str("//"),
            8 if c == '/' => out.push_str(";x=1/"),
            9 if c == '/' => out.push_str("%2F"),
            10 if c == '/' => out.push_str("/%2e%2e/"),
            _ => out.push(c),
        }
    }
    if rng.u8(..6) == 0 {
        out.push_str(["/", ";x", ".", "%20", "%00", "%", "?", "?a=%zz"][rng.usize(..8)]);
    }
    out
}
