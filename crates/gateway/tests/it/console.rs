//! The web console's files. The browser test drives them.

use reqwest::Method;

use crate::harness::Rig;

const ENABLED: &str = "[console]\nenabled = true\nclient_id = \"console-app\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn the_console_is_served_where_it_is_enabled() {
    let rig = Rig::start(ENABLED).await;
    let files = [
        ("/console/", "text/html; charset=utf-8"),
        ("/console/console.css", "text/css; charset=utf-8"),
        ("/console/console.js", "text/javascript; charset=utf-8"),
        ("/console/answer.js", "text/javascript; charset=utf-8"),
        ("/console/auth0-spa-js.js", "text/javascript; charset=utf-8"),
        ("/console/favicon.svg", "image/svg+xml"),
        ("/console/config.json", "application/json"),
    ];
    let tenant = rig.sandbox.tenant_url().origin().ascii_serialization();
    for (path, kind) in files {
        let answer = rig.send(rig.bare(Method::GET, path)).await;
        assert_eq!(answer.outcome(), (200, "ok".into()), "{path}");
        assert_eq!(answer.header("content-type"), kind, "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'"), "{policy}");
        assert!(policy.contains(&format!("connect-src 'self' {tenant}; frame-src {tenant};")), "{policy}");
        assert!(policy.contains("img-src 'self' blob:;"), "{policy}");
        assert!(policy.ends_with("frame-ancestors 'none'") && !policy.contains("unsafe"), "{policy}");
    }
    let page = rig.send(rig.bare(Method::GET, "/console/")).await;
    let page = String::from_utf8(page.body.to_vec()).unwrap();
    assert!(!page.contains(" style=") && !page.contains("<style"), "the policy would refuse an inline style");
    assert!(page.matches("<script").count() == page.matches("<script src=").count(), "or an inline script");

    // A module that the page names and the gateway does not serve would break the page.
    let mut missing = vec!["console.js".to_owned()];
    let mut seen = std::collections::BTreeSet::new();
    while let Some(name) = missing.pop() {
        let answer = rig.send(rig.bare(Method::GET, &format!("/console/{name}"))).await;
        assert_eq!(answer.status, 200, "{name}");
        let text = String::from_utf8(answer.body.to_vec()).unwrap();
        for import in text.lines().filter_map(|line| line.strip_prefix("import ")) {
            let module = import.rsplit('\'').nth(1).unwrap().trim_start_matches("./").to_owned();
            if seen.insert(module.clone()) {
                missing.push(module);
            }
        }
    }
    assert!(seen.len() >= 8, "{seen:?}");

    let folder = rig.send(rig.bare(Method::GET, "/console")).await;
    assert_eq!((folder.outcome(), folder.header("location")), ((308, "ok".into()), "console/"));
    let post = rig.send(rig.bare(Method::POST, "/console/")).await;
    assert_eq!(post.outcome(), (405, "method-not-allowed".into()));
    for path in ["/console/index.html", "/consoles/", "/console//"] {
        assert_eq!(rig.send(rig.bare(Method::GET, path)).await.status, 404, "{path}");
    }
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn its_settings_are_what_every_app_of_the_tenant_knows() {
    let rules = "[[providers.github.rules]]\nmethods = [\"GET\"]\npaths = [\"/user\"]\nrequire_scope = \"github:read\"\n";
    let rig = Rig::start(&format!("{ENABLED}{rules}")).await;
    let config = rig.send(rig.bare(Method::GET, "/console/config.json")).await.json();
    assert_eq!(config["client_id"], "console-app");
    assert_eq!(config["domain"], rig.sandbox.tenant_url().origin().ascii_serialization());
    assert_eq!(config["audience"], rig.sandbox.api_audience());
    assert_eq!(config["scopes"], serde_json::json!(["github:read"]));
    assert_eq!((config["dpop"].as_bool(), config["organization"].is_null()), (Some(false), true));
    let github = config["providers"].as_array().unwrap().iter().find(|entry| entry["name"] == "github");
    assert_eq!(github.unwrap()["adapter"], "github");
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_paths_to_try_come_from_the_adapters_tables() {
    let others =
        ["google", "facebook", "bitbucket", "microsoft"].map(|name| format!("[providers.{name}]\n")).concat();
    let rig = Rig::start(&format!("{ENABLED}{others}")).await;
    let config = rig.send(rig.bare(Method::GET, "/console/config.json")).await.json();
    let providers = config["providers"].as_array().unwrap();
    let paths = |name: &str| -> Vec<String> {
        let entry = providers.iter().find(|entry| entry["name"] == name).unwrap();
        let calls = entry["calls"].as_array().unwrap().iter();
        calls.map(|call| call["path"].as_str().unwrap().to_owned()).collect()
    };
    for (name, some) in [
        ("google", ["/drive/v3/files", "/calendar/v3/users/me/calendarList"]),
        ("github", ["/user/emails", "/user/repos"]),
        ("facebook", ["/v22.0/me/photos", "/v22.0/me/posts"]),
        ("bitbucket", ["/2.0/user/workspaces", "/2.0/repositories/{id}"]),
        ("microsoft", ["/v1.0/me/messages", "/v1.0/me/drive/root/children"]),
    ] {
        let found = paths(name);
        assert!(some.iter().all(|path| found.iter().any(|known| known == path)), "{name}: {found:?}");
        let distinct: std::collections::BTreeSet<_> = found.iter().collect();
        assert_eq!(distinct.len(), found.len(), "{name}: {found:?}");
    }
    // The simplest call, which connecting an account tries, is the profile: at the address that the settings give.
    let of_github = &providers.iter().find(|entry| entry["name"] == "github").unwrap()["calls"][0];
    assert_eq!(*of_github, serde_json::json!({ "path": "/user", "label": "Profile" }));
    assert!(!paths("facebook").iter().any(|path| path == "/me/photos"), "a version is part of the path");
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn people_who_open_the_root_are_shown_a_page_and_programs_are_not() {
    for (settings, to) in [(ENABLED, "console/"), ("", "docs")] {
        let rig = Rig::start(settings).await;
        let browser =
            rig.bare(Method::GET, "/").header("accept", "text/html,application/xhtml+xml,*/*;q=0.8");
        let page = rig.send(browser).await;
        assert_eq!((page.outcome(), page.header("location")), ((302, "ok".into()), to));
        assert!(page.header("vary").starts_with("Accept"), "{}", page.header("vary"));
        assert_eq!(rig.send(rig.bare(Method::GET, "/")).await.outcome(), (404, "not-found".into()));
        let icon = rig.send(rig.bare(Method::GET, "/favicon.ico")).await;
        assert_eq!((icon.status.as_u16(), icon.header("content-type")), (200, "image/svg+xml"));
        rig.finish();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_none_unless_it_is_switched_on() {
    let rig = Rig::start("").await;
    for path in ["/console/", "/console", "/console/config.json"] {
        assert_eq!(
            rig.send(rig.bare(Method::GET, path)).await.outcome(),
            (404, "not-found".into()),
            "{path}"
        );
    }
    rig.finish();
}
