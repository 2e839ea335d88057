//! Gmail v1: the mailbox, labels, sending.

use serde_json::{Value, json};

use super::consent::consented;
use super::paging::Paging;
use crate::http::Answer;
use crate::inner::Inner;
use crate::journal::entry::Entry;
use crate::json::merge;
use crate::kinds::ProviderKind;
use crate::providers::session::Session;
use crate::refusals::google::{invalid, not_found};
use crate::text;

const FULL: &str = "gmail.readonly";
const READ: [&str; 3] = [FULL, "gmail.modify", "gmail.metadata"];
const MESSAGES: Paging = Paging { items: "messages", size: "maxResults", default: 100, max: 500 };
const COUNT: usize = 42;

fn id(number: usize) -> String {
    format!("19a{:013x}", 0x5_0000 + number)
}

fn message(session: &Session, number: usize, body: bool) -> Value {
    let subject = format!("Letter {number}");
    let headers = json!([
        { "name": "From", "value": "Ada Friend <ada@example.test>" }, { "name": "To", "value": session.account.email },
        { "name": "Subject", "value": subject }, { "name": "Date", "value": "Tue, 3 Feb 2026 04:05:06 +0000" },
    ]);
    let mut payload = json!({ "partId": "", "mimeType": "text/plain", "filename": "", "headers": headers });
    if body {
        let data = text::base64url(format!("Dear {},\n\nthis is letter {number}.\n", session.account.name));
        merge(&mut payload, json!({ "body": { "size": data.len(), "data": data } }));
    }
    json!({
        "id": id(number), "threadId": id(number), "labelIds": ["INBOX"], "snippet": format!("this is letter {number}."),
        "historyId": (9000 + number).to_string(), "internalDate": "1770091506000", "sizeEstimate": 2048, "payload": payload,
    })
}

pub(super) fn answer(
    inner: &Inner,
    entry: &Entry,
    session: &Session,
    rest: &[&str],
) -> Result<Answer, Answer> {
    match (entry.method().as_str(), rest) {
        ("GET" | "HEAD", ["profile"]) => {
            consented(session, &READ)?;
            let body = json!({ "emailAddress": session.account.email, "messagesTotal": COUNT, "threadsTotal": COUNT, "historyId": "9042" });
            Ok(Answer::json(200, &body))
        }
        ("GET" | "HEAD", ["messages"]) => {
            consented(session, &READ)?;
            let all: Vec<Value> =
                (1..=COUNT).rev().map(|number| json!({ "id": id(number), "threadId": id(number) })).collect();
            let mut body = MESSAGES.page(entry, &all)?;
            merge(&mut body, json!({ "resultSizeEstimate": COUNT }));
            Ok(Answer::json(200, &body))
        }
        ("GET" | "HEAD", ["messages", wanted]) => {
            consented(session, &READ)?;
            let number = (1..=COUNT).find(|number| id(*number) == *wanted);
            let number = number.ok_or_else(|| not_found("Requested entity was not found"))?;
            let slim = matches!(entry.param("format").as_deref(), Some("metadata" | "minimal"));
            if !slim {
                consented(session, &[FULL, "gmail.modify"])?;
            }
            Ok(Answer::json(200, &message(session, number, !slim)))
        }
        ("GET" | "HEAD", ["labels"]) => {
            consented(session, &READ)?;
            let label = |name: &str| json!({ "id": name, "name": name, "type": "system" });
            Ok(Answer::json(200, &json!({ "labels": [label("INBOX"), label("SENT"), label("TRASH")] })))
        }
        ("POST", ["messages", "send"]) => {
            consented(session, &["gmail.send", "gmail.modify", "gmail.compose"])?;
            let body = entry.json().ok_or_else(|| invalid("Parse Error"))?;
            let raw = body
                .get("raw")
                .and_then(Value::as_str)
                .and_then(|raw| text::from_base64url(raw.trim_end_matches('=')));
            if raw.is_none() {
                return Err(invalid(
                    "'raw' RFC822 payload message string or uploading message via /upload/* URL required",
                ));
            }
            let sent = (ProviderKind::Google, format!("sent/{}", session.account.id));
            inner.state().created.entry(sent).or_default().push(body);
            let id = id(1000);
            Ok(Answer::json(200, &json!({ "id": id, "threadId": id, "labelIds": ["SENT"] })))
        }
        _ => Err(not_found("the requested entity")),
    }
}
