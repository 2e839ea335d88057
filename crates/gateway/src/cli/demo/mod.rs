//! `gateway demo`: the sandbox, the gateway with its console and an example app in one process on loopback; nothing to sign up for.

mod app;
mod lines;

use std::{collections::BTreeMap, fmt::Write as _, net::SocketAddr};

use sandbox::{ProviderKind, Quirk, Sandbox};
use serde_json::{Value, json};

use super::{exit::Exit, output::Output, serve};
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
pub(super) struct Demo {
    gateway: String,
    admin: String,
    app: String,
    tenant: String,
    virtual_hosts: BTreeMap<&'static str, String>,
    tokens: BTreeMap<&'static str, String>,
    expired: String,
    machine: String,
    secrets: Vec<String>,
    configuration: String,
}

pub(super) async fn run(sources: Sources, as_json: bool, output: &Output) -> Exit {
    if let Some(source) = real_tenant(&sources) {
        output.message(&format!(
            "error: the demo runs against its own sandbox, and {source} names a tenant\n  remedy: use `gateway serve` for a real tenant; unset {source} for the demo"
        ));
        return Exit::Usage;
    }
    let (sandbox, app) =
        match (Sandbox::builder().quirk(Quirk::LinkAccounts).start().await, app::bind().await) {
            (Ok(sandbox), Ok(app)) => (sandbox, app),
            (Err(error), _) => return output.failure(&error.to_string(), "free the port, then try again"),
            (_, Err(error)) => {
                return output.failure(&format!("the example app cannot listen: {error}"), "try again");
            }
        };
    let app_url = format!("http://{}", app.address());
    let configuration = configuration(&sandbox, &app_url);
    let settings = match Settings::from_toml(&configuration) {
        Ok(settings) => settings,
        Err(problems) => return output.problems(&problems),
    };
    let tell = {
        let (output, demo, faults) = (*output, Demo::new(&sandbox, app_url, configuration), sandbox.faults());
        let page = json!({
            "domain": demo.tenant,
            "client_id": sandbox::SPA_CLIENT,
            "audience": sandbox.api_audience(),
        });
        Box::new(move |listen: SocketAddr, admin: SocketAddr| {
            let demo = demo.at(listen, admin);
            app.serve(page, &demo.gateway, faults);
            output.line(&if as_json { demo.json() } else { lines::banner(&demo) });
        })
    };
    let exit = serve::run(settings, Sources::default(), Some(tell), output).await;
    drop(sandbox);
    exit
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
fn configuration(sandbox: &Sandbox, app: &str) -> String {
    let mut toml = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\nallowed_hosts = [\"127.0.0.1\", \"localhost\"]\ndrain = {{ delay = \"0s\", timeout = \"2s\" }}\n\
         [tenant]\ndomain = \"{}\"\nbase_url = \"{}\"\nclient_id = \"{}\"\nclient_secret = \"{}\"\n\
         [callers]\naudience = [\"{}\"]\n[cors]\norigins = [\"{app}\"]\n\
         [console]\nenabled = true\nclient_id = \"{}\"\n",
        sandbox.domain(),
        sandbox.tenant_url(),
        sandbox.client_id(),
        sandbox.client_secret(),
        sandbox.api_audience(),
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
            let _ = writeln!(toml, "[providers.google.upstreams]");
            for host in GOOGLE_HOSTS {
                let _ = writeln!(toml, "\"{host}\" = \"{origin}\"");
            }
            let _ = writeln!(toml, "[providers.google.hosts]");
            for host in GOOGLE_HOSTS {
                let _ = writeln!(toml, "\"{}\" = \"{host}\"", public_host(host));
            }
        }
        _ => {}
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
            gateway: String::new(),
            admin: String::new(),
            app,
            tenant: sandbox.tenant_url().as_str().trim_end_matches('/').to_owned(),
            virtual_hosts: BTreeMap::new(),
            tokens: USERS.into_iter().map(|(name, id)| (name, sandbox.caller_token(id))).collect(),
            expired: sandbox.mint().user(ana).issued_ago(7200).expires_in(-3600).sign(),
            machine: sandbox.mint().machine(sandbox::MACHINE_CLIENT).sign(),
            secrets: sandbox.secrets(),
            configuration,
        }
    }

    fn at(mut self, listen: SocketAddr, admin: SocketAddr) -> Self {
        self.gateway = format!("http://{listen}");
        self.admin = format!("http://{admin}");
        self.virtual_hosts = GOOGLE_HOSTS
            .into_iter()
            .map(|host| (host, format!("http://{}:{}", public_host(host), listen.port())))
            .collect();
        self
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
