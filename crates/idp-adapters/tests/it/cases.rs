//! Every typed call, with a good answer.

use std::{future::Future, pin::Pin};

use idp_adapters::{
    Kind,
    client::{Error, GitHub, github::NewIssue},
};
use url::Url;

use crate::token;

/// One typed call.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// The target it must ask for; the query's members in any order.
    pub(crate) target: &'static str,
    /// A good answer.
    pub(crate) good: String,
    /// What must show in the `Debug` of what is made of it.
    pub(crate) shows: &'static [&'static str],
    /// A scope that the call can lack.
    pub(crate) scope: &'static str,
    /// Calls the server at this URL and returns the value's `Debug`.
    pub(crate) call: fn(Url) -> Calling,
}

pub(crate) type Calling = Pin<Box<dyn Future<Output = Result<String, Error>> + Send>>;

/// A case: a name, the client, the call, and what is expected of it.
macro_rules! case {
    ($name:literal, $client:ident, |$c:ident| $call:expr, $target:literal, $good:expr, $scope:literal, $shows:expr) => {
        Case {
            name: $name,
            kind: Kind::$client,
            target: $target,
            good: $good.to_string(),
            shows: &$shows,
            scope: $scope,
            call: |url| {
                Box::pin(async move {
                    let $c = $client::builder(token()).base_url(url).build()?;
                    Ok(format!("{:?}", $call.await?))
                })
            },
        }
    };
}

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("fixtures/", $name, ".json"))
    };
}

pub(crate) fn all() -> Vec<Case> {
    github()
}

fn github() -> Vec<Case> {
    vec![
        case!(
            "profile",
            GitHub,
            |c| c.profile(),
            "/user",
            fixture!("github/user"),
            "read:user",
            ["sub: \"583231\"", "preferred_username: Some(\"ana\")", "email: Some(\"ana@example.test\")",]
        ),
        case!(
            "repositories",
            GitHub,
            |c| c.repositories().page_size(1000).param("sort", "pushed").page(),
            "/user/repos?per_page=100&sort=pushed",
            format!("[{}]", fixture!("github/repository")),
            "repo",
            ["full_name: \"ana/atlas\"", "private: true", "description: None", "next: None"]
        ),
        case!(
            "repository",
            GitHub,
            |c| c.repository("ana", "at/las"),
            "/repos/ana/at%2Flas",
            fixture!("github/repository"),
            "repo",
            ["stargazers_count: Some(80)", "archived: false"]
        ),
        case!(
            "issues",
            GitHub,
            |c| c.issues("ana", "atlas").page(),
            "/repos/ana/atlas/issues",
            format!("[{}]", fixture!("github/issue")),
            "repo",
            ["number: 1347", "name: \"bug\"", "name: \"plain\"", "assignees: []"]
        ),
        case!(
            "issue",
            GitHub,
            |c| c.issue("ana", "atlas", 1347),
            "/repos/ana/atlas/issues/1347",
            fixture!("github/issue"),
            "repo",
            ["title: \"Found a bug\"", "body: None"]
        ),
        case!(
            "create_issue",
            GitHub,
            |c| c.create_issue("ana", "atlas", &NewIssue::new("Found a bug").body("Look").label("bug")),
            "/repos/ana/atlas/issues",
            fixture!("github/issue"),
            "public_repo",
            ["number: 1347"]
        ),
        case!(
            "contents of a file",
            GitHub,
            |c| c.contents("ana", "atlas", "/docs/a guide.md").param("ref", "main"),
            "/repos/ana/atlas/contents/docs/a%20guide.md?ref=main",
            fixture!("github/file"),
            "repo",
            ["File(", "path: \"docs/guide.md\"", "size: Some(8)"]
        ),
        case!(
            "contents of a folder",
            GitHub,
            |c| c.contents("ana", "atlas", ""),
            "/repos/ana/atlas/contents",
            fixture!("github/folder"),
            "repo",
            ["Folder(", "kind: \"dir\""]
        ),
    ]
}
