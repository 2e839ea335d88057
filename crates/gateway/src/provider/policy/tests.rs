use std::sync::Arc;

use caller_auth::Actors;
use idp_adapters::{Adapter, Kind, adapter};

use super::*;
use crate::config::OperationKind;
use crate::outcome::Code;
use crate::problem::Problem;

fn rule(methods: &[&str], paths: &[&str], allow: bool, scope: Option<&str>) -> Rule {
    let own = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
    Rule::new(&own(methods), &own(paths), allow, scope.map(str::to_owned)).unwrap()
}

fn caller(claims: &str) -> Caller {
    let mut rules = caller_auth::Rules::new("https://api.acme.test", "https://acme.test/");
    rules.claims = ["https://acme.test/role".to_owned()].into();
    Caller::from_claims(claims, &rules).unwrap()
}

fn check(policy: &Policy, kind: Kind, method: &str, path: &str) -> Result<Permit, Code> {
    let adapter: &dyn Adapter = adapter(kind);
    let host = adapter.default_origin().unwrap().trim_start_matches("https://");
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let caller = caller(r#"{"sub":"auth0|ana","scope":"held"}"#);
    policy
        .check(adapter, Call { caller: &caller, method: &method, host, path, documents: Documents::Unread })
        .map_err(|error| Problem::from(error).code())
}

#[test]
fn a_path_that_a_host_does_not_serve_is_refused_by_the_hosts() {
    let (caller, method) = (caller(r#"{"sub":"auth0|ana"}"#), Method::GET);
    let (host, path, documents) = ("openidconnect.googleapis.com", "/v2/x", Documents::Unread);
    let call = Call { caller: &caller, method: &method, host, path, documents };
    let refused = Policy::default().check(adapter(Kind::Google), call).unwrap_err();
    assert_eq!((&refused, refused.decider().to_string().as_str()), (&PolicyError::NotOnHost, "hosts"));
}

#[test]
fn access_levels() {
    let read = Policy::default();
    let full = Policy { access: Access::Full, rules: vec![], ..Policy::default() };
    let rules = Policy { access: Access::Rules, rules: vec![], ..Policy::default() };
    assert_eq!(check(&read, Kind::GitHub, "GET", "/user"), Ok(Permit::Read));
    assert_eq!(check(&read, Kind::GitHub, "HEAD", "/user"), Ok(Permit::Read));
    assert_eq!(check(&read, Kind::GitHub, "POST", "/user/repos"), Err(Code::PolicyDenied));
    assert_eq!(check(&full, Kind::GitHub, "DELETE", "/repos/a/b"), Ok(Permit::Full));
    assert_eq!(check(&rules, Kind::GitHub, "GET", "/user"), Err(Code::PolicyDenied));
}

#[test]
fn a_policy_that_opens_nothing_to_a_caller_is_recognised() {
    let held = caller(r#"{"sub":"auth0|ana","scope":"held"}"#);
    let opens =
        |access, rules: Vec<Rule>| Policy { access, rules, ..Policy::default() }.opens_something(&held);
    let deny = |methods: &[&str], path: &str| rule(methods, &[path], false, None);
    let open = |methods: &[&str], scope| rule(methods, &["/user"], true, scope);
    let other_app =
        |rule: Rule| rule.when(Conditions { clients: ["x".to_owned()].into(), ..Conditions::default() });
    assert!(opens(Access::Read, vec![]) && opens(Access::Full, vec![]) && !opens(Access::Rules, vec![]));
    for access in [Access::Read, Access::Full, Access::Rules] {
        assert!(!opens(access, vec![deny(&[], "/**")]));
        assert!(!opens(access, vec![deny(&[], "/**"), open(&[], None)]), "the first rule decides");
        assert!(!opens(access, vec![rule(&[], &["/**"], true, Some("lacking"))]));
        assert!(!opens(access, vec![deny(&["GET"], "/**"), deny(&["*"], "/**")]));
        assert!(opens(access, vec![open(&["GET"], Some("held")), deny(&[], "/**")]));
        assert!(opens(access, vec![deny(&["GET"], "/**"), open(&["POST"], None)]));
        assert!(!opens(access, vec![other_app(open(&[], None)), deny(&[], "/**")]));
    }
    assert!(!opens(Access::Rules, vec![other_app(open(&[], None)), open(&[], Some("lacking"))]));
    assert!(opens(Access::Read, vec![other_app(deny(&[], "/**")), deny(&[], "/user/**")]));
    assert!(
        !opens(Access::Read, vec![deny(&["GET"], "/**")]) && opens(Access::Full, vec![deny(&["GET"], "/**")])
    );
    let host = Conditions { hosts: vec!["api.github.com".parse().unwrap()], ..Conditions::default() };
    assert!(opens(Access::Read, vec![deny(&[], "/**").when(host)]), "other hosts are open");
    let denied = Policy { access: Access::Full, denied: vec![deny(&[], "/**")], ..Policy::default() };
    assert!(!denied.opens_something(&held));
}

#[test]
fn the_first_matching_rule_decides() {
    let policy = Policy {
        access: Access::Rules,
        rules: vec![
            rule(&["GET"], &["/repos/{owner}/secret/**"], false, None),
            rule(&["GET"], &["/user", "/repos/{owner}/{repo}/**"], true, None),
            rule(&["POST"], &["/repos/{owner}/{repo}/issues"], true, Some("write")),
            rule(&["PUT"], &["/held"], true, Some("held")),
        ],
        ..Policy::default()
    };
    assert_eq!(check(&policy, Kind::GitHub, "GET", "/user"), Ok(Permit::Rule(1)));
    assert_eq!(check(&policy, Kind::GitHub, "HEAD", "/user/"), Ok(Permit::Rule(1)));
    assert_eq!(check(&policy, Kind::GitHub, "GET", "//repos//a/b"), Ok(Permit::Rule(1)));
    assert_eq!(check(&policy, Kind::GitHub, "GET", "/repos/a%2Fx/b/c/d"), Ok(Permit::Rule(1)));
    assert_eq!(check(&policy, Kind::GitHub, "GET", "/repos/a/b%2Fsecret"), Ok(Permit::Rule(1)));
    assert_eq!(check(&policy, Kind::GitHub, "GET", "/repos/a/%73ecret"), Err(Code::PolicyDenied));
    assert_eq!(check(&policy, Kind::GitHub, "GET", "/repos/a"), Err(Code::PolicyDenied));
    assert_eq!(check(&policy, Kind::GitHub, "POST", "/repos/a/b/issues"), Err(Code::CallerScopeMissing));
    assert_eq!(check(&policy, Kind::GitHub, "PUT", "/held"), Ok(Permit::Rule(3)));
    assert_eq!(check(&policy, Kind::GitHub, "POST", "/user"), Err(Code::PolicyDenied));
}

#[test]
fn without_a_match_access_decides() {
    let policy = Policy {
        access: Access::Read,
        rules: vec![rule(&["POST"], &["/markdown"], true, None)],
        ..Policy::default()
    };
    assert_eq!(check(&policy, Kind::GitHub, "GET", "/user"), Ok(Permit::Read));
    assert_eq!(check(&policy, Kind::GitHub, "POST", "/markdown"), Ok(Permit::Rule(0)));
}

#[test]
fn tm_r06_the_deny_list_holds_under_every_access_and_spelling() {
    let full =
        Policy { access: Access::Full, rules: vec![rule(&[], &["/**"], true, None)], ..Policy::default() };
    for (kind, method, path) in [
        (Kind::GitHub, "POST", "/applications/x/token"),
        (Kind::GitHub, "GET", "/%61pplications/x"),
        (Kind::GitHub, "GET", "/x//..a"),
        (Kind::GitHub, "POST", "/credentials/revoke"),
        (Kind::Facebook, "POST", "/"),
        (Kind::Facebook, "POST", "/v22.0/"),
        (Kind::Facebook, "GET", "/OAuth/access_token"),
        (Kind::Facebook, "GET", "/v22.0/Debug_Token"),
        (Kind::Microsoft, "POST", "/v1.0/$BATCH"),
        (Kind::Microsoft, "POST", "/beta/%24batch"),
        (Kind::Google, "POST", "/batch/drive/v3"),
        (Kind::Google, "GET", "/oauth2/v3/tokeninfo"),
    ] {
        let expect_denied = path != "/x//..a";
        assert_eq!(check(&full, kind, method, path).is_err(), expect_denied, "{kind:?} {method} {path}");
    }
}

#[test]
fn graphql_needs_full_access_or_a_rule_that_names_it() {
    let go = |access, rules: Vec<Rule>| {
        check(&Policy { access, rules, ..Policy::default() }, Kind::GitHub, "POST", "/graphql")
    };
    assert_eq!(go(Access::Full, vec![]), Ok(Permit::Full));
    assert_eq!(go(Access::Read, vec![]), Err(Code::PolicyDenied));
    assert_eq!(go(Access::Full, vec![rule(&["GET"], &["/user"], true, None)]), Err(Code::PolicyDenied));
    assert_eq!(go(Access::Rules, vec![rule(&[], &["/**"], true, None)]), Err(Code::PolicyDenied));
    assert_eq!(go(Access::Rules, vec![rule(&[], &["/{any}"], true, None)]), Err(Code::PolicyDenied));
    assert_eq!(go(Access::Rules, vec![rule(&["POST"], &["/graphql"], true, None)]), Ok(Permit::Rule(0)));
    let read = Policy::default();
    assert_eq!(check(&read, Kind::GitHub, "GET", "/graphql"), Err(Code::PolicyDenied));
}

fn viewer() -> GraphQlRule {
    GraphQlRule {
        operations: [OperationKind::Query].into(),
        fields: ["viewer".to_owned()].into(),
        depth: 2,
        introspection: false,
        persisted: [].into(),
    }
}

/// A server that ignores case, or decodes a path once more, serves GraphQL there.
#[test]
fn tm_r14_no_spelling_of_the_path_hides_graphql() {
    let rule = rule(&["POST"], &["/graphql"], true, None).graphql(Some(viewer()));
    let policy = Policy { access: Access::Full, rules: vec![rule], ..Policy::default() };
    assert!(matches!(check(&policy, Kind::GitHub, "POST", "/graphql"), Ok(Permit::Document(0))));
    for path in ["/GraphQL", "/GRAPHQL/", "/graphql%3Fx", "/graphql%23", "/Graph%2571l", "/api/GraphQL"] {
        assert_eq!(check(&policy, Kind::GitHub, "POST", path), Err(Code::PolicyDenied), "{path}");
    }
    assert_eq!(check(&policy, Kind::GitHub, "POST", "/graphqlx"), Ok(Permit::Full));
}

#[test]
fn patterns_that_make_no_sense_are_refused() {
    for bad in ["user", "/a/**/b", "/{}", "/a{b}", "/{a}{b}"] {
        assert!(pattern::Pattern::parse(bad).is_err(), "{bad}");
    }
    assert!(Rule::new(&["G ET".to_owned()], &[], true, None).is_err());
    let _: Arc<Policy> = Arc::default();
}

#[test]
fn tm_r06_no_spelling_of_a_name_passes_a_rule_that_takes_it_away() {
    let policy = Policy {
        access: Access::Full,
        rules: vec![
            rule(&[], &["/repos/acme/payroll/**"], false, None),
            rule(&[], &["/repos/acme/wages/**"], true, Some("wages")),
        ],
        ..Policy::default()
    };
    for (path, want) in [
        ("/repos/acme/payroll", Err(Code::PolicyDenied)),
        ("/repos/ACME/Payroll/issues", Err(Code::PolicyDenied)),
        ("/Repos/Acme/payroll", Err(Code::PolicyDenied)),
        ("/repos/acme%2Fpayroll/issues", Err(Code::PolicyDenied)),
        ("/repos/ACME%2fpayroll", Err(Code::PolicyDenied)),
        ("/repos/acme/WAGES", Err(Code::CallerScopeMissing)),
        ("/repos/acme%2FWages", Err(Code::CallerScopeMissing)),
        ("/repos/acme/other", Ok(Permit::Full)),
    ] {
        assert_eq!(check(&policy, Kind::GitHub, "GET", path), want, "{path}");
        assert_eq!(check(&policy, Kind::Google, "GET", path), want, "{path}");
    }
}

#[test]
fn what_a_rule_opens_is_compared_as_the_provider_compares() {
    let policy = Policy {
        access: Access::Rules,
        rules: vec![rule(&["GET"], &["/repos/acme/site/contents/readme"], true, None)],
        ..Policy::default()
    };
    assert_eq!(check(&policy, Kind::GitHub, "GET", "/repos/ACME/Site/contents/readme"), Ok(Permit::Rule(0)));
    assert_eq!(
        check(&policy, Kind::GitHub, "GET", "/repos/acme/site/contents/README"),
        Err(Code::PolicyDenied)
    );
    assert_eq!(
        check(&policy, Kind::Google, "GET", "/repos/ACME/site/contents/readme"),
        Err(Code::PolicyDenied)
    );
}

/// The rule that decides for a caller with these claims.
fn decides(rules: &[Rule], claims: &str, host: &str) -> Option<Result<usize, ()>> {
    let policy = Policy { access: Access::Rules, rules: rules.to_vec(), ..Policy::default() };
    let (caller, method) = (caller(claims), Method::POST);
    let call =
        Call { caller: &caller, method: &method, host, path: "/v1/items", documents: Documents::Unread };
    match policy.check(adapter(Kind::Google), call) {
        Ok(Permit::Rule(index)) => Some(Ok(index)),
        Err(PolicyError::DeniedByRule(_)) => Some(Err(())),
        _ => None,
    }
}

fn set(texts: &[&str]) -> std::collections::BTreeSet<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

const HOST: &str = "people.googleapis.com";
const ALONE: &str = r#"{"sub":"auth0|ana","azp":"spa"}"#;
const PLANNER: &str = r#"{"sub":"auth0|ana","azp":"spa","act":{"sub":"planner"}}"#;
const CHAIN: &str = r#"{"sub":"auth0|ana","azp":"spa","act":{"sub":"planner","act":{"sub":"helper"}}}"#;

#[test]
fn tm_r13_a_rule_matches_only_the_callers_that_it_names() {
    let open = rule(&["POST"], &["/v1/**"], true, None);
    let when = |conditions: Conditions| vec![open.clone().when(conditions)];
    let clients = when(Conditions { clients: set(&["spa", "app"]), ..Conditions::default() });
    assert_eq!(decides(&clients, ALONE, HOST), Some(Ok(0)));
    assert_eq!(decides(&clients, r#"{"sub":"auth0|ana","client_id":"app"}"#, HOST), Some(Ok(0)));
    for other in [r#"{"sub":"auth0|ana"}"#, r#"{"sub":"auth0|ana","azp":"SPA"}"#] {
        assert_eq!(decides(&clients, other, HOST), None, "{other}");
    }

    let none = when(Conditions { actors: Actors::None, ..Conditions::default() });
    let listed = when(Conditions { actors: Actors::Only(set(&["planner"])), ..Conditions::default() });
    for (claims, by_none, by_list) in [(ALONE, true, false), (PLANNER, false, true), (CHAIN, false, false)] {
        assert_eq!(decides(&none, claims, HOST).is_some(), by_none, "{claims}");
        assert_eq!(decides(&listed, claims, HOST).is_some(), by_list, "{claims}");
    }
    let both =
        when(Conditions { actors: Actors::Only(set(&["planner", "helper"])), ..Conditions::default() });
    assert_eq!(decides(&both, CHAIN, HOST), Some(Ok(0)));

    let role = vec![("https://acme.test/role".to_owned(), set(&["admin", "editor"]))];
    let claims = when(Conditions { claims: role, ..Conditions::default() });
    for (value, fits) in [
        ("\"admin\"", true),
        ("[\"x\",\"editor\"]", true),
        ("\"admin editor\"", false),
        ("[]", false),
        ("7", false),
    ] {
        let token = format!(r#"{{"sub":"auth0|ana","https://acme.test/role":{value}}}"#);
        assert_eq!(decides(&claims, &token, HOST).is_some(), fits, "{value}");
    }
    assert_eq!(decides(&claims, ALONE, HOST), None);
}

#[test]
fn tm_r13_a_rule_that_denies_an_actor_denies_it_anywhere_in_a_chain() {
    let denied = rule(&[], &["/v1/**"], false, None)
        .when(Conditions { actors: Actors::Only(set(&["helper"])), ..Conditions::default() });
    let rules = [denied, rule(&[], &["/v1/**"], true, None)];
    assert_eq!(decides(&rules, CHAIN, HOST), Some(Err(())));
    assert_eq!(decides(&rules, PLANNER, HOST), Some(Ok(1)));
    assert_eq!(decides(&rules, ALONE, HOST), Some(Ok(1)));
}

#[test]
fn tm_r06_a_rule_opens_only_the_hosts_that_it_names() {
    let hosts = vec!["people.googleapis.com".parse().unwrap()];
    let rules = [rule(&[], &["/v1/**"], true, None).when(Conditions { hosts, ..Conditions::default() })];
    assert_eq!(decides(&rules, ALONE, HOST), Some(Ok(0)));
    assert_eq!(decides(&rules, ALONE, "PEOPLE.googleapis.com"), Some(Ok(0)));
    assert_eq!(decides(&rules, ALONE, "docs.googleapis.com"), None);
}

/// Paths that a lenient server takes for `/admin/users`.
const LENIENT: [&str; 9] = [
    "/admin;x=1/users",
    "/admin%3Bx/users",
    "/%2561dmin/users",
    "/admin%252Fusers",
    "/admin./users",
    "/admin%20/users",
    "/ADMIN/users%2E;y",
    "/;x/admin/users",
    "/admin%2Fusers",
];

#[test]
fn tm_r16_restricting_rules_hold_for_every_reading_of_a_path() {
    let open = || rule(&[], &["/**"], true, None);
    for path in LENIENT {
        let deny = rule(&[], &["/admin/**"], false, None);
        let policy = Policy { rules: vec![deny.clone(), open()], ..Policy::default() };
        assert_eq!(check(&policy, Kind::GitHub, "GET", path), Err(Code::PolicyDenied), "{path}");
        let scoped = rule(&[], &["/admin/{what}"], true, Some("admin"));
        let policy = Policy { rules: vec![scoped, open()], ..Policy::default() };
        assert_eq!(check(&policy, Kind::GitHub, "GET", path), Err(Code::CallerScopeMissing), "{path}");
        let listed = Policy { access: Access::Full, denied: vec![deny], ..Policy::default() };
        assert_eq!(check(&listed, Kind::GitHub, "GET", path), Err(Code::PolicyDenied), "{path}");
    }
    let deny = rule(&[], &["/admin/**"], false, None);
    let policy = Policy { rules: vec![deny, open()], ..Policy::default() };
    for path in ["/administer", "/x/admin;y"] {
        assert_eq!(check(&policy, Kind::GitHub, "GET", path), Ok(Permit::Rule(1)), "{path}");
    }
}

#[test]
fn tm_r16_allowing_rules_open_the_plain_reading_alone() {
    for scope in [None, Some("held")] {
        let policy = Policy {
            access: Access::Rules,
            rules: vec![rule(&[], &["/admin/users"], true, scope)],
            ..Policy::default()
        };
        assert_eq!(check(&policy, Kind::GitHub, "GET", "/admin/users"), Ok(Permit::Rule(0)));
        for path in &LENIENT[..8] {
            assert_eq!(check(&policy, Kind::GitHub, "GET", path), Err(Code::PolicyDenied), "{path}");
        }
    }
}

#[test]
fn tm_r16_the_adapters_deny_lists_hold_for_every_reading_of_a_path() {
    let full = Policy { access: Access::Full, ..Policy::default() };
    for (kind, method, path) in [
        (Kind::Facebook, "GET", "/v22.0;x/debug_token"),
        (Kind::Facebook, "GET", "/debug_token%20"),
        (Kind::Facebook, "GET", "/v22.0/debug_token."),
        (Kind::Facebook, "POST", "/v22.0%252F"),
        (Kind::Microsoft, "POST", "/v1.0/$batch;x"),
        (Kind::Microsoft, "POST", "/v1.0/%2524batch"),
        (Kind::Google, "POST", "/batch%252Fdrive/v3"),
        (Kind::Google, "POST", "/%2562atch/drive/v3"),
    ] {
        assert_eq!(check(&full, kind, method, path), Err(Code::PolicyDenied), "{path}");
    }
}

/// What a rule with this says of a document.
fn graphql(rule: &GraphQlRule, body: &str) -> Result<(), graphql::GraphQlDenied> {
    let headers = http::HeaderMap::from_iter([(
        http::header::CONTENT_TYPE,
        http::HeaderValue::from_static("application/json"),
    )]);
    let sent = super::super::graphql::Sent {
        method: &Method::POST,
        query: None,
        headers: &headers,
        body: body.as_bytes(),
    };
    rule.check(&super::super::graphql::read(sent, &[]))
}

#[test]
fn tm_r14_each_member_of_a_graphql_rule_closes_what_it_does_not_name() {
    use graphql::GraphQlDenied;

    let rule = GraphQlRule {
        operations: [OperationKind::Query].into(),
        fields: set(&["viewer", "repository"]),
        depth: 2,
        introspection: false,
        persisted: set(&["abc"]),
    };
    let query = |text: &str| serde_json::json!({ "query": text }).to_string();
    for open in
        ["{ viewer { login } }", "query A { viewer { __typename } __typename } query B { repository }"]
    {
        assert_eq!(graphql(&rule, &query(open)), Ok(()), "{open}");
    }
    let field =
        |field: &str| GraphQlDenied::Field { operation: OperationKind::Query, field: field.to_owned() };
    for (text, denied) in [
        ("mutation { viewer }", GraphQlDenied::Operation(OperationKind::Mutation)),
        ("{ viewer } subscription { viewer }", GraphQlDenied::Operation(OperationKind::Subscription)),
        ("{ viewer search }", field("search")),
        ("{ viewer } query B { viewer: search }", field("search")),
        ("{ viewer { a { b } } }", GraphQlDenied::Depth { depth: 3, limit: 2 }),
        ("{ __schema { types } }", GraphQlDenied::Introspection),
        ("{ viewer { __type } }", GraphQlDenied::Introspection),
    ] {
        assert_eq!(graphql(&rule, &query(text)), Err(denied), "{text}");
    }
    let persisted =
        |hash: &str| format!("{{\"extensions\":{{\"persistedQuery\":{{\"sha256Hash\":\"{hash}\"}}}}}}");
    assert_eq!(graphql(&rule, &persisted("abc")), Ok(()));
    assert_eq!(graphql(&rule, &persisted("abd")), Err(GraphQlDenied::Persisted));
    let wide = GraphQlRule { introspection: true, fields: set(&[]), depth: 12, ..rule };
    for open in ["{ __schema { types } }", "{ search { a { b } } }"] {
        assert_eq!(graphql(&wide, &query(open)), Ok(()), "{open}");
    }
}
