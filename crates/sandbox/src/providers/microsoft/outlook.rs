//! Mail and calendar.

use serde_json::{Value, json};

use super::odata::{at, consented, next_link, paged, selected};
use crate::http::Answer;
use crate::inner::Inner;
use crate::journal::entry::Entry;
use crate::json::merge;
use crate::kinds::ProviderKind;
use crate::providers::query::number;
use crate::providers::session::Session;
use crate::refusals::microsoft::{error, not_found};
use crate::text;

pub(super) const MAIL: [&str; 3] = ["Mail.Read", "Mail.ReadWrite", "Mail.ReadBasic"];
const CALENDAR: [&str; 3] = ["Calendars.Read", "Calendars.ReadWrite", "Calendars.ReadBasic"];
const MESSAGES: usize = 23;

fn id(kind: &str, number: usize) -> String {
    text::base64url(format!("AAMk{kind}-{number:06}=="))
}

fn person(name: &str, address: &str) -> Value {
    json!({ "emailAddress": { "name": name, "address": address } })
}

fn message(session: &Session, number: usize) -> Value {
    let stamp = format!("2026-02-{:02}T08:00:00Z", 1 + number % 28);
    json!({
        "@odata.etag": format!("W/\"CQAAABYAAA{number}\""), "id": id("mail", number), "subject": format!("Letter {number}"),
        "receivedDateTime": stamp, "sentDateTime": stamp, "hasAttachments": false, "importance": "normal", "isRead": number > 3,
        "bodyPreview": format!("this is letter {number}"), "from": person("Ada Friend", "ada@example.test"),
        "toRecipients": [person(&session.account.name, &session.account.email)], "conversationId": id("thread", number),
        "body": { "contentType": "text", "content": format!("Dear {},\r\n\r\nthis is letter {number}.\r\n", session.account.name) },
    })
}

/// The mailbox.
pub(super) fn letters(session: &Session) -> Vec<Value> {
    (1..=MESSAGES).map(|number| message(session, number)).collect()
}

fn event(session: &Session, number: usize, subject: &str, start: &Value, end: &Value) -> Value {
    json!({
        "@odata.etag": format!("W/\"ZlnW4RIAV0{number}\""), "id": id("event", number), "subject": subject,
        "bodyPreview": "", "isAllDay": false, "isCancelled": false, "start": start, "end": end,
        "organizer": person(&session.account.name, &session.account.email), "attendees": [],
        "webLink": format!("https://outlook.office365.com/owa/?itemid={}", id("event", number)),
    })
}

fn events(inner: &Inner, session: &Session) -> Vec<Value> {
    let mut all: Vec<Value> = (1..=14)
        .map(|day| {
            let time = |hour: u8| json!({ "dateTime": format!("2026-03-{day:02}T{hour:02}:00:00.0000000"), "timeZone": "UTC" });
            event(session, day, &format!("Meeting {day}"), &time(9), &time(10))
        })
        .collect();
    all.extend(inner.state().created.get(&key(session)).cloned().unwrap_or_default());
    all
}

fn key(session: &Session) -> (ProviderKind, String) {
    (ProviderKind::Microsoft, format!("events/{}", session.account.id))
}

/// Events page by `$skiptoken`, and the second page is empty although more follow: clients must go on.
fn event_pages(entry: &Entry, context: &str, all: &[Value]) -> Answer {
    let size = number(entry, "$top", 10, 1000).max(1);
    let token = entry.param("$skiptoken").unwrap_or_default();
    let (start, gap) = match token.split_once('.') {
        Some((start, "gap")) => (start.parse().unwrap_or(0), true),
        _ => (token.parse::<usize>().unwrap_or(0), false),
    };
    let shown: Vec<Value> = match gap {
        true => Vec::new(),
        false => all.iter().skip(start).take(size).map(|item| selected(entry, item)).collect(),
    };
    let end = start + shown.len();
    let mut body = json!({ "@odata.context": context, "value": shown });
    if end < all.len() {
        let token = if start == 0 && !gap { format!("{end}.gap") } else { end.to_string() };
        merge(&mut body, json!({ "@odata.nextLink": next_link(entry, "$skiptoken", &token) }));
    }
    Answer::json(200, &body)
}

fn find(entry: &Entry, all: Vec<Value>, id: &str) -> Result<Answer, Answer> {
    let found = all.into_iter().find(|item| item.get("id").and_then(Value::as_str) == Some(id));
    let missing = || error(404, "ErrorItemNotFound", "The specified object was not found in the store.");
    found.map(|item| Answer::json(200, &selected(entry, &item))).ok_or_else(missing)
}

pub(super) fn answer(
    inner: &Inner,
    entry: &Entry,
    session: &Session,
    version: &str,
    rest: &[&str],
    ids: &[&str],
) -> Result<Answer, Answer> {
    let user = text::encode(&session.account.id);
    let context = |kind: &str| at(entry, version, &format!("$metadata#users('{user}')/{kind}"));
    let area = rest.first().copied().unwrap_or_default();
    match (entry.method().as_str(), rest) {
        ("GET" | "HEAD", ["messages"] | ["mailfolders", _, "messages"]) => {
            consented(session, area, &MAIL)?;
            Ok(paged(entry, &context("messages"), &letters(session)))
        }
        ("GET" | "HEAD", ["messages", _]) => {
            consented(session, area, &MAIL)?;
            find(entry, letters(session), ids.get(1).copied().unwrap_or_default())
        }
        ("POST", ["sendmail"]) => {
            consented(session, area, &["Mail.Send"])?;
            match entry.json().filter(|body| body.get("message").is_some() || body.get("Message").is_some()) {
                Some(_) => Ok(Answer::new(202)),
                None => Err(error(400, "ErrorInvalidRequest", "Required parameter 'message' is missing.")),
            }
        }
        ("GET" | "HEAD", ["events"] | ["calendar", "events"]) => {
            consented(session, area, &CALENDAR)?;
            Ok(event_pages(entry, &context("events"), &events(inner, session)))
        }
        ("GET" | "HEAD", ["calendarview"] | ["calendar", "calendarview"]) => {
            consented(session, area, &CALENDAR)?;
            if entry.param("startDateTime").is_none() || entry.param("endDateTime").is_none() {
                let text = "This request requires a time window specified by the query string parameters StartDateTime and EndDateTime.";
                return Err(error(400, "ErrorInvalidParameter", text));
            }
            Ok(paged(entry, &context("calendarView"), &events(inner, session)))
        }
        ("GET" | "HEAD", ["events", _]) => {
            consented(session, area, &CALENDAR)?;
            find(entry, events(inner, session), ids.get(1).copied().unwrap_or_default())
        }
        ("POST", ["events"] | ["calendar", "events"]) => {
            consented(session, area, &["Calendars.ReadWrite"])?;
            create(inner, entry, session, version)
        }
        _ => Err(not_found()),
    }
}

fn create(inner: &Inner, entry: &Entry, session: &Session, version: &str) -> Result<Answer, Answer> {
    let body = entry.json().unwrap_or_default();
    let (Some(start), Some(end)) = (body.get("start"), body.get("end")) else {
        return Err(error(400, "ErrorPropertyValidationFailure", "At least one property failed validation."));
    };
    let subject = body.get("subject").and_then(Value::as_str).unwrap_or_default();
    let mut state = inner.state();
    let created = state.created.entry(key(session)).or_default();
    let event = event(session, 100 + created.len(), subject, start, end);
    created.push(event.clone());
    let id = event.get("id").and_then(Value::as_str).unwrap_or_default();
    let location =
        at(entry, version, &format!("users('{}')/events('{id}')", text::encode(&session.account.id)));
    // `Prefer: return=minimal`: the address of what was made comes in headers alone.
    if entry.header("prefer").is_some_and(|prefer| prefer.contains("return=minimal")) {
        return Ok(Answer::new(204)
            .header("preference-applied", "return=minimal")
            .header("odata-entityid", &location)
            .header("location", location));
    }
    Ok(Answer::json(201, &event).header("content-location", &location).header("location", location))
}
