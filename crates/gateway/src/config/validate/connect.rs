//! `[connect]`.

use std::time::Duration;

use url::Url;

use super::{
    super::{ConnectSettings, Settings, problems::Collector},
    address::{UrlRules, check_url, is_loopback},
    tenant,
};

/// The longest that a link may work: found later in a mail or a log, it must be dead.
const LONGEST_TICKET: Duration = Duration::from_secs(24 * 3600);
/// Shorter than anybody can read a page.
const SHORTEST_TICKET: Duration = Duration::from_secs(30);

pub(super) fn validate(connect: &ConnectSettings, settings: &Settings, collector: &mut Collector) {
    tenant::validate_connect(connect, collector);
    match &settings.server.public_url {
        None => collector.report(
            "server.public_url",
            "`[connect]` needs it: links to the pages and the callback begin with it",
            "set `server.public_url` to the address under which browsers reach the gateway",
        ),
        Some(url) if url.scheme() != "https" && !is_loopback(url) => {
            collector.report("server.public_url", "`[connect]` needs https", "use https://");
        }
        Some(_) => {}
    }
    for (index, url) in connect.return_to.iter().enumerate() {
        let key = format!("connect.return_to[{index}]");
        check_url(&key, url, UrlRules { path: true, private: true }, collector);
    }
    if !(SHORTEST_TICKET..=LONGEST_TICKET).contains(&connect.ticket_ttl) {
        collector.report(
            "connect.ticket_ttl",
            "a link works for 30 seconds at least and a day at most",
            "write a duration such as \"10m\"",
        );
    }
    if connect.my_account_audience.trim().is_empty() {
        collector.report(
            "connect.my_account_audience",
            "the audience is empty",
            "leave the key out: https://{domain}/me/",
        );
    }
    if settings.providers.contains_key("callback") {
        collector.report(
            "providers.callback",
            "`/connect/callback` is where browsers come back from Auth0, so no provider of `[connect]` can have this name",
            "give the entry another name, and say with `adapter` whose API it is",
        );
    }
    sign_in_address(settings, collector);
    if settings.store.kind == super::super::StoreKind::Memory {
        collector.warn(
            "store.kind",
            "links of `[connect]` are sealed with a key of this process: no other replica can open them, nor this one after a restart",
            "use `store.kind = \"redis\"` or \"postgres\" where there are several replicas, or \"file\"",
        );
    }
}

/// People sign in at the address of the first issuer.
fn sign_in_address(settings: &Settings, collector: &mut Collector) {
    let first = settings.callers.issuers.first();
    if first.is_some_and(|issuer| Url::parse(issuer).is_err()) {
        collector.report(
            "callers.issuers[0]",
            "it is not a URL, so `[connect]` does not know where people sign in",
            "write the issuer as it stands in tokens, for example https://login.acme.com/",
        );
    }
}
