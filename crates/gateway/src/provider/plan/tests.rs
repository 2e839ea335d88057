use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::config::Access;
use crate::outcome::Code;
use crate::problem::Problem;
use crate::provider::policy::{Conditions, Rule};

static ANA: LazyLock<Caller> = LazyLock::new(|| Caller::vouched("auth0|ana", "test"));

fn provider(kind: Kind, base: Option<&str>, upstreams: &[(&str, &str)], access: Access) -> ProviderPlan {
    let upstreams =
        upstreams.iter().map(|(host, url)| ((*host).to_owned(), Url::parse(url).unwrap())).collect();
    let base = base.map(|base| Url::parse(base).unwrap());
    ProviderPlan::new(PlanParts {
        adapter: idp_adapters::shared(kind),
        base_url: base.as_ref(),
        upstreams: &upstreams,
        encoded_slash: None,
        policy: Policy { access, rules: vec![], ..Policy::default() },
        downloads: &[],
    })
    .unwrap()
}

fn plan(
    provider: &ProviderPlan,
    host: Option<&str>,
    path: &str,
    query: Option<&str>,
) -> Result<String, Code> {
    provider
        .plan(ProviderCall { host, query, ..ProviderCall::new(&ANA, &Method::GET, path) })
        .map(|plan| plan.uri(&[]).unwrap().to_string())
        .map_err(|error| Problem::from(error).code())
}

/// Rules see one name of each server, and an operator may write the other one.
#[test]
fn tm_r20_the_server_of_the_base_has_one_name() {
    let deny = |host: &str| {
        let mut plan = provider(Kind::GitHub, Some("https://ghe.corp/api/v3"), &[], Access::Full);
        let rule = Rule::new(&[], &["/**".to_owned()], false, None).unwrap();
        let hosts = vec![host.parse().unwrap()];
        let mut policy = Policy { access: Access::Full, ..Policy::default() };
        policy.rules.push(rule.when(Conditions { hosts, ..Conditions::default() }));
        plan = ProviderPlan::new(PlanParts {
            adapter: plan.adapter.clone(),
            base_url: plan.base_url.as_ref(),
            upstreams: &BTreeMap::new(),
            encoded_slash: None,
            policy,
            downloads: &[],
        })
        .unwrap();
        plan
    };
    for named in ["api.github.com", "ghe.corp", "*.github.com"] {
        let github = deny(named);
        for host in [None, Some("ghe.corp"), Some("GHE.corp"), Some("api.github.com")] {
            assert_eq!(plan(&github, host, "/user", None), Err(Code::PolicyDenied), "{named} {host:?}");
        }
    }
    let other = deny("ghe.other");
    assert!(plan(&other, Some("ghe.corp"), "/user", None).is_ok());
}

#[test]
fn paths_and_queries_are_sent_byte_for_byte() {
    let github = provider(Kind::GitHub, None, &[], Access::Read);
    for (path, query, want) in [
        ("", None, "https://api.github.com/"),
        ("/user/repos", Some("per_page=2&page=%31"), "https://api.github.com/user/repos?per_page=2&page=%31"),
        ("/repos/a/b/contents/x%2Fy%20z", None, "https://api.github.com/repos/a/b/contents/x%2Fy%20z"),
        ("/a//b/", Some(""), "https://api.github.com/a//b/?"),
    ] {
        assert_eq!(plan(&github, None, path, query).as_deref(), Ok(want));
    }
    let enterprise = provider(Kind::GitHub, Some("https://ghe.corp/api/v3/"), &[], Access::Read);
    assert_eq!(plan(&enterprise, None, "/user", None).as_deref(), Ok("https://ghe.corp/api/v3/user"));
}

#[test]
fn an_enterprise_server_has_graphql_beside_its_api() {
    let enterprise = provider(Kind::GitHub, Some("https://ghe.corp/api/v3"), &[], Access::Full);
    for path in ["/graphql", "/%67raphql"] {
        let want = format!("https://ghe.corp/api{path}");
        assert_eq!(plan(&enterprise, None, path, None).as_deref(), Ok(want.as_str()));
    }
    assert_eq!(
        plan(&enterprise, Some("uploads.github.com"), "/repos/a/b/releases/1/assets", Some("name=x"))
            .as_deref(),
        Ok("https://ghe.corp/api/uploads/repos/a/b/releases/1/assets?name=x")
    );
    let download = |url: &str| enterprise.is_download(&Url::parse(url).unwrap());
    assert!(
        download("https://codeload.ghe.corp/a/b/zip/main")
            && download("https://ghe.corp/_codeload/a/b/zip/main")
    );
    assert!(!download("https://codeload.github.com/a/b/zip/main") && !download("https://ghe.corp/login"));
    let reads = provider(Kind::GitHub, Some("https://ghe.corp"), &[], Access::Read);
    assert_eq!(plan(&reads, None, "/api/graphql", None), Err(Code::PolicyDenied));
    assert_eq!(plan(&reads, None, "/api/v3/applications/x/token", None), Err(Code::PolicyDenied));
}

#[test]
fn fields_that_ask_for_other_tokens_are_refused() {
    let facebook = provider(Kind::Facebook, None, &[], Access::Read);
    let ask = |query| plan(&facebook, None, "/v22.0/me/accounts", Some(query));
    assert_eq!(ask("fields=id,access%5Ftoken"), Err(Code::BadRequest));
    assert!(ask("fields=id,name").is_ok());
}

#[test]
fn tm_r01_hosts_come_from_adapter_and_configuration_alone() {
    let google = provider(Kind::Google, None, &[], Access::Read);
    assert_eq!(
        plan(&google, Some("People.googleapis.com"), "/v1/people/me", None).as_deref(),
        Ok("https://people.googleapis.com/v1/people/me")
    );
    for host in [
        "evil.com",
        "storage.googleapis.com",
        "x.people.googleapis.com",
        "people.googleapis.com.",
        "people.googleapis.com:8443",
        "u@people.googleapis.com",
        "127.0.0.1",
        "",
        "googleapis.com",
        "people.googleapis.com%2f",
        "169.254.169.254",
    ] {
        assert_eq!(plan(&google, Some(host), "/", None), Err(Code::HostNotAllowed), "{host}");
    }
    let enterprise = provider(Kind::GitHub, Some("https://ghe.corp/api/v3"), &[], Access::Read);
    // Uploads of an Enterprise Server are on that server, the token never goes to GitHub's own host.
    assert_eq!(
        plan(&enterprise, Some("uploads.github.com"), "/", None).as_deref(),
        Ok("https://ghe.corp/api/uploads/")
    );
    let mirror = provider(Kind::Google, Some("https://google.corp"), &[], Access::Read);
    assert_eq!(
        plan(&mirror, Some("people.googleapis.com"), "/v1/people/me", None),
        Err(Code::HostNotAllowed)
    );
    assert_eq!(
        plan(&enterprise, Some("api.github.com"), "/user", None).as_deref(),
        Ok("https://ghe.corp/api/v3/user")
    );
}

#[test]
fn upstreams_say_where_a_host_really_is() {
    let mirrored = provider(
        Kind::Google,
        Some("http://127.0.0.1:9000"),
        &[("people.googleapis.com", "http://127.0.0.1:9001")],
        Access::Read,
    );
    assert_eq!(
        plan(&mirrored, Some("people.googleapis.com"), "/v1/x", None).as_deref(),
        Ok("http://127.0.0.1:9001/v1/x")
    );
    assert_eq!(plan(&mirrored, None, "/drive", None).as_deref(), Ok("http://127.0.0.1:9000/drive"));
    assert_eq!(plan(&mirrored, Some("gmail.googleapis.com"), "/", None), Err(Code::HostNotAllowed));
    let owner = |url: &str| {
        let url = Url::parse(url).unwrap();
        mirrored.owner(&url, "www.googleapis.com").map(|(host, _)| host.to_string())
    };
    assert_eq!(owner("http://127.0.0.1:9001/v1").as_deref(), Some("people.googleapis.com"));
    assert_eq!(owner("http://127.0.0.1:9000/v1").as_deref(), Some("www.googleapis.com"));
    assert_eq!(owner("http://127.0.0.1:9002/v1"), None);
    assert_eq!(owner("https://people.googleapis.com/v1").as_deref(), Some("people.googleapis.com"));
    assert_eq!(owner("http://people.googleapis.com/v1").as_deref(), Some("people.googleapis.com"));
}

#[test]
fn extra_query_members_are_encoded_and_appended() {
    let facebook = provider(Kind::Facebook, None, &[], Access::Read);
    let asked =
        ProviderCall { query: Some("fields=id"), ..ProviderCall::new(&ANA, &Method::GET, "/v22.0/me") };
    let plan = facebook.plan(asked).unwrap();
    let uri = plan.uri(&[("appsecret_proof", secrecy::SecretString::from("a b&c"))]).unwrap();
    assert_eq!(uri, "https://graph.facebook.com/v22.0/me?fields=id&appsecret_proof=a+b%26c");
}

#[test]
fn tm_r08_query_members_that_move_tokens_are_refused() {
    let facebook = provider(Kind::Facebook, None, &[], Access::Read);
    for query in
        ["method=delete", "m%65thod=post", "a=1&suppress_http_code=1", "callback=x", "appsecret_proof=1"]
    {
        assert_eq!(plan(&facebook, None, "/v22.0/me", Some(query)), Err(Code::BadRequest), "{query}");
    }
}

#[test]
fn tm_r08_words_in_query_members_are_refused_however_the_name_is_written() {
    let facebook = provider(Kind::Facebook, None, &[], Access::Read);
    for name in
        ["fields", "Fields", "fields[]", "fields[0]", "fields%5B0%5D", "fields%00x", "+fields", "%66ields"]
    {
        for value in ["access_token", "id,access%5Ftoken.as(x)", "accounts{ACCESS_TOKEN}"] {
            let query = format!("a=1&{name}={value}");
            assert_eq!(plan(&facebook, None, "/v22.0/me", Some(&query)), Err(Code::BadRequest), "{query}");
        }
    }
    for query in ["fields=id;access_token", "fields=id;x,access_token", "a=1;fields=access_token"] {
        assert_eq!(plan(&facebook, None, "/v22.0/me", Some(query)), Err(Code::BadRequest), "{query}");
    }
    for query in ["fields=id", "q=access_token", "fields=access_tokem", "fields"] {
        assert!(plan(&facebook, None, "/v22.0/me", Some(query)).is_ok(), "{query}");
    }
}

static PROVIDERS: LazyLock<Vec<(ProviderPlan, &'static [&'static str])>> = LazyLock::new(|| {
    vec![
        (provider(Kind::GitHub, None, &[], Access::Full), &["api.github.com", "uploads.github.com"]),
        (provider(Kind::GitHub, Some("https://ghe.corp/api/v3"), &[], Access::Full), &["ghe.corp"]),
        (
            provider(Kind::Facebook, None, &[], Access::Full),
            &["graph.facebook.com", "graph-video.facebook.com"],
        ),
    ]
});

/// Decodes a path once and lists its segments the way the providers do.
fn decoded(path: &str) -> Vec<String> {
    let path = percent_encoding::percent_decode_str(path).decode_utf8_lossy().to_ascii_lowercase();
    path.split('/').filter(|s| !s.is_empty()).map(str::to_owned).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn the_authority_is_configured_and_the_path_is_the_one_authorised(
        which in 0usize..3,
        host in proptest::option::of(r"(api\.github\.com|ghe\.corp|evil\.com|[a-z@:%/.]{0,12})"),
        path in r"/?([a-zA-Z%0-9./;\\#?@:~\[\]-]|%2[fFeE]|%61|//|applications|oauth|debug_token|credentials){0,14}",
        query in proptest::option::of(r"[a-z=&%0-9#]{0,20}"),
    ) {
        let (provider, allowed) = &PROVIDERS[which];
        let asked = ProviderCall { host: host.as_deref(), query: query.as_deref(), ..ProviderCall::new(&ANA, &Method::GET, &path) };
        if let Ok(plan) = provider.plan(asked) {
            let uri = plan.uri(&[]).unwrap();
            prop_assert!(allowed.contains(&uri.authority().unwrap().as_str()));
            prop_assert_eq!(uri.scheme_str(), Some("https"));
            let path = if path.is_empty() { "/" } else { &path };
            let want = match &query {
                Some(query) => format!("{}{path}?{query}", plan.upstream().base()),
                None => format!("{}{path}", plan.upstream().base()),
            };
            prop_assert_eq!(uri.path_and_query().unwrap().as_str(), want);
            let segments = decoded(path);
            let first = segments.first().map(String::as_str);
            if which < 2 {
                prop_assert!(!path.eq_ignore_ascii_case("applications"), "{}", path);
                prop_assert!(first != Some("applications") || path.contains(char::is_uppercase), "{}", path);
            } else {
                prop_assert!(!matches!(first, Some("oauth" | "debug_token")), "{}", path);
            }
        }
    }
}

#[test]
fn tm_r06_a_base_that_is_part_of_the_api_hides_no_closed_path() {
    let graph = provider(Kind::Microsoft, Some("https://graph.microsoft.com/v1.0"), &[], Access::Full);
    assert_eq!(plan(&graph, None, "/me", None).as_deref(), Ok("https://graph.microsoft.com/v1.0/me"));
    for path in ["/$batch", "/%24Batch//", "/$batch/x"] {
        assert_eq!(plan(&graph, None, path, None), Err(Code::PolicyDenied), "{path}");
    }
    let google = provider(Kind::Google, Some("https://www.googleapis.com/oauth2"), &[], Access::Full);
    assert_eq!(plan(&google, None, "/v3/tokeninfo", None), Err(Code::PolicyDenied));
}

#[test]
fn tm_r06_methods_have_one_spelling() {
    let facebook = provider(Kind::Facebook, None, &[], Access::Full);
    for (method, refused) in
        [("POST", Code::PolicyDenied), ("post", Code::BadRequest), ("Post", Code::BadRequest)]
    {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let asked = ProviderCall::new(&ANA, &method, "/v22.0/");
        assert_eq!(Problem::from(facebook.plan(asked).unwrap_err()).code(), refused, "{method}");
    }
}

#[test]
fn tm_r08_googles_own_ways_around_methods_and_headers_are_refused() {
    let google = provider(Kind::Google, None, &[], Access::Read);
    for query in ["$httpMethod=DELETE", "%24httpmethod=DELETE", "a=1;$httpHeaders=X:y", "a=b&$Callback=f"] {
        assert_eq!(plan(&google, None, "/drive/v3/files", Some(query)), Err(Code::BadRequest), "{query}");
    }
    assert!(plan(&google, None, "/drive/v3/files", Some("$.xgafv=2&alt=json")).is_ok());
}
