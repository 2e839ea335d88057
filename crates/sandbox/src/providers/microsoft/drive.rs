//! OneDrive: items, and their bytes behind a pre-authenticated redirect.

use serde_json::{Value, json};

use super::odata::{at, consented, paged, selected};
use crate::http::Answer;
use crate::inner::Inner;
use crate::journal::entry::Entry;
use crate::json::merge;
use crate::providers::downloads;
use crate::providers::session::Session;
use crate::refusals::microsoft::error;

const READ: [&str; 4] = ["Files.Read", "Files.ReadWrite", "Files.Read.All", "Files.ReadWrite.All"];
const ITEMS: usize = 12;
/// Where OneDrive for work keeps its bytes.
const HOST: &str = "contoso-my.sharepoint.com";

fn id(number: usize) -> String {
    format!("01BYE5RZ6QN3ZWBTUFOFD3GSPGOHDJD{number:03}")
}

fn name(number: usize) -> String {
    format!("Report {number}.docx")
}

fn item(inner: &Inner, number: usize, link: bool) -> Value {
    let mut body = json!({
        "id": id(number), "name": name(number), "size": 20 * number, "eTag": format!("\"{{{}}},1\"", id(number)),
        "createdDateTime": "2026-01-02T03:04:05Z", "lastModifiedDateTime": "2026-02-03T04:05:06Z",
        "webUrl": format!("https://{HOST}/personal/doc{number}"), "parentReference": { "driveType": "business", "path": "/drive/root:" },
        "file": { "mimeType": "application/vnd.openxmlformats-officedocument.wordprocessingml.document" },
    });
    if link {
        let url = downloads::link(inner, HOST, &format!("/_layouts/15/download/{number}"));
        merge(&mut body, json!({ "@microsoft.graph.downloadUrl": url }));
    }
    body
}

/// The root folder; `$expand=children` puts a page of its children inside, with a link of its own.
fn root(inner: &Inner, entry: &Entry, version: &str) -> Value {
    let mut body = json!({ "id": id(0), "name": "root", "folder": { "childCount": ITEMS }, "root": {} });
    if entry.param("$expand").is_some_and(|expand| expand.starts_with("children")) {
        let children: Vec<Value> = (1..=5).map(|number| item(inner, number, true)).collect();
        let next = at(entry, version, "me/drive/root/children?$top=5&$skip=5");
        merge(&mut body, json!({ "children": children, "children@odata.nextLink": next }));
    }
    body
}

/// Work that goes on: its address stands in three headers, as services of Microsoft write it.
fn accepted(operation: &str) -> Answer {
    Answer::json(202, &json!({ "status": "running" }))
        .header("location", operation)
        .header("operation-location", operation)
        .header("azure-asyncoperation", operation)
        .header("retry-after", "1")
}

/// Starts what takes longer than one request: a copy, an upload, a workbook session.
fn begin(inner: &Inner, entry: &Entry, version: &str, number: usize, work: &[&str]) -> Option<Answer> {
    match work {
        ["copy"] => {
            let monitor = downloads::link(inner, HOST, &format!("/_api/v2.0/monitor/{number}"));
            Some(Answer::new(202).header("location", monitor))
        }
        ["createuploadsession"] => {
            let link = downloads::link(inner, HOST, &format!("/_api/v2.0/upload/{number}"));
            let body = json!({ "uploadUrl": link, "expirationDateTime": "2026-03-03T04:05:06Z" });
            Some(Answer::json(200, &body))
        }
        ["workbook", "createsession"] => {
            let operation = format!("me/drive/items/{}/workbook/operations/op-1", id(number));
            Some(accepted(&at(entry, version, &operation)))
        }
        _ => None,
    }
}

pub(super) fn answer(
    inner: &Inner,
    entry: &Entry,
    session: &Session,
    version: &str,
    rest: &[&str],
    ids: &[&str],
) -> Result<Answer, Answer> {
    consented(session, "drive", &READ)?;
    let missing = || error(404, "itemNotFound", "Item not found");
    let number = ids.get(2).and_then(|wanted| (1..=ITEMS).find(|number| id(*number) == *wanted));
    match (entry.method().as_str(), rest) {
        ("GET" | "HEAD", ["drive"]) => {
            let owner = json!({ "user": { "displayName": session.account.name, "id": session.account.id } });
            Ok(Answer::json(
                200,
                &json!({ "id": "b!t18F8ybsHUq1z3LTz8xvZqP8", "driveType": "business", "owner": owner }),
            ))
        }
        ("GET" | "HEAD", ["drive", "root"]) => Ok(Answer::json(200, &root(inner, entry, version))),
        ("POST", ["drive", "items", _, work @ ..]) => {
            begin(inner, entry, version, number.ok_or_else(missing)?, work).ok_or_else(missing)
        }
        ("GET", ["drive", "items", _, "workbook", "operations", operation]) => {
            Ok(Answer::json(200, &json!({ "id": operation, "status": "succeeded" })))
        }
        ("GET" | "HEAD", ["drive", "root", "children"]) => {
            let context = at(entry, version, "$metadata#users('me')/drive/items");
            let all: Vec<Value> = (1..=ITEMS).map(|number| item(inner, number, true)).collect();
            Ok(paged(entry, &context, &all))
        }
        ("GET" | "HEAD", ["drive", "items", _]) => {
            let number = number.ok_or_else(missing)?;
            Ok(Answer::json(200, &selected(entry, &item(inner, number, true))))
        }
        ("GET" | "HEAD", ["drive", "items", _, "content"]) => {
            let number = number.ok_or_else(missing)?;
            let link = downloads::link(inner, HOST, &format!("/_layouts/15/download/{number}"));
            Ok(Answer::redirect(302, &link))
        }
        ("PUT", ["drive", "items", _, "content"]) => {
            consented(session, "drive", &["Files.ReadWrite", "Files.ReadWrite.All"])?;
            Ok(Answer::json(200, &item(inner, number.ok_or_else(missing)?, false)))
        }
        _ => Err(missing()),
    }
}
