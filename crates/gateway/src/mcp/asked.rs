//! What a method is answered with, and how it is refused.

use http::request::Parts;
use serde_json::{Value, json};

use super::message::RpcError;
use super::transport::Client;
use crate::connect::HostedConnect;
use crate::problem::Problem;
use crate::state::{Calls, McpState, RequestContext};

/// One request of a client, checked but for its method.
pub(super) struct McpRequest<'a> {
    pub(super) calls: &'a Calls,
    pub(super) mcp: &'a McpState,
    pub(super) connect: Option<&'a HostedConnect>,
    pub(super) context: &'a RequestContext<'a>,
    pub(super) parts: &'a Parts,
    pub(super) client: Client,
}

/// Why a method is not answered with a result.
pub(super) enum Refused {
    /// An error of the protocol.
    Rpc(RpcError),
    /// An answer of HTTP.
    Http(Problem),
}

impl From<RpcError> for Refused {
    fn from(error: RpcError) -> Self {
        Self::Rpc(error)
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self::Http(problem)
    }
}

/// What this server says of itself.
pub(super) fn server_info() -> Value {
    json!({ "name": "idp-gateway", "version": env!("CARGO_PKG_VERSION") })
}
