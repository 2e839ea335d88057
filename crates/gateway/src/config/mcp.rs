//! `[mcp]`: the endpoint for clients of the Model Context Protocol.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use super::unit::ByteSize;

/// What the endpoint offers, and to which clients.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct McpSettings {
    /// Whether the endpoint is served. Needs `server.public_url`.
    pub enabled: bool,
    /// The path of the endpoint, below the path of `server.public_url`.
    pub path: String,
    /// The providers that the tools can call. Left out: all.
    pub providers: Option<Vec<String>>,
    /// Which tools are offered. `"meta"`: tools for every API (`accounts`, `find`, `call`, `next`). `"typed"`: one tool for
    /// each of the most frequent calls.
    pub tools: Vec<McpTools>,
    /// Largest part of a provider's answer in one result. The tool `next` returns the rest.
    pub max_result: ByteSize,
    /// Whether clients of the older revisions 2025-06-18 and 2025-11-25 are served, which start with `initialize`.
    pub legacy: bool,
    /// Origins of web pages that may send requests, besides the gateway's own console. Left out: `cors.origins`. A page can
    /// read answers only if `cors.origins` lists it too. Clients that are not web pages send no `Origin` and are not affected.
    pub origins: Option<Vec<String>>,
}

/// A group of tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum McpTools {
    /// The tools that reach every API.
    Meta,
    /// One tool for each of some frequent calls.
    Typed,
}

impl McpSettings {
    /// The address of the endpoint, which clients name as the `resource` of the token that they want (RFC 8707).
    #[must_use]
    pub fn resource(&self, public_url: &Url) -> String {
        format!("{}{}", public_url.as_str().trim_end_matches('/'), self.path)
    }
}

impl Default for McpSettings {
    fn default() -> Self {
        Self {
            enabled: false,
            path: "/mcp".to_owned(),
            providers: None,
            tools: vec![McpTools::Meta, McpTools::Typed],
            max_result: ByteSize::kib(64),
            legacy: true,
            origins: None,
        }
    }
}
