//! `[server]`.

use std::time::Duration;

use super::{
    super::{ServerSettings, problems::Collector, unit::ByteSize},
    address::{UrlRules, check_url, is_authority},
    files::{Content, check_file},
};

/// Caches that hold some hundred users.
const LEAST_MEMORY: ByteSize = ByteSize::mib(8);

pub(super) fn validate(server: &ServerSettings, collector: &mut Collector) {
    if server.listen == server.admin_listen && server.listen.port() != 0 {
        collector.report(
            "server.admin_listen",
            format!("{} is also `server.listen`", server.listen),
            "give the admin listener its own port, not reachable from the internet",
        );
    }
    if let Some(url) = &server.public_url {
        check_url("server.public_url", url, UrlRules { path: true, private: true }, collector);
    }
    for (index, host) in server.allowed_hosts.iter().enumerate() {
        if !is_authority(host) {
            collector.report(
                &format!("server.allowed_hosts[{index}]"),
                format!("`{host}` is not a host name"),
                "write the name as in the Host header, without scheme, path and wildcard",
            );
        }
    }
    if let Some(tls) = &server.tls {
        check_file("server.tls.cert_file", Some(&tls.cert_file), Content::Pem, collector);
        check_file("server.tls.key_file", Some(&tls.key_file), Content::Pem, collector);
    }
    check_file("server.admin_token_file", server.admin_token_file.as_deref(), Content::Text, collector);
    timeouts(server, collector);
    limits(server, collector);
    if let Some(memory) = server.memory.filter(|memory| *memory < LEAST_MEMORY) {
        collector.report(
            "server.memory",
            format!("{} bytes are too few", memory.bytes()),
            "write at least \"8MiB\", or remove the key: the container's memory limit then decides",
        );
    }
}

/// A deadline of zero would refuse everything.
pub(super) fn positive(key: &str, duration: Duration, collector: &mut Collector) {
    if duration.is_zero() {
        collector.report(key, "a duration of zero", "write a duration above zero, for example \"10s\"");
    }
}

fn timeouts(server: &ServerSettings, collector: &mut Collector) {
    let timeouts = &server.timeouts;
    for (name, duration) in [
        ("timeouts.header", timeouts.header),
        ("timeouts.body_idle", timeouts.body_idle),
        ("timeouts.write_idle", timeouts.write_idle),
        ("timeouts.idle", timeouts.idle),
        ("timeouts.response", timeouts.response),
        ("timeouts.upstream_idle", timeouts.upstream_idle),
        ("timeouts.connect", timeouts.connect),
    ] {
        positive(&format!("server.{name}"), duration, collector);
    }
}

fn limits(server: &ServerSettings, collector: &mut Collector) {
    let limits = &server.limits;
    for (name, size) in [("body", limits.body), ("headers", limits.headers), ("uri", limits.uri)] {
        if size.bytes() == 0 {
            collector.report(
                &format!("server.limits.{name}"),
                "a size of zero refuses every request",
                "write a size above zero, for example \"32KiB\"",
            );
        }
    }
    if limits.replay > limits.body {
        collector.report(
            "server.limits.replay",
            format!("{} is more than `server.limits.body` ({})", limits.replay, limits.body),
            "write at most the size of `server.limits.body`",
        );
    }
}
