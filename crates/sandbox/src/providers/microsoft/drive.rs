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
