//! `gateway demo`: the sandbox, the gateway with its console and an example app in one process on loopback; nothing to sign up for.

mod app;
mod audit;
mod certificate;
mod configuration;
mod folder;
mod lines;
mod ports;
mod switches;

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use sandbox::{Identity, Quirk, Sandbox, SandboxBuilder, Server, User, World};
use serde_json::{Value, json};
use url::Url;

use self::app::App;
use self::audit::AuditLog;
use self::certificate::Certificate;
use self::configuration::{GOOGLE_HOSTS, Plan, mcp_address, public_host};
use self::folder::Folder;
use self::ports::Ports;
use self::switches::Switches;
use super::{
    args::DemoArgs,
    ask::Asker,
    exit::Exit,
    output::{Ended, Failure, Output},
    serve,
};
use crate::config::{Settings, Sources};
use crate::serve::Ending;

/// The users of the sandbox, by the names that the printed lines use.
const USERS: [(&str, &str); 4] = [
    ("ana", "google-oauth2|100000000000000000001"),
    ("ben", "google-oauth2|100000000000000000002"),
    ("cleo", "google-oauth2|100000000000000000003"),
    ("dana", DANA),
];

const LOCALHOST: &str = "localhost";

const DANA: &str = "google-oauth2|100000000000000000004";

/// What the demo consists of, once everything listens.
#[derive(Default)]
pub(super) struct Demo {
    port: u16,
    host: &'static str,
    gateway: String,
    admin: String,
    app: String,
    /// Origins of apps of one's own.
    origins: Vec<String>,
    tenant: String,
    audience: String,
    virtual_hosts: BTreeMap<&'static str, String>,
    tokens: BTreeMap<&'static str, String>,
    expired: String,
    machine: String,
    secrets: Vec<String>,
    configuration: String,
    /// The gateway's own certificate, for clients that are to trust it.
    certificate: Option<String>,
}

/// The sandbox's users, and Dana, who has two accounts at Bitbucket and has not agreed to Google's calendar.
fn world() -> World {
    let dana = User::new(DANA)
        .named("Dana Lind", "dana@example.test")
        .identity(
            Identity::google("100000000000000000004", "dana")
                .without_scope("https://www.googleapis.com/auth/calendar.readonly")
                .without_scope("https://www.googleapis.com/auth/calendar.events"),
        )
        .identity(Identity::bitbucket("{6f1c9b0e-2d0e-4b53-9d5a-1f3c5a7e9b04}", "dana"))
        .identity(Identity::bitbucket("{6f1c9b0e-2d0e-4b53-9d5a-1f3c5a7e9b05}", "dana-work"));
    World::demo().with(dana)
}

/// The name by which browsers reach the demo. For an app of one's own at `localhost` everything else is there too: the tenant's
/// cookie belongs to one host name, and without it a reload of the app would ask for a new sign-in.
fn host_name(origins: &[String]) -> &'static str {
    let at_localhost =
        |origin: &String| Url::parse(origin).is_ok_and(|url| url.host_str() == Some(LOCALHOST));
    if origins.iter().any(at_localhost) { LOCALHOST } else { "127.0.0.1" }
}

/// The sandbox, as a tenant whose users' accounts are linked and which MCP clients can sign in to by themselves.
/// At `localhost` it has a custom domain: its own issuer is at 127.0.0.1.
fn tenant(ports: Ports, host: &str, gateway: Option<&str>) -> SandboxBuilder {
    let quirks = [Quirk::LinkAccounts, Quirk::ResourceParameter, Quirk::OpenRegistration];
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, ports.tenant));
    let sandbox = Sandbox::builder().world(world()).listen(Server::Tenant, address);
    let sandbox = if host == LOCALHOST { sandbox.custom_domain() } else { sandbox };
    let sandbox = quirks.into_iter().fold(sandbox, SandboxBuilder::quirk);
    match gateway {
        Some(address) => sandbox.api(&mcp_address(address)),
        None => sandbox,
    }
}

/// Starts everything and waits for its end.
pub(super) async fn run(sources: Sources, args: &DemoArgs, output: &Output) -> Ended {
    own_settings_only(&sources, output)?;
    let ports = choose(args, output)?;
    let no_file = |error: std::io::Error| {
        Failure::new(format!("no temporary file can be written: {error}"), "set TMPDIR to a folder")
    };
    let folder = Arc::new(Folder::make().map_err(no_file)?);
    let hosts = GOOGLE_HOSTS.map(public_host);
    let certificate = args.tls.then(|| Certificate::write(&folder, hosts)).transpose().map_err(no_file)?;
    let audit = AuditLog::at(folder.file("audit.jsonl"));
    let host = host_name(&args.origin);
    let tenant = tenant(ports, host, ports.address(host, args.tls).as_deref());
    let (sandbox, app) = listen(tenant, ports).await?;
    let app_url = format!("http://{host}:{}", app.address().port());
    let plan = Plan {
        ports,
        host,
        app: &app_url,
        origins: &args.origin,
        certificate: certificate.as_ref(),
        audit: audit.path(),
    };
    let configuration = plan.write(&sandbox);
    let mut settings = match Settings::from_toml(&configuration) {
        Ok(settings) => settings,
        Err(problems) => return Ok(output.problems(&problems)),
    };
    settings.console.demo = Url::parse(&app_url).ok();
    let tell = {
        let mut demo = Demo::new(&sandbox, (host, app_url), configuration);
        demo.origins.clone_from(&args.origin);
        demo.certificate = certificate.as_ref().map(Certificate::path);
        let (output, faults, switches) = (*output, sandbox.faults(), Switches::new(&sandbox));
        let (as_json, open) = (args.json, args.open);
        Box::new(move |listen: SocketAddr, admin: SocketAddr| {
            let demo = demo.at(listen, admin);
            app.serve(demo.site(faults, switches, audit));
            output.line(&if as_json { demo.json() } else { lines::banner(&demo, &program()) });
            if open {
                open_browser(&demo.app, output);
            }
        })
    };
    let begins = {
        let folder = Arc::clone(&folder);
        Box::new(move || folder.remove())
    };
    // The demo has no configuration to read again, and a terminal that was closed ends it.
    let ending = Ending { on_hangup: true, begins: Some(begins) };
    let ended = serve::run(settings, Sources::default(), Some(tell), ending).await;
    drop(sandbox);
    ended
}

/// Starts what the gateway needs.
async fn listen(tenant: SandboxBuilder, ports: Ports) -> Result<(Sandbox, App), Failure> {
    let sandbox = tenant
        .start()
        .await
        .map_err(|error| Failure::new(error, "stop the program that uses the port, then try again"))?;
    let app = app::bind(ports.app)
        .await
        .map_err(|error| Failure::new(format!("the example app cannot listen: {error}"), "try again"))?;
    Ok((sandbox, app))
}

/// Refuses the settings of a tenant, and says that others have no effect.
fn own_settings_only(sources: &Sources, output: &Output) -> Result<(), Failure> {
    if let Some(source) = real_tenant(sources) {
        return Err(Failure::usage(
            format!("the demo uses its own sandbox, and {source} names a real tenant"),
            format!("use `gateway serve` for a real tenant, or remove {source} for the demo"),
        ));
    }
    for (name, _) in &sources.environment {
        output.message(&format!("warning: {name} has no effect: the demo has its own settings"));
    }
    Ok(())
}

/// `gateway demo env`: asks the demo that runs.
pub(super) async fn env(port: u16, output: &Output) -> Ended {
    let url = format!("http://127.0.0.1:{}/env", ports::app_port(port));
    let answer = match Asker::connecting_within(Duration::from_secs(2)) {
        Ok(asker) => asker.get(&url, None).await,
        Err(error) => Err(error),
    };
    match answer {
        Ok(reply) if reply.status == 200 => {
            output.line(reply.text().trim_end());
            Ok(Exit::Fine)
        }
        _ => Err(Failure::new(
            format!("no demo answers on port {port}"),
            "start `gateway demo`; if it printed another port, pass it with --port",
        )),
    }
}

fn choose(args: &DemoArgs, output: &Output) -> Result<Ports, Failure> {
    let wanted = match args.port {
        Some(port) => Ports::from(port),
        None if args.json => return Ok(Ports::ANY),
        None => {
            let ports = Ports::next_free().ok_or_else(|| {
                let remedy = "name the first of four free ports with --port";
                Failure::new("no four ports in a row are free", remedy)
            })?;
            let first = Ports::from(ports::FIRST);
            if let Some(taken) = first.taken().filter(|_| ports.gateway != first.gateway) {
                let Ports { gateway, tenant, .. } = ports;
                output.message(&format!("note: port {taken} is taken; the demo uses {gateway} to {tenant}"));
            }
            return Ok(ports);
        }
    };
    match wanted.taken() {
        None => Ok(wanted),
        Some(port) => Err(Failure::new(
            format!("port {port} is taken"),
            "name the first of four free ports with --port, or remove --port",
        )),
    }
}

/// Where browsers sign in.
fn tenant_address(sandbox: &Sandbox) -> String {
    let custom = sandbox.custom_domain_url();
    custom.unwrap_or_else(|| sandbox.tenant_url()).as_str().trim_end_matches('/').to_owned()
}

/// How this program was called, for lines to paste.
fn program() -> String {
    std::env::args().next().unwrap_or_else(|| "gateway".to_owned())
}

fn open_browser(url: &str, output: Output) {
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let mut command = std::process::Command::new(opener);
    command.arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let url = url.to_owned();
    // The opener may last as long as the browser.
    std::thread::spawn(move || {
        if !command.status().is_ok_and(|status| status.success()) {
            output.message(&format!("warning: `{opener}` opened no browser: open {url} yourself"));
        }
    });
}

/// Where a tenant of the operator's own is named.
fn real_tenant(sources: &Sources) -> Option<String> {
    let named = |name: &str| name.starts_with("IDP_GATEWAY_TENANT__") || name == "IDP_GATEWAY_CONFIG";
    sources
        .environment
        .iter()
        .find(|(name, _)| named(name))
        .map(|(name, _)| name.clone())
        .or_else(|| sources.file.as_ref().map(|_| "--config".to_owned()))
}

impl Demo {
    fn new(sandbox: &Sandbox, (host, app): (&'static str, String), configuration: String) -> Self {
        let (_, ana) = USERS[0];
        Self {
            host,
            app,
            tenant: tenant_address(sandbox),
            audience: sandbox.api_audience().to_owned(),
            tokens: USERS.into_iter().map(|(name, id)| (name, sandbox.caller_token(id))).collect(),
            expired: sandbox.mint().user(ana).issued_ago(7200).expires_in(-3600).sign(),
            machine: sandbox.mint().machine(sandbox::MACHINE_CLIENT).sign(),
            secrets: sandbox.secrets(),
            configuration,
            ..Self::default()
        }
    }

    fn at(mut self, listen: SocketAddr, admin: SocketAddr) -> Self {
        self.port = listen.port();
        let scheme = if self.certificate.is_some() { "https" } else { "http" };
        self.gateway = format!("{scheme}://{}:{}", self.host, listen.port());
        self.admin = format!("http://{admin}");
        self.virtual_hosts = GOOGLE_HOSTS
            .into_iter()
            .map(|host| (host, format!("{scheme}://{}:{}", public_host(host), listen.port())))
            .collect();
        self
    }

    /// What the app serves.
    fn site(&self, faults: sandbox::Faults, switches: Switches, audit: AuditLog) -> app::Site {
        let config = json!({
            "domain": self.tenant,
            "client_id": sandbox::SPA_CLIENT,
            "audience": self.audience,
            "gateway": self.gateway,
        });
        app::Site {
            config: config.to_string().into(),
            env: lines::env(self).into(),
            lines: lines::lines(self.certificate.is_some()).into(),
            console: ["127.0.0.1", LOCALHOST].map(|host| self.gateway.replacen(self.host, host, 1)),
            audit,
            faults,
            switches,
        }
    }

    /// Everything in one line, for scripts. Of the sandbox's secrets it says all, so that tests can look for them.
    fn json(&self) -> String {
        let users: BTreeMap<_, Value> = USERS
            .into_iter()
            .map(|(name, id)| (name, json!({ "user_id": id, "token": self.tokens.get(name) })))
            .collect();
        json!({
            "gateway": self.gateway,
            "admin": self.admin,
            "app": self.app,
            "console": format!("{}/console/", self.gateway),
            "faults": format!("{}/faults", self.app),
            "configuration": self.configuration,
            "tenant": { "base_url": self.tenant },
            "certificate": self.certificate,
            "virtual_hosts": self.virtual_hosts,
            "users": users,
            "expired": self.expired,
            "secrets": self.secrets,
        })
        .to_string()
    }
}
