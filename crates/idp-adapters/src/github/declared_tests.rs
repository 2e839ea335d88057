//! What is declared about GitHub: roots, downloads, versions, case, aliases, members.

use http::Method;

use super::GitHub;
use crate::{Adapter, testing::rewrites};

#[test]
fn deny_and_guard_lists_hold_under_every_root_of_the_api() {
    for root in ["", "/api/v3", "/api", "/api/uploads", "/%61pi/v3", "//api//v3"] {
        for path in ["/applications/abc/token", "/credentials/revoke"] {
            let path = format!("{root}{path}");
            assert!(GitHub.denies(&Method::POST, "ghe.acme.test", &path).is_some(), "{path}");
        }
        let path = format!("{root}/graphql");
        assert!(GitHub.guards(&Method::POST, "ghe.acme.test", &path).is_some(), "{path}");
    }
    assert!(GitHub.denies(&Method::GET, "ghe.acme.test", "/api/v3/user").is_none());
    assert_eq!(
        GitHub.required_scopes(&Method::GET, "ghe.acme.test", "/api/v3/user/emails"),
        Some(&["user:email"][..])
    );
}

#[test]
fn enterprise_server_paths() {
    let base = |host, path| GitHub.base_path("/api/v3", host, path);
    assert_eq!(base("api.github.com", "/user"), "/api/v3");
    assert_eq!(base("api.github.com", "/graphql"), "/api");
    assert_eq!(base("api.github.com", "/%67raphql"), "/api");
    assert_eq!(base("uploads.github.com", "/repos/a/b/releases/1/assets"), "/api/uploads");
    assert_eq!(GitHub.base_path("/mirror/api/v3", "api.github.com", "/graphql"), "/mirror/api");
    assert_eq!(GitHub.base_path("", "uploads.github.com", "/x"), "");
    let server = url::Url::parse("https://ghe.acme.test/api/v3").unwrap();
    assert!(
        GitHub.served_by_base(&server, "Uploads.github.com")
            && !GitHub.served_by_base(&server, "api.github.com")
    );
    let residency = url::Url::parse("https://api.acme.ghe.com").unwrap();
    assert!(!GitHub.served_by_base(&residency, "uploads.github.com"));
}

#[test]
fn downloads_of_github_com_and_of_servers() {
    let url = |text: &str| url::Url::parse(text).unwrap();
    let server = url("https://ghe.acme.test/api/v3");
    let residency = url("https://api.acme.ghe.com");
    for (base, target, open) in [
        (None, "https://codeload.github.com/a/b/zip/main", true),
        (None, "https://productionresultssa17.blob.core.windows.net/actions-results/1?sig=x", true),
        (None, "https://release-assets.githubusercontent.com/1", true),
        (None, "https://acme.blob.core.windows.net/1", false),
        (None, "http://codeload.github.com/a", false),
        (None, "https://codeload.github.com:8443/a", false),
        (None, "https://u@codeload.github.com/a", false),
        (Some(&server), "https://codeload.ghe.acme.test/a/b/zip/main", true),
        (Some(&server), "https://media.ghe.acme.test/a", true),
        (Some(&server), "https://ghe.acme.test/_codeload/a/b/zip/main", true),
        (Some(&server), "https://ghe.acme.test/api/v3/user", false),
        (Some(&server), "https://evil.ghe.acme.test/codeload/a", false),
        (Some(&server), "https://codeload.github.com/a", false),
        (Some(&residency), "https://codeload.acme.ghe.com/a", true),
        (Some(&residency), "https://codeload.other.ghe.com/a", false),
        (Some(&residency), "https://objects.githubusercontent.com/a", true),
        (Some(&residency), "https://prodweu01resultssa2.blob.core.windows.net/a?sig=x", true),
        (Some(&residency), "https://acme.blob.core.windows.net/a", false),
        (Some(&residency), "http://objects.githubusercontent.com/a", false),
        (Some(&server), "https://objects.githubusercontent.com/a", false),
    ] {
        assert_eq!(GitHub.is_download(&url(target), base), open, "{target}");
    }
}

#[test]
fn the_version_is_named_but_for_enterprise_servers() {
    let named =
        |base: Option<&str>| GitHub.version_header(base.map(|base| url::Url::parse(base).unwrap()).as_ref());
    let (name, value) = named(None).unwrap();
    assert_eq!((name.as_str(), value.to_str().unwrap()), ("x-github-api-version", "2022-11-28"));
    assert!(named(Some("https://api.acme.ghe.com")).is_some());
    assert!(named(Some("https://ghe.acme.test/api/v3/")).is_none());
}

#[test]
fn owners_and_repositories_ignore_case() {
    for (path, folded) in [
        ("/repos/ACME/Payroll/issues", &[1, 2][..]),
        ("/api/v3/repos/ACME/Payroll", &[3, 4]),
        ("/users/ANA/repos", &[1]),
        ("/orgs/Acme", &[1]),
        ("/user/repos", &[]),
        ("/Repos/a/b", &[]),
    ] {
        let count = path.split('/').filter(|segment| !segment.is_empty()).count();
        let found: Vec<usize> = (0..count + 1).filter(|index| GitHub.ignores_case_at(path, *index)).collect();
        assert_eq!(found, folded, "{path}");
    }
}

#[test]
fn every_page_by_id_has_a_path_by_name() {
    let by_id = |rule: &str| GitHub.aliases().iter().find_map(|alias| alias.counterpart(rule));
    assert_eq!(by_id("/repos/{owner}/{repo}/**").as_deref(), Some("/repositories/{id}/**"));
    assert_eq!(
        by_id("/orgs/acme/teams/core/members").as_deref(),
        Some("/organizations/{org_id}/team/{team_id}/members")
    );
    assert_eq!(by_id("/orgs/acme/repos").as_deref(), Some("/organizations/{id}/repos"));
    assert_eq!(by_id("/users/{username}/repos").as_deref(), Some("/user/{id}/repos"));
    assert_eq!(by_id("/user/repos"), None);
}

#[test]
fn members_that_open_something_are_declared() {
    assert!(GitHub.capability_members().contains(&"temp_clone_token"));
    // `url` members are rewritten only where the operator asks for it.
    assert!(!rewrites(&GitHub, &[Some("url")]));
    let resource = |name| GitHub.links().iter().any(|link| link.matches([Some(name), None]));
    assert!(resource("url") && resource("commits_url") && !resource("curl"));
}
