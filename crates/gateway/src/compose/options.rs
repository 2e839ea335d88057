//! From the configuration to this module's plain types.

use crate::config::Settings;
use crate::cors::Cors;
use crate::server::{AllowedHost, Drain, Limits, Options, Timeouts, TlsFiles};

impl From<&Settings> for Options {
    fn from(settings: &Settings) -> Self {
        let server = &settings.server;
        let (limits, timeouts) = (&server.limits, &server.timeouts);
        let virtual_hosts = settings.providers.values().flat_map(|provider| provider.hosts.keys());
        Self {
            listen: server.listen,
            admin_listen: server.admin_listen,
            allowed_hosts: server.allowed_hosts.iter().map(|entry| AllowedHost::parse(entry)).collect(),
            virtual_hosts: virtual_hosts.map(|name| name.to_ascii_lowercase()).collect(),
            trusted_proxies: server.trusted_proxies.clone(),
            tls: server
                .tls
                .as_ref()
                .map(|tls| TlsFiles { cert_file: tls.cert_file.clone(), key_file: tls.key_file.clone() }),
            timeouts: Timeouts {
                header: timeouts.header,
                body_idle: timeouts.body_idle,
                write_idle: timeouts.write_idle,
                idle: timeouts.idle,
            },
            limits: Limits {
                connections: limits.connections,
                in_flight: limits.in_flight,
                body: limits.body.bytes(),
                headers: limits.headers.as_usize(),
                header_count: limits.header_count,
                uri: limits.uri.as_usize(),
                streams: limits.streams,
            },
            drain: Drain { delay: server.drain.delay, timeout: server.drain.timeout },
            cors: Cors::new(&settings.cors.origins, settings.cors.max_age),
            admin_token_file: server.admin_token_file.clone(),
        }
    }
}
