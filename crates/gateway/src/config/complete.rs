//! Fills in what follows from other settings, and reports what has to be given.
//!
//! Required settings that are missing get a placeholder after they were reported, so that the rest can still be
//! looked at.

use idp_adapters::Kind;
use serde_json::{Map, Value, json};
use url::Url;

use super::{
    Settings,
    adapter::owns,
    problems::{Collector, child},
    validate::is_loopback,
};

type Table = Map<String, Value>;

const UNSET: &str = "unset.invalid";

/// The members without a default of their own that [`complete`] sees to.
const FILLED: [&str; 11] = [
    "tenant",
    "callers",
    "domain",
    "client_id",
    "base_url",
    "audience",
    "issuers",
    "adapter",
    "connections",
    "encoded_slash",
    "my_account_audience",
];

/// Whether a member that is not given is filled in, or reported, here.
pub(super) fn fills(name: &str) -> bool {
    FILLED.contains(&name)
}

pub(super) fn complete(tree: &mut Value, collector: &mut Collector) {
    if !tree.is_object() {
        *tree = Value::Object(Table::new());
    }
    let Value::Object(root) = tree else { return };
    tenant(section(root, "tenant"), collector);
    let tenant = root.get("tenant").and_then(Value::as_object).cloned().unwrap_or_default();
    callers(section(root, "callers"), &tenant, collector);
    providers(section(root, "providers"), collector);
    vault(root, &tenant, collector);
    if root.contains_key("connect") {
        let issuer = root.get("callers").and_then(|callers| callers.pointer("/issuers/0"));
        let issuer = issuer.and_then(Value::as_str).unwrap_or_default().to_owned();
        connect(section(root, "connect"), &issuer, collector);
    }
}

/// Which settings are unset whose default depends on another setting.
#[derive(Clone, Copy, Debug)]
pub(super) struct UnsetDefaults {
    replay: bool,
    stale_user: bool,
    stale_keys: bool,
}

impl UnsetDefaults {
    pub(super) fn of(tree: &Value) -> Self {
        let unset = |pointer| tree.pointer(pointer).is_none();
        Self {
            replay: unset("/server/limits/replay"),
            stale_user: unset("/users/stale_ttl"),
            stale_keys: unset("/callers/keys/stale"),
        }
    }

    pub(super) fn adjust(self, mut settings: Settings) -> Settings {
        let limits = &mut settings.server.limits;
        if self.replay {
            limits.replay = limits.replay.min(limits.body);
        }
        let users = &mut settings.users;
        if self.stale_user {
            users.stale_ttl = users.stale_ttl.max(users.cache_ttl);
        }
        let keys = &mut settings.callers.keys;
        if self.stale_keys {
            keys.stale = keys.stale.max(keys.max_age);
        }
        settings
    }
}

fn section<'a>(root: &'a mut Table, name: &str) -> &'a mut Table {
    let entry = root.entry(name).or_insert_with(|| Value::Object(Table::new()));
    if !entry.is_object() {
        *entry = Value::Object(Table::new());
    }
    match entry {
        Value::Object(table) => table,
        _ => unreachable!("made an object above"),
    }
}

fn text<'a>(table: &'a Table, name: &str) -> Option<&'a str> {
    table.get(name).and_then(Value::as_str)
}

/// Sets a default; a member that was given stays.
fn default(table: &mut Table, name: &str, value: impl Into<Value>) {
    table.entry(name).or_insert_with(|| value.into());
}

fn require(table: &mut Table, at: &str, name: &str, remedy: &str, collector: &mut Collector) {
    if text(table, name).is_none_or(|text| text.trim().is_empty()) {
        let key = child(at, name);
        collector.drop_value(&key, format!("`{key}` is required"), remedy);
        table.insert(name.to_owned(), UNSET.into());
    }
}

fn tenant(tenant: &mut Table, collector: &mut Collector) {
    require(
        tenant,
        "tenant",
        "domain",
        "give the tenant's canonical domain, for example acme.eu.auth0.com",
        collector,
    );
    require(
        tenant,
        "tenant",
        "client_id",
        "give the client id of the machine-to-machine application that may read users",
        collector,
    );
    let domain = text(tenant, "domain").unwrap_or(UNSET).to_owned();
    let origin = format!("https://{domain}");
    let base =
        if Url::parse(&origin).is_ok_and(|url| url.has_host()) { origin } else { format!("https://{UNSET}") };
    default(tenant, "base_url", base);
    default(tenant, "audience", format!("https://{domain}/api/v2/"));
}

fn callers(callers: &mut Table, tenant: &Table, collector: &mut Collector) {
    if !callers.get("audience").is_some_and(Value::is_array) {
        collector.drop_value(
            "callers.audience",
            "`callers.audience` is required",
            "list the identifiers of the APIs whose access tokens are accepted, for example [\"https://api.acme.com\"]",
        );
        callers.insert("audience".to_owned(), json!([UNSET]));
    }
    let base = text(tenant, "base_url").unwrap_or_default().trim_end_matches('/');
    default(callers, "issuers", json!([format!("{base}/")]));
}

/// The members that prove a client's identity.
const PROOF: [&str; 6] =
    ["client_secret", "client_secret_file", "private_key_file", "key_id", "algorithm", "auth"];

fn vault(root: &mut Table, tenant: &Table, collector: &mut Collector) {
    let names_vault = |provider: &Value| {
        let sources = provider.get("source").and_then(Value::as_array);
        sources.is_some_and(|sources| sources.iter().any(|source| source == "vault"))
    };
    let wanted =
        root.get("providers").and_then(Value::as_object).is_some_and(|all| all.values().any(names_vault));
    if !wanted && !root.contains_key("vault") {
        return;
    }
    let audiences =
        root.get("callers").and_then(|callers| callers.get("audience")).and_then(Value::as_array).cloned();
    let vault = section(root, "vault");
    let own_client = text(vault, "client_id").map(str::to_owned);
    let tenants_client = text(tenant, "client_id").unwrap_or(UNSET);
    default(vault, "client_id", tenants_client);
    let proved = ["client_secret", "client_secret_file", "private_key_file"]
        .iter()
        .any(|name| vault.contains_key(*name));
    if !proved && own_client.is_none_or(|own| own == tenants_client) {
        for name in PROOF {
            if let Some(value) = tenant.get(name) {
                default(vault, name, value.clone());
            }
        }
    }
    match audiences.as_deref() {
        Some([only]) => default(vault, "audience", only.clone()),
        _ => require(
            vault,
            "vault",
            "audience",
            "there are several `callers.audience`: say which of them the Custom API Client belongs to",
            collector,
        ),
    }
}

/// Auth0 wants one host for the login, the token and the API; without a custom domain that is the canonical one.
fn connect(connect: &mut Table, issuer: &str, collector: &mut Collector) {
    require(
        connect,
        "connect",
        "client_id",
        "give the client id of a Regular Web Application with the callback {public_url}/connect/callback, or remove `connect` altogether",
        collector,
    );
    default(connect, "my_account_audience", format!("{}/me/", issuer.trim_end_matches('/')));
}

fn providers(providers: &mut Table, collector: &mut Collector) {
    providers.retain(|name, entry| match entry {
        Value::Object(entry) => provider(name, entry, collector),
        _ => false,
    });
}

fn provider(name: &str, entry: &mut Table, collector: &mut Collector) -> bool {
    let at = child("providers", name);
    let Ok(kind) = text(entry, "adapter").unwrap_or(name).parse::<Kind>() else {
        let known = Kind::ALL.map(Kind::as_str).join(", ");
        let key = child(&at, "adapter");
        collector.report(
            &key,
            format!("`{name}` is not the name of an adapter"),
            format!("set `adapter` to one of {known}"),
        );
        return false;
    };
    let adapter = idp_adapters::adapter(kind);
    entry.insert("adapter".to_owned(), kind.as_str().into());
    match adapter.default_origin() {
        Some(origin) => default(entry, "base_url", origin),
        None => {
            require(
                entry,
                &at,
                "base_url",
                "give the origin of the provider's API, for example https://api.example.com",
                collector,
            );
            if text(entry, "base_url") == Some(UNSET) {
                entry.insert("base_url".to_owned(), format!("https://{UNSET}").into());
            }
        }
    }
    let Some(base) = text(entry, "base_url").and_then(|text| Url::parse(text).ok()) else { return false };
    connections(entry, &at, kind, &base, collector);
    endpoints(entry, kind, &base);
    default(entry, "encoded_slash", adapter.encoded_slash());
    true
}

/// An identity's token must not leave for a host that merely calls itself by the adapter's name.
fn connections(entry: &mut Table, at: &str, kind: Kind, base: &Url, collector: &mut Collector) {
    let given = entry.get("connections").and_then(Value::as_array).is_some_and(|list| !list.is_empty());
    if given {
        return;
    }
    let upstreams = entry.get("upstreams").and_then(Value::as_object);
    let upstreams = upstreams.into_iter().flat_map(Map::values).filter_map(Value::as_str);
    let foreign = std::iter::once(base.clone())
        .chain(upstreams.filter_map(|text| Url::parse(text).ok()))
        .find(|url| !owns(kind, url) && !is_loopback(url));
    let problem = match foreign {
        _ if idp_adapters::adapter(kind).connections().is_empty() => {
            Some("`adapter = \"oauth2\"` needs `connections`".to_owned())
        }
        Some(url) => Some(format!(
            "{} is not a host of the adapter, so `connections` must be given",
            url.host_str().unwrap_or("")
        )),
        None => None,
    };
    if let Some(problem) = problem {
        let key = child(at, "connections");
        collector.drop_value(
            &key,
            problem,
            "list the Auth0 connections whose tokens may be sent to this host",
        );
        entry.insert("connections".to_owned(), json!([]));
    } else {
        entry.insert("connections".to_owned(), json!(idp_adapters::adapter(kind).connections()));
    }
}

/// The adapter's endpoints where calls go to the adapter's own origin, so that a secret never goes to the wrong place.
fn endpoints(entry: &mut Table, kind: Kind, base: &Url) {
    let own = idp_adapters::adapter(kind).endpoints(Some(base));
    for (name, url) in [("token_url", own.token_url), ("revoke_url", own.revoke_url)] {
        if let Some(url) = url {
            default(entry, name, url);
        }
    }
}
