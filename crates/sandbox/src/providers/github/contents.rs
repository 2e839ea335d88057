//! Files of a repository: read, written, and added to a release.

use serde_json::{Value, json};

use super::users::owner;
use crate::http::Answer;
use crate::journal::entry::Entry;
use crate::json::merge;
use crate::providers::session::Session;
use crate::refusals::github::error;
use crate::text;

const FILES: [(&str, &str); 3] = [
    ("README.md", "# A repository\n\nNothing to see here.\n"),
    ("docs/guide.md", "# Guide\n\nRead this first.\n"),
    ("src/main.rs", "fn main() {}\n"),
];

/// A file's commit. The sandbox keeps no file.
pub(super) fn write(entry: &Entry, session: &Session, name: &str, path: &str) -> Answer {
    let body = entry.json().unwrap_or_default();
    let text_of = |name: &str| body.get(name).and_then(Value::as_str);
    let Some(content) = text_of("content").and_then(text::from_base64) else {
        return error(422, "content is not valid Base64");
    };
    let login = &session.account.login;
    let sha = text::hex(&text::sha256(&content));
    let url = format!("{}/repos/{login}/{name}/contents/{path}", entry.origin());
    let commit =
        format!("{}/repos/{login}/{name}/git/commits/{}", entry.origin(), sha.get(..40).unwrap_or_default());
    let person = json!({ "name": session.account.name, "email": session.account.email, "date": "2026-01-26T19:01:12Z" });
    let commit = json!({
        "sha": sha.get(..40), "url": commit, "message": text_of("message").unwrap_or("A commit"), "author": person, "committer": person, "parents": [],
        "tree": { "sha": sha.get(24..), "url": commit }, "verification": { "verified": false, "reason": "unsigned" },
    });
    let content = json!({
        "type": "file", "name": path.rsplit('/').next(), "path": path, "size": content.len(), "sha": sha.get(24..),
        "url": url, "git_url": url, "html_url": url, "download_url": url, "_links": { "self": url },
    });
    Answer::json(201, &json!({ "content": content, "commit": commit }))
}

/// A file of a release, as `uploads.github.com` takes it.
pub(super) fn upload_asset(entry: &Entry, session: &Session, name: &str, id: &str) -> Answer {
    let login = &session.account.login;
    let url = format!("{}/repos/{login}/{name}/releases/assets/1", entry.origin());
    let size = entry.body_length().unwrap_or_default();
    let asset = json!({
        "id": 1, "name": entry.param("name"), "size": size, "state": "uploaded", "url": url, "release": id,
        "content_type": entry.header("content-type"), "label": entry.param("label"), "uploader": owner(session, entry),
    });
    Answer::json(201, &asset)
}

/// A file, or what a folder holds.
pub(super) fn contents(session: &Session, entry: &Entry, name: &str, private: bool, path: &str) -> Answer {
    let login = &session.account.login;
    let describe = |path: &str, content: &str| {
        let url = format!("{}/repos/{login}/{name}/contents/{path}?ref=main", entry.origin());
        let token = if private { format!("?token={}", text::random(text::ALNUM, 28)) } else { String::new() };
        json!({
            "type": "file", "name": path.rsplit('/').next(), "path": path, "size": content.len(),
            "sha": text::hex(&text::sha256(content.as_bytes()))[..40], "url": url, "_links": { "self": url },
            "git_url": format!("{}/repos/{login}/{name}/git/blobs/0", entry.origin()),
            "html_url": format!("https://github.com/{login}/{name}/blob/main/{path}"),
            "download_url": format!("https://raw.githubusercontent.com/{login}/{name}/main/{path}{token}"),
        })
    };
    if let Some((path, content)) = FILES.iter().find(|(known, _)| *known == path) {
        if entry.header("accept").is_some_and(|accept| accept.contains("raw")) {
            return Answer::text(200, *content)
                .header("content-type", "application/vnd.github.raw+json; charset=utf-8");
        }
        let mut body = describe(path, content);
        merge(&mut body, json!({ "encoding": "base64", "content": format!("{}\n", text::base64(content)) }));
        return Answer::json(200, &body);
    }
    let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
    let listed: Vec<Value> = FILES
        .iter()
        .filter(|(known, _)| known.starts_with(&prefix))
        .map(|(known, content)| describe(known, content))
        .collect();
    if listed.is_empty() { error(404, "Not Found") } else { Answer::json(200, &Value::Array(listed)) }
}
