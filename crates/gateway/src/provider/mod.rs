//! One provider at run time: its plan, its connections, and what its entry says about answers.

mod connect;
pub(crate) mod graphql;
pub(crate) mod path;
pub(crate) mod plan;
pub(crate) mod policy;
mod upstream;

use std::sync::Arc;

use http::{HeaderName, HeaderValue};
use mgmt_auth::SecretSource;
use url::Url;

pub(crate) use self::connect::ConnectTo;

use self::plan::ProviderPlan;
use crate::config::{CheckScopes, Redirects};
use crate::telemetry::ProviderLabel;
use crate::upstream::UpstreamClient;

/// A configured provider, ready for calls.
#[derive(Debug)]
pub(crate) struct ProviderRuntime {
    /// Its name in URLs.
    pub(crate) name: Arc<str>,
    /// Its label in metrics.
    pub(crate) label: ProviderLabel,
    /// How requests to it are planned.
    pub(crate) plan: Arc<ProviderPlan>,
    /// Its connections.
    pub(crate) client: UpstreamClient,
    /// `redirects`.
    pub(crate) redirects: Redirects,
    /// `rewrite_urls`.
    pub(crate) rewrite_urls: bool,
    /// The header that selects a version of the API, and the version where the caller names none.
    pub(crate) version: Option<(HeaderName, HeaderValue)>,
    /// `capability_urls = "drop"`.
    pub(crate) drop_capabilities: bool,
    /// Public name and provider host of its virtual hosts.
    pub(crate) virtual_hosts: Arc<[(String, String)]>,
    /// `disconnect_scope`.
    pub(crate) disconnect_scope: Option<String>,
    /// `check_scopes`.
    pub(crate) check_scopes: CheckScopes,
    /// Where the profile is asked.
    pub(crate) profile_url: Option<Url>,
    /// How its accounts are connected.
    pub(crate) connect: ConnectTo,
    /// Whether `source` names the vault.
    pub(crate) uses_vault: bool,
    /// The OAuth client's secret, for providers that want a proof of it on every call.
    pub(crate) secret: Option<SecretSource>,
}
