use std::collections::BTreeMap;

use http::Method;
use http::header::LOCATION;
use idp_adapters::Kind;

use super::*;
use crate::config::Access;
use crate::provider::plan::{PlanParts, ProviderCall};
use crate::provider::policy::Policy;

fn links(
    kind: Kind,
    base_url: Option<&str>,
    upstreams: &[(&str, &str)],
    base: LinkBase,
    host: Option<&str>,
) -> Links {
    let upstreams: BTreeMap<String, Url> =
        upstreams.iter().map(|(host, url)| ((*host).to_owned(), Url::parse(url).unwrap())).collect();
    let base_url = base_url.map(|url| Url::parse(url).unwrap());
    let plan = ProviderPlan::new(PlanParts {
        adapter: idp_adapters::shared(kind),
        base_url: base_url.as_ref(),
        upstreams: &upstreams,
        encoded_slash: None,
        policy: Policy { access: Access::Full, rules: vec![], ..Policy::default() },
        downloads: &[],
    })
    .unwrap();
    let caller = caller_auth::Caller::vouched("auth0|ana", "test");
    let asked = ProviderCall { host, ..ProviderCall::new(&caller, &Method::GET, "/a/b") };
    let sent = plan.plan(asked).unwrap();
    let vhosts: Arc<[(String, String)]> =
        Arc::new([("mail.gw.example".to_owned(), "gmail.googleapis.com".to_owned())]);
    Links::new(
        Arc::new(plan),
        kind.as_str().into(),
        base,
        Some("https://gw.example/base".into()),
        vhosts,
        &sent,
    )
}

fn origin() -> LinkBase {
    LinkBase::Origin("https://gw.example".into())
}

#[test]
fn tm_o03_pagination_links_lead_back_to_the_gateway() {
    let github = links(Kind::GitHub, None, &[], origin(), None);
    for (from, to) in [
        (
            "https://api.github.com/user/repos?page=2",
            Some("https://gw.example/proxy/github/user/repos?page=2"),
        ),
        ("https://api.github.com", Some("https://gw.example/proxy/github/")),
        ("https://uploads.github.com/x", Some("https://gw.example/proxy/github/~uploads.github.com/x")),
        ("/relative?x=%2F", Some("https://gw.example/proxy/github/relative?x=%2F")),
        (
            "https://api.github.com/repos/a/b/contents/x%2Fy",
            Some("https://gw.example/proxy/github/repos/a/b/contents/x%2Fy"),
        ),
        ("https://api.github.com/x?access_token=t&page=2", Some("https://gw.example/proxy/github/x?page=2")),
        ("https://api.github.com/x?access_token=t", Some("https://gw.example/proxy/github/x")),
        ("http://api.github.com/x", Some("https://gw.example/proxy/github/x")),
        ("http://api.github.com:8080/x", None),
        ("https://api.github.com:8443/x", None),
        ("https://user@api.github.com/x", None),
        ("https://api.github.com.evil.example/x", None),
        ("https://evil.example/api.github.com", None),
        ("javascript:alert(1)", None),
        ("https://api.github.com/a/%2e%2e/b", None),
    ] {
        assert_eq!(github.rewrite(from).as_deref(), to, "{from}");
    }
}

#[test]
fn configured_bases_and_mirrors_are_recognised() {
    let enterprise = links(Kind::GitHub, Some("https://ghe.corp/api/v3"), &[], LinkBase::Path, None);
    assert_eq!(
        enterprise.rewrite("https://ghe.corp/api/v3/user?page=2").as_deref(),
        Some("/proxy/github/user?page=2")
    );
    assert_eq!(enterprise.rewrite("https://ghe.corp/login"), None);
    assert_eq!(enterprise.rewrite("https://ghe.corp/api/v30/user"), None);
    let local = links(
        Kind::Google,
        Some("http://127.0.0.1:9000"),
        &[("people.googleapis.com", "http://127.0.0.1:9001")],
        LinkBase::Path,
        None,
    );
    assert_eq!(local.rewrite("http://127.0.0.1:9000/d?a").as_deref(), Some("/proxy/google/d?a"));
    assert_eq!(
        local.rewrite("http://127.0.0.1:9001/p").as_deref(),
        Some("/proxy/google/~people.googleapis.com/p")
    );
    assert_eq!(local.rewrite("http://127.0.0.1:9002/p"), None);
}

#[test]
fn a_link_to_an_origin_of_several_hosts_leads_to_the_one_that_was_called() {
    const ORIGIN: &str = "http://127.0.0.1:9000";
    let upstreams = [
        ("gmail.googleapis.com", ORIGIN),
        ("www.googleapis.com", ORIGIN),
        ("people.googleapis.com", "http://127.0.0.1:9001"),
    ];
    for (called, prefix) in [
        (None, "/proxy/google"),
        (Some("gmail.googleapis.com"), "/proxy/google/~gmail.googleapis.com"),
        (Some("people.googleapis.com"), "/proxy/google"),
    ] {
        let links = links(Kind::Google, Some(ORIGIN), &upstreams, LinkBase::Path, called);
        let link = links.rewrite("http://127.0.0.1:9000/x?page=2");
        assert_eq!(link, Some(format!("{prefix}/x?page=2")), "{called:?}");
    }
}

#[test]
fn virtual_hosts_keep_their_name_and_the_requests_port() {
    let base = LinkBase::Virtual {
        scheme: "https",
        port: ":8443".into(),
        host: ("people.gw.example".into(), "people.googleapis.com".into()),
    };
    let google = links(Kind::Google, None, &[], base, Some("people.googleapis.com"));
    assert_eq!(
        google.rewrite("https://people.googleapis.com/v1/x?p=1").as_deref(),
        Some("https://people.gw.example:8443/v1/x?p=1")
    );
    assert_eq!(
        google.rewrite("https://gmail.googleapis.com/m").as_deref(),
        Some("https://mail.gw.example:8443/m")
    );
    assert_eq!(
        google.rewrite("https://www.googleapis.com/d").as_deref(),
        Some("https://gw.example/base/proxy/google/d")
    );
}

#[test]
fn link_headers_keep_their_parameters() {
    let github = links(Kind::GitHub, None, &[], LinkBase::Path, None);
    let mut headers = HeaderMap::new();
    headers.append(
        LINK,
        HeaderValue::from_static(
            "<https://api.github.com/x?page=2>; rel=\"next\", <https://evil.example/>; rel=\"<q>\"; title=\"a,b\"",
        ),
    );
    headers.insert(LOCATION, HeaderValue::from_static("https://api.github.com/repositories/1"));
    github.rewrite_headers(&mut headers);
    assert_eq!(
        headers[LINK],
        "</proxy/github/x?page=2>; rel=\"next\", <https://evil.example/>; rel=\"<q>\"; title=\"a,b\""
    );
    assert_eq!(headers[LOCATION], "/proxy/github/repositories/1");
}

#[test]
fn an_escaped_quote_does_not_end_a_quoted_string() {
    let github = links(Kind::GitHub, None, &[], origin(), None);
    let mut headers = HeaderMap::new();
    let line = r#"<https://api.github.com/a?page=1>; title="say \" <https://api.github.com/no>"; rel="prev", <https://api.github.com/a?page=3>; rel="next""#;
    headers.append(LINK, line.parse().unwrap());
    github.rewrite_headers(&mut headers);
    let rewritten = headers[LINK].to_str().unwrap();
    assert_eq!(
        idp_adapters::link_header::target_of(&headers, "next"),
        Some("https://gw.example/proxy/github/a?page=3")
    );
    assert!(
        rewritten.contains("<https://api.github.com/no>") && rewritten.contains("/proxy/github/a?page=1>")
    );
}

#[test]
fn tm_o08_only_what_parses_as_absolute_is_judged_so() {
    let github = links(Kind::GitHub, None, &[], origin(), None);
    for (from, to) in [
        (
            "/x?return=https://evil.example/y",
            "https://gw.example/proxy/github/x?return=https://evil.example/y",
        ),
        ("c?u=http://a/b", "https://gw.example/proxy/github/a/c?u=http://a/b"),
        ("//api.github.com/x?u=a://b", "https://gw.example/proxy/github/x?u=a://b"),
        ("HTTPS://API.github.com/X%2Fy", "https://gw.example/proxy/github/X%2Fy"),
        ("https://api.github.com\\x/y", "https://gw.example/proxy/github/x/y"),
    ] {
        assert_eq!(github.rewrite(from).as_deref(), Some(to), "{from}");
    }
    let versioned =
        links(Kind::Microsoft, Some("https://graph.microsoft.com/v1.0"), &[], LinkBase::Path, None);
    for relative in ["/v1.0/me/messages/1", "b/../../me/messages/1"] {
        assert_eq!(
            versioned.rewrite(relative).as_deref(),
            Some("/proxy/microsoft/me/messages/1"),
            "{relative}"
        );
    }
}

/// One byte stands for the caller's whole path: without a bound a short answer becomes a hundred times as long.
#[test]
fn tm_o12_relative_links_lengthen_an_answer_by_a_bounded_amount() {
    let github = links(Kind::GitHub, None, &[], origin(), None);
    let grown: usize = (0..100_000).filter_map(|_| github.rewrite("a")).map(|link| link.len()).sum();
    assert!((GROWTH..GROWTH + GROWTH / 16).contains(&grown), "{grown}");
    // Those with a host never lengthen much, and always lead back.
    let absolute = github.rewrite("https://api.github.com/x");
    assert_eq!(absolute.as_deref(), Some("https://gw.example/proxy/github/x"));
}

#[test]
fn tm_a10_relative_links_that_lead_nowhere_are_resolved_a_bounded_number_of_times() {
    let github = links(Kind::GitHub, None, &[], origin(), None);
    assert!(github.rewrite("a").is_some());
    for _ in 0..GROWTH {
        assert_eq!(github.rewrite("%zz"), None);
    }
    assert_eq!(github.rewrite("a"), None, "no more are resolved");
    assert!(github.rewrite("https://api.github.com/x").is_some());
}
