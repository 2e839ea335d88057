//! Starts the image's root file system as the restricted profile would: read-only, no capabilities, another user, name
//! spaces of its own; an empty root but for the binary and the roots.

use crate::sh::{self, Running};
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};
use xshell::{Shell, cmd};

const TIMEOUT: Duration = Duration::from_secs(20);
const ROUNDS: usize = 5;
/// The tenant is named `localhost`, so that the static binary has to resolve a name with nothing but itself.
const CONFIGURATION: &str = r#"
tenant = { domain = "acme.eu.auth0.com", base_url = "http://localhost:PORT", client_id = "trial", client_secret = "trial-secret" }
callers.audience = ["https://api.example.com"]
providers.github = {}
"#;

/// Milliseconds from the start to the first answer, median of a few rounds.
pub(super) fn run(sh: &Shell, rootfs: &Path, config: &Value) -> Result<u128> {
    let tenant = TcpListener::bind("127.0.0.1:0")?;
    let settings = sh.create_dir("target/image/settings")?;
    let port = tenant.local_addr()?.port().to_string();
    sh.write_file(settings.join("gateway.toml"), CONFIGURATION.replace("PORT", &port))?;
    // A container runtime brings these too: the folders that it mounts on, and the files for name resolution.
    for folder in ["etc/idp-gateway", "proc", "dev"] {
        sh.create_dir(rootfs.join(folder))?;
    }
    sh.write_file(rootfs.join("etc/hosts"), "127.0.0.1 localhost\n")?;
    sh.write_file(rootfs.join("etc/resolv.conf"), "nameserver 127.0.0.1\n")?;
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        times.push(round(sh, rootfs, config, &settings)?);
    }
    // The gateway knows the tenant by name alone.
    tenant.set_nonblocking(true)?;
    await_that("no connection to `localhost`: the name was not resolved", || Ok(tenant.accept().is_ok()))?;
    times.sort_unstable();
    Ok(times[ROUNDS / 2])
}

fn await_that(otherwise: &'static str, mut so: impl FnMut() -> Result<bool>) -> Result<()> {
    let start = SystemTime::now();
    while !so()? {
        ensure!(start.elapsed().unwrap_or_default() < TIMEOUT, otherwise);
        sh::pause(Duration::from_millis(2));
    }
    Ok(())
}

fn round(sh: &Shell, rootfs: &Path, config: &Value, settings: &Path) -> Result<u128> {
    let admin = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let start = SystemTime::now();
    let mut container = container(sh, rootfs, config, settings, admin)?;
    await_that("no answer from /livez", || {
        ensure!(container.0.try_wait()?.is_none(), "the gateway ended; its log is in target/image/log");
        let url = format!("http://127.0.0.1:{admin}/livez");
        sh::succeeds(cmd!(sh, "{rootfs}/gateway healthcheck --url {url}"))
    })?;
    let took = start.elapsed().unwrap_or_default().as_millis();
    hardened(container.0.id())?;
    Ok(took)
}

/// Starts the container. `--die-with-parent` ends what is inside with it.
fn container(sh: &Shell, rootfs: &Path, config: &Value, settings: &Path, admin: u16) -> Result<Running> {
    let admin = format!("IDP_GATEWAY_SERVER__ADMIN_LISTEN=127.0.0.1:{admin}");
    let listen = ["IDP_GATEWAY_SERVER__LISTEN=127.0.0.1:0", &admin];
    let strings = |list: &str| config[list].as_array().into_iter().flatten().filter_map(Value::as_str);
    let mut environment = Vec::new();
    for variable in strings("Env").chain(listen) {
        let (name, value) = variable.split_once('=').context("an environment without `=`")?;
        environment.extend(["--setenv", name, value]);
    }
    let command = strings("Entrypoint").chain(strings("Cmd"));
    let apart =
        "--proc /proc --dev /dev --unshare-all --share-net --die-with-parent --new-session".split(' ');
    let rights = "--uid 65532 --gid 65532 --cap-drop ALL --clearenv".split(' ');
    let bwrap = cmd!(sh, "bwrap --ro-bind {rootfs} / --ro-bind {settings} /etc/idp-gateway");
    let bwrap = bwrap.args(apart).args(rights).args(environment).args(command);
    // The log is needed only if something is wrong.
    let log = std::fs::File::create(settings.with_file_name("log"))?;
    Running::start(Command::from(bwrap).stdout(Stdio::null()).stderr(log))
}

/// What the kernel says about the process in the container.
fn hardened(container: u32) -> Result<()> {
    let pid = innermost(container)?;
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let field = |name: &str| {
        let value = status.lines().find_map(|line| line.strip_prefix(name));
        value.map(str::trim).unwrap_or_default()
    };
    ensure!(field("Name:") == "gateway", "{} runs in the container", field("Name:"));
    for set in ["CapPrm:", "CapEff:", "CapBnd:"] {
        ensure!(field(set).trim_matches('0').is_empty(), "{set} {}", field(set));
    }
    ensure!(field("NoNewPrivs:") == "1", "it may gain privileges");
    let mounts = std::fs::read_to_string(format!("/proc/{pid}/mounts"))?;
    let root = mounts.lines().find(|line| line.split(' ').nth(1) == Some("/"));
    let options = root.and_then(|root| root.split(' ').nth(3)).context("no root is mounted")?;
    ensure!(options.starts_with("ro"), "the root is writable");
    Ok(())
}

/// The process at the end of the chain of only children.
fn innermost(container: u32) -> Result<u32> {
    let mut last = container;
    loop {
        let children = std::fs::read_to_string(format!("/proc/{last}/task/{last}/children"));
        match children.unwrap_or_default().split_whitespace().next() {
            Some(child) => last = child.parse()?,
            None => return Ok(last),
        }
    }
}
