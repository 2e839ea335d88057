//! What a tool answers: a provider's answer, or a problem.

use caller_auth::Caller;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, Response};
use idp_adapters::link_header;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::call::ToolCall;
use super::page::{self, Cursor, Part};
use crate::body::Body;
use crate::problem::Problem;
use crate::state::McpState;

/// The result of a `tools/call`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ToolResult {
    /// Only for requests that stand alone; older clients know none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) result_type: Option<&'static str>,
    content: Vec<Value>,
    structured_content: Box<RawValue>,
    is_error: bool,
    #[serde(rename = "_meta")]
    pub(super) meta: Value,
}

/// What every answer of a provider comes as.
#[derive(Default, Serialize)]
struct Structured<'a> {
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a RawValue>,
    /// Path and query of the next page, for `call`.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    cut: bool,
}

/// Where a part of an answer begins, and what has to stand before it.
#[derive(Debug, Default)]
pub(super) struct Start {
    pub(super) from: usize,
    pub(super) before: Option<String>,
}

impl ToolResult {
    fn new(content: Vec<Value>, structured: &impl Serialize, is_error: bool) -> Result<Self, Problem> {
        let structured_content =
            serde_json::value::to_raw_value(structured).map_err(|_| crate::outcome::Code::InternalError)?;
        Ok(Self { result_type: None, content, structured_content, is_error, meta: json!({}) })
    }

    /// Data of our own.
    pub(super) fn own(value: &Value) -> Result<Self, Problem> {
        Self::new(vec![text(&value.to_string())], value, false)
    }

    /// A problem. Its text names the address where the user can do something about it, if there is one.
    pub(super) fn problem(problem: &Problem, request_id: &str) -> Result<Self, Problem> {
        let value: Value = serde_json::from_slice(&problem.json(request_id)).unwrap_or_default();
        let message = value["message"].as_str().unwrap_or_default();
        let mut words = format!("{}. {}", message.trim_end_matches('.'), problem.remedy_text());
        if let Some(url) = value["connect"]["url"].as_str() {
            words = format!("{words} Address for the user: {url}");
        }
        Self::new(vec![text(&words)], &value, true)
    }

    /// A refusal of the endpoint's own, which is no outcome of a call.
    pub(super) fn refusal(words: &str) -> Result<Self, Problem> {
        Self::new(vec![text(words)], &json!({ "status": 400, "detail": words }), true)
    }

    /// A provider's answer, from where the part begins. Its secrets are overwritten already.
    ///
    /// # Errors
    /// The answer ended early.
    pub(super) async fn answer(
        response: Response<Body>,
        (call, start): (&ToolCall, &Start),
        (mcp, caller): (&McpState, &Caller),
    ) -> Result<Self, Problem> {
        let (head, body) = response.into_parts();
        let kind = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let next = next_page(&head.headers, call, mcp);
        let structured =
            Structured { status: head.status.as_u16(), content_type: kind, next, ..Structured::default() };
        if kind.is_some_and(|kind| !is_text(kind)) {
            return linked(call, structured, mcp);
        }
        let part = page::read(body, start.from, mcp.max_result).await?;
        if start.before.as_ref().is_some_and(|before| *before != part.before) {
            return Self::refusal("the answer is another than the one that this part belongs to; call again");
        }
        match std::str::from_utf8(&part.bytes) {
            Err(_) => linked(call, structured, mcp),
            Ok("") => Self::new(vec![text(head.status.as_str())], &structured, false),
            Ok(words) => part_of((words, &part), (call, start, structured), (mcp, caller)),
        }
    }
}

/// A part, or the whole where it is one.
fn part_of(
    (words, part): (&str, &Part),
    (call, start, mut structured): (&ToolCall, &Start, Structured<'_>),
    (mcp, caller): (&McpState, &Caller),
) -> Result<ToolResult, Problem> {
    if part.more {
        structured.cut = true;
        let after = (call, start.from + part.bytes.len(), part.until.clone());
        structured.cursor = Cursor::seal(mcp.keys(), caller, after);
    } else if start.from == 0 && structured.content_type.is_some_and(is_json) {
        structured.body = serde_json::from_str(words).ok();
    }
    ToolResult::new(vec![text(words)], &structured, false)
}

/// What is no text is fetched by who has the caller's token: the address is the gateway's.
fn linked(call: &ToolCall, mut structured: Structured<'_>, mcp: &McpState) -> Result<ToolResult, Problem> {
    if call.method != Method::GET {
        return ToolResult::new(vec![text("The answer is no text.")], &structured, false);
    }
    let uri = format!("{}/proxy/{}{}", mcp.public, call.provider, call.target);
    let name = call.target.split('?').next().unwrap_or_default().rsplit('/').next().unwrap_or_default();
    let mut link = json!({ "type": "resource_link", "uri": uri, "name": if name.is_empty() { "answer" } else { name },
        "description": "Binary; a GET with the caller's access token gets it." });
    if let Some(kind) = structured.content_type {
        link["mimeType"] = kind.into();
    }
    structured.link = Some(uri);
    ToolResult::new(vec![link], &structured, false)
}

/// Path and query of the next page, where a `Link` header leads to one through the gateway.
fn next_page(headers: &HeaderMap, call: &ToolCall, mcp: &McpState) -> Option<String> {
    let base = format!("{}/proxy/{}", mcp.public, call.provider);
    let target = link_header::target_of(headers, "next")?.strip_prefix(&base)?;
    target.starts_with('/').then(|| target.to_owned())
}

fn text(words: &str) -> Value {
    json!({ "type": "text", "text": words })
}

fn media(kind: &str) -> String {
    kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn is_json(kind: &str) -> bool {
    let media = media(kind);
    media.ends_with("/json") || media.ends_with("+json")
}

fn is_text(kind: &str) -> bool {
    let media = media(kind);
    is_json(&media)
        || media.starts_with("text/")
        || media.ends_with("+xml")
        || ["application/xml", "application/javascript", "application/x-www-form-urlencoded"]
            .contains(&&*media)
        || media.contains(".raw")
}
