//! `[store]`.

use secrecy::ExposeSecret;
use url::Url;

use super::{
    super::{Settings, StoreKind, problems::Collector},
    address::is_loopback,
    files::{Content, check_file, check_folder},
};

pub(super) fn validate(settings: &Settings, collector: &mut Collector) {
    let store = &settings.store;
    match (store.kind, &store.path) {
        (StoreKind::File, None) => collector.report(
            "store.path",
            "`store.kind = \"file\"` needs `store.path`",
            "name the database file; the gateway creates it",
        ),
        (StoreKind::File, Some(path)) => check_folder("store.path", path, collector),
        _ => {}
    }
    if matches!(store.kind, StoreKind::Redis | StoreKind::Postgres) {
        server(settings, collector);
    }
    if store.kind != StoreKind::Memory && store.encryption_keys_file.is_none() {
        collector.report(
            "store.encryption_keys_file",
            format!("`store.kind = \"{}\"` needs `store.encryption_keys_file`", store.kind.as_str()),
            "make a line with `gateway store keygen`, save it in a file, and name that file",
        );
    }
    check_file("store.encryption_keys_file", store.encryption_keys_file.as_deref(), Content::Keys, collector);
    check_file("store.url_file", store.url_file.as_deref(), Content::Text, collector);
}

fn server(settings: &Settings, collector: &mut Collector) {
    let store = &settings.store;
    let is_postgres = store.kind == StoreKind::Postgres;
    let url = match (&store.url, &store.url_file) {
        (None, None) => {
            let example = if is_postgres { "postgres://gateway@db/gateway" } else { "rediss://redis:6379" };
            return collector.report(
                "store.url",
                format!("`store.kind = \"{}\"` needs `store.url`", store.kind.as_str()),
                format!(
                    "set the URL of the server, for example {example}, or name a file that contains it in `store.url_file`"
                ),
            );
        }
        (Some(_), Some(_)) => {
            let problem = "`url` and `url_file` are both set";
            return collector.report("store.url", problem, "keep one of them");
        }
        (Some(url), None) => url.expose_secret().to_owned(),
        // What is wrong with the file is said elsewhere.
        (None, Some(path)) => match std::fs::read_to_string(path) {
            Ok(url) if !url.trim().is_empty() => url,
            _ => return,
        },
    };
    match url.trim() {
        url if is_postgres => postgres(url, collector),
        url => redis(url, collector),
    }
}

fn redis(url: &str, collector: &mut Collector) {
    let scheme = Url::parse(url).ok().filter(Url::has_host).map(|url| url.scheme().to_owned());
    if !matches!(scheme.as_deref(), Some("redis" | "rediss")) {
        collector.report(
            "store.url",
            "this is not the address of a Redis server",
            "write redis://host:port, or rediss://host:port for TLS",
        );
    } else if shows_a_password(url) {
        collector.warn(
            "store.url",
            "the password is sent to another machine without encryption",
            "write rediss://, which uses TLS",
        );
    }
}

/// The store itself reads the rest: there can be several hosts, or sockets.
fn postgres(url: &str, collector: &mut Collector) {
    if !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
        collector.report(
            "store.url",
            "this is not the address of a PostgreSQL server",
            "write postgres://user:password@host:port/database",
        );
    } else if url.contains("sslmode=disable") || url.contains("sslmode=prefer") {
        collector.warn(
            "store.url",
            "the connection to the server may be unencrypted",
            "remove `sslmode`: TLS is then required, except on loopback and Unix sockets",
        );
    }
}

/// Whether the address has a password that crosses a network in the clear.
fn shows_a_password(url: &str) -> bool {
    // Only in the address of a web page are numbers read as addresses.
    let Some(Ok(url)) = url.strip_prefix("redis://").map(|rest| Url::parse(&format!("http://{rest}"))) else {
        return false;
    };
    url.password().is_some() && !is_loopback(&url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_stay_on_this_machine_or_in_tls() {
        for url in
            ["redis://:secret@redis:6379", "redis://user:secret@10.0.0.7", "redis://u:s@[fd00::1]:6379"]
        {
            assert!(shows_a_password(url), "{url}");
        }
        for url in [
            "rediss://:secret@redis:6379",
            "redis://redis:6379",
            "redis://:secret@127.0.0.1:6379",
            "redis://:secret@localhost",
            "redis://:secret@[::1]:6379",
            "no url",
        ] {
            assert!(!shows_a_password(url), "{url}");
        }
    }
}
