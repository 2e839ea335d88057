//! GitHub's repositories: lists with `Link` paging, issues, contents, tarballs.

use std::sync::Arc;

use ::http::Method;
use serde_json::{Value, json};

use super::actions;
use super::contents::{contents, upload_asset, write};
use super::ids::{FIRST, ORGANIZATION};
use super::paging::paged;
use super::users::owner;
use crate::http::Answer;
use crate::inner::Inner;
use crate::journal::entry::Entry;
use crate::json::merge;
use crate::kinds::ProviderKind;
use crate::providers::downloads;
use crate::providers::session::Session;
use crate::refusals::github::error;
use crate::text;

/// Name and whether it is private; the same seven for every account.
const REPOSITORIES: [(&str, bool); 7] = [
    ("atlas", false),
    ("beacon", false),
    ("comet", true),
    ("delta", false),
    ("ember", true),
    ("fjord", false),
    ("glade", false),
];

/// What of a repository's address leads to which part of it.
const PARTS: [(&str, &str); 36] = [
    ("archive_url", "/{archive_format}{/ref}"),
    ("assignees_url", "/assignees{/user}"),
    ("blobs_url", "/git/blobs{/sha}"),
    ("branches_url", "/branches{/branch}"),
    ("collaborators_url", "/collaborators{/collaborator}"),
    ("comments_url", "/comments{/number}"),
    ("commits_url", "/commits{/sha}"),
    ("compare_url", "/compare/{base}...{head}"),
    ("contents_url", "/contents/{+path}"),
    ("contributors_url", "/contributors"),
    ("deployments_url", "/deployments"),
    ("downloads_url", "/downloads"),
    ("events_url", "/events"),
    ("forks_url", "/forks"),
    ("git_commits_url", "/git/commits{/sha}"),
    ("git_refs_url", "/git/refs{/sha}"),
    ("git_tags_url", "/git/tags{/sha}"),
    ("hooks_url", "/hooks"),
    ("issue_comment_url", "/issues/comments{/number}"),
    ("issue_events_url", "/issues/events{/number}"),
    ("issues_url", "/issues{/number}"),
    ("keys_url", "/keys{/key_id}"),
    ("labels_url", "/labels{/name}"),
    ("languages_url", "/languages"),
    ("merges_url", "/merges"),
    ("milestones_url", "/milestones{/number}"),
    ("notifications_url", "/notifications{?since,all,participating}"),
    ("pulls_url", "/pulls{/number}"),
    ("releases_url", "/releases{/id}"),
    ("stargazers_url", "/stargazers"),
    ("statuses_url", "/statuses/{sha}"),
    ("subscribers_url", "/subscribers"),
    ("subscription_url", "/subscription"),
    ("tags_url", "/tags"),
    ("teams_url", "/teams"),
    ("trees_url", "/git/trees{/sha}"),
];

/// The former name of the first repository.
const RENAMED: &str = "old-atlas";

/// The name of the repository with the id `FIRST + index`.
pub(super) fn name(index: usize) -> Option<&'static str> {
    REPOSITORIES.get(index).map(|(name, _)| *name)
}

/// A repository as it is shown by itself: with the token for cloning that GitHub adds to private ones.
fn whole(session: &Session, entry: &Entry, index: usize) -> Option<Value> {
    let mut body = repository(session, entry, index)?;
    let private = body.get("private").and_then(Value::as_bool) == Some(true);
    let login = &session.account.login;
    let digest = text::hex(&text::sha256(format!("clone {login} {index}").as_bytes())).to_uppercase();
    // It stays the same for a while in life too, so that `ETag` stays.
    let token = digest.get(..29).filter(|_| private).unwrap_or_default();
    merge(&mut body, json!({ "temp_clone_token": token, "network_count": 0, "subscribers_count": 1 }));
    Some(body)
}

fn repository(session: &Session, entry: &Entry, index: usize) -> Option<Value> {
    let (name, private) = *REPOSITORIES.get(index)?;
    let login = &session.account.login;
    let base = format!("{}/repos/{login}/{name}", entry.origin());
    let mut body = json!({
        "id": FIRST + index, "node_id": text::base64(format!("R_{login}_{name}")), "name": name,
        "full_name": format!("{login}/{name}"), "private": private, "owner": owner(session, entry),
        "html_url": format!("https://github.com/{login}/{name}"), "description": format!("The {name} repository"),
        "fork": false, "url": base, "clone_url": format!("https://github.com/{login}/{name}.git"),
        "git_url": format!("git://github.com/{login}/{name}.git"), "ssh_url": format!("git@github.com:{login}/{name}.git"),
        "svn_url": format!("https://github.com/{login}/{name}"), "homepage": "", "mirror_url": null,
        "default_branch": "main", "visibility": if private { "private" } else { "public" }, "language": "Rust",
        "stargazers_count": index, "watchers_count": index, "forks_count": 0, "open_issues_count": 5, "size": 108,
        "has_issues": true, "archived": false, "disabled": false, "topics": [], "license": null,
        "created_at": "2011-01-26T19:01:12Z", "updated_at": "2026-01-26T19:14:43Z", "pushed_at": "2026-01-26T19:06:43Z",
        "permissions": { "admin": true, "maintain": true, "push": true, "triage": true, "pull": true },
        "has_downloads": true, "has_pages": false, "has_projects": true, "has_wiki": true,
    });
    for (member, path) in PARTS {
        merge(&mut body, json!({ member: format!("{base}{path}") }));
    }
    Some(body)
}

/// The lists of repositories: the caller's, a user's, the organization's.
fn list(entry: &Entry, session: &Session, segments: &[&str], sees_private: bool) -> Answer {
    let all = |private: bool| -> Vec<Value> {
        let shown = REPOSITORIES.iter().enumerate().filter(|(_, (_, hidden))| private || !hidden);
        shown.filter_map(|(index, _)| repository(session, entry, index)).collect()
    };
    let (organization, id) = ORGANIZATION;
    match segments {
        ["user", "repos"] => paged(entry, "/user/repos", &all(sees_private)),
        ["users", login, "repos"] if login.eq_ignore_ascii_case(&session.account.login) => {
            paged(entry, &format!("/user/{}/repos", session.account.id), &all(false))
        }
        ["orgs", name, "repos"] if name.eq_ignore_ascii_case(organization) => {
            paged(entry, &format!("/organizations/{id}/repos"), &all(false))
        }
        ["users", login] if login.eq_ignore_ascii_case(&session.account.login) => {
            Answer::json(200, &owner(session, entry))
        }
        ["orgs", name] if name.eq_ignore_ascii_case(organization) => {
            let url = format!("{}/orgs/{organization}", entry.origin());
            Answer::json(200, &json!({ "login": organization, "id": id.parse::<u64>().ok(), "url": url }))
        }
        _ => error(404, "Not Found"),
    }
}

/// A repository has another name now: its address by number stays.
fn moved(entry: &Entry, rest: &[&str]) -> Answer {
    let rest: String = rest.iter().map(|segment| format!("/{}", text::encode(segment))).collect();
    let query = entry.query().map(|query| format!("?{query}")).unwrap_or_default();
    let url = format!("{}/repositories/{FIRST}{rest}{query}", entry.origin());
    let docs = "https://docs.github.com/rest/guides/best-practices-for-using-the-rest-api#follow-redirects";
    let status = if matches!(*entry.method(), Method::GET | Method::HEAD) { 301 } else { 307 };
    let message = if status == 301 { "Moved Permanently" } else { "Temporary Redirect" };
    let body = json!({ "message": message, "url": url, "documentation_url": docs });
    Answer::json(status, &body).header("location", url)
}

pub(super) fn answer(inner: &Arc<Inner>, entry: &Entry, session: &Session, segments: &[&str]) -> Answer {
    let sees_private = session.grant.app || session.has("repo");
    let method = entry.method().as_str();
    let (owner, name, rest) = match segments {
        ["repos", owner, name, rest @ ..] => (*owner, *name, rest),
        _ if method == "GET" => return list(entry, session, segments, sees_private),
        _ => return error(404, "Not Found"),
    };
    // GitHub ignores the case of owners and repositories.
    if !owner.eq_ignore_ascii_case(&session.account.login) {
        return error(404, "Not Found");
    }
    if name.eq_ignore_ascii_case(RENAMED) {
        return moved(entry, rest);
    }
    let Some(index) = REPOSITORIES.iter().position(|(known, _)| known.eq_ignore_ascii_case(name)) else {
        return error(404, "Not Found");
    };
    let (name, private) = REPOSITORIES.get(index).copied().unwrap_or_default();
    if private && !sees_private {
        return error(404, "Not Found");
    }
    match (method, rest) {
        ("GET" | "HEAD", []) => Answer::json(200, &whole(session, entry, index).unwrap_or_default()),
        ("GET", ["issues"]) => {
            let path = format!("/repositories/{}/issues", FIRST + index);
            paged(entry, &path, &issues(inner, session, entry, name))
        }
        ("GET", ["issues", id]) => {
            let all = issues(inner, session, entry, name);
            let wanted = id.parse::<u64>().ok();
            let found = all.into_iter().find(|issue| issue.get("number").and_then(Value::as_u64) == wanted);
            found.map_or_else(|| error(404, "Not Found"), |issue| Answer::json(200, &issue))
        }
        ("POST", ["issues"]) => create_issue(inner, session, entry, name),
        ("PUT", ["contents", path @ ..]) => write(entry, session, name, &path.join("/")),
        ("POST", ["releases", id, "assets"]) => upload_asset(entry, session, name, id),
        ("GET" | "HEAD", ["contents", path @ ..]) => contents(session, entry, name, private, &path.join("/")),
        ("GET" | "HEAD", ["tarball" | "zipball", ..]) => archive(inner, session, name, rest),
        ("GET" | "HEAD", ["actions", rest @ ..]) => actions::answer(inner, entry, session, name, rest),
        ("GET", ["git", "private-branch"]) => error(403, "Resource not accessible by integration"),
        _ => error(404, "Not Found"),
    }
}

fn issue(session: &Session, entry: &Entry, name: &str, number: u64, title: &str, body: &str) -> Value {
    let login = &session.account.login;
    let url = format!("{}/repos/{login}/{name}/issues/{number}", entry.origin());
    let mut issue = json!({
        "id": 9000 + number, "node_id": format!("I_{number}"), "number": number, "state": "open", "title": title, "body": body,
        "user": owner(session, entry), "labels": [], "comments": 0, "locked": false, "assignee": null, "assignees": [],
        "milestone": null, "url": url, "comments_url": format!("{url}/comments"), "events_url": format!("{url}/events"),
        "labels_url": format!("{url}/labels{{/name}}"),
        "html_url": format!("https://github.com/{login}/{name}/issues/{number}"),
        "created_at": "2026-01-26T19:01:12Z", "updated_at": "2026-01-26T19:01:12Z", "closed_at": null, "closed_by": null,
    });
    // The media type that asks for the text in every form.
    if entry.header("accept").is_some_and(|accept| accept.contains("full+json")) {
        merge(&mut issue, json!({ "body_text": body, "body_html": format!("<p>{body}</p>") }));
    }
    issue
}

fn issues(inner: &Inner, session: &Session, entry: &Entry, name: &str) -> Vec<Value> {
    let mut all: Vec<Value> = (1..=5)
        .map(|n| issue(session, entry, name, n, &format!("Issue {n} of {name}"), "Seen on a Monday."))
        .collect();
    let key = (ProviderKind::GitHub, format!("issues/{}/{name}", session.account.login));
    all.extend(inner.state().created.get(&key).cloned().unwrap_or_default());
    all.reverse();
    all
}

fn create_issue(inner: &Inner, session: &Session, entry: &Entry, name: &str) -> Answer {
    let Some(body) = entry.json() else { return error(400, "Problems parsing JSON") };
    let Some(members) = body.as_object() else { return error(400, "Body should be a JSON object") };
    if !session.grant.app && !session.has_any(&["repo", "public_repo"]) {
        return error(404, "Not Found");
    }
    let Some(title) = members.get("title").and_then(Value::as_str).filter(|title| !title.is_empty()) else {
        let errors = json!([{ "resource": "Issue", "field": "title", "code": "missing_field" }]);
        let url = "https://docs.github.com/rest/issues/issues#create-an-issue";
        let body = json!({ "message": "Validation Failed", "errors": errors, "documentation_url": url, "status": "422" });
        return Answer::json(422, &body);
    };
    let text = members.get("body").and_then(Value::as_str).unwrap_or_default();
    let key = (ProviderKind::GitHub, format!("issues/{}/{name}", session.account.login));
    let mut state = inner.state();
    let created = state.created.entry(key).or_default();
    let number = 6 + created.len() as u64;
    let mut issue = issue(session, entry, name, number, title, text);
    merge(&mut issue, json!({ "labels": labels(members.get("labels")) }));
    created.push(issue.clone());
    let location = issue.get("url").and_then(Value::as_str).unwrap_or_default().to_owned();
    Answer::json(201, &issue).header("location", location)
}

/// The labels of a new issue; a name may come by itself or in an object.
fn labels(sent: Option<&Value>) -> Vec<Value> {
    let name = |label: &Value| label.as_str().or_else(|| label.get("name")?.as_str()).map(str::to_owned);
    let names = sent.and_then(Value::as_array).into_iter().flatten().filter_map(name);
    names.map(|name| json!({ "id": 1, "name": name, "color": "ededed", "default": false })).collect()
}

fn archive(inner: &Inner, session: &Session, name: &str, rest: &[&str]) -> Answer {
    let kind = if rest.first() == Some(&"zipball") { "legacy.zip" } else { "legacy.tar.gz" };
    let reference = rest.get(1..).unwrap_or_default().join("/");
    let reference = if reference.is_empty() { "main".to_owned() } else { reference };
    let path = format!("/{}/{name}/{kind}/refs/heads/{reference}", session.account.login);
    Answer::redirect(302, &downloads::link(inner, "codeload.github.com", &path))
}
