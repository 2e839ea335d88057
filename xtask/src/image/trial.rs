//! Starts the image's root file system as the restricted profile would: read-only, no capabilities, another user, name
//! spaces of its own; an empty root but for the binary and the roots.

use crate::sh;
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, SystemTime};

const TIMEOUT: Duration = Duration::from_secs(20);
const ROUNDS: usize = 5;

/// Milliseconds from the start to the first answer, median of a few rounds.
pub(super) fn run(root: &Path, rootfs: &Path, config: &Value) -> Result<u128> {
    let tenant = TcpListener::bind("127.0.0.1:0")?;
    let settings = root.join("target/image/settings");
    std::fs::create_dir_all(&settings)?;
    std::fs::write(settings.join("gateway.toml"), configuration(tenant.local_addr()?.port()))?;
    // A container runtime brings these too: the folders that it mounts on, and the files for name resolution.
    for folder in ["etc/idp-gateway", "proc"] {
        std::fs::create_dir_all(rootfs.join(folder))?;
    }
    std::fs::write(rootfs.join("etc/hosts"), "127.0.0.1 localhost\n")?;
    std::fs::write(rootfs.join("etc/resolv.conf"), "nameserver 127.0.0.1\n")?;
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        times.push(round(rootfs, config, &settings)?);
    }
    resolved(&tenant)?;
    times.sort_unstable();
    Ok(times[ROUNDS / 2])
}

/// The tenant is named `localhost`, so that the static binary has to resolve a name with nothing but itself.
fn configuration(tenant: u16) -> String {
    format!(
        "[tenant]\ndomain = \"acme.eu.auth0.com\"\nbase_url = \"http://localhost:{tenant}\"\nclient_id = \"trial\"\n\
         client_secret = \"trial-secret\"\n[callers]\naudience = [\"https://api.example.com\"]\n[providers.github]\n"
    )
}

fn round(rootfs: &Path, config: &Value, settings: &Path) -> Result<u128> {
    let admin = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let start = SystemTime::now();
    let mut container = Container::start(rootfs, config, settings, admin)?;
    loop {
        if alive(admin).is_ok_and(|alive| alive) {
            let took = start.elapsed().unwrap_or_default().as_millis();
            container.hardened()?;
            return Ok(took);
        }
        ensure!(container.0.try_wait()?.is_none(), "the gateway ended; its log is in target/image/log");
        ensure!(start.elapsed().unwrap_or_default() < TIMEOUT, "no answer from /livez");
        sh::pause(Duration::from_millis(2));
    }
}

/// Whether `/livez` answers 200.
fn alive(admin: u16) -> Result<bool> {
    let mut stream = TcpStream::connect(("127.0.0.1", admin))?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    write!(stream, "GET /livez HTTP/1.1\r\nHost: 127.0.0.1:{admin}\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer.starts_with(b"HTTP/1.1 200 "))
}

/// Waits until the gateway has connected to the tenant, which it knows by name alone.
fn resolved(tenant: &TcpListener) -> Result<()> {
    tenant.set_nonblocking(true)?;
    let start = SystemTime::now();
    while start.elapsed().unwrap_or_default() < TIMEOUT {
        if tenant.accept().is_ok() {
            return Ok(());
        }
        sh::pause(Duration::from_millis(20));
    }
    anyhow::bail!("the static binary never reached `localhost`: it cannot resolve names")
}

/// The running container, ended when dropped.
struct Container(Child);

impl Container {
    fn start(rootfs: &Path, config: &Value, settings: &Path, admin: u16) -> Result<Self> {
        let mut bwrap = sh::command(rootfs, "bwrap");
        bwrap.args(["--ro-bind", ".", "/", "--ro-bind"]).arg(settings).arg("/etc/idp-gateway");
        bwrap.args(["--proc", "/proc", "--unshare-all", "--share-net", "--die-with-parent", "--new-session"]);
        bwrap.args(["--uid", "65532", "--gid", "65532", "--cap-drop", "ALL", "--clearenv"]);
        for variable in config["Env"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let (name, value) = variable.split_once('=').context("an environment without `=`")?;
            bwrap.args(["--setenv", name, value]);
        }
        bwrap.args(["--setenv", "IDP_GATEWAY_SERVER__LISTEN", "127.0.0.1:0"]);
        bwrap.args(["--setenv", "IDP_GATEWAY_SERVER__ADMIN_LISTEN", &format!("127.0.0.1:{admin}")]);
        for list in ["Entrypoint", "Cmd"] {
            bwrap.args(config[list].as_array().into_iter().flatten().filter_map(Value::as_str));
        }
        // The log is needed only if something is wrong.
        let log = std::fs::File::create(settings.with_file_name("log"))?;
        bwrap.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        Ok(Self(bwrap.spawn().context("bwrap")?))
    }

    /// What the kernel says about the process.
    fn hardened(&self) -> Result<()> {
        let inside = descendants(self.0.id())?;
        let pid = inside.last().context("nothing runs in the container")?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let field = |name: &str| {
            status
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .map(str::trim)
                .unwrap_or_default()
                .to_owned()
        };
        ensure!(field("Name:") == "gateway", "{} runs in the container", field("Name:"));
        for capabilities in ["CapPrm:", "CapEff:", "CapBnd:"] {
            ensure!(
                field(capabilities).trim_matches('0').is_empty(),
                "{capabilities} {}",
                field(capabilities)
            );
        }
        ensure!(field("NoNewPrivs:") == "1", "it may gain privileges");
        let mounts = std::fs::read_to_string(format!("/proc/{pid}/mounts"))?;
        let root =
            mounts.lines().find(|line| line.split(' ').nth(1) == Some("/")).context("no root is mounted")?;
        ensure!(
            root.split(' ').nth(3).is_some_and(|options| options.starts_with("ro")),
            "the root is writable"
        );
        Ok(())
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // Already gone is as good as ended; `--die-with-parent` takes what is inside along.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The chain of only children below a process.
fn descendants(parent: u32) -> Result<Vec<u32>> {
    let mut chain = vec![parent];
    while let Some(last) = chain.last() {
        let children =
            std::fs::read_to_string(format!("/proc/{last}/task/{last}/children")).unwrap_or_default();
        match children.split_whitespace().next() {
            Some(child) => chain.push(child.parse()?),
            None => break,
        }
    }
    Ok(chain)
}
