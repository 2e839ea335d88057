//! The configuration that the demo runs on, as an operator would write it.

use std::{fmt::Write as _, path::Path};

use sandbox::{ProviderKind, Sandbox, Server};
use serde_json::json;

use super::{certificate::Certificate, ports::Ports};

/// Hosts of Google that SDKs reach by virtual host.
pub(super) const GOOGLE_HOSTS: [&str; 3] =
    ["www.googleapis.com", "people.googleapis.com", "gmail.googleapis.com"];

/// What the configuration depends on, besides the sandbox.
pub(super) struct Plan<'a> {
    pub(super) ports: Ports,
    /// The name by which browsers reach the demo.
    pub(super) host: &'a str,
    /// The example app's origin.
    pub(super) app: &'a str,
    /// More origins that may call. Their pages may follow hosted connect.
    pub(super) origins: &'a [String],
    /// With it the gateway speaks TLS.
    pub(super) certificate: Option<&'a Certificate<'a>>,
    /// The file of the audit log.
    pub(super) audit: &'a Path,
}

impl Plan<'_> {
    /// The file's text.
    pub(super) fn write(&self, sandbox: &Sandbox) -> String {
        let origins: Vec<&str> =
            std::iter::once(self.app).chain(self.origins.iter().map(String::as_str)).collect();
        let address = self.ports.address(self.host, self.certificate.is_some());
        let audiences: Vec<String> = std::iter::once(sandbox.api_audience().to_owned())
            .chain(address.as_deref().map(mcp_address))
            .collect();
        let tls = self.certificate.map(Certificate::setting).unwrap_or_default();
        let mut toml = format!(
            "[server]\nlisten = \"127.0.0.1:{}\"\nadmin_listen = \"127.0.0.1:{}\"\n\
             allowed_hosts = [\"127.0.0.1\", \"localhost\"]\ndrain = {{ delay = \"0s\", timeout = \"2s\" }}\n{tls}\
             [tenant]\ndomain = \"{}\"\nbase_url = \"{}\"\nclient_id = \"{}\"\nclient_secret = \"{}\"\n\
             [vault]\nclient_id = \"{}\"\nclient_secret = \"{}\"\naudience = \"{}\"\n\
             [callers]\naudience = {}\nissuers = {}\n[cors]\norigins = {}\n\
             [console]\nenabled = true\nclient_id = \"{}\"\n\
             [audit]\nsink = \"file\"\npath = {:?}\n\
             [telemetry]\nlog_level = \"info,gateway::memory=warn\"\n",
            self.ports.gateway,
            self.ports.admin,
            sandbox.domain(),
            sandbox.tenant_url(),
            sandbox.client_id(),
            sandbox.client_secret(),
            sandbox::VAULT_CLIENT,
            sandbox.vault_client_secret(),
            sandbox.api_audience(),
            json!(audiences),
            json!(issuers(sandbox)),
            // A JSON array of texts is a TOML one.
            json!(origins),
            sandbox::SPA_CLIENT,
            self.audit,
        );
        if address.is_some() {
            let pages: Vec<String> = origins.iter().map(|origin| format!("{origin}/")).collect();
            // Writing to a text cannot fail.
            let _ = write!(
                toml,
                "[connect]\nclient_id = \"{}\"\nclient_secret = \"{}\"\nreturn_to = {}\n",
                sandbox::CONNECT_CLIENT,
                sandbox.connect_client_secret(),
                json!(pages),
            );
        }
        for kind in ProviderKind::ALL {
            provider(&mut toml, sandbox, kind);
        }
        address.map_or(toml.clone(), |address| {
            let server = format!("[server]\npublic_url = \"{address}\"\n");
            toml.replacen("[server]\n", &server, 1) + "[mcp]\nenabled = true\n"
        })
    }
}

/// The tenant's issuers. At the first one the console and hosted connect let people sign in.
fn issuers(sandbox: &Sandbox) -> Vec<String> {
    let issuers = sandbox.custom_domain_url().into_iter().chain([sandbox.tenant_url()]);
    issuers.map(String::from).collect()
}

/// The MCP endpoint of the gateway at this address. Its clients ask the tenant for a token for it.
pub(super) fn mcp_address(gateway: &str) -> String {
    format!("{gateway}/mcp")
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
        ProviderKind::Facebook => {
            upstreams(toml, kind, &[("platform-lookaside.fbsbx.com", &downloads(sandbox))]);
        }
        // Accounts that people connect go to Token Vault; those that came with a login work as well.
        ProviderKind::Microsoft => {
            toml.push_str("connections = [\"windowslive\"]\nsource = [\"vault\", \"identities\"]\n");
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
pub(super) fn name(kind: ProviderKind) -> &'static str {
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
pub(super) fn public_host(host: &str) -> String {
    format!("{}.localhost", host.replace('.', "-"))
}
