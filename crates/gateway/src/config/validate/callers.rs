//! `[callers]`, `[cors]`, `[users]`, `[quotas]`.

use std::time::Duration;

use url::Url;

use super::{
    super::{
        CallerActors, CallerQuota, Dpop, Settings,
        problems::{Collector, child},
    },
    address::is_loopback,
    server::positive,
};

pub(super) fn validate(settings: &Settings, collector: &mut Collector) {
    audiences(settings, collector);
    keys(settings, collector);
    for (index, origin) in settings.cors.origins.iter().enumerate() {
        check_origin(&format!("cors.origins[{index}]"), origin, collector);
    }
    users(settings, collector);
    let own = [
        ("quotas.per_caller", settings.quotas.per_caller),
        ("quotas.per_client", settings.quotas.per_client),
    ];
    let named =
        settings.providers.iter().map(|(name, entry)| (child("providers", name) + ".quota", entry.quota));
    for (key, quota) in own.map(|(key, quota)| (key.to_owned(), quota)).into_iter().chain(named) {
        check_quota(&key, quota, collector);
    }
}

fn check_quota(key: &str, quota: Option<CallerQuota>, collector: &mut Collector) {
    let Some(quota) = quota.filter(|quota| !(quota.per_second > 0.0 && quota.per_second.is_finite())) else {
        return;
    };
    collector.report(
        &format!("{key}.per_second"),
        format!("{} calls a second would refuse every call", quota.per_second),
        format!("write a number above zero, or remove `{key}` for no limit"),
    );
}

fn audiences(settings: &Settings, collector: &mut Collector) {
    let callers = &settings.callers;
    if callers.audience.is_empty() {
        collector.report("callers.audience", "the list is empty", "list at least one API identifier");
    }
    let lists = [
        ("audience", &callers.audience),
        ("issuers", &callers.issuers),
        ("clients", &callers.clients),
        ("organizations", &callers.organizations),
    ];
    for (name, list) in lists {
        for (index, _) in list.iter().enumerate().filter(|(_, value)| value.trim().is_empty()) {
            let key = format!("callers.{name}[{index}]");
            collector.report(&key, "the text is empty", "write a value, or remove the entry");
        }
    }
    if callers.issuers.is_empty() {
        collector.report(
            "callers.issuers",
            "the list is empty",
            "remove the key: the tenant's own issuer is the default",
        );
    }
    let given = collector.origins.gave("callers.issuers");
    for (index, issuer) in
        callers.issuers.iter().enumerate().filter(|(_, issuer)| given && !issuer.trim().is_empty())
    {
        let url = Url::parse(issuer).ok();
        if !url.is_some_and(|url| url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url))) {
            collector.report(
                &format!("callers.issuers[{index}]"),
                format!("`{issuer}` is not an https URL"),
                "write the issuer exactly as in tokens, for example https://login.acme.com/ with its final slash",
            );
        }
    }
    tokens(settings, collector);
}

/// What the tokens themselves may look like.
fn tokens(settings: &Settings, collector: &mut Collector) {
    let callers = &settings.callers;
    if callers.algorithms.is_empty() {
        collector.report(
            "callers.algorithms",
            "the list is empty",
            "leave the key out: [\"RS256\", \"PS256\"]",
        );
    }
    if callers.leeway > Duration::from_secs(60) {
        collector.report(
            "callers.leeway",
            "with more than a minute, expired tokens would be accepted for too long",
            "write at most \"60s\", and correct the clocks",
        );
    }
    // The default stands back where the headers may be no longer than that.
    let fits = callers.max_token.bytes() >= 1024 && callers.max_token < settings.server.limits.headers;
    if !fits && collector.origins.gave("callers.max_token") {
        collector.report(
            "callers.max_token",
            format!(
                "it is not between 1KiB and `server.limits.headers` ({}), which includes the token",
                settings.server.limits.headers
            ),
            "write a smaller size, or raise `server.limits.headers`",
        );
    }
    let addressed = settings.server.public_url.is_some() || !settings.server.allowed_hosts.is_empty();
    if callers.dpop != Dpop::Off && !addressed {
        collector.report(
            "callers.dpop",
            "the address of the gateway is not known: a proof would be compared with the `Host` of the request, which the sender chooses",
            "set `server.public_url` to the address that clients use, or list their host names in `server.allowed_hosts`",
        );
    }
    if let CallerActors::Only(ids) = &callers.actors
        && ids.iter().any(|id| id.trim().is_empty())
    {
        collector.report("callers.actors", "an id is empty", "write the id exactly as in `act.sub`");
    }
    if !(Duration::from_secs(60)..=Duration::from_secs(30 * 24 * 3600)).contains(&callers.max_lifetime) {
        collector.report(
            "callers.max_lifetime",
            "it is not between one minute and 30 days",
            "write the token lifetime that the API has in Auth0, at most \"30days\"",
        );
    }
}

fn keys(settings: &Settings, collector: &mut Collector) {
    let keys = &settings.callers.keys;
    positive("callers.keys.max_age", keys.max_age, collector);
    positive("callers.keys.cooldown", keys.cooldown, collector);
    if keys.stale < keys.max_age {
        collector.report(
            "callers.keys.stale",
            "the key set would expire before it is read again",
            "write at least the duration of `callers.keys.max_age`",
        );
    }
}

pub(super) fn check_origin(key: &str, origin: &str, collector: &mut Collector) {
    if let Some((problem, remedy)) = wrong_origin(origin) {
        collector.report(key, problem, remedy);
    }
}

/// Why the pages of an origin may not be allowed, and the remedy.
pub(crate) fn wrong_origin(origin: &str) -> Option<(String, &'static str)> {
    if origin == "*" || origin.eq_ignore_ascii_case("null") {
        return Some((
            format!("`{origin}` would let every web page read users' data"),
            "list the origins of your apps, for example https://app.acme.com",
        ));
    }
    match Url::parse(origin).ok().filter(|url| url.origin().ascii_serialization() == origin) {
        None => Some((
            format!("`{origin}` is not an origin"),
            "write scheme, host and port as a browser sends them, without a path and without a slash at the end: https://app.acme.com",
        )),
        Some(url) if url.scheme() == "http" && !is_loopback(&url) => Some((
            format!("`{origin}` uses plain http, and its host is not a loopback address"),
            "serve the app over https; http:// is accepted for loopback addresses only",
        )),
        Some(_) => None,
    }
}

fn users(settings: &Settings, collector: &mut Collector) {
    let users = &settings.users;
    positive("users.cache_ttl", users.cache_ttl, collector);
    if users.stale_ttl < users.cache_ttl {
        collector.report(
            "users.stale_ttl",
            "`stale_ttl` is less than `cache_ttl`, although it is the total age",
            "write at least the duration of `users.cache_ttl`",
        );
    }
}
