//! `[providers.NAME]`.

use std::collections::BTreeMap;

use idp_adapters::Kind;
use url::Url;

use super::{
    super::{
        OAuth2Section, PaginationStyle, ProviderSettings, Settings, StoreKind,
        problems::{Collector, child},
    },
    address::{UrlRules, check_url, is_host},
    files::{Content, check_file},
    order, rules,
    tenant::both,
};

pub(super) fn validate(settings: &Settings, collector: &mut Collector) {
    for (name, provider) in &settings.providers {
        let at = child("providers", name);
        entry(&at, name, provider, collector);
        urls(&at, provider, collector);
        credentials(&at, provider, collector);
        rotation(&at, provider, settings.store.kind, collector);
        rules::validate(&at, provider, collector);
        order::validate(&at, provider, &settings.callers, collector);
        oauth2(&at, provider, collector);
    }
    claims(settings, collector);
    virtual_hosts(settings, collector);
}

fn entry(at: &str, name: &str, provider: &ProviderSettings, collector: &mut Collector) {
    let fits = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte));
    if !fits {
        collector.report(
            at,
            format!("`{name}` cannot be a segment of a URL"),
            "name the entry with lower-case letters, digits, `-` and `_`",
        );
    }
    if provider.connections.is_empty() {
        collector.report(
            &format!("{at}.connections"),
            "without a connection no account can be found",
            "list the Auth0 connections of this provider",
        );
    }
    if provider.connections.iter().any(|connection| connection.trim().is_empty()) {
        collector.report(
            &format!("{at}.connections"),
            "a connection's name is empty",
            "write the names as Auth0 shows them",
        );
    }
    let repeated =
        provider.source.iter().enumerate().any(|(index, source)| provider.source[..index].contains(source));
    if provider.source.is_empty() || repeated {
        collector.report(
            &format!("{at}.source"),
            if repeated { "a source is listed twice" } else { "the list is empty" },
            "list \"identities\", \"vault\" or both, in the order in which they are tried",
        );
    }
    if provider.disconnect_scope.as_deref().is_some_and(|scope| !rules::is_scope(scope)) {
        collector.report(
            &format!("{at}.disconnect_scope"),
            "this is not one scope",
            "write a single scope without spaces",
        );
    }
}

fn urls(at: &str, provider: &ProviderSettings, collector: &mut Collector) {
    let private = provider.allow_private_network;
    check_url(&format!("{at}.base_url"), &provider.base_url, UrlRules { path: true, private }, collector);
    for (host, origin) in &provider.upstreams {
        let key = child(&format!("{at}.upstreams"), host);
        if !is_host(host) {
            collector.report(
                &key,
                format!("`{host}` is not a host name"),
                "write the provider's host alone, for example \"people.googleapis.com\"",
            );
        }
        check_url(&key, origin, UrlRules { path: false, private }, collector);
    }
    // An address that follows from `base_url` is not blamed for what is wrong with that one.
    let follows = |name: &str, url: &Url, collector: &Collector| {
        !collector.origins.gave(&format!("{at}.{name}")) && url.origin() == provider.base_url.origin()
    };
    for (name, url) in [("token_url", &provider.token_url), ("profile_url", &provider.profile_url)] {
        if let Some(url) = url.as_ref().filter(|url| !follows(name, url, collector)) {
            let without_query = if name == "profile_url" { stripped(url) } else { url.clone() };
            check_url(&format!("{at}.{name}"), &without_query, UrlRules { path: true, private }, collector);
        }
    }
    if let Some(url) = provider.revoke_endpoint().filter(|url| !follows("revoke_url", url, collector)) {
        check_url(&format!("{at}.revoke_url"), &url, UrlRules { path: true, private }, collector);
    }
}

/// A profile call may select its fields in the query.
fn stripped(url: &Url) -> Url {
    let mut url = url.clone();
    url.set_query(None);
    url
}

fn credentials(at: &str, provider: &ProviderSettings, collector: &mut Collector) {
    let (inline, file) = (provider.client_secret.is_some(), provider.client_secret_file.is_some());
    both(at, inline, file, collector);
    match (provider.client_id.is_some(), inline || file) {
        (true, false) => collector.report(
            &format!("{at}.client_secret_file"),
            "`client_id` is set, but no client secret",
            "name a file with the secret of the connection's OAuth client, or remove `client_id`",
        ),
        (false, true) => collector.report(
            &format!("{at}.client_id"),
            "a client secret is set, but no `client_id`",
            "give the id of the connection's OAuth client",
        ),
        _ => {}
    }
    check_file(
        &format!("{at}.client_secret_file"),
        provider.client_secret_file.as_deref(),
        Content::Text,
        collector,
    );
}

/// A single-use refresh token that is only in memory is lost with the process, and the user's connection with it.
fn rotation(at: &str, provider: &ProviderSettings, store: StoreKind, collector: &mut Collector) {
    if provider.refreshes()
        && provider.rotates()
        && store == StoreKind::Memory
        && !provider.allow_rotation_in_memory
    {
        collector.report(
            &format!("{at}.allow_rotation_in_memory"),
            "its refresh tokens work only once, and `store.kind = \"memory\"` loses them at the next restart",
            "set `store.kind` to \"file\", \"redis\" or \"postgres\"; or set `refresh = false`; or accept the loss with `allow_rotation_in_memory = true`",
        );
    }
}

fn oauth2(at: &str, provider: &ProviderSettings, collector: &mut Collector) {
    let section = &provider.oauth2;
    if provider.adapter != Kind::OAuth2 {
        if *section != OAuth2Section::default() {
            collector.report(
                &format!("{at}.oauth2"),
                format!("the adapter `{}` takes no `oauth2` settings", provider.adapter),
                "remove the table, or set `adapter = \"oauth2\"`",
            );
        }
        return;
    }
    for host in section.hosts.iter().chain(&section.download_hosts) {
        if !is_host(host) {
            collector.report(
                &format!("{at}.oauth2.hosts"),
                format!("`{host}` is not a host name"),
                "write hosts without scheme, port and path",
            );
        }
    }
    for (name, value) in &section.headers {
        let reserved =
            ["authorization", "cookie", "host", "content-length", "transfer-encoding", "connection"];
        let valid =
            http::HeaderName::try_from(name.as_str()).is_ok() && http::HeaderValue::from_str(value).is_ok();
        if !valid || reserved.contains(&name.to_ascii_lowercase().as_str()) {
            collector.report(
                &child(&format!("{at}.oauth2.headers"), name),
                "this header cannot be set here",
                "use a valid header that is neither for credentials nor for framing",
            );
        }
    }
    for (index, limit) in section.limits.iter().enumerate() {
        if http::HeaderName::try_from(limit.name.as_str()).is_err() {
            collector.report(
                &format!("{at}.oauth2.limits[{index}].name"),
                format!("`{}` is not a header name", limit.name),
                "write the header's name",
            );
        }
    }
    pagination(at, section, collector);
}

fn pagination(at: &str, section: &OAuth2Section, collector: &mut Collector) {
    let paging = &section.pagination;
    let (member, parameter) = match paging.style {
        PaginationStyle::Link => (false, false),
        PaginationStyle::NextUrl => (true, false),
        PaginationStyle::Cursor => (true, true),
        PaginationStyle::Page => (false, true),
    };
    for (name, wanted, given) in
        [("member", member, &paging.member), ("parameter", parameter, &paging.parameter)]
    {
        if wanted && given.is_none() {
            collector.report(
                &format!("{at}.oauth2.pagination.{name}"),
                format!("this style of pagination needs `{name}`"),
                "give the JSON pointer of the member, or the name of the query parameter",
            );
        }
    }
}

/// Two entries may share a connection only when its tokens go to the same places.
fn claims(settings: &Settings, collector: &mut Collector) {
    let mut claimed: BTreeMap<&str, &ProviderSettings> = BTreeMap::new();
    for (name, provider) in &settings.providers {
        for connection in &provider.connections {
            match claimed.get(connection.as_str()) {
                Some(other)
                    if other.base_url != provider.base_url || other.upstreams != provider.upstreams =>
                {
                    collector.report(
                        &format!("{}.connections", child("providers", name)),
                        format!(
                            "`{connection}` is also a connection of `providers.{}`, which sends its tokens to another host",
                            other.name
                        ),
                        "give each entry its own connections, or the same `base_url` and `upstreams`",
                    );
                }
                Some(_) => {}
                None => drop(claimed.insert(connection, provider)),
            }
        }
    }
}

fn virtual_hosts(settings: &Settings, collector: &mut Collector) {
    let mut taken: BTreeMap<String, &str> = BTreeMap::new();
    for (name, provider) in &settings.providers {
        for (public, host) in &provider.hosts {
            let key = child(&format!("{}.hosts", child("providers", name)), public);
            if !is_host(public) {
                collector.report(
                    &key,
                    format!("`{public}` is not a host name"),
                    "write the public name alone, without scheme and port",
                );
            }
            if let Some(other) = taken.insert(public.to_ascii_lowercase(), name) {
                collector.report(
                    &key,
                    format!("`{public}` is already a host of `providers.{other}`"),
                    "use one public name for one provider host",
                );
            }
            if !is_host(host) || !rules::serves(provider, host) {
                collector.report(
                    &key,
                    format!("`{host}` is not a host of this provider"),
                    "name one of the provider's hosts, or add it to `upstreams`",
                );
            }
        }
    }
}
