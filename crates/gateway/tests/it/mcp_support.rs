//! Clients of the MCP endpoint, written by hand: requests of each revision, and what they are answered.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::harness::{Answer, Rig};

/// The public address of these gateways.
pub(crate) const PUBLIC: &str = "https://idp.acme.com";
pub(crate) const MODERN: &str = "2026-07-28";

/// A gateway with the endpoint; `entry` goes into `[providers.github]`, `extra` behind `[mcp]`.
pub(crate) async fn rig(entry: &str, extra: &str) -> Rig {
    let server = format!("public_url = \"{PUBLIC}\"");
    Rig::callers(&server, "", &format!("{entry}\n[mcp]\nenabled = true\n{extra}")).await
}

/// The body of a request of the newest revision.
pub(crate) fn message(method: &str, mut params: Value) -> Value {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {}
    });
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })
}

/// A request with the headers that fit the body.
pub(crate) fn request(rig: &Rig, token: &str, body: &Value) -> RequestBuilder {
    let request = post(rig, token)
        .header("mcp-protocol-version", MODERN)
        .header("mcp-method", body["method"].as_str().unwrap_or_default());
    let request = match body["params"]["name"].as_str() {
        Some(name) => request.header("mcp-name", name),
        None => request,
    };
    request.body(body.to_string())
}

/// A request of this caller without what the protocol adds.
pub(crate) fn post(rig: &Rig, token: &str) -> RequestBuilder {
    rig.bare(Method::POST, "/mcp")
        .bearer_auth(token)
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
}

/// A method of the newest revision.
pub(crate) async fn ask(rig: &Rig, token: &str, method: &str, params: Value) -> Answer {
    rig.send(request(rig, token, &message(method, params))).await
}

/// A tool.
pub(crate) async fn tool(rig: &Rig, token: &str, name: &str, arguments: Value) -> Answer {
    ask(rig, token, "tools/call", json!({ "name": name, "arguments": arguments })).await
}

/// The result of a tool.
pub(crate) async fn result(rig: &Rig, token: &str, name: &str, arguments: Value) -> Value {
    let answer = tool(rig, token, name, arguments).await;
    assert_eq!(answer.status, 200, "{:?}", answer.json());
    answer.json()["result"].clone()
}

/// `call` at GitHub.
pub(crate) async fn call(rig: &Rig, token: &str, method: &str, path: &str) -> Answer {
    tool(rig, token, "call", json!({ "provider": "github", "method": method, "path": path })).await
}

/// Status and code of an error of the protocol.
pub(crate) fn error(answer: &Answer) -> (u16, i64) {
    (answer.status.as_u16(), answer.json()["error"]["code"].as_i64().unwrap_or_default())
}
