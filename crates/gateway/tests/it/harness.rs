//! Sandbox and gateway in one process, over real sockets; everything emitted is scanned for secrets.

use std::collections::HashMap;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock, Mutex};

use bytes::Bytes;
use gateway::config::Settings;
use gateway::server::{Lifecycle, Server, Stage};
use gateway::state::App;
use gateway::telemetry::{Audit, Metrics};
use http::{HeaderMap, StatusCode};
use reqwest::{Method, RequestBuilder};
use sandbox::{Alpn, ProviderKind, Sandbox, SandboxBuilder};
use serde_json::Value;
use tracing_subscriber::fmt::MakeWriter;

/// Linked accounts at every provider.
pub(crate) const BEN: &str = "google-oauth2|100000000000000000002";
/// Her GitHub grant is revoked.
pub(crate) const CLEO: &str = "google-oauth2|100000000000000000003";
/// Google alone.
pub(crate) const ANA: &str = "google-oauth2|100000000000000000001";

/// Everything that was logged by this process, at trace level.
static LOGS: LazyLock<Log> = LazyLock::new(|| {
    let log = Log::default();
    let own = "gateway=trace,mgmt_auth=trace,user_store=trace,token_broker=trace,token_keeper=trace,idp_adapters=trace";
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_env_filter(own)
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::CLOSE)
        .with_writer(log.clone())
        .finish();
    let _ = tracing::subscriber::set_global_default(subscriber);
    log
});

/// Everything logged so far.
pub(crate) fn logged() -> String {
    String::from_utf8_lossy(&LOGS.0.lock().unwrap()).into_owned()
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Log;

    fn make_writer(&self) -> Log {
        self.clone()
    }
}

/// A running pair of sandbox and gateway.
pub(crate) struct Rig {
    pub(crate) sandbox: Sandbox,
    pub(crate) app: Arc<App>,
    pub(crate) metrics: Metrics,
    pub(crate) addr: SocketAddr,
    lifecycle: Lifecycle,
    client: reqwest::Client,
    seen: Mutex<Vec<u8>>,
    /// One caller token for each user. With a new one for each call, the user would be read again where a second begins between
    /// two calls.
    tokens: Mutex<HashMap<String, String>>,
    checked: bool,
}

/// One answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Status and problem code, or the outcome where the body is the provider's.
    pub(crate) fn outcome(&self) -> (u16, String) {
        (self.status.as_u16(), self.header("idp-outcome").to_owned())
    }
}

impl Rig {
    /// The usual world; every provider read-only; `extra` is TOML behind the usual settings.
    pub(crate) async fn start(extra: &str) -> Self {
        Self::over(Sandbox::builder(), "", extra).await
    }

    /// The same over another sandbox. `server` goes into `[server]`.
    pub(crate) async fn over(builder: SandboxBuilder, server: &str, extra: &str) -> Self {
        Self::run(speaking(builder).start().await.unwrap(), server, "", extra).await
    }

    /// The same with TOML that depends on the sandbox's addresses.
    pub(crate) async fn with(builder: SandboxBuilder, extra: impl FnOnce(&Sandbox) -> String) -> Self {
        let sandbox = speaking(builder).start().await.unwrap();
        let extra = extra(&sandbox);
        Self::run(sandbox, "", "", &extra).await
    }

    /// The same with lines for `[server]`.
    pub(crate) async fn with_server(
        builder: SandboxBuilder,
        server: &str,
        extra: impl FnOnce(&Sandbox) -> String,
    ) -> Self {
        let sandbox = speaking(builder).start().await.unwrap();
        let extra = extra(&sandbox);
        Self::run(sandbox, server, "", &extra).await
    }

    /// The usual world with lines for `[server]` and for `[callers]`.
    pub(crate) async fn callers(server: &str, callers: &str, extra: &str) -> Self {
        Self::run(speaking(Sandbox::builder()).start().await.unwrap(), server, callers, extra).await
    }

    async fn run(sandbox: Sandbox, server: &str, callers: &str, extra: &str) -> Self {
        LazyLock::force(&LOGS);
        trust(&sandbox);
        let settings = Settings::from_toml(&configuration(&sandbox, server, callers, extra))
            .unwrap_or_else(|problems| panic!("the test's configuration is wrong: {problems}"));
        let metrics = Metrics::new().unwrap();
        let app = Arc::new(App::new(&settings, metrics.clone(), Audit::default()).await.unwrap());
        let lifecycle = Lifecycle::default();
        let handling = Arc::clone(&app);
        let handler = move |request, peer| {
            let app = Arc::clone(&handling);
            async move { app.handle(request, peer).await }
        };
        let bound = Server::bind(
            gateway::server::Options::from(&settings),
            handler,
            metrics.clone(),
            lifecycle.clone(),
        )
        .await
        .unwrap();
        let addr = bound.addr();
        tokio::spawn(bound.run());
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .user_agent("rig")
            .build()
            .unwrap();
        Self {
            sandbox,
            app,
            metrics,
            addr,
            lifecycle,
            client,
            seen: Mutex::default(),
            tokens: Mutex::default(),
            checked: false,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    /// A request of this user, always with the same caller token.
    pub(crate) fn request(&self, method: Method, path: &str, user: &str) -> RequestBuilder {
        let mut tokens = self.tokens.lock().unwrap();
        let token = tokens.entry(user.to_owned()).or_insert_with(|| self.sandbox.caller_token(user));
        self.client.request(method, self.url(path)).bearer_auth(token)
    }

    /// A request without credentials.
    pub(crate) fn bare(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.url(path))
    }

    /// A GET with this caller token.
    pub(crate) async fn get_with(&self, path: &str, token: &str) -> Answer {
        self.send(self.bare(Method::GET, path).bearer_auth(token)).await
    }

    pub(crate) async fn get(&self, path: &str, user: &str) -> Answer {
        self.send(self.request(Method::GET, path, user)).await
    }

    pub(crate) async fn send(&self, request: RequestBuilder) -> Answer {
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = answer.bytes().await.unwrap();
        self.note(&headers, &body);
        Answer { status, headers, body }
    }

    /// Remembers what was answered, for the scan.
    pub(crate) fn note(&self, headers: &HeaderMap, body: &[u8]) {
        let mut seen = self.seen.lock().unwrap();
        for (name, value) in headers {
            seen.extend_from_slice(name.as_str().as_bytes());
            seen.extend_from_slice(b": ");
            seen.extend_from_slice(value.as_bytes());
            seen.push(b'\n');
        }
        seen.extend_from_slice(body);
        seen.push(b'\n');
    }

    /// Ends the test: no secret of the sandbox may stand in any answer, log line or metric.
    pub(crate) fn finish(mut self) {
        self.checked = true;
        self.lifecycle.advance(Stage::Aborted);
        let metrics = self.metrics.render_prometheus();
        let logs = LOGS.0.lock().unwrap().clone();
        let seen = self.seen.lock().unwrap();
        for secret in self.sandbox.secrets().iter().filter(|secret| secret.len() >= 8) {
            for (place, bytes) in
                [("an answer", &seen[..]), ("a log line", &logs), ("a metric", metrics.as_bytes())]
            {
                assert!(
                    memchr::memmem::find(bytes, secret.as_bytes()).is_none(),
                    "a secret of {} bytes stands in {place}",
                    secret.len()
                );
            }
        }
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.lifecycle.advance(Stage::Aborted);
        if !self.checked && !std::thread::panicking() {
            panic!("end the test with `rig.finish()`, which scans for secrets");
        }
    }
}

/// Whether the providers speak HTTP/2 over TLS (`SANDBOX_ALPN=h2`), so that the same tests show both protocols.
/// `SSL_CERT_FILE` then names the file to which each test adds its sandbox's authority.
pub(crate) fn speaks_http2() -> bool {
    std::env::var("SANDBOX_ALPN").is_ok_and(|alpn| alpn == "h2")
}

pub(crate) fn speaking(builder: SandboxBuilder) -> SandboxBuilder {
    if speaks_http2() { builder.tls(Alpn::Http2) } else { builder }
}

pub(crate) fn trust(sandbox: &Sandbox) {
    let (Some(authority), Ok(file)) = (sandbox.authority_pem(), std::env::var("SSL_CERT_FILE")) else {
        return;
    };
    let mut file = std::fs::File::options().create(true).append(true).open(file).unwrap();
    file.write_all(authority.as_bytes()).unwrap();
}

pub(crate) fn configuration(sandbox: &Sandbox, server: &str, callers: &str, extra: &str) -> String {
    let provider = |kind| sandbox.provider_url(kind).to_string();
    format!(
        r#"
[server]
listen = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"
{server}
[tenant]
domain = "{domain}"
base_url = "{tenant}"
client_id = "{client_id}"
client_secret = "{client_secret}"
[callers]
audience = ["{audience}"]
{callers}
[cors]
origins = ["https://app.example.com"]
[providers.github]
base_url = "{github}"
{extra}
"#,
        domain = sandbox.domain(),
        tenant = sandbox.tenant_url(),
        client_id = sandbox.client_id(),
        client_secret = sandbox.client_secret(),
        audience = sandbox.api_audience(),
        github = provider(ProviderKind::GitHub),
    )
}
