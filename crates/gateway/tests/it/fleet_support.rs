//! Gateways as processes of their own, over one sandbox; and a Redis server where there is one.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use reqwest::Method;
use sandbox::{ProviderKind, Sandbox};
use serde_json::Value;
use tempfile::TempDir;

/// A key ring of one key.
const KEYS: &str = "k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";

/// One runtime's client for all tests would outlive its runtime; each fleet has its own.
fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .user_agent("fleet")
        .timeout(Duration::from_secs(40))
        .build()
        .unwrap()
}

/// A Redis or Valkey server of its own, gone with the test.
pub(crate) struct Redis {
    program: String,
    child: Mutex<Child>,
    port: u16,
    folder: TempDir,
    arguments: Vec<String>,
    url: String,
}

impl Redis {
    /// Starts the program that `REDIS_SERVER` names. Without it the test has nothing to run against.
    pub(crate) async fn start(test: &str) -> Option<Self> {
        let durable = ["--appendonly", "yes", "--appendfsync", "always", "--requirepass", "p4ss"];
        Self::start_with(test, |_, port| {
            let arguments =
                durable.iter().chain(&["--port"]).map(|word| (*word).to_owned()).chain([port.to_string()]);
            (arguments.collect(), format!("redis://default:p4ss@127.0.0.1:{port}"))
        })
        .await
    }

    /// The same with arguments, and a URL, of one's own: made from a folder and a port.
    pub(crate) async fn start_with(
        test: &str,
        arguments: impl FnOnce(&Path, u16) -> (Vec<String>, String),
    ) -> Option<Self> {
        let program = crate::parts::part("REDIS_SERVER", test)?;
        let folder = tempfile::tempdir().unwrap();
        let port = crate::parts::free_port();
        let (arguments, url) = arguments(folder.path(), port);
        let child = Mutex::new(Self::spawn(&program, &arguments, folder.path()));
        let redis = Self { program, child, port, folder, arguments, url };
        redis.wait().await;
        Some(redis)
    }

    fn spawn(program: &str, arguments: &[String], folder: &Path) -> Child {
        Command::new(program)
            .args(["--bind", "127.0.0.1", "--save", "", "--dir"])
            .arg(folder)
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    async fn wait(&self) {
        for _ in 0..400 {
            if tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("the Redis server did not start");
    }

    pub(crate) fn stop(&self) {
        let mut child = self.child.lock().unwrap();
        let _ = child.kill();
        let _ = child.wait();
    }

    pub(crate) async fn start_again(&self) {
        *self.child.lock().unwrap() = Self::spawn(&self.program, &self.arguments, self.folder.path());
        self.wait().await;
    }

    /// A file of its folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn url(&self) -> String {
        self.url.clone()
    }

    /// The `[store]` section.
    pub(crate) fn store(&self) -> String {
        let url = self.url();
        format!("[store]\nkind = \"redis\"\nurl = \"{url}\"\nencryption_keys_file = \"keys\"\n")
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Configuration and sandbox that all replicas share.
pub(crate) struct Fleet {
    pub(crate) sandbox: Sandbox,
    pub(crate) folder: TempDir,
    /// The replicas' environment.
    pub(crate) environment: Vec<(String, PathBuf)>,
    client: reqwest::Client,
}

impl Fleet {
    /// A fleet whose configuration ends with `store`.
    pub(crate) fn new(sandbox: Sandbox, store: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("keys"), KEYS).unwrap();
        let fleet = Self { sandbox, folder, environment: Vec::new(), client: client() };
        fleet.configure("gateway.toml", store);
        fleet
    }

    pub(crate) fn configure(&self, name: &str, store: &str) -> PathBuf {
        let sandbox = &self.sandbox;
        let (client, secret) = sandbox.provider_client(ProviderKind::Bitbucket);
        let text = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\nallowed_hosts = [\"127.0.0.1\", \"gw.example\"]\nadmin_listen = \"127.0.0.1:0\"\n\
             drain = {{ delay = \"0s\", timeout = \"2s\" }}\n\
             [tenant]\ndomain = \"{}\"\nbase_url = \"{}\"\nclient_id = \"{}\"\nclient_secret = \"{}\"\n\
             [callers]\naudience = [\"{}\"]\ndpop = \"allow\"\n[logout]\nclient_ids = [\"spa\"]\n\
             [audit]\nsink = \"stdout\"\n\
             [providers.github]\nbase_url = \"{}\"\n\
             [providers.bitbucket]\nbase_url = \"{}\"\ntoken_url = \"{}\"\nclient_id = \"{client}\"\nclient_secret = \"{secret}\"\n\
             {store}",
            sandbox.domain(),
            sandbox.tenant_url(),
            sandbox.client_id(),
            sandbox.client_secret(),
            sandbox.api_audience(),
            sandbox.provider_url(ProviderKind::GitHub),
            sandbox.provider_url(ProviderKind::Bitbucket),
            sandbox.provider_token_url(ProviderKind::Bitbucket),
        );
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Starts a replica and waits until it is ready.
    pub(crate) async fn replica(&self) -> Replica {
        let replica = self.replica_unready().await;
        replica.until_ready().await;
        replica
    }

    pub(crate) async fn replica_unready(&self) -> Replica {
        let path = self.folder.path().join("gateway.toml");
        let (client, environment) = (self.client.clone(), self.environment.clone());
        tokio::task::spawn_blocking(move || Replica::start(&path, environment, client)).await.unwrap()
    }

    /// Runs a command to its end: exit code, standard output, standard error.
    pub(crate) async fn command(&self, arguments: &[&str]) -> (i32, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
        command.args(arguments).arg("--config").arg(self.folder.path().join("gateway.toml")).env_clear();
        command.envs(self.environment.clone());
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
    }

    pub(crate) fn lookups(&self) -> usize {
        self.sandbox.journal().count_of(sandbox::Server::Tenant, "/api/v2/")
    }

    pub(crate) fn token_requests(&self) -> usize {
        self.sandbox.journal().count_of(sandbox::Server::Tenant, "/oauth/token")
    }
}

/// One gateway process.
pub(crate) struct Replica {
    child: Mutex<Child>,
    pub(crate) addr: SocketAddr,
    pub(crate) admin: SocketAddr,
    client: reqwest::Client,
    said: Arc<Mutex<String>>,
}

/// Status, outcome and body.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) outcome: String,
    pub(crate) json: Value,
}

impl Replica {
    fn start(config: &Path, environment: Vec<(String, PathBuf)>, client: reqwest::Client) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_gateway"))
            .args(["serve", "--config"])
            .arg(config)
            .env_clear()
            .envs(environment)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = Arc::new(Mutex::new(String::new()));
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut listening = None;
        for line in lines.by_ref().map_while(Result::ok) {
            let event: Value = serde_json::from_str(&line).unwrap_or_default();
            said.lock().unwrap().push_str(&(line + "\n"));
            if event["event"] == "listening" {
                let at = |name: &str| event[name].as_str().unwrap().parse().unwrap();
                listening = Some((at("listen"), at("admin_listen")));
                break;
            }
        }
        let (addr, admin) =
            listening.unwrap_or_else(|| panic!("the gateway did not start: {}", said.lock().unwrap()));
        let stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        follow(lines, said.clone());
        follow(stdout, said.clone());
        Self { child: Mutex::new(child), addr, admin, client, said }
    }

    /// `kill -9`.
    pub(crate) fn kill(&self) {
        let mut child = self.child.lock().unwrap();
        let _ = child.kill();
        let _ = child.wait();
    }

    /// An orderly end: SIGTERM. Waits for it, and says how the process ended.
    pub(crate) async fn terminate(&self) -> std::process::ExitStatus {
        let id = self.child.lock().unwrap().id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        for _ in 0..800 {
            if let Some(ended) = self.child.lock().unwrap().try_wait().unwrap() {
                return ended;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("it does not end: {}", self.said());
    }

    /// Everything it wrote so far.
    pub(crate) fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    pub(crate) async fn readiness(&self) -> Answer {
        self.send(self.client.get(format!("http://{}/readyz", self.admin))).await.unwrap()
    }

    pub(crate) async fn until_ready(&self) {
        for _ in 0..400 {
            if self.readiness().await.status == 200 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("never ready: {:?}\n{}", self.readiness().await, self.said());
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Answer {
        self.try_get(path, token).await.unwrap()
    }

    /// An error where the process is gone.
    pub(crate) async fn try_get(&self, path: &str, token: &str) -> Result<Answer, reqwest::Error> {
        self.send(self.request(Method::GET, path).bearer_auth(token)).await
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.addr))
    }

    pub(crate) async fn admin(&self, method: Method, path: &str, body: &Value) -> Answer {
        let bodiless = method == Method::GET;
        let request = self.client.request(method, format!("http://{}{path}", self.admin));
        let request = request.header("content-type", "application/json");
        self.send(if bodiless { request } else { request.body(body.to_string()) }).await.unwrap()
    }

    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Result<Answer, reqwest::Error> {
        let answer = request.send().await?;
        let outcome = answer.headers().get("idp-outcome").map_or("", |value| value.to_str().unwrap());
        let (status, outcome) = (answer.status().as_u16(), outcome.to_owned());
        let json = serde_json::from_slice(&answer.bytes().await?).unwrap_or_default();
        Ok(Answer { status, outcome, json })
    }
}

fn follow(lines: impl Iterator<Item = std::io::Result<String>> + Send + 'static, into: Arc<Mutex<String>>) {
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            into.lock().unwrap().push_str(&(line + "\n"));
        }
    });
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Tells whoever reads the test's log, captured or not.
pub(crate) fn say(what: std::fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stderr(), "{what}");
}

/// No secret of the sandbox was written by any of these.
pub(crate) fn nothing_leaked(fleet: &Fleet, replicas: &[&Replica]) {
    let secrets = fleet.sandbox.secrets();
    for replica in replicas {
        let said = replica.said();
        for secret in secrets.iter().filter(|secret| secret.len() >= 8) {
            assert!(!said.contains(secret.as_str()), "a secret of {} bytes was written", secret.len());
        }
    }
}
