//! The closed sets that metric labels are taken from.

use std::sync::Arc;

/// Declares an enum whose variants are label values.
macro_rules! labels {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident => $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$vdoc])* $variant,)+ }

        impl $name {
            /// Every value, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The label's text.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }
    };
}

labels! {
    /// How a cache answered.
    CacheResult {
        /// A fresh value was there.
        Hit => "hit",
        /// Another request was already loading it.
        Joined => "joined",
        /// It was loaded for this request.
        Loaded => "loaded",
        /// An old value served because the source is down.
        Stale => "stale",
        /// The source says there is none.
        Missing => "missing",
        /// The load failed.
        Failed => "failed",
    }
}

labels! {
    /// Where a token comes from.
    TokenSource {
        /// The gateway's own Management API token.
        Management => "management",
        /// The user's identity record.
        Identities => "identities",
        /// The Token Vault exchange.
        Vault => "vault",
        /// A refresh at the provider.
        Refresh => "refresh",
    }
}

labels! {
    /// What became of a call to the tenant or of a token request.
    FetchOutcome {
        /// It worked.
        Ok => "ok",
        /// 429 or a limit in another form.
        RateLimited => "rate_limited",
        /// Unreachable, 5xx or too slow.
        Unavailable => "unavailable",
        /// The other side refused what it was asked with.
        Rejected => "rejected",
        /// The gateway's own client or grant is wrong.
        Misconfigured => "misconfigured",
        /// There is no such thing.
        NotFound => "not_found",
    }
}

labels! {
    /// A value kept fresh in the background.
    KeeperName {
        /// The Management API token.
        ManagementToken => "management_token",
        /// The tenant's signing keys.
        Keys => "keys",
    }
}

labels! {
    /// Why a proxied call was sent again.
    RetryReason {
        /// The provider refused the IdP token; a fresh one was had.
        DeadToken => "dead_token",
        /// The connection failed before any byte of the answer.
        Connection => "connection",
    }
}

labels! {
    /// Where the leak guard found a token.
    ScrubPlace {
        /// In a response header.
        Header => "header",
        /// In a response body.
        Body => "body",
    }
}

labels! {
    /// Why work was refused early.
    Shed {
        /// `server.limits.in_flight` requests are running.
        InFlight => "in_flight",
        /// `server.limits.connections` are open.
        Connections => "connections",
        /// A provider's `max_in_flight` calls are running, or as many as it allows on its HTTP/2 connections.
        Provider => "provider",
        /// The caller's quota is used up.
        Quota => "quota",
        /// A peer sent more HTTP/2 control frames than any client needs.
        Http2Flood => "http2_flood",
    }
}

labels! {
    /// A stream of telemetry that may drop instead of waiting.
    Signal {
        /// Spans for the collector.
        Traces => "traces",
        /// Log lines.
        Logs => "logs",
        /// Audit lines.
        Audit => "audit",
    }
}

labels! {
    /// Why a provider call brought no answer.
    UpstreamFault {
        /// Name resolution, connect or TLS failed, or the connection broke.
        Unreachable => "unreachable",
        /// No response head within `server.timeouts.response`.
        Timeout => "timeout",
        /// The caller left first.
        Cancelled => "cancelled",
    }
}

/// The known request methods; everything else is `_OTHER` (OpenTelemetry's word).
#[must_use]
pub fn method_label(method: &http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        "CONNECT" => "CONNECT",
        "TRACE" => "TRACE",
        _ => "_OTHER",
    }
}

/// The protocol version as OpenTelemetry's `network.protocol.version`.
#[must_use]
pub fn version_label(version: http::Version) -> &'static str {
    match version {
        http::Version::HTTP_10 => "1.0",
        http::Version::HTTP_2 => "2",
        _ => "1.1",
    }
}

/// A provider's name and default address as labels. Made from configuration entries only, so the set is closed: a `~host`
/// that a caller chose is still counted under the provider's default address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProviderLabel(Arc<Inner>);

#[derive(Debug, PartialEq, Eq, Hash)]
struct Inner {
    name: Arc<str>,
    address: Arc<str>,
    port: u16,
}

impl ProviderLabel {
    /// The label of a configured provider: its key in the file and the host and port of its base URL.
    #[must_use]
    pub fn configured(name: &str, base_url: &url::Url) -> Self {
        Self(Arc::new(Inner {
            name: name.into(),
            address: base_url.host_str().unwrap_or_default().into(),
            port: base_url.port_or_known_default().unwrap_or(443),
        }))
    }

    /// Name and address as values of an attribute, without a copy.
    pub(super) fn shared(&self) -> (Arc<str>, Arc<str>) {
        (Arc::clone(&self.0.name), Arc::clone(&self.0.address))
    }

    /// The provider's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Host of the provider's base URL.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.0.address
    }

    /// Port of the provider's base URL.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.0.port
    }
}
