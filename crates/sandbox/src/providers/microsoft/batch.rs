//! `$batch`: up to twenty requests in one, each with a status of its own in a 200.

use ::http::Method;
use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::http::Answer;
use crate::journal::entry::Entry;
use crate::json::merge;
use crate::refusals::microsoft::error;
use crate::text;

/// The most requests that one batch may hold.
const MOST: usize = 20;

/// Answers each request of the batch by `part`.
pub(super) fn answer(
    entry: &Entry,
    version: &str,
    part: impl Fn(&Entry) -> Answer,
) -> Result<Answer, Answer> {
    let invalid = |text: &str| error(400, "BadRequest", text);
    let body = entry.json().ok_or_else(|| invalid("Unable to read JSON request payload."))?;
    let requests = body.get("requests").and_then(Value::as_array);
    let requests = requests.ok_or_else(|| invalid("Invalid batch payload format."))?;
    if requests.len() > MOST {
        return Err(invalid("Number of batch request steps exceeds the maximum value of 20."));
    }
    let mut responses = Vec::new();
    for request in requests {
        let text = |name: &str| request.get(name).and_then(Value::as_str);
        let (Some(id), Some(method), Some(url)) = (text("id"), text("method"), text("url")) else {
            return Err(invalid("Each request needs id, method and url."));
        };
        let method = Method::from_bytes(method.as_bytes()).map_err(|_| invalid("Unknown method."))?;
        if url.trim_start_matches('/').starts_with("$batch") {
            return Err(invalid("A batch cannot hold a batch."));
        }
        let target = format!("/{version}/{}", url.trim_start_matches('/'));
        let bytes = request.get("body").map(Value::to_string).unwrap_or_default();
        let mut derived = entry.read_as(method, target, Bytes::from(bytes));
        for (name, value) in request.get("headers").and_then(Value::as_object).into_iter().flatten() {
            derived = derived.with_header(name, value.as_str().unwrap_or_default());
        }
        responses.push(response(id, &part(&derived)));
    }
    Ok(Answer::json(200, &json!({ "responses": responses })))
}

/// JSON stays JSON, all other bodies become base64.
fn response(id: &str, answer: &Answer) -> Value {
    let headers: Map<String, Value> = answer
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into()))
        .collect();
    let mut response = json!({ "id": id, "status": answer.status().as_u16(), "headers": headers });
    if !answer.bytes().is_empty() {
        let parsed = serde_json::from_slice(answer.bytes());
        let body = parsed.unwrap_or_else(|_| Value::from(text::base64(answer.bytes())));
        merge(&mut response, json!({ "body": body }));
    }
    response
}
