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
    /// Address of the public listener. Port 0 takes a free port.
    #[schemars(with = "AddressText")]
    pub listen: SocketAddr,
    /// Address of the admin listener (health, metrics, administration).
    #[schemars(with = "AddressText")]
    pub admin_listen: SocketAddr,
    /// URL under which clients reach the public listener. Rewritten links and DPoP's `htu` are based on it.
    #[serde(deserialize_with = "unit::optional_url")]
    #[schemars(with = "Option<UrlText>")]
    pub public_url: Option<Url>,
    /// `Host` values that are served. Empty: any.
    pub allowed_hosts: Vec<String>,
    /// Networks of trusted proxies: their forwarding headers and `traceparent` are used. Empty: none.
    #[serde(deserialize_with = "unit::nets")]
    #[schemars(with = "Vec<NetText>")]
    pub trusted_proxies: Vec<IpNet>,
    /// Certificate and key of the public listener. Without this section it serves plain HTTP.
    pub tls: Option<TlsSettings>,
    /// Deadlines.
    pub timeouts: TimeoutSettings,
    /// Limits for one client and for all clients together.
    pub limits: LimitSettings,
    /// Memory for all caches together. Unset: computed from the container's memory limit, less what the requests in flight
    /// need.
    pub memory: Option<ByteSize>,
    /// The steps of a shutdown after SIGTERM.
    pub drain: DrainSettings,
    /// File with the bearer token that `/admin/*` requires. Without it `/admin/*` is served to loopback only.
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
    /// Time for a client to send the complete request head.
    #[serde(with = "DurationText")]
    pub header: Duration,
    /// Longest pause between two parts of a request body.
    #[serde(with = "DurationText")]
    pub body_idle: Duration,
    /// How long a client may stop reading its answer.
    #[serde(with = "DurationText")]
    pub write_idle: Duration,
    /// How long an unused connection stays open.
    #[serde(with = "DurationText")]
    pub idle: Duration,
    /// Time for the provider to send its response head.
    #[serde(with = "DurationText")]
    pub response: Duration,
    /// Longest pause between two parts of the provider's response body.
    #[serde(with = "DurationText")]
    pub upstream_idle: Duration,
    /// Time to connect to the tenant or to a provider, including TLS.
    #[serde(with = "DurationText")]
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
    /// Most open connections on the public listener.
    #[schemars(range(min = 1))]
    pub connections: usize,
    /// Most requests in flight on the public listener.
    #[schemars(range(min = 1))]
    pub in_flight: usize,
    /// Largest request body.
    pub body: ByteSize,
    /// Largest request body that is kept in memory, so that the call can be sent again with a new token. The default is not
    /// larger than `body`.
    pub replay: ByteSize,
    /// Largest size of all request headers together.
    pub headers: ByteSize,
    /// Most request headers.
    #[schemars(range(min = 1))]
    pub header_count: usize,
    /// Longest request target (path and query).
    pub uri: ByteSize,
    /// Most concurrent streams of one HTTP/2 connection.
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
    /// How long the listener stays open after `/readyz` starts to fail.
    #[serde(with = "DurationText")]
    pub delay: Duration,
    /// How long requests in flight may take after that.
    #[serde(with = "DurationText")]
    pub timeout: Duration,
}

impl Default for DrainSettings {
    fn default() -> Self {
        Self { delay: Duration::from_secs(5), timeout: Duration::from_secs(25) }
    }
}
