use std::sync::Arc;

use idp_adapters::{Adapter, Kind, adapter};

use super::*;
use crate::outcome::Code;
use crate::problem::Problem;

fn rule(methods: &[&str], paths: &[&str], allow: bool, scope: Option<&str>) -> Rule {
    let own = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
    Rule::new(&own(methods), &own(paths), allow, scope.map(str::to_owned)).unwrap()
}

fn check(policy: &Policy, kind: Kind, method: &str, path: &str) -> Result<Permit, Code> {
    let adapter: &dyn Adapter = adapter(kind);
    let host = adapter.default_origin().unwrap().trim_start_matches("https://");
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    policy
        .check(adapter, Call { method: &method, host, path }, &|scope| scope == "held")
        .map_err(|error| Problem::from(error).code())
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

#[test]
fn patterns_that_make_no_sense_are_refused() {
    for bad in ["user", "/a/**/b", "/{}", "/a{b}", "/{a}{b}"] {
        assert!(Pattern::parse(bad).is_err(), "{bad}");
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
