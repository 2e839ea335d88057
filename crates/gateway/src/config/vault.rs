//! `[vault]`: the Custom API Client that exchanges caller tokens at Token Vault.

use schemars::JsonSchema;
use serde::Deserialize;

use super::secret::ClientProof;

/// The client that exchanges tokens at Token Vault. Without one, the tenant's client is used.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VaultSettings {
    /// Client id of the Custom API Client. Default: the tenant's client and its credentials.
    pub client_id: String,
    /// How the client authenticates.
    #[serde(flatten)]
    pub proof: ClientProof,
    /// The API whose tokens can be exchanged. Default: `callers.audience`, if it has one entry.
    pub audience: String,
}
