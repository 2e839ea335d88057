//! Every typed call, with a good answer.

use std::{future::Future, pin::Pin};

use idp_adapters::{
    Kind,
    client::{Bitbucket, Error, Facebook, GitHub, Google, Microsoft, github::NewIssue},
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
    pub(crate) call: fn(Url) -> Calling<String>,
    /// Reads a list to its end; the number of its items.
    pub(crate) list: Option<fn(Url) -> Calling<usize>>,
}

pub(crate) type Calling<T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send>>;

/// A case: a name that begins with the call's, the client, the call or the list, and what is expected of it.
macro_rules! case {
    ($name:literal, $client:ident, |$c:ident| list $list:expr, $($rest:expr),+ $(,)?) => {
        Case {
            list: Some(|url| {
                Box::pin(async move {
                    let $c = $client::builder(token()).base_url(url).build()?;
                    Ok($list.all(usize::MAX).await?.len())
                })
            }),
            ..case!($name, $client, |$c| $list.page(), $($rest),+)
        }
    };
    ($name:literal, $client:ident, |$c:ident| $call:expr, $target:expr, $good:expr, $scope:expr, $shows:expr) => {
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
            list: None,
        }
    };
}

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("fixtures/", $name, ".json"))
    };
}

pub(crate) fn all() -> Vec<Case> {
    [github(), google(), facebook(), bitbucket(), microsoft()].into_iter().flatten().collect()
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
            |c| list c.repositories().page_size(1000).param("sort", "pushed"),
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
            |c| list c.issues("ana", "atlas"),
            "/repos/ana/atlas/issues",
            format!("[{}]", fixture!("github/issue")),
            "repo",
            ["number: 1347", "name: \"bug\"", "name: \"plain\"", "login: \"ben\""]
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

fn google() -> Vec<Case> {
    vec![
        case!(
            "profile",
            Google,
            |c| c.profile(),
            "/oauth2/v3/userinfo",
            fixture!("google/userinfo"),
            "email",
            ["sub: \"1000000001\"", "email_verified: Some(true)", "locale: None"]
        ),
        case!(
            "calendars",
            Google,
            |c| list c.calendars().page_size(500),
            "/calendar/v3/users/me/calendarList?maxResults=250",
            fixture!("google/calendars"),
            "https://www.googleapis.com/auth/calendar.readonly",
            ["id: \"ana@example.test\"", "primary: true", "time_zone: None", "next: None"]
        ),
        case!(
            "events",
            Google,
            |c| list c.events("ana@example.test").param("q", "stand up"),
            "/calendar/v3/calendars/ana%40example.test/events?q=stand+up",
            format!("{{\"items\":[{}]}}", fixture!("google/event")),
            "https://www.googleapis.com/auth/calendar.events.readonly",
            [
                "summary: Some(\"Stand-up\")",
                "response_status: Some(\"needsAction\")",
                "is_self: true",
                "next: None"
            ]
        ),
        case!(
            "event",
            Google,
            |c| c.event("primary", "7cbh8rpc"),
            "/calendar/v3/calendars/primary/events/7cbh8rpc",
            fixture!("google/event"),
            "https://www.googleapis.com/auth/calendar.events.readonly",
            ["date_time: Some(\"2026-02-03T09:00:00Z\")", "description: None"]
        ),
        case!(
            "files",
            Google,
            |c| list c.files(),
            "/drive/v3/files?fields=nextPageToken%2Cfiles(id%2Cname%2CmimeType%2Cdescription%2Csize%2Ctrashed%2Cstarred%2Cparents%2CwebViewLink%2CcreatedTime%2CmodifiedTime%2Cmd5Checksum)",
            format!("{{\"files\":[{}]}}", fixture!("google/file")),
            "https://www.googleapis.com/auth/drive.metadata.readonly",
            ["name: Some(\"Plan.pdf\")", "size: Some(12345)", "starred: false", "next: None"]
        ),
        case!(
            "file",
            Google,
            |c| c.file("1abcDEF"),
            "/drive/v3/files/1abcDEF?fields=id%2Cname%2CmimeType%2Cdescription%2Csize%2Ctrashed%2Cstarred%2Cparents%2CwebViewLink%2CcreatedTime%2CmodifiedTime%2Cmd5Checksum",
            fixture!("google/file"),
            "https://www.googleapis.com/auth/drive.metadata.readonly",
            ["parents: [\"0AB\"]"]
        ),
        case!(
            "contacts",
            Google,
            |c| list c.contacts().page_size(0),
            "/v1/people/me/connections?personFields=names%2CemailAddresses%2CphoneNumbers&pageSize=1",
            fixture!("google/contacts"),
            "https://www.googleapis.com/auth/contacts.readonly",
            ["given_name: Some(\"Ben\")", "value: Some(\"ben@example.test\")", "names: []", "next: None"]
        ),
    ]
}

fn facebook() -> Vec<Case> {
    vec![
        case!(
            "profile",
            Facebook,
            |c| c.profile(),
            "/v22.0/me?fields=id%2Cname%2Cfirst_name%2Clast_name%2Cemail%2Cpicture",
            fixture!("facebook/me"),
            "user_link",
            ["sub: \"10220000000000009\"", "email: Some(\"ana@example.test\")", "fbsbx"]
        ),
        case!(
            "permissions",
            Facebook,
            |c| list c.permissions(),
            "/v22.0/me/permissions",
            fixture!("facebook/permissions"),
            "user_link",
            ["permission: \"user_photos\", status: \"declined\"", "next: None"]
        ),
        case!(
            "photos",
            Facebook,
            |c| list c.photos().page_size(25).param("type", "uploaded"),
            "/v22.0/me/photos?fields=id%2Cname%2Ccreated_time%2Clink%2Cimages&limit=25&type=uploaded",
            fixture!("facebook/photos"),
            "user_photos",
            ["id: \"777\"", "id: \"778\"", "width: Some(960)", "images: []", "next: None"]
        ),
    ]
}

fn bitbucket() -> Vec<Case> {
    vec![
        case!(
            "profile",
            Bitbucket,
            |c| c.profile(),
            "/2.0/user",
            fixture!("bitbucket/user"),
            "account",
            ["sub: \"{6f1c2b1e-0000-4000-8000-000000000001}\"", "preferred_username: Some(\"ana\")"]
        ),
        case!(
            "workspaces",
            Bitbucket,
            |c| list c.workspaces(),
            "/2.0/user/workspaces",
            fixture!("bitbucket/workspaces"),
            "account",
            ["slug: \"acme\"", "administrator: Some(true)", "slug: \"other\"", "next: None"]
        ),
        case!(
            "repositories",
            Bitbucket,
            |c| list c.repositories("{aaaa}").page_size(500).param("role", "member"),
            "/2.0/repositories/%7Baaaa%7D?pagelen=100&role=member",
            format!("{{\"values\":[{}]}}", fixture!("bitbucket/repository")),
            "repository",
            ["full_name: \"acme/atlas\"", "is_private: true", "next: None"]
        ),
        case!(
            "repository",
            Bitbucket,
            |c| c.repository("acme", "atlas"),
            "/2.0/repositories/acme/atlas",
            fixture!("bitbucket/repository"),
            "repository",
            ["size: Some(4711)", "name: Some(\"main\")"]
        ),
        case!(
            "pull_requests",
            Bitbucket,
            |c| list c.pull_requests("acme", "atlas").page_size(500),
            "/2.0/repositories/acme/atlas/pullrequests?pagelen=50",
            format!("{{\"size\":1,\"page\":1,\"values\":[{}]}}", fixture!("bitbucket/pull_request")),
            "pullrequest",
            ["title: \"Draw rivers\"", "branch: Some(\"rivers\"), repository: None", "next: None"]
        ),
        case!(
            "pull_request",
            Bitbucket,
            |c| c.pull_request("acme", "atlas", 7),
            "/2.0/repositories/acme/atlas/pullrequests/7",
            fixture!("bitbucket/pull_request"),
            "pullrequest",
            ["comment_count: Some(2)", "task_count: None", "repository: Some(\"acme/atlas\")"]
        ),
    ]
}

fn microsoft() -> Vec<Case> {
    vec![
        case!(
            "profile",
            Microsoft,
            |c| c.profile(),
            "/v1.0/me",
            fixture!("microsoft/me"),
            "User.Read",
            ["sub: \"87d349ed-44d7-43e1-9a83-5f2406dee5bd\"", "locale: Some(\"pt-PT\")"]
        ),
        case!(
            "messages",
            Microsoft,
            |c| list c.messages().page_size(5).param("$filter", "isRead eq false"),
            "/v1.0/me/messages?%24top=5&%24filter=isRead+eq+false",
            format!("{{\"value\":[{}]}}", fixture!("microsoft/message")),
            "Mail.Read",
            [
                "subject: Some(\"Rivers\")",
                "address: Some(\"ben@example.test\")",
                "is_read: Some(false)",
                "next: None"
            ]
        ),
        case!(
            "message",
            Microsoft,
            |c| c.message("AAMkAGI2AAEMAAA="),
            "/v1.0/me/messages/AAMkAGI2AAEMAAA%3D",
            fixture!("microsoft/message"),
            "Mail.Read",
            ["content_type: Some(\"html\")"]
        ),
        case!(
            "events",
            Microsoft,
            |c| list c.events(),
            "/v1.0/me/events",
            format!("{{\"value\":[{}]}}", fixture!("microsoft/event")),
            "Calendars.Read",
            [
                "location: Some(\"Room 1\")",
                "response: Some(\"accepted\")",
                "is_cancelled: false",
                "next: None"
            ]
        ),
        case!(
            "drive_children",
            Microsoft,
            |c| list c.drive_children(),
            concat!("/v1.0/me/drive/ro", "ot/children"),
            fixture!("microsoft/children"),
            "Files.Read",
            ["name: Some(\"Plan.pdf\")", "child_count: Some(3)", "next: None"]
        ),
        case!(
            "folder_children",
            Microsoft,
            |c| list c.folder_children("01BYE5RZ7"),
            "/v1.0/me/drive/items/01BYE5RZ7/children",
            fixture!("microsoft/children"),
            "Files.Read",
            ["mime_type: Some(\"application/pdf\")", "next: None"]
        ),
    ]
}
