//! `[tenant]`: the Auth0 tenant and the gateway's own client there.

use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use super::{
    secret::ClientProof,
    unit::{self, UrlText},
};

/// The tenant, where it is reached, and the client that asks for the management token.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TenantSettings {
    /// The tenant's canonical domain, for example `acme.eu.auth0.com`. Required.
    pub domain: String,
    /// URL of the tenant. Default: `https://{domain}`.
    #[serde(deserialize_with = "unit::url")]
    #[schemars(with = "UrlText")]
    pub base_url: Url,
    /// Audience of the management token. Default: `https://{domain}/api/v2/`.
    pub audience: String,
    /// Client id of the gateway's machine-to-machine application. Required.
    pub client_id: String,
    /// How the client authenticates.
    #[serde(flatten)]
    pub proof: ClientProof,
    /// Suppress the warning about scopes beyond `read:users read:user_idp_tokens`.
    #[serde(default)]
    pub allow_excess_scopes: bool,
}
