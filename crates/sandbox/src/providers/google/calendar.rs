//! Calendar v3: the list of calendars, and events with page and sync tokens.

use serde_json::{Value, json};

use super::consent::consented;
use super::paging::Paging;
use crate::http::Answer;
use crate::inner::Inner;
use crate::journal::entry::Entry;
use crate::json::merge;
use crate::kinds::ProviderKind;
use crate::providers::session::Session;
use crate::refusals::google::{error, invalid, not_found};
use crate::text;

const LISTS: [&str; 4] =
    ["calendar", "calendar.readonly", "calendar.calendarlist", "calendar.calendarlist.readonly"];
const EVENTS: [&str; 4] = ["calendar", "calendar.readonly", "calendar.events", "calendar.events.readonly"];
const WRITE: [&str; 2] = ["calendar", "calendar.events"];

const fn paging(default: usize) -> Paging {
    Paging { items: "items", size: "maxResults", default, max: 2500 }
}

fn key(session: &Session) -> (ProviderKind, String) {
    (ProviderKind::Google, format!("events/{}", session.account.id))
}

fn calendars(session: &Session) -> Vec<Value> {
    let own = session.account.email.clone();
    let all = [
        (own.as_str(), session.account.name.as_str()),
        ("family01@group.calendar.google.com", "Family"),
        ("en.uk#holiday@group.v.calendar.google.com", "Holidays"),
    ];
    all.iter()
        .enumerate()
        .map(|(index, (id, summary))| {
            json!({
                "kind": "calendar#calendarListEntry", "etag": format!("\"15{index}\""), "id": id, "summary": summary,
                "timeZone": "Europe/London", "accessRole": if index == 2 { "reader" } else { "owner" },
                "primary": index == 0, "selected": true,
            })
        })
        .collect()
}

fn event(session: &Session, id: &str, summary: &str, start: &Value, end: &Value) -> Value {
    let person = json!({ "email": session.account.email, "self": true });
    json!({
        "kind": "calendar#event", "etag": "\"3181159875584000\"", "id": id, "status": "confirmed", "summary": summary,
        "htmlLink": format!("https://www.google.com/calendar/event?eid={id}"), "creator": person, "organizer": person,
        "created": "2026-01-02T03:04:05.000Z", "updated": "2026-01-02T03:04:05.678Z", "start": start, "end": end,
        "iCalUID": format!("{id}@google.com"), "sequence": 0, "eventType": "default",
    })
}

fn events(inner: &Inner, session: &Session) -> Vec<Value> {
    let mut all: Vec<Value> = (1..=12)
        .map(|day| {
            let at = |hour: u8| json!({ "dateTime": format!("2026-03-{day:02}T{hour:02}:00:00Z"), "timeZone": "Europe/London" });
            event(session, &format!("ev{day:02}abcdef"), &format!("Meeting {day}"), &at(9), &at(10))
        })
        .collect();
    all.extend(inner.state().created.get(&key(session)).cloned().unwrap_or_default());
    all
}

fn sync_token(all: &[Value]) -> String {
    text::base64url(format!("sync:{}", all.len()))
}

fn list(inner: &Inner, entry: &Entry, session: &Session) -> Result<Answer, Answer> {
    let all = events(inner, session);
    let since = match entry.param("syncToken") {
        None => 0,
        Some(token) => text::from_base64url(&token)
            .and_then(|bytes| String::from_utf8(bytes).ok()?.strip_prefix("sync:")?.parse::<usize>().ok())
            .ok_or_else(|| {
                let text = "Sync token is no longer valid, a full sync is required.";
                error(410, text, "fullSyncRequired", "calendar")
            })?,
    };
    let mut body = paging(250).page(entry, all.get(since..).unwrap_or_default())?;
    merge(
        &mut body,
        json!({
            "kind": "calendar#events", "etag": "\"p33g\"", "summary": session.account.email,
            "updated": "2026-02-03T04:05:06.789Z", "timeZone": "Europe/London", "accessRole": "owner",
            "defaultReminders": [],
        }),
    );
    if body.get("nextPageToken").is_none() {
        merge(&mut body, json!({ "nextSyncToken": sync_token(&all) }));
    }
    Ok(Answer::json(200, &body))
}

fn insert(inner: &Inner, entry: &Entry, session: &Session) -> Result<Answer, Answer> {
    let body = entry.json().ok_or_else(|| invalid("Parse Error"))?;
    let (Some(start), Some(end)) = (body.get("start"), body.get("end")) else {
        return Err(error(400, "Missing end time.", "required", "global"));
    };
    let summary = body.get("summary").and_then(Value::as_str).unwrap_or_default();
    let id = format!(
        "new{}",
        text::hex(&text::sha256(text::random(text::ALNUM, 8).as_bytes())).get(..20).unwrap_or_default()
    );
    let event = event(session, &id, summary, start, end);
    inner.state().created.entry(key(session)).or_default().push(event.clone());
    Ok(Answer::json(200, &event))
}

pub(super) fn answer(
    inner: &Inner,
    entry: &Entry,
    session: &Session,
    rest: &[&str],
) -> Result<Answer, Answer> {
    let method = entry.method().as_str();
    if let ("GET" | "HEAD", ["users", "me", "calendarList"]) = (method, rest) {
        consented(session, &LISTS)?;
        let mut body = paging(100).page(entry, &calendars(session))?;
        merge(&mut body, json!({ "kind": "calendar#calendarList", "etag": "\"p32o\"" }));
        return Ok(Answer::json(200, &body));
    }
    let ["calendars", calendar, "events", rest @ ..] = rest else {
        return Err(not_found("the requested entity"));
    };
    consented(session, if matches!(method, "GET" | "HEAD") { &EVENTS } else { &WRITE })?;
    if *calendar != "primary" && *calendar != session.account.email {
        return Err(not_found("the calendar"));
    }
    match (method, rest) {
        ("GET" | "HEAD", []) => list(inner, entry, session),
        ("POST", []) => insert(inner, entry, session),
        ("GET" | "HEAD", [id]) => {
            let found = events(inner, session)
                .into_iter()
                .find(|event| event.get("id").and_then(Value::as_str) == Some(*id));
            found.map(|event| Answer::json(200, &event)).ok_or_else(|| not_found("the event"))
        }
        ("DELETE", [id]) => {
            let mut state = inner.state();
            let created = state.created.entry(key(session)).or_default();
            created.retain(|event| event.get("id").and_then(Value::as_str) != Some(*id));
            Ok(Answer::new(204))
        }
        _ => Err(not_found("the requested entity")),
    }
}
