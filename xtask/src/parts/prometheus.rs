//! Prometheus of the distribution scraping a running gateway, with our rules: they load, nothing fires, and an injected
//! fault fires exactly its alert.

use super::demo::Demo;
use crate::install::ensure_program;
use crate::{http, monitoring, sh};
use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, SystemTime};

const TIMEOUT: Duration = Duration::from_secs(60);

pub(super) fn run(root: &Path) -> Result<()> {
    ensure_program(root, "prometheus", "prometheus")?;
    monitoring::run(root, &monitoring::Options::default())?;
    let demo = Demo::start(root)?;
    let told: Value = serde_json::from_str(&demo.line).context("what the demo prints")?;
    let address = |name: &str| told[name].as_str().with_context(|| format!("the demo names no {name}"));
    let (gateway, admin) = (address("gateway")?, address("admin")?);
    drive(gateway, &told)?;
    let scrape = http::get(&format!("{admin}/metrics"), None)?;
    ensure!(scrape.status == 200, "/metrics answered {}", scrape.status);
    let names = monitoring::names_exist(root, &scrape.body)?;
    sh::say(&format!("prometheus: {names} metric names of rules and dashboard are in the scrape"));

    let server = Server::start(root, admin.trim_start_matches("http://"))?;
    server.until("the target to be up and every rule evaluated", || server.settled(root))?;
    let early = server.firing()?;
    ensure!(early.is_empty(), "alerts fire at a healthy gateway: {early:?}");
    let reload = http::post(&format!("{admin}/admin/reload"), "{}")?;
    ensure!(reload.status >= 400, "the demo has no configuration to reload, and reloaded it");
    server.until("the alert", || Ok(!server.firing()?.is_empty()))?;
    let fired = server.firing()?;
    ensure!(fired == ["IdpGatewayReloadFailed".to_owned()].into(), "a refused reload fires {fired:?}");
    sh::say("prometheus: a refused reload fires IdpGatewayReloadFailed and nothing else");
    Ok(())
}

/// A little of everything, so that every series a healthy gateway has is there.
fn drive(gateway: &str, told: &Value) -> Result<()> {
    let token =
        |user: &str| told["users"][user]["token"].as_str().with_context(|| format!("no token for {user}"));
    let call = |path: &str, token: Option<&str>, status: u16| {
        let answer = http::get(&format!("{gateway}{path}"), token)?;
        ensure!(answer.status == status, "{path} answered {}, not {status}: {}", answer.status, answer.body);
        Ok(())
    };
    for _ in 0..20 {
        call("/proxy/github/user", Some(token("ben")?), 200)?;
    }
    call("/proxy/github/user", Some(token("cleo")?), 403)?;
    call("/proxy/github/user", None, 401)
}

/// A running Prometheus, ended when dropped.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start(root: &Path, target: &str) -> Result<Self> {
        let folder = root.join("target/prometheus");
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder)?;
        // The cases of `promtool test rules` prove how long each alert waits; here waiting would only take time.
        let rules = std::fs::read_to_string(root.join(monitoring::RULES))?;
        let at_once: String = rules
            .lines()
            .filter(|line| !line.trim().starts_with("for: "))
            .map(|line| format!("{line}\n"))
            .collect();
        std::fs::write(folder.join("rules.yaml"), at_once)?;
        let configuration = format!(
            "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\nrule_files: [rules.yaml]\nscrape_configs:\n  \
             - job_name: idp-gateway\n    static_configs: [{{ targets: ['{target}'] }}]\n"
        );
        std::fs::write(folder.join("prometheus.yml"), configuration)?;
        let listen = format!("127.0.0.1:{}", http::free_port()?);
        let log = std::fs::File::create(folder.join("log"))?;
        let child = sh::command(&folder, "prometheus")
            .args(["--config.file=prometheus.yml", "--storage.tsdb.path=data"])
            .arg(format!("--web.listen-address={listen}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .context("prometheus")?;
        Ok(Self { child, url: format!("http://{listen}") })
    }

    fn until(&self, what: &str, mut done: impl FnMut() -> Result<bool>) -> Result<()> {
        let start = SystemTime::now();
        loop {
            match done() {
                Ok(true) => return Ok(()),
                _ if start.elapsed().unwrap_or_default() < TIMEOUT => {
                    sh::pause(Duration::from_millis(200));
                }
                Ok(false) => bail!("waited a minute for {what}; see target/prometheus/log"),
                Err(error) => return Err(error.context(format!("waited a minute for {what}"))),
            }
        }
    }

    fn ask(&self, path: &str) -> Result<Value> {
        let answer = http::get(&format!("{}{path}", self.url), None)?;
        let document: Value =
            serde_json::from_str(&answer.body).with_context(|| format!("{path}: {}", answer.body))?;
        Ok(document["data"].clone())
    }

    /// The target is up, and every rule of ours was evaluated without an error.
    fn settled(&self, root: &Path) -> Result<bool> {
        let targets = self.ask("/api/v1/targets")?;
        let up = targets["activeTargets"].as_array().is_some_and(|targets| {
            !targets.is_empty() && targets.iter().all(|target| target["health"] == "up")
        });
        let groups = self.ask("/api/v1/rules")?;
        let rules: Vec<&Value> = groups["groups"]
            .as_array()
            .into_iter()
            .flatten()
            .flat_map(|group| group["rules"].as_array())
            .flatten()
            .collect();
        if let Some(bad) = rules.iter().find(|rule| rule["health"] == "err") {
            bail!("rule {} cannot be evaluated: {}", bad["name"], bad["lastError"]);
        }
        let text = std::fs::read_to_string(root.join(monitoring::RULES))?;
        let alerts = rules.iter().filter(|rule| rule["type"] == "alerting").count();
        Ok(up && alerts == monitoring::alerts(&text).len() && rules.iter().all(|rule| rule["health"] == "ok"))
    }

    fn firing(&self) -> Result<BTreeSet<String>> {
        let alerts = self.ask("/api/v1/alerts")?;
        let firing = alerts["alerts"].as_array().context("no list of alerts")?.iter();
        Ok(firing
            .filter(|alert| alert["state"] == "firing")
            .filter_map(|alert| alert["labels"]["alertname"].as_str().map(str::to_owned))
            .collect())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Already gone is as good as ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
