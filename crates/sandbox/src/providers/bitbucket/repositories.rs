//! Repositories of a workspace: lists, pull requests, commits, sources, downloads.

use ::http::Method;
use serde_json::{Value, json};

use super::data;
use super::pages::{consented, paged};
use crate::http::Answer;
use crate::inner::Inner;
use crate::journal::entry::Entry;
use crate::json::merge;
use crate::kinds::ProviderKind;
use crate::providers::downloads;
use crate::providers::session::Session;
use crate::refusals::bitbucket::{error, not_found};
use crate::world::state::Account;

pub(super) fn answer(
    inner: &Inner,
    entry: &Entry,
    session: &Session,
    rest: &[&str],
) -> Result<Answer, Answer> {
    let reads = matches!(entry.method().as_str(), "GET" | "HEAD");
    let account = &session.account;
    let Some((workspace, rest)) = rest.split_first() else { return Err(not_found("Workspace")) };
    let own = *workspace == account.login
        || *workspace == account.id
        || *workspace == data::workspace_uuid(account);
    if !own {
        return Err(not_found(&format!("Repository {}", rest.join("/"))));
    }
    let Some((name, rest)) = rest.split_first() else {
        consented(session, "repository")?;
        return Ok(list(entry, session));
    };
    let found = data::REPOSITORIES.iter().find(|(known, _)| known == name);
    let (name, private) = *found.ok_or_else(|| not_found(&format!("Repository {workspace}/{name}")))?;
    match rest {
        ["pullrequests", rest @ ..] => pull_requests(inner, entry, session, name, rest),
        [] if reads => {
            consented(session, "repository")?;
            Ok(Answer::json(200, &data::repository(account, entry, name, private)))
        }
        ["commits"] if reads => {
            consented(session, "repository")?;
            let all: Vec<Value> = (1..=35).map(|number| data::commit(account, entry, name, number)).collect();
            Ok(paged(entry, &all, 100))
        }
        ["src"] if *entry.method() == Method::POST => {
            // `pullrequest:write` holds `repository:write`.
            consented(session, "pullrequest:write").or_else(|_| consented(session, "repository:write"))?;
            Ok(write(inner, entry, account, name))
        }
        ["src", _, path @ ..] if reads => {
            consented(session, "repository")?;
            let path = path.join("/");
            written(inner, account, name, &path).map_or_else(|| source(entry, name, &path), Ok)
        }
        ["downloads", file] if reads => {
            consented(session, "repository")?;
            let path = format!("/{workspace}/{name}/downloads/{file}");
            Ok(Answer::redirect(302, &downloads::link(inner, "bbuseruploads.s3.amazonaws.com", &path)))
        }
        _ => Err(error(404, "Resource not found")),
    }
}

fn list(entry: &Entry, session: &Session) -> Answer {
    let query = entry.param("q").unwrap_or_default();
    let wanted = query.split_once("name ~ \"").map(|(_, rest)| rest.trim_end_matches('"').to_owned());
    let mut all: Vec<Value> = data::REPOSITORIES
        .iter()
        .filter(|(name, _)| wanted.as_ref().is_none_or(|wanted| name.contains(wanted.as_str())))
        .map(|(name, private)| data::repository(&session.account, entry, name, *private))
        .collect();
    if entry.param("sort").is_some_and(|sort| sort.starts_with('-')) {
        all.reverse();
    }
    paged(entry, &all, 100)
}

fn pull_requests(
    inner: &Inner,
    entry: &Entry,
    session: &Session,
    name: &str,
    rest: &[&str],
) -> Result<Answer, Answer> {
    let key = (ProviderKind::Bitbucket, format!("pullrequests/{}/{name}", session.account.login));
    let account = &session.account;
    let all = || {
        let mut all: Vec<Value> = (1..=27)
            .map(|number| data::pull_request(account, entry, name, number, &format!("Topic {number}")))
            .collect();
        all.extend(inner.state().created.get(&key).cloned().unwrap_or_default());
        all.reverse();
        all
    };
    match (entry.method().as_str(), rest) {
        ("GET" | "HEAD", []) => {
            consented(session, "pullrequest")?;
            let states: Vec<String> = entry
                .params()
                .into_iter()
                .filter(|(name, _)| name == "state")
                .map(|(_, state)| state)
                .collect();
            let wanted = |request: &Value| {
                let state = request.get("state").and_then(Value::as_str).unwrap_or_default();
                if states.is_empty() { state == "OPEN" } else { states.iter().any(|wanted| wanted == state) }
            };
            let all: Vec<Value> = all().into_iter().filter(wanted).collect();
            Ok(paged(entry, &all, 50))
        }
        ("GET" | "HEAD", [id]) => {
            consented(session, "pullrequest")?;
            let number = id.parse::<u64>().ok();
            let found = all().into_iter().find(|request| request.get("id").and_then(Value::as_u64) == number);
            found.map(|request| Answer::json(200, &request)).ok_or_else(|| not_found("Pull request"))
        }
        ("POST", []) => {
            consented(session, "pullrequest:write")?;
            create(inner, entry, account, name, key)
        }
        _ => Err(error(404, "Resource not found")),
    }
}

fn create(
    inner: &Inner,
    entry: &Entry,
    account: &Account,
    name: &str,
    key: (ProviderKind, String),
) -> Result<Answer, Answer> {
    let body = entry.json().ok_or_else(|| error(400, "Bad request"))?;
    let title = body.get("title").and_then(Value::as_str).filter(|title| !title.is_empty());
    let (Some(title), Some(_)) = (title, body.pointer("/source/branch/name")) else {
        let fields = json!({ "title": ["This field is required."], "source": ["This field is required."] });
        let error = json!({ "message": "Bad request", "fields": fields });
        return Err(Answer::json(400, &json!({ "type": "error", "error": error })));
    };
    let mut state = inner.state();
    let created = state.created.entry(key).or_default();
    let number = 28 + created.len();
    let mut request = data::pull_request(account, entry, name, number, title);
    merge(&mut request, json!({ "state": "OPEN" }));
    created.push(request.clone());
    let location = request.pointer("/links/self/href").and_then(Value::as_str).unwrap_or_default();
    Ok(Answer::json(201, &request).header("location", location))
}

fn files(account: &Account, name: &str) -> (ProviderKind, String) {
    (ProviderKind::Bitbucket, format!("files/{}/{name}", account.login))
}

/// A commit of the files of a form: each member is a file named by its path, but for those that say something of the commit.
fn write(inner: &Inner, entry: &Entry, account: &Account, name: &str) -> Answer {
    let about_commit = ["message", "author", "branch", "parents", "files"];
    let mut state = inner.state();
    let kept = state.created.entry(files(account, name)).or_default();
    for (path, content) in
        entry.fields().into_iter().filter(|(path, _)| !about_commit.contains(&path.as_str()))
    {
        kept.push(json!({ "path": path.trim_start_matches('/'), "content": content }));
    }
    let hash = data::commit_hash(name, 100 + kept.len());
    let at = format!("{}/2.0/repositories/{}/{name}/commit/{hash}", entry.origin(), account.login);
    // Bitbucket's answer has no body, and says that it is HTML.
    Answer::new(201).header("location", at).header("content-type", "text/html; charset=utf-8")
}

/// A file that a caller has written.
fn written(inner: &Inner, account: &Account, name: &str, path: &str) -> Option<Answer> {
    let state = inner.state();
    let text = |file: &Value, member: &str| file.get(member).and_then(Value::as_str).map(str::to_owned);
    let mut kept = state.created.get(&files(account, name))?.iter().rev();
    let content = text(kept.find(|file| text(file, "path").as_deref() == Some(path))?, "content")?;
    Some(
        Answer::text(200, content)
            .header("content-type", "text/plain")
            .header("content-disposition", "attachment"),
    )
}

/// A file's bytes, or a directory's entries a page at a time.
fn source(entry: &Entry, name: &str, path: &str) -> Result<Answer, Answer> {
    if let Some((path, content)) = data::FILES.iter().find(|(known, _)| *known == path) {
        let kind = if path.ends_with(".md") { "text/markdown" } else { "text/plain" };
        let file = Answer::text(200, *content).header("content-type", kind);
        return Ok(file.header("content-disposition", "attachment"));
    }
    let folder = path.trim_end_matches('/');
    let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
    let listed: Vec<Value> = data::FILES
        .iter()
        .filter(|(known, _)| known.starts_with(&prefix))
        .map(|(path, content)| {
            let commit = json!({ "type": "commit", "hash": data::commit_hash(name, 1) });
            json!({ "type": "commit_file", "path": path, "size": content.len(), "commit": commit })
        })
        .collect();
    if listed.is_empty() {
        Err(error(404, &format!("No such file or directory: {path}")))
    } else {
        Ok(paged(entry, &listed, 100))
    }
}
