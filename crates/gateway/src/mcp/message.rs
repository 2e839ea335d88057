//! JSON-RPC 2.0 as the Model Context Protocol uses it: one message a request, and what is answered.

use std::collections::HashMap;

use bytes::Bytes;
use http::{Response, StatusCode};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::body::Body;
use crate::problem::Problem;
use crate::reply;
use crate::strict_json;

/// So many arrays and objects may stand in each other.
const DEEPEST: usize = 64;

/// A request, or a notification where it has no id.
#[derive(Debug)]
pub(super) struct Message<'a> {
    pub(super) id: Option<&'a RawValue>,
    pub(super) method: String,
    /// An object, as it was sent.
    pub(super) params: Option<&'a RawValue>,
}

/// A refusal of a message: status, code, and what exactly is wrong.
#[derive(Debug)]
pub(super) struct RpcError {
    /// That of the request, where it could be read.
    id: Option<Box<RawValue>>,
    status: StatusCode,
    code: i32,
    message: String,
    data: Option<Value>,
}

impl RpcError {
    pub(super) const PARSE: i32 = -32700;
    pub(super) const REQUEST: i32 = -32600;
    pub(super) const METHOD: i32 = -32601;
    pub(super) const PARAMS: i32 = -32602;
    /// The headers do not say what the body says.
    pub(super) const MISMATCH: i32 = -32020;
    /// The revision is not served here.
    pub(super) const VERSION: i32 = -32022;

    /// A refusal whose HTTP status is 400.
    pub(super) fn new(code: i32, message: impl Into<String>) -> Self {
        Self { id: None, status: StatusCode::BAD_REQUEST, code, message: message.into(), data: None }
    }

    /// It is no request of JSON-RPC.
    pub(super) fn request(message: impl Into<String>) -> Self {
        Self::new(Self::REQUEST, message)
    }

    /// The parameters of a known method are wrong. What a client sent in the right form is answered with 200.
    pub(super) fn params(message: impl Into<String>) -> Self {
        Self::new(Self::PARAMS, message).status(StatusCode::OK)
    }

    pub(super) fn of(mut self, id: &RawValue) -> Self {
        self.id = Some(id.to_owned());
        self
    }

    pub(super) fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    pub(super) fn data(mut self, data: Value) -> Self {
        self.data = Some(data);
        self
    }

    /// The answer.
    pub(super) fn respond(self) -> Result<Response<Body>, Problem> {
        let mut error = json!({ "code": self.code, "message": self.message });
        if let Some(data) = self.data {
            error["data"] = data;
        }
        let mut answer = reply::json(&Failed { jsonrpc: "2.0", id: self.id.as_deref(), error })?;
        *answer.status_mut() = self.status;
        Ok(answer)
    }
}

#[derive(Serialize)]
struct Done<'a, T> {
    jsonrpc: &'static str,
    id: &'a RawValue,
    result: T,
}

#[derive(Serialize)]
struct Failed<'a> {
    jsonrpc: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a RawValue>,
    error: Value,
}

/// The answer to the request with this id.
pub(super) fn result(id: &RawValue, result: impl Serialize) -> Result<Response<Body>, Problem> {
    reply::json(&Done { jsonrpc: "2.0", id, result })
}

/// Reads one message.
///
/// # Errors
/// It is no JSON that every parser reads alike, a batch, or no request and no notification.
pub(super) fn read(bytes: &Bytes) -> Result<Message<'_>, RpcError> {
    strict_json::check(bytes, DEEPEST)
        .map_err(|error| RpcError::new(RpcError::PARSE, format!("the body: {error}")))?;
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return Err(RpcError::request("the body is one request or notification, and no batch"));
    }
    let mut members: HashMap<String, &RawValue> = serde_json::from_slice(bytes)
        .map_err(|error| RpcError::new(RpcError::PARSE, format!("the body: {error}")))?;
    let text = |raw: &RawValue| serde_json::from_str::<String>(raw.get()).ok();
    if members.get("jsonrpc").and_then(|raw| text(raw)).as_deref() != Some("2.0") {
        return Err(RpcError::request("'jsonrpc' is \"2.0\""));
    }
    let id = members.remove("id");
    if id.is_some_and(|id| !is_id(id)) {
        return Err(RpcError::request("'id' is a text or an integer"));
    }
    let Some(method) = members.get("method").and_then(|raw| text(raw)) else {
        return Err(RpcError::request("'method' is a text; responses are not taken"));
    };
    let params = members.remove("params");
    if params.is_some_and(|params| !params.get().starts_with('{')) {
        return Err(RpcError::new(RpcError::PARAMS, "'params' is an object"));
    }
    Ok(Message { id, method, params })
}

/// A text, or an integer without fraction and exponent.
fn is_id(id: &RawValue) -> bool {
    let text = id.get();
    let digits = text.strip_prefix('-').unwrap_or(text);
    text.starts_with('"') || (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> i32 {
        match read(&Bytes::copy_from_slice(text.as_bytes())) {
            Ok(_) => 0,
            Err(error) => error.code,
        }
    }

    #[test]
    fn only_requests_and_notifications_are_read() {
        for (text, want) in [
            (r#"{"jsonrpc":"2.0","id":1,"method":"m"}"#, 0),
            (r#" {"jsonrpc":"2.0","id":"a","method":"m","params":{}}"#, 0),
            (r#"{"jsonrpc":"2.0","method":"m"}"#, 0),
            (r#"{"jsonrpc":"2.0","id":-7,"method":"m","more":1}"#, 0),
            (r#"{"jsonrpc":"2.0","id":null,"method":"m"}"#, RpcError::REQUEST),
            (r#"{"jsonrpc":"2.0","id":1.5,"method":"m"}"#, RpcError::REQUEST),
            (r#"{"jsonrpc":"2.0","id":1.0,"method":"m"}"#, RpcError::REQUEST),
            (r#"{"jsonrpc":"2.0","id":1e3,"method":"m"}"#, RpcError::REQUEST),
            (r#"{"jsonrpc":"2.0","id":[1],"method":"m"}"#, RpcError::REQUEST),
            (r#"{"jsonrpc":"2.0","id":true,"method":"m"}"#, RpcError::REQUEST),
            (r#"{"jsonrpc":"1.0","id":1,"method":"m"}"#, RpcError::REQUEST),
            (r#"{"id":1,"method":"m"}"#, RpcError::REQUEST),
            (r#"{"jsonrpc":"2.0","id":1}"#, RpcError::REQUEST),
            (r#"{"jsonrpc":"2.0","id":1,"result":{}}"#, RpcError::REQUEST),
            (r#"{"jsonrpc":"2.0","id":1,"method":7}"#, RpcError::REQUEST),
            (r#"[{"jsonrpc":"2.0","id":1,"method":"m"}]"#, RpcError::REQUEST),
            ("[]", RpcError::REQUEST),
            ("1", RpcError::REQUEST),
            (r#"{"jsonrpc":"2.0","id":1,"method":"m","params":[1]}"#, RpcError::PARAMS),
            (r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"m"}"#, RpcError::PARSE),
            (r#"{"jsonrpc":"2.0","#, RpcError::PARSE),
            ("", RpcError::PARSE),
        ] {
            assert_eq!(code(text), want, "{text}");
        }
    }
}
