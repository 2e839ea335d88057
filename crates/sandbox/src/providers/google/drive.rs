//! Drive v3: lists, files, their bytes, uploads in one and in several requests.

use serde_json::{Value, json};

use super::consent::consented;
use super::mask::Mask;
use super::paging::Paging;
use crate::http::Answer;
use crate::inner::Inner;
use crate::journal::entry::Entry;
use crate::json::merge;
use crate::kinds::ProviderKind;
use crate::providers::session::Session;
use crate::refusals::google::{invalid, not_found};
use crate::text;

const READ: [&str; 5] =
    ["drive", "drive.readonly", "drive.file", "drive.metadata.readonly", "drive.metadata"];
const CONTENT: [&str; 3] = ["drive", "drive.readonly", "drive.file"];
pub(super) const WRITE: [&str; 2] = ["drive", "drive.file"];
const FILES: Paging = Paging { items: "files", size: "pageSize", default: 100, max: 1000 };
/// What an answer without `fields` shows of a file.
pub(super) const USUAL: &str = "kind,id,name,mimeType";

fn file(session: &Session, number: usize) -> Value {
    let names = ["Budget", "Holiday plan", "Minutes", "Draft", "Invoice", "Recipe"];
    let name = names.get(number % names.len()).copied().unwrap_or_default();
    resource(
        session,
        &format!("1{}-File_{number:04}", session.account.login),
        &format!("{name} {number}.txt"),
        40,
    )
}

fn resource(session: &Session, id: &str, name: &str, size: usize) -> Value {
    let owner = json!({
        "kind": "drive#user", "displayName": session.account.name, "me": true,
        "emailAddress": session.account.email, "permissionId": session.account.id,
    });
    json!({
        "kind": "drive#file", "id": id, "name": name, "mimeType": "text/plain", "starred": false, "trashed": false,
        "parents": ["0AK-root"], "version": "7", "size": size.to_string(), "owners": [owner], "ownedByMe": true,
        "webViewLink": format!("https://drive.google.com/file/d/{id}/view?usp=drivesdk"),
        "createdTime": "2026-01-02T03:04:05.678Z", "modifiedTime": "2026-02-03T04:05:06.789Z",
    })
}

fn content(name: &str) -> String {
    format!("This is the text of {name}, no more.\n")
}

fn key(session: &Session) -> (ProviderKind, String) {
    (ProviderKind::Google, format!("drive/{}", session.account.id))
}

fn all(inner: &Inner, session: &Session) -> Vec<Value> {
    let mut files: Vec<Value> = inner.state().created.get(&key(session)).cloned().unwrap_or_default();
    files.reverse();
    files.extend((1..=23).map(|number| file(session, number)));
    files
}

pub(super) fn masked(entry: &Entry, usual: &str, body: &Value) -> Result<Answer, Answer> {
    let fields = entry.param("fields").unwrap_or_else(|| usual.to_owned());
    let mask = Mask::parse(&fields).ok_or_else(|| invalid(&format!("Invalid field selection {fields}")))?;
    Ok(Answer::json(200, &mask.apply(body)))
}

/// The part of `q` that the sandbox understands: `name contains 'x'`.
fn wanted(query: &str, file: &Value) -> bool {
    let Some((_, rest)) = query.split_once("name contains '") else { return true };
    let part = rest.split('\'').next().unwrap_or_default().to_lowercase();
    file.get("name").and_then(Value::as_str).is_some_and(|name| name.to_lowercase().contains(&part))
}

pub(super) fn answer(
    inner: &Inner,
    entry: &Entry,
    session: &Session,
    rest: &[&str],
) -> Result<Answer, Answer> {
    match (entry.method().as_str(), rest) {
        ("GET" | "HEAD", ["files"]) => {
            consented(session, &READ)?;
            let query = entry.param("q").unwrap_or_default();
            let files: Vec<Value> =
                all(inner, session).into_iter().filter(|file| wanted(&query, file)).collect();
            let mut body = FILES.page(entry, &files)?;
            merge(&mut body, json!({ "kind": "drive#fileList", "incompleteSearch": false }));
            masked(entry, &format!("kind,incompleteSearch,nextPageToken,files({USUAL})"), &body)
        }
        ("GET" | "HEAD", ["files", id]) => {
            let file = find(inner, session, id)?;
            if entry.param("alt").as_deref() == Some("media") {
                consented(session, &CONTENT)?;
                let name = file.get("name").and_then(Value::as_str).unwrap_or_default();
                return Ok(Answer::text(200, content(name)));
            }
            consented(session, &READ)?;
            masked(entry, USUAL, &file)
        }
        ("POST", ["files"]) => {
            consented(session, &WRITE)?;
            // A form is no metadata, and still makes a file: a GET whose override header got lost does so.
            let form = entry.header("content-type").is_some_and(|kind| kind.contains("urlencoded"));
            let metadata = entry.json().or_else(|| form.then(|| json!({})));
            let metadata = metadata.ok_or_else(|| invalid("Parse Error"))?;
            let created = create(inner, session, &metadata, 0);
            masked(entry, USUAL, &created)
        }
        ("GET" | "HEAD", ["about"]) => {
            consented(session, &READ)?;
            if entry.param("fields").is_none() {
                return Err(invalid("The 'fields' parameter is required for this method."));
            }
            let user = json!({ "displayName": session.account.name, "emailAddress": session.account.email });
            masked(entry, "*", &json!({ "kind": "drive#about", "user": user }))
        }
        _ => Err(not_found("the requested entity")),
    }
}

fn find(inner: &Inner, session: &Session, id: &str) -> Result<Value, Answer> {
    let found =
        all(inner, session).into_iter().find(|file| file.get("id").and_then(Value::as_str) == Some(id));
    found.ok_or_else(|| not_found(&format!("File not found: {id}")))
}

pub(super) fn create(inner: &Inner, session: &Session, metadata: &Value, size: usize) -> Value {
    let name = metadata.get("name").and_then(Value::as_str).unwrap_or("Untitled");
    let file = resource(session, &format!("1up{}", text::random(text::ALNUM, 28)), name, size);
    inner.state().created.entry(key(session)).or_default().push(file.clone());
    file
}
