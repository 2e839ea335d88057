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
            "name the database file; it need not exist",
        ),
        (StoreKind::File, Some(path)) => check_folder("store.path", path, collector),
        _ => {}
    }
    if store.kind == StoreKind::Redis {
        redis(settings, collector);
    }
    if store.kind != StoreKind::Memory && store.encryption_keys_file.is_none() {
        collector.report(
            "store.encryption_keys_file",
            format!("`store.kind = \"{}\"` needs `store.encryption_keys_file`", store.kind.as_str()),
            "make a line with `gateway store keygen`, keep it in a file and name that file",
        );
    }
    check_file("store.encryption_keys_file", store.encryption_keys_file.as_deref(), Content::Keys, collector);
    check_file("store.url_file", store.url_file.as_deref(), Content::Text, collector);
}

fn redis(settings: &Settings, collector: &mut Collector) {
    let store = &settings.store;
    match (&store.url, &store.url_file) {
        (None, None) => collector.report(
            "store.url",
            "`store.kind = \"redis\"` needs `store.url`",
            "give the server's address, for example rediss://redis:6379, or a file that holds it in `store.url_file`",
        ),
        (Some(_), Some(_)) => collector.report("store.url", "`url` and `url_file` are both given", "keep one of them"),
        (Some(url), None) => {
            let scheme = Url::parse(url.expose_secret()).ok().filter(Url::has_host).map(|url| url.scheme().to_owned());
            if !matches!(scheme.as_deref(), Some("redis" | "rediss")) {
                collector.report(
                    "store.url",
                    "this is not the address of a Redis server",
                    "write redis://host:port, or rediss://host:port for TLS",
                );
            }
        }
        (None, Some(_)) => {}
    }
    let url = match (&store.url, &store.url_file) {
        (Some(url), _) => Some(url.expose_secret().to_owned()),
        // What is wrong with the file is said elsewhere.
        (None, Some(path)) => std::fs::read_to_string(path).ok(),
        (None, None) => None,
    };
    if url.is_some_and(|url| shows_a_password(url.trim())) {
        collector.warn(
            "store.url",
            "the password goes to another machine without encryption",
            "write rediss:// where the server speaks TLS",
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
