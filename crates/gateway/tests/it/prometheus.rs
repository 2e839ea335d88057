//! Prometheus scraping a running gateway with the rules that are shipped: they load, nothing fires while all is well, and an
//! injected fault fires exactly its alert.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use sandbox::Sandbox;
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::Instant;

use crate::child::RunningGateway;
use crate::harness::{BEN, CLEO};
use crate::parts::part;

const RULES: &str = "rules/idp-gateway.yaml";

fn monitoring(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/monitoring").join(file)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prometheus_evaluates_the_rules_and_a_refused_reload_fires_its_alert() {
    let Some(program) = part("PROMETHEUS", "the shipped alert rules in Prometheus") else { return };
    let sandbox = Sandbox::builder().start().await.unwrap();
    let gateway = RunningGateway::start(&sandbox, "");
    drive(&sandbox, &gateway).await;
    let scrape = reqwest::get(gateway.admin_url("/metrics")).await.unwrap().text().await.unwrap();
    let there: BTreeSet<&str> = scrape
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split(['{', ' ']).next())
        .collect();
    for file in [RULES, "dashboard.json"] {
        for name in names(&std::fs::read_to_string(monitoring(file)).unwrap()) {
            assert!(there.contains(name.as_str()), "{file} names `{name}`, which no scrape has");
        }
    }
    let server = Server::start(&program, &gateway.admin.to_string());
    server.until("the target to be up and every rule evaluated", async || server.settled().await).await;
    assert_eq!(server.firing().await, BTreeSet::new(), "a healthy gateway");
    gateway.reload(&sandbox, "[nonsense]");
    server.until("the alert", async || !server.firing().await.is_empty()).await;
    assert_eq!(server.firing().await, ["IdpGatewayReloadFailed".to_owned()].into());
}

/// A little of everything, so that every series that a healthy gateway has is there.
async fn drive(sandbox: &Sandbox, gateway: &RunningGateway) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let calls = std::iter::repeat_n((Some(BEN), 200), 20).chain([(Some(CLEO), 403), (None, 401)]);
    for (user, status) in calls {
        let mut request = client.get(gateway.url("/proxy/github/user"));
        if let Some(user) = user {
            request = request.bearer_auth(sandbox.caller_token(user));
        }
        assert_eq!(request.send().await.unwrap().status(), status, "{user:?}");
    }
}

/// The metric names in a text of expressions.
fn names(text: &str) -> BTreeSet<String> {
    const OURS: [&str; 4] = ["idp_gateway_", "http_server_", "http_client_", "process_"];
    // Names of labels with one of our prefixes.
    const LABELS: [&str; 2] = ["http_route", "http_response_status_code"];
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':')
        .filter(|name| OURS.iter().any(|prefix| name.starts_with(prefix)) && !LABELS.contains(name))
        .map(str::to_owned)
        .collect()
}

/// A running Prometheus, ended when dropped.
struct Server {
    child: Child,
    url: String,
    rules: usize,
    _folder: TempDir,
}

impl Server {
    fn start(program: &str, target: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // The cases of `promtool test rules` prove how long each alert waits; here waiting would only take time.
        let rules = std::fs::read_to_string(monitoring(RULES)).unwrap();
        let at_once: String = rules
            .lines()
            .filter(|line| !line.trim().starts_with("for: "))
            .map(|line| format!("{line}\n"))
            .collect();
        std::fs::write(folder.path().join("rules.yaml"), at_once).unwrap();
        let configuration = format!(
            "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\nrule_files: [rules.yaml]\nscrape_configs:\n  \
             - job_name: idp-gateway\n    static_configs: [{{ targets: ['{target}'] }}]\n"
        );
        std::fs::write(folder.path().join("prometheus.yml"), configuration).unwrap();
        let free = SocketAddr::from((Ipv4Addr::LOCALHOST, crate::parts::free_port()));
        let child = Command::new(program)
            .args(["--config.file=prometheus.yml", "--storage.tsdb.path=data"])
            .arg(format!("--web.listen-address={free}"))
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program that PROMETHEUS names can be started");
        let rules = rules.matches("- alert: ").count();
        Self { child, url: format!("http://{free}"), rules, _folder: folder }
    }

    async fn until(&self, what: &str, mut done: impl AsyncFnMut() -> bool) {
        let until = Instant::now() + Duration::from_secs(60);
        while !done().await {
            assert!(Instant::now() < until, "waited a minute for {what}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// The member `data` of an answer; `null` while the server starts.
    async fn ask(&self, path: &str) -> Value {
        let Ok(answer) = reqwest::get(format!("{}{path}", self.url)).await else { return Value::Null };
        let text = answer.text().await.unwrap_or_default();
        serde_json::from_str::<Value>(&text).map_or(Value::Null, |mut document| document["data"].take())
    }

    /// The target is up, and every alert of ours was evaluated without an error.
    async fn settled(&self) -> bool {
        let targets = self.ask("/api/v1/targets").await;
        let up = list(&targets["activeTargets"]).iter().any(|target| target["health"] == "up");
        let answer = self.ask("/api/v1/rules").await;
        let rules: Vec<&Value> =
            list(&answer["groups"]).iter().flat_map(|group| list(&group["rules"])).collect();
        for rule in &rules {
            assert_ne!(rule["health"], "err", "{} cannot be evaluated: {}", rule["name"], rule["lastError"]);
        }
        let alerts = rules.iter().filter(|rule| rule["type"] == "alerting").count();
        up && alerts == self.rules && rules.iter().all(|rule| rule["health"] == "ok")
    }

    async fn firing(&self) -> BTreeSet<String> {
        let alerts = self.ask("/api/v1/alerts").await;
        let firing = list(&alerts["alerts"]).iter().filter(|alert| alert["state"] == "firing");
        firing.filter_map(|alert| alert["labels"]["alertname"].as_str().map(str::to_owned)).collect()
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
