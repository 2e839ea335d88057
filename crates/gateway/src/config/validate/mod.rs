//! Validation, section by section: what types cannot say.

mod address;
mod callers;
mod connect;
mod files;
mod mcp;
mod order;
mod placeholders;
mod providers;
mod rules;
mod server;
mod signals;
mod store;
mod tenant;

pub(super) use address::is_loopback;
#[cfg(feature = "demo")]
pub(crate) use callers::wrong_origin;
pub(super) use placeholders::warn as warn_of_placeholders;

use super::{Settings, problems::Collector};

/// Reports everything that is wrong with settings whose types are right.
pub(super) fn validate(settings: &Settings, collector: &mut Collector) {
    server::validate(&settings.server, collector);
    tenant::validate(&settings.tenant, collector);
    if let Some(vault) = &settings.vault {
        tenant::validate_vault(vault, settings, collector);
    }
    callers::validate(settings, collector);
    providers::validate(settings, collector);
    if settings.providers.is_empty() {
        collector.warn(
            "providers",
            "no provider is configured: every call gets `unknown-provider`",
            "add an entry, for example [providers.github]",
        );
    }
    store::validate(settings, collector);
    signals::validate(settings, collector);
    mcp::validate(settings, collector);
    if let Some(own) = &settings.connect {
        connect::validate(own, settings, collector);
    }
    paging(settings, collector);
}

/// Paging SDKs follow absolute links only; without a base the gateway can only write path-absolute ones.
fn paging(settings: &Settings, collector: &mut Collector) {
    let base = settings.server.public_url.is_some() || !settings.server.allowed_hosts.is_empty();
    if !base && settings.providers.values().any(|provider| provider.hosts.is_empty()) {
        collector.warn(
            "server.public_url",
            "links in answers are rewritten without a host, and SDKs cannot follow such links to the next page",
            "set `server.public_url` to the address that apps use for the gateway",
        );
    }
}
