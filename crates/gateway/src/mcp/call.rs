//! From a tool's arguments to the request that `/proxy` would get. The proxy decides and sends; nothing is decided here.

use bytes::Bytes;
use caller_auth::query;
use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::tools::METHODS;
use crate::body::{self, Body};
use crate::call_error::CallError;
use crate::problem::Problem;
use crate::provider::plan::PlanError;
use crate::proxy;
use crate::route;
use crate::server::check_request;
use crate::state::{Calls, McpState, RequestContext, RequestRecord, VerifiedCaller};

/// A call of a provider's API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ToolCall {
    pub(super) provider: String,
    pub(super) method: Method,
    /// Path and query as behind `/proxy/{provider}`.
    pub(super) target: String,
    pub(super) account: Option<String>,
    /// Sent as JSON.
    pub(super) body: Option<Bytes>,
}

/// The arguments of `call`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments<'a> {
    provider: String,
    method: String,
    path: String,
    query: Option<Map<String, Value>>,
    #[serde(borrow)]
    body: Option<&'a RawValue>,
    account: Option<String>,
}

impl ToolCall {
    /// A GET.
    pub(super) fn get(provider: &str, target: String, account: Option<String>) -> Self {
        Self { provider: provider.to_owned(), method: Method::GET, target, account, body: None }
    }

    /// Reads the arguments of `call`.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(super) fn read(arguments: &str, mcp: &McpState) -> Result<Self, String> {
        let read: Arguments<'_> = serde_json::from_str(arguments).map_err(|error| error.to_string())?;
        if !mcp.providers.iter().any(|name| **name == *read.provider) {
            return Err(format!("'provider' is one of {}", mcp.providers.join(", ")));
        }
        let method = METHODS.iter().find(|method| **method == read.method);
        let method = method.and_then(|method| Method::from_bytes(method.as_bytes()).ok());
        let method = method.ok_or_else(|| format!("'method' is one of {}", METHODS.join(", ")))?;
        if !(read.path.is_empty() || read.path.starts_with(['/', '?'])) {
            return Err("'path' begins with a slash and names no scheme".to_owned());
        }
        let target = match read.query {
            None => read.path,
            Some(members) => with_query(read.path, &members)?,
        };
        let body = read.body.map(|body| Bytes::copy_from_slice(body.get().as_bytes()));
        Ok(Self { provider: read.provider, method, target, account: read.account, body })
    }

    /// Has the proxy make the call for this caller. `headers` are those of the request that asks.
    ///
    /// # Errors
    /// As a proxied call with `Idp-Errors: problem`.
    pub(super) async fn send(
        &self,
        calls: &Calls,
        context: &RequestContext<'_>,
        (verified, headers): (VerifiedCaller, &HeaderMap),
        record: &mut RequestRecord,
    ) -> Result<Response<Body>, Problem> {
        record.event = "call";
        record.method = Some(self.method.clone());
        let (parts, body) = self.request(calls.target_limit, headers)?;
        let route = route::proxied(parts.uri.path()).ok_or(PlanError::Target)?;
        proxy::proxy(calls, context, verified, route, (&parts, body), record).await
    }

    /// The request that a client would have sent to `/proxy`, without credentials. `longest` is `server.limits.uri`.
    fn request(&self, longest: usize, headers: &HeaderMap) -> Result<(Parts, Body), Problem> {
        let target = format!("/proxy/{}{}", self.provider, self.target);
        check_request(self.method.as_str(), &target, self.body.is_some(), longest)?;
        if target.split_once('?').is_some_and(|(_, members)| query::holds_token(members)) {
            return Err(CallError::TokenInQuery.into());
        }
        let agent = headers.get(USER_AGENT).cloned();
        let agent =
            agent.unwrap_or(HeaderValue::from_static(concat!("idp-gateway/", env!("CARGO_PKG_VERSION"))));
        let mut request = Request::builder()
            .method(self.method.clone())
            .uri(target)
            .header(ACCEPT, "application/json, */*;q=0.5")
            .header(USER_AGENT, agent)
            .header("idp-errors", "problem");
        if let Some(account) = &self.account {
            request = request.header("idp-account", account);
        }
        let body = match &self.body {
            None => body::empty(),
            Some(bytes) => {
                request = request.header(CONTENT_TYPE, "application/json");
                body::full(bytes.clone())
            }
        };
        let request = request.body(body).map_err(|_| CallError::NoCall("'account' is not visible ASCII"))?;
        Ok(request.into_parts())
    }
}

/// The path with these members in its query.
fn with_query(path: String, members: &Map<String, Value>) -> Result<String, String> {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in members {
        let values = match value {
            Value::Array(values) => values.as_slice(),
            value => std::slice::from_ref(value),
        };
        for value in values {
            match value {
                Value::String(text) => query.append_pair(name, text),
                Value::Number(number) => query.append_pair(name, &number.to_string()),
                Value::Bool(flag) => query.append_pair(name, if *flag { "true" } else { "false" }),
                _ => return Err(format!("'query.{name}' is a text, a number, a boolean, or a list of such")),
            };
        }
    }
    let query = query.finish();
    Ok(match (query.is_empty(), path.contains('?')) {
        (true, _) => path,
        (false, true) => format!("{path}&{query}"),
        (false, false) => format!("{path}?{query}"),
    })
}
