//! `[server]`: listeners, limits and deadlines.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use super::unit::{self, AddressText, ByteSize, DurationText, NetText, PathText, UrlText};

/// The public and the admin listener, and what protects them.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ServerSettings {
    /// Address of the public listener; port 0 picks a free one.
    #[schemars(with = "AddressText")]
    pub listen: SocketAddr,
    /// Address of the admin listener (health, metrics, administration).
    #[schemars(with = "AddressText")]
    pub admin_listen: SocketAddr,
    /// How the world reaches the public listener: base of rewritten links and of DPoP's `htu`.
    #[serde(deserialize_with = "unit::optional_url")]
    #[schemars(with = "Option<UrlText>")]
    pub public_url: Option<Url>,
    /// `Host` values that are served; empty means any.
    pub allowed_hosts: Vec<String>,
    /// Networks whose forwarding headers and `traceparent` are believed; empty means none.
    #[serde(deserialize_with = "unit::nets")]
    #[schemars(with = "Vec<NetText>")]
    pub trusted_proxies: Vec<IpNet>,
    /// Certificate and key of the public listener; without it the listener speaks plain HTTP.
    pub tls: Option<TlsSettings>,
    /// Deadlines.
    pub timeouts: TimeoutSettings,
    /// Bounds on what one client, and all of them together, may use.
    pub limits: LimitSettings,
    /// Memory that all caches together may take; unset: what the container's memory limit leaves beside the requests
    /// in flight.
    pub memory: Option<ByteSize>,
    /// What happens between SIGTERM and the end.
    pub drain: DrainSettings,
    /// File with the bearer token that `/admin/*` wants; without it `/admin/*` is served to loopback alone.
    #[schemars(with = "Option<PathText>")]
    pub admin_token_file: Option<PathBuf>,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            admin_listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 9090)),
            public_url: None,
            allowed_hosts: Vec::new(),
            trusted_proxies: Vec::new(),
            tls: None,
            timeouts: TimeoutSettings::default(),
            limits: LimitSettings::default(),
            memory: None,
            drain: DrainSettings::default(),
            admin_token_file: None,
        }
    }
}

/// Certificate chain and private key, both PEM, read again when the files change.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TlsSettings {
    /// The certificate chain, leaf first.
    #[schemars(with = "PathText")]
    pub cert_file: PathBuf,
    /// The private key.
    #[schemars(with = "PathText")]
    pub key_file: PathBuf,
}

/// `server.timeouts`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TimeoutSettings {
    /// Until a request's head is complete.
    #[serde(with = "unit::duration")]
    #[schemars(with = "DurationText")]
    pub header: Duration,
    /// Longest gap between two pieces of a request's body.
    #[serde(with = "unit::duration")]
    #[schemars(with = "DurationText")]
    pub body_idle: Duration,
    /// How long a client may refuse to read its answer.
    #[serde(with = "unit::duration")]
    #[schemars(with = "DurationText")]
    pub write_idle: Duration,
    /// How long an unused connection stays open.
    #[serde(with = "unit::duration")]
    #[schemars(with = "DurationText")]
    pub idle: Duration,
    /// Until the provider's response head.
    #[serde(with = "unit::duration")]
    #[schemars(with = "DurationText")]
    pub response: Duration,
    /// Longest gap between two pieces of the provider's body.
    #[serde(with = "unit::duration")]
    #[schemars(with = "DurationText")]
    pub upstream_idle: Duration,
    /// Until a connection to the tenant or to a provider is made, TLS included.
    #[serde(with = "unit::duration")]
    #[schemars(with = "DurationText")]
    pub connect: Duration,
}

impl Default for TimeoutSettings {
    fn default() -> Self {
        Self {
            header: Duration::from_secs(10),
            body_idle: Duration::from_secs(15),
            write_idle: Duration::from_secs(30),
            idle: Duration::from_secs(60),
            response: Duration::from_secs(60),
            upstream_idle: Duration::from_secs(60),
            connect: Duration::from_secs(2),
        }
    }
}

/// `server.limits`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LimitSettings {
    /// Open connections on the public listener.
    #[schemars(range(min = 1))]
    pub connections: usize,
    /// Requests in flight on the public listener.
    #[schemars(range(min = 1))]
    pub in_flight: usize,
    /// Size of a request body.
    pub body: ByteSize,
    /// Size up to which a request body is kept so that the call can be sent again after a dead token; the
    /// default shrinks with a smaller `body`.
    pub replay: ByteSize,
    /// Size of all request headers together.
    pub headers: ByteSize,
    /// Number of request headers.
    #[schemars(range(min = 1))]
    pub header_count: usize,
    /// Length of the request target.
    pub uri: ByteSize,
    /// Concurrent streams of one HTTP/2 connection.
    #[schemars(range(min = 1))]
    pub streams: u32,
}

impl Default for LimitSettings {
    fn default() -> Self {
        Self {
            connections: 10_000,
            in_flight: 1024,
            body: ByteSize::mib(100),
            replay: ByteSize::kib(64),
            headers: ByteSize::kib(32),
            header_count: 100,
            uri: ByteSize::kib(8),
            streams: 100,
        }
    }
}

/// `server.drain`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DrainSettings {
    /// How long the listener stays open after `/readyz` began to fail.
    #[serde(with = "unit::duration")]
    #[schemars(with = "DurationText")]
    pub delay: Duration,
    /// How long requests in flight have after that.
    #[serde(with = "unit::duration")]
    #[schemars(with = "DurationText")]
    pub timeout: Duration,
}

impl Default for DrainSettings {
    fn default() -> Self {
        Self { delay: Duration::from_secs(5), timeout: Duration::from_secs(25) }
    }
}
