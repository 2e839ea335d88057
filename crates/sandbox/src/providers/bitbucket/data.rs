//! What Bitbucket knows: users, workspaces, repositories, pull requests, commits.

use serde_json::{Value, json};

use crate::journal::entry::Entry;
use crate::json::merge;
use crate::text;
use crate::world::state::Account;

/// Name and whether it is private.
pub(super) const REPOSITORIES: [(&str, bool); 13] = [
    ("anvil", true),
    ("bellows", false),
    ("chisel", true),
    ("drill", false),
    ("easel", false),
    ("file", true),
    ("gouge", false),
    ("hammer", false),
    ("iron", true),
    ("jig", false),
    ("kiln", false),
    ("lathe", false),
    ("mallet", true),
];

pub(super) const FILES: [(&str, &str); 3] = [
    ("README.md", "# A repository\n\nNothing to see here.\n"),
    ("docs/guide.md", "# Guide\n\nRead this first.\n"),
    ("src/main.rs", "fn main() {}\n"),
];

/// A stable uuid in braces that follows from a text.
fn uuid(of: &str) -> String {
    let hex = text::hex(&text::sha256(of.as_bytes()));
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!("{{{}-{}-4{}-9{}-{}}}", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32))
}

pub(super) fn workspace_uuid(account: &Account) -> String {
    uuid(&format!("workspace {}", account.id))
}

pub(super) fn commit_hash(repository: &str, number: usize) -> String {
    let hex = text::hex(&text::sha256(format!("{repository} {number}").as_bytes()));
    hex.get(..40).unwrap_or_default().to_owned()
}

pub(super) fn user(account: &Account, entry: &Entry, whole: bool) -> Value {
    let id = text::encode(&account.id);
    let api = format!("{}/2.0/users/{id}", entry.origin());
    let mut body = json!({
        "type": "user", "uuid": account.id, "account_id": format!("557058:{}", account.login),
        "display_name": account.name, "nickname": account.login,
        "links": {
            "self": { "href": api }, "html": { "href": format!("https://bitbucket.org/{id}/") },
            "avatar": { "href": format!("https://secure.gravatar.com/avatar/{}", account.login) },
        },
    });
    if whole {
        merge(
            &mut body,
            json!({
                "created_on": "2016-05-04T03:02:01.000000+00:00", "account_status": "active", "is_staff": false,
                "username": account.login, "location": "Lagos",
            }),
        );
        // `merge` removes nulls, and this one is null in life.
        if let Some(members) = body.as_object_mut() {
            members.insert("has_2fa_enabled".to_owned(), Value::Null);
        }
    }
    body
}

pub(super) fn workspace(account: &Account, entry: &Entry) -> Value {
    json!({
        "type": "workspace", "uuid": workspace_uuid(account), "slug": account.login, "name": account.name,
        "is_private": true,
        "links": {
            "self": { "href": format!("{}/2.0/workspaces/{}", entry.origin(), account.login) },
            "html": { "href": format!("https://bitbucket.org/{}/", account.login) },
        },
    })
}

pub(super) fn repository(account: &Account, entry: &Entry, name: &str, private: bool) -> Value {
    let full = format!("{}/{name}", account.login);
    let api = format!("{}/2.0/repositories/{full}", entry.origin());
    json!({
        "type": "repository", "uuid": uuid(&full), "full_name": full, "name": name, "slug": name, "is_private": private,
        "description": format!("The {name} repository"), "scm": "git", "language": "rust", "size": 31_415,
        "has_issues": false, "fork_policy": "no_public_forks", "owner": user(account, entry, false),
        "workspace": workspace(account, entry), "mainbranch": { "type": "branch", "name": "main" },
        "created_on": "2025-01-02T03:04:05.678901+00:00", "updated_on": "2026-02-03T04:05:06.789012+00:00",
        "links": {
            "self": { "href": api }, "html": { "href": format!("https://bitbucket.org/{full}") },
            "pullrequests": { "href": format!("{api}/pullrequests") }, "commits": { "href": format!("{api}/commits") },
            "clone": [
                { "name": "https", "href": format!("https://{}@bitbucket.org/{full}.git", account.login) },
                { "name": "ssh", "href": format!("git@bitbucket.org:{full}.git") },
            ],
        },
    })
}

pub(super) fn pull_request(
    account: &Account,
    entry: &Entry,
    name: &str,
    number: usize,
    title: &str,
) -> Value {
    let full = format!("{}/{name}", account.login);
    let api = format!("{}/2.0/repositories/{full}/pullrequests/{number}", entry.origin());
    let side = |branch: &str| {
        json!({
            "branch": { "name": branch }, "repository": { "type": "repository", "full_name": full, "name": name },
            "commit": { "type": "commit", "hash": commit_hash(name, number).get(..12) },
        })
    };
    json!({
        "type": "pullrequest", "id": number, "title": title, "description": "As agreed on Monday.",
        "state": if number.is_multiple_of(5) { "MERGED" } else { "OPEN" }, "draft": false,
        "author": user(account, entry, false), "source": side(&format!("topic-{number}")), "destination": side("main"),
        "comment_count": 0, "task_count": 0, "close_source_branch": true,
        "created_on": "2026-01-02T03:04:05.678901+00:00", "updated_on": "2026-02-03T04:05:06.789012+00:00",
        "links": {
            "self": { "href": api },
            "html": { "href": format!("https://bitbucket.org/{full}/pull-requests/{number}") },
        },
    })
}

pub(super) fn commit(account: &Account, entry: &Entry, name: &str, number: usize) -> Value {
    let hash = commit_hash(name, number);
    let api = format!("{}/2.0/repositories/{}/{name}/commit/{hash}", entry.origin(), account.login);
    json!({
        "type": "commit", "hash": hash, "date": "2026-02-03T04:05:06+00:00", "message": format!("Change {number}\n"),
        "author": {
            "type": "author", "raw": format!("{} <{}>", account.name, account.email),
            "user": user(account, entry, false),
        },
        "links": { "self": { "href": api } },
    })
}
