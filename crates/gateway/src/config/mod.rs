//! The configuration: defaults, then the TOML file, then the environment.
//!
//! [`Settings`] is plain data, one type per section, with fields named as the keys. Values that follow from
//! others (the tenant's base URL, an adapter's connections) are filled in while loading, so that no other code has to know
//! the rule twice. [`Settings::load`] reports every problem at once.

mod adapter;
mod audit;
mod callers;
mod complete;
mod connect;
mod console;
mod cors;
mod environment;
mod file;
mod graphql;
mod load;
mod logout;
mod mcp;
mod oauth2;
mod problems;
mod provider;
mod quotas;
mod rule;
mod schema;
mod secret;
mod server;
mod store;
mod telemetry;
mod tenant;
mod unit;
mod users;
mod validate;
mod vault;
mod walk;
mod webhook;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

pub use self::{
    audit::{AuditSettings, AuditSink},
    callers::{Authorization, CallerActors, CallerAlgorithm, CallerSettings, Dpop, KeySettings},
    connect::ConnectSettings,
    console::ConsoleSettings,
    cors::CorsSettings,
    graphql::{GraphQlSection, OperationKind, Persisted},
    load::{Loaded, Sources},
    logout::LogoutSettings,
    mcp::{McpSettings, McpTools},
    oauth2::{
        DenyRule, ErrorSection, LimitHeader, LimitUnit, OAuth2Section, Pagination, PaginationStyle,
        ProfileClaim, ScopeDelimiter, TokenAuth,
    },
    problems::{Problem, Problems},
    provider::{Access, CapabilityUrls, CheckScopes, ProviderSettings, Redirects, Source},
    quotas::{CallerQuota, QuotaMode, QuotaSettings},
    rule::Rule,
    schema::json_schema,
    secret::{AuthMethod, ClientProof, secret_source},
    server::{DrainSettings, LimitSettings, ServerSettings, TimeoutSettings, TlsSettings},
    store::{StoreKind, StoreSettings},
    telemetry::{LogFormat, TelemetrySettings},
    tenant::TenantSettings,
    unit::{ByteSize, parse_duration, parse_net, parse_url},
    users::UserSettings,
    vault::VaultSettings,
    webhook::{WebhookEvent, WebhookSettings},
};

#[cfg(feature = "demo")]
pub(crate) use self::validate::wrong_origin;
pub(crate) use self::walk::nearest;

/// The whole configuration.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Configuration of idp-gateway")]
pub struct Settings {
    /// Listeners, limits and timeouts.
    #[serde(default)]
    pub server: ServerSettings,
    /// The Auth0 tenant.
    pub tenant: TenantSettings,
    /// Token Vault: the client that exchanges tokens. It is used for providers whose `source` names `vault`.
    #[serde(default)]
    pub vault: Option<VaultSettings>,
    /// Which caller tokens are accepted.
    pub callers: CallerSettings,
    /// Which web pages may call (CORS).
    #[serde(default)]
    pub cors: CorsSettings,
    /// The cache of user records.
    #[serde(default)]
    pub users: UserSettings,
    /// How many calls one user, or all users of one app, may make.
    #[serde(default)]
    pub quotas: QuotaSettings,
    /// The providers, by their name in URLs.
    #[serde(default)]
    pub providers: BTreeMap<String, ProviderSettings>,
    /// Where refreshed grants are kept.
    #[serde(default)]
    pub store: StoreSettings,
    /// Logs, traces, metrics.
    #[serde(default)]
    pub telemetry: TelemetrySettings,
    /// The audit log.
    #[serde(default)]
    pub audit: AuditSettings,
    /// Back-channel logout.
    #[serde(default)]
    pub logout: LogoutSettings,
    /// The web console.
    #[serde(default)]
    pub console: ConsoleSettings,
    /// The endpoint for clients of the Model Context Protocol.
    #[serde(default)]
    pub mcp: McpSettings,
    /// Hosted connect. It is off without this section.
    #[serde(default)]
    pub connect: Option<ConnectSettings>,
    /// Who receives events about accounts.
    #[serde(default)]
    pub webhooks: Vec<WebhookSettings>,
}
