//! `[mcp]`.

use url::Url;

use super::{
    super::{Settings, Source, problems::Collector, unit::ByteSize},
    callers::check_origin,
};

/// A result holds at least a line, and at most what a model could read.
const SIZES: std::ops::RangeInclusive<ByteSize> = ByteSize::kib(1)..=ByteSize::mib(1);

/// What other routes own: the path itself and all below it.
const TAKEN: [&str; 9] = [
    "/v1",
    "/proxy",
    "/hooks",
    "/console",
    "/connect",
    "/docs",
    "/openapi.json",
    "/favicon.ico",
    "/.well-known",
];

pub(super) fn validate(settings: &Settings, collector: &mut Collector) {
    let mcp = &settings.mcp;
    if !mcp.enabled {
        return;
    }
    path(&mcp.path, collector);
    for (index, name) in mcp.providers.iter().flatten().enumerate() {
        if !settings.providers.contains_key(name) {
            collector.report(
                &format!("mcp.providers[{index}]"),
                format!("there is no provider `{name}`"),
                "write names of entries of [providers], or leave `mcp.providers` out for all",
            );
        }
    }
    if mcp.tools.is_empty() {
        collector.report(
            "mcp.tools",
            "the endpoint would have no tools",
            "write \"meta\", \"typed\" or both, or set `mcp.enabled = false`",
        );
    }
    if !SIZES.contains(&mcp.max_result) {
        collector.report(
            "mcp.max_result",
            format!("{} is not between 1 KiB and 1 MiB", mcp.max_result),
            "write a size that a model can read at once, for example \"64KiB\"",
        );
    }
    origins(settings, collector);
    match &settings.server.public_url {
        Some(url) => {
            audience(settings, url, collector);
            vault(settings, url, collector);
        }
        None => collector.report(
            "mcp.enabled",
            "MCP clients need the absolute address of the gateway to find the authorization server, and it is not set",
            "set `server.public_url` to the address that clients use for the gateway",
        ),
    }
}

/// One place below the root that no other route has, in characters that no client encodes.
fn path(path: &str, collector: &mut Collector) {
    let plain = |segment: &str| {
        !segment.is_empty()
            && !segment.bytes().all(|byte| byte == b'.')
            && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
    };
    let good = path.strip_prefix('/').is_some_and(|rest| rest.split('/').all(plain));
    if !good {
        return collector.report(
            "mcp.path",
            format!("`{path}` is not a path of simple segments"),
            "write a slash and letters, digits or `-`, without a slash at the end: \"/mcp\"",
        );
    }
    let inside =
        |taken: &str| path.strip_prefix(taken).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if let Some(taken) = TAKEN.iter().find(|taken| inside(taken)) {
        collector.report(
            "mcp.path",
            format!("`{path}` is already used for `{taken}`"),
            "write a path that the gateway does not use: \"/mcp\"",
        );
    }
}

fn origins(settings: &Settings, collector: &mut Collector) {
    for (index, origin) in settings.mcp.origins.iter().flatten().enumerate() {
        let key = format!("mcp.origins[{index}]");
        check_origin(&key, origin, collector);
        if !settings.cors.origins.contains(origin) {
            collector.warn(
                &key,
                format!("pages of `{origin}` may send requests but cannot read the answers"),
                "add the origin to `cors.origins` as well",
            );
        }
    }
}

/// A token for the endpoint's address is what clients ask Auth0 for.
fn audience(settings: &Settings, public_url: &Url, collector: &mut Collector) {
    let resource = settings.mcp.resource(public_url);
    if !settings.callers.audience.contains(&resource) {
        collector.warn(
            "callers.audience",
            format!("MCP clients request tokens for `{resource}`, and `callers.audience` does not accept those"),
            format!(
                "create an API with the identifier `{resource}` in Auth0 and add it to `callers.audience`, or make an accepted audience the tenant's default"
            ),
        );
    }
}

/// Auth0 exchanges the tokens of one API at Token Vault: that which the Custom API Client is linked to.
fn vault(settings: &Settings, public_url: &Url, collector: &mut Collector) {
    let resource = settings.mcp.resource(public_url);
    let offered = |name: &str| {
        settings.mcp.providers.as_ref().is_none_or(|names| names.iter().any(|offered| offered == name))
    };
    let asks =
        settings.providers.iter().any(|(name, entry)| offered(name) && entry.source.contains(&Source::Vault));
    if let Some(vault) = settings.vault.as_ref().filter(|vault| asks && vault.audience != resource) {
        collector.warn(
            "vault.audience",
            format!(
                "MCP clients cannot use accounts in Token Vault: their tokens have the audience `{resource}`, and Auth0 exchanges only tokens for `{}`",
                vault.audience
            ),
            format!(
                "link the Custom API Client to the API `{resource}`, name it here, and have your apps ask for that audience too; or offer only providers of the source \"identities\" in `mcp.providers`"
            ),
        );
    }
}
