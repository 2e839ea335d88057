//! `gateway demo`: the sandbox, the gateway with its console and an example app in one process on loopback; nothing to sign up for.

mod app;
mod lines;
mod ports;

use std::{collections::BTreeMap, fmt::Write as _, net::SocketAddr, time::Duration};

use sandbox::{ProviderKind, Quirk, Sandbox, Server};
use serde_json::{Value, json};

use self::ports::Ports;
use super::{args::DemoArgs, ask::Asker, exit::Exit, output::Output, serve};
use crate::config::{Settings, Sources};

/// The users of the sandbox, by the names that the printed lines use.
const USERS: [(&str, &str); 3] = [
    ("ana", "google-oauth2|100000000000000000001"),
    ("ben", "google-oauth2|100000000000000000002"),
    ("cleo", "google-oauth2|100000000000000000003"),
];

/// Hosts of Google that SDKs reach by virtual host.
const GOOGLE_HOSTS: [&str; 3] = ["www.googleapis.com", "people.googleapis.com", "gmail.googleapis.com"];

/// What the demo consists of, once everything listens.
#[derive(Default)]
pub(super) struct Demo {
    port: u16,
    gateway: String,
    admin: String,
    app: String,
    tenant: String,
    audience: String,
    virtual_hosts: BTreeMap<&'static str, String>,
    tokens: BTreeMap<&'static str, String>,
    expired: String,
    machine: String,
    secrets: Vec<String>,
    configuration: String,
}

pub(super) async fn run(sources: Sources, args: &DemoArgs, output: &Output) -> Exit {
    if let Some(source) = real_tenant(&sources) {
        output.message(&format!(
            "error: the demo runs against its own sandbox, and {source} names a tenant\n  remedy: use `gateway serve` for a real tenant; unset {source} for the demo"
        ));
        return Exit::Usage;
    }
    for (name, _) in &sources.environment {
        output.message(&format!("warning: {name} has no effect: the demo has its own settings"));
    }
    let ports = match choose(args, output) {
        Ok(ports) => ports,
        Err(exit) => return exit,
    };
    let (sandbox, app) =
        match (Sandbox::builder().quirk(Quirk::LinkAccounts).start().await, app::bind(ports.app).await) {
            (Ok(sandbox), Ok(app)) => (sandbox, app),
            (Err(error), _) => return output.failure(&error.to_string(), "free the port, then try again"),
            (_, Err(error)) => {
                return output.failure(&format!("the example app cannot listen: {error}"), "try again");
            }
        };
    let app_url = format!("http://{}", app.address());
    let configuration = configuration(&sandbox, ports, &app_url, &args.origin);
    let settings = match Settings::from_toml(&configuration) {
        Ok(settings) => settings,
        Err(problems) => return output.problems(&problems),
    };
    let tell = {
        let (output, demo, faults) = (*output, Demo::new(&sandbox, app_url, configuration), sandbox.faults());
        let (as_json, open) = (args.json, args.open);
        Box::new(move |listen: SocketAddr, admin: SocketAddr| {
            let demo = demo.at(listen, admin);
            app.serve(demo.texts(), faults);
            output.line(&if as_json { demo.json() } else { lines::banner(&demo, &program()) });
            if open {
                open_browser(&demo.app, output);
            }
        })
    };
    let exit = serve::run(settings, Sources::default(), Some(tell), output).await;
    drop(sandbox);
    exit
}

/// `gateway demo env`: asks the demo that runs.
pub(super) async fn env(port: u16, output: &Output) -> Exit {
    let url = format!("http://127.0.0.1:{}/env", ports::app_port(port));
    let answer = match Asker::connecting_within(Duration::from_secs(2)) {
        Ok(asker) => asker.get(&url, None).await,
        Err(error) => Err(error),
    };
    match answer {
        Ok(reply) if reply.status == 200 => {
            output.line(reply.text().trim_end());
            Exit::Fine
        }
        _ => output.failure(
            &format!("no demo answers on port {port}"),
            "start `gateway demo`; if it printed another port, pass it with --port",
        ),
    }
}

fn choose(args: &DemoArgs, output: &Output) -> Result<Ports, Exit> {
    let wanted = match args.port {
        Some(port) => Ports::from(port),
        None if args.json => return Ok(Ports::ANY),
        None => {
            let ports = Ports::next_free().ok_or_else(|| {
                output.failure(
                    "no three ports in a row are free",
                    "name the first of three free ports with --port",
                )
            })?;
            if ports.gateway != ports::FIRST {
                output.message(&format!("note: port {} is taken; {} is used", ports::FIRST, ports.gateway));
            }
            return Ok(ports);
        }
    };
    match wanted.taken() {
        None => Ok(wanted),
        Some(port) => Err(output.failure(
            &format!("port {port} is taken"),
            "name the first of three free ports with --port, or leave it out",
        )),
    }
}

/// How this program was called, for lines to paste.
fn program() -> String {
    std::env::args().next().unwrap_or_else(|| "gateway".to_owned())
}

fn open_browser(url: &str, output: Output) {
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    if let Err(error) = std::process::Command::new(opener).arg(url).spawn() {
        output.message(&format!("warning: `{opener}` does not start ({error}): open {url} yourself"));
    }
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

/// The configuration that the demo runs on, as an operator would write it.
fn configuration(sandbox: &Sandbox, ports: Ports, app: &str, origins: &[String]) -> String {
    let origins: Vec<&str> = std::iter::once(app).chain(origins.iter().map(String::as_str)).collect();
    let mut toml = format!(
        "[server]\nlisten = \"127.0.0.1:{}\"\nadmin_listen = \"127.0.0.1:{}\"\nallowed_hosts = [\"127.0.0.1\", \"localhost\"]\ndrain = {{ delay = \"0s\", timeout = \"2s\" }}\n\
         [tenant]\ndomain = \"{}\"\nbase_url = \"{}\"\nclient_id = \"{}\"\nclient_secret = \"{}\"\n\
         [callers]\naudience = [\"{}\"]\n[cors]\norigins = {}\n\
         [console]\nenabled = true\nclient_id = \"{}\"\n",
        ports.gateway,
        ports.admin,
        sandbox.domain(),
        sandbox.tenant_url(),
        sandbox.client_id(),
        sandbox.client_secret(),
        sandbox.api_audience(),
        // A JSON array of texts is a TOML one.
        json!(origins),
        sandbox::SPA_CLIENT,
    );
    for kind in ProviderKind::ALL {
        provider(&mut toml, sandbox, kind);
    }
    toml
}

fn provider(toml: &mut String, sandbox: &Sandbox, kind: ProviderKind) {
    let base = sandbox.provider_url(kind);
    let (client, secret) = sandbox.provider_client(kind);
    // Writing to a text cannot fail.
    let _ = write!(
        toml,
        "[providers.{}]\nbase_url = \"{base}\"\ntoken_url = \"{}\"\nclient_id = \"{client}\"\nclient_secret = \"{secret}\"\n\
         access = \"full\"\nallow_rotation_in_memory = true\n",
        name(kind),
        sandbox.provider_token_url(kind),
    );
    if let Some(revoke) = sandbox.provider_revoke_url(kind) {
        let _ = writeln!(toml, "revoke_url = \"{revoke}\"");
    }
    match kind {
        ProviderKind::OAuth2 => {
            let origin = base.origin().ascii_serialization();
            let _ = writeln!(
                toml,
                "adapter = \"oauth2\"\nconnections = [\"acme-crm\"]\nprofile_url = \"{origin}/userinfo\""
            );
        }
        ProviderKind::Google => {
            let origin = base.origin().ascii_serialization();
            // The profile lives on a host of its own, so a changed base does not lead to it.
            let _ = writeln!(toml, "profile_url = \"{origin}/v1/userinfo\"");
            upstreams(toml, kind, &GOOGLE_HOSTS.map(|host| (host, &*origin)));
            let _ = writeln!(toml, "[providers.google.hosts]");
            for host in GOOGLE_HOSTS {
                let _ = writeln!(toml, "\"{}\" = \"{host}\"", public_host(host));
            }
        }
        ProviderKind::GitHub => {
            let origin = base.origin().ascii_serialization();
            let uploads = ("uploads.github.com", &*origin);
            upstreams(toml, kind, &[uploads, ("codeload.github.com", &downloads(sandbox))]);
        }
        ProviderKind::Microsoft => {
            upstreams(toml, kind, &[("contoso-my.sharepoint.com", &downloads(sandbox))]);
        }
        _ => {}
    }
}

/// Where the sandbox has what redirects to downloads lead to.
fn downloads(sandbox: &Sandbox) -> String {
    sandbox.url(Server::Downloads).origin().ascii_serialization()
}

/// Where other hosts of a provider really are.
fn upstreams(toml: &mut String, kind: ProviderKind, hosts: &[(&str, &str)]) {
    // Writing to a text cannot fail.
    let _ = writeln!(toml, "[providers.{}.upstreams]", name(kind));
    for (host, origin) in hosts {
        let _ = writeln!(toml, "\"{host}\" = \"{origin}\"");
    }
}

/// The entry's name under `/proxy`.
fn name(kind: ProviderKind) -> &'static str {
    match kind {
        ProviderKind::Google => "google",
        ProviderKind::GitHub => "github",
        ProviderKind::Facebook => "facebook",
        ProviderKind::Bitbucket => "bitbucket",
        ProviderKind::Microsoft => "microsoft",
        _ => "crm",
    }
}

/// Every name below `localhost` is this machine.
fn public_host(host: &str) -> String {
    format!("{}.localhost", host.replace('.', "-"))
}

impl Demo {
    fn new(sandbox: &Sandbox, app: String, configuration: String) -> Self {
        let (_, ana) = USERS[0];
        Self {
            port: 0,
            gateway: String::new(),
            admin: String::new(),
            app,
            tenant: sandbox.tenant_url().as_str().trim_end_matches('/').to_owned(),
            audience: sandbox.api_audience().to_owned(),
            virtual_hosts: BTreeMap::new(),
            tokens: USERS.into_iter().map(|(name, id)| (name, sandbox.caller_token(id))).collect(),
            expired: sandbox.mint().user(ana).issued_ago(7200).expires_in(-3600).sign(),
            machine: sandbox.mint().machine(sandbox::MACHINE_CLIENT).sign(),
            secrets: sandbox.secrets(),
            configuration,
        }
    }

    fn at(mut self, listen: SocketAddr, admin: SocketAddr) -> Self {
        self.port = listen.port();
        self.gateway = format!("http://{listen}");
        self.admin = format!("http://{admin}");
        self.virtual_hosts = GOOGLE_HOSTS
            .into_iter()
            .map(|host| (host, format!("http://{}:{}", public_host(host), listen.port())))
            .collect();
        self
    }

    /// What the app serves.
    fn texts(&self) -> app::Texts {
        let config = json!({
            "domain": self.tenant,
            "client_id": sandbox::SPA_CLIENT,
            "audience": self.audience,
            "gateway": self.gateway,
        });
        app::Texts {
            config: config.to_string().into(),
            env: lines::env(self).into(),
            lines: lines::lines().into(),
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
            "virtual_hosts": self.virtual_hosts,
            "users": users,
            "secrets": self.secrets,
        })
        .to_string()
    }
}
