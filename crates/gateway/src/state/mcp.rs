//! What `[mcp]` comes to.

use std::collections::BTreeSet;
use std::sync::Arc;

use token_broker::{GrantStore, KeyRing};

/// The endpoint for clients of the Model Context Protocol, as configured.
pub(crate) struct McpState {
    /// Its path below the public address.
    pub(crate) path: String,
    /// The providers that its tools reach, in the order of their names.
    pub(crate) providers: Vec<Arc<str>>,
    /// Whether the tools that reach every API are offered.
    pub(crate) meta: bool,
    /// Whether the tools for single calls are offered.
    pub(crate) typed: bool,
    /// Longest part of a provider's answer in one result, in bytes.
    pub(crate) max_result: usize,
    /// Whether clients that begin with `initialize` are served.
    pub(crate) legacy: bool,
    /// Origins of web pages that may send requests.
    pub(crate) origins: Vec<String>,
    /// The scopes that rules ask for before they let a caller read.
    pub(crate) scopes: BTreeSet<String>,
    /// The public address of the gateway, without a slash at the end.
    pub(crate) public: String,
    /// The address of the endpoint's metadata (RFC 9728).
    pub(crate) metadata: String,
    /// Whose keys seal what a client keeps for the gateway: the same in every replica that shares the store.
    pub(crate) store: Arc<dyn GrantStore>,
}

impl McpState {
    /// What seals what a client keeps for the gateway.
    pub(crate) fn keys(&self) -> &KeyRing {
        self.store.keys()
    }
}
