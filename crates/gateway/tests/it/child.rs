//! `gateway serve` as a process of its own, against a sandbox in this one.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use sandbox::{ProviderKind, Sandbox};
use serde_json::Value;
use tempfile::TempDir;

#[derive(Default)]
struct Output {
    lines: Mutex<Vec<String>>,
    grown: Condvar,
}

/// A running gateway and everything it has written.
pub(crate) struct RunningGateway {
    child: Child,
    log: Arc<Output>,
    audit: Arc<Output>,
    pub(crate) addr: SocketAddr,
    pub(crate) admin: SocketAddr,
    folder: TempDir,
}

impl RunningGateway {
    /// Starts over the sandbox's tenant and GitHub; `extra` is TOML behind the usual settings.
    pub(crate) fn start(sandbox: &Sandbox, extra: &str) -> Self {
        Self::over(sandbox, "", extra)
    }

    /// The same with lines for `[server]`.
    pub(crate) fn over(sandbox: &Sandbox, server: &str, extra: &str) -> Self {
        Self::within(sandbox, server, extra, &[])
    }

    /// The same with an environment; otherwise it has none.
    pub(crate) fn within(sandbox: &Sandbox, server: &str, extra: &str, environment: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("gateway.toml");
        std::fs::write(&config, configuration(sandbox, server, extra)).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_gateway"))
            .args(["serve", "--config"])
            .arg(&config)
            .env_clear()
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (log, audit) = (Arc::new(Output::default()), Arc::new(Output::default()));
        collect(child.stdout.take().unwrap(), Arc::clone(&audit));
        collect(child.stderr.take().unwrap(), Arc::clone(&log));
        let unknown = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut gateway = Self { child, log, audit, addr: unknown, admin: unknown, folder };
        let listening = gateway.wait_for("listening");
        gateway.addr = listening["listen"].as_str().unwrap().parse().unwrap();
        gateway.admin = listening["admin_listen"].as_str().unwrap().parse().unwrap();
        gateway
    }

    /// The log line with this event, waited for.
    pub(crate) fn wait_for(&self, event: &str) -> Value {
        self.wait_where(&[("event", event)])
    }

    /// The first log line with these members, waited for.
    pub(crate) fn wait_where(&self, members: &[(&str, &str)]) -> Value {
        let fits = |line: &Value| members.iter().all(|(member, value)| line[member] == *value);
        let mut lines = self.log.lines.lock().unwrap();
        for _ in 0..200 {
            let parsed = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            if let Some(found) = parsed.into_iter().find(&fits) {
                return found;
            }
            (lines, _) = self.log.grown.wait_timeout(lines, Duration::from_millis(100)).unwrap();
        }
        panic!("no {members:?} in {lines:#?}");
    }

    /// Everything logged so far.
    pub(crate) fn logged(&self) -> String {
        self.log.lines.lock().unwrap().join("\n")
    }

    /// The audit log so far.
    pub(crate) fn audited(&self) -> Vec<String> {
        self.audit.lines.lock().unwrap().clone()
    }

    /// So many audit lines with this event, waited for.
    pub(crate) fn wait_audited(&self, event: &str, count: usize) -> Vec<Value> {
        let mut lines = self.audit.lines.lock().unwrap();
        for _ in 0..200 {
            let parsed = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            let found: Vec<Value> = parsed.filter(|line| line["event"] == event).collect();
            if found.len() >= count {
                return found;
            }
            (lines, _) = self.audit.grown.wait_timeout(lines, Duration::from_millis(100)).unwrap();
        }
        panic!("not {count} audit lines with {event}: {lines:#?}");
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    pub(crate) fn admin_url(&self, path: &str) -> String {
        format!("http://{}{path}", self.admin)
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Replaces the configuration and sends SIGHUP.
    pub(crate) fn reload(&self, sandbox: &Sandbox, extra: &str) {
        std::fs::write(self.folder.path().join("gateway.toml"), configuration(sandbox, "", extra)).unwrap();
        self.signal("HUP");
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }
}

impl Drop for RunningGateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn collect(pipe: impl std::io::Read + Send + 'static, output: Arc<Output>) {
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            output.lines.lock().unwrap().push(line);
            output.grown.notify_all();
        }
    });
}

fn configuration(sandbox: &Sandbox, server: &str, extra: &str) -> String {
    format!(
        r#"
[server]
listen = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"
{server}
[telemetry]
log_format = "json"
log_level = "trace"
[audit]
sink = "stdout"
[tenant]
domain = "{domain}"
base_url = "{tenant}"
client_id = "{client_id}"
client_secret = "{client_secret}"
[callers]
audience = ["{audience}"]
[logout]
client_ids = ["spa"]
[providers.github]
base_url = "{github}"
{extra}
"#,
        domain = sandbox.domain(),
        tenant = sandbox.tenant_url(),
        client_id = sandbox.client_id(),
        client_secret = sandbox.client_secret(),
        audience = sandbox.api_audience(),
        github = sandbox.provider_url(ProviderKind::GitHub),
    )
}
