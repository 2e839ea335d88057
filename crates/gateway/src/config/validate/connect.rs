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
    tenant::proof("connect", &connect.proof, collector);
    match &settings.server.public_url {
        None => collector.report(
            "server.public_url",
            "`[connect]` needs it: the links and the callback start with this address",
            "set `server.public_url` to the address that browsers use for the gateway",
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
            "a link must be valid for at least 30 seconds and at most one day",
            "write a duration such as \"10m\"",
        );
    }
    if connect.my_account_audience.trim().is_empty() {
        collector.report(
            "connect.my_account_audience",
            "the audience is empty",
            "remove the key: https://{domain}/me/ is the default",
        );
    }
    if settings.providers.contains_key("callback") {
        collector.report(
            "providers.callback",
            "browsers return from Auth0 to `/connect/callback`, so no provider can have this name when `[connect]` is set",
            "give the entry another name, and set `adapter`",
        );
    }
    sign_in_address(settings, collector);
    if settings.store.kind == super::super::StoreKind::Memory {
        collector.warn(
            "store.kind",
            "links of `[connect]` are encrypted with a key of this process: another replica cannot open them, and after a restart this one cannot either",
            "use `store.kind = \"redis\"` or \"postgres\" with several replicas, or \"file\" with one",
        );
    }
}

/// People sign in at the address of the first issuer.
fn sign_in_address(settings: &Settings, collector: &mut Collector) {
    let first = settings.callers.issuers.first();
    if first.is_some_and(|issuer| Url::parse(issuer).is_err()) {
        collector.report(
            "callers.issuers[0]",
            "it is not a URL, so `[connect]` does not know where users sign in",
            "write the issuer exactly as in tokens, for example https://login.acme.com/",
        );
    }
}
