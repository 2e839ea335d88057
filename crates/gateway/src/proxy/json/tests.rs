use std::collections::BTreeMap;
use std::sync::Arc;

use http::Method;
use idp_adapters::Kind;
use proptest::prelude::*;

use super::*;
use crate::provider::plan::{PlanParts, ProviderCall, ProviderPlan};
use crate::provider::policy::Policy;
use crate::proxy::links::LinkBase;

fn rewriter_of(links_of: Vec<LinkMember>, dropped: &[&'static str]) -> Rewriter {
    let plan = ProviderPlan::new(PlanParts {
        adapter: idp_adapters::shared(Kind::Facebook),
        base_url: None,
        upstreams: &BTreeMap::new(),
        encoded_slash: None,
        policy: Policy::default(),
        downloads: &[],
    })
    .unwrap();
    let caller = caller_auth::Caller::vouched("auth0|ana", "test");
    let sent = plan.plan(ProviderCall::new(&caller, &Method::GET, "/me")).unwrap();
    let links = Links::new(Arc::new(plan), "facebook".into(), LinkBase::Path, None, Arc::new([]), &sent);
    Rewriter::new(JsonRules { links: links_of, dropped: dropped.to_vec(), untyped: false }, links)
}

fn rewriter(paths: &[&[&str]], dropped: &[&'static str]) -> Rewriter {
    let links = paths.iter().map(|path| LinkMember::at_pointer(&format!("/{}", path.join("/"))));
    rewriter_of(links.collect(), dropped)
}

fn run(mut rewriter: Rewriter, pieces: &[&[u8]]) -> String {
    let mut out = Vec::new();
    for piece in pieces {
        out.extend_from_slice(&rewriter.push(Bytes::copy_from_slice(piece)));
    }
    out.extend_from_slice(&rewriter.finish());
    String::from_utf8(out).unwrap()
}

const BODY: &str = r#"{"data":[{"next":"https://graph.facebook.com/no","download_url":"https://x/?token=1"}],
 "a\"}":"{[\"","paging":{"cursors":{"next":"https://graph.facebook.com/no"},
 "ne\u0078t":"https:\/\/graph.facebook.com\/v22.0\/me?after=M&access_token=EAA","previous":null},"next":"https://graph.facebook.com/no"}"#;

fn expected() -> String {
    BODY.replace(
        r#""https:\/\/graph.facebook.com\/v22.0\/me?after=M&access_token=EAA""#,
        r#""/proxy/facebook/v22.0/me?after=M""#,
    )
}

#[test]
fn members_at_their_path_are_rewritten_and_nothing_else() {
    let paths: &[&[&str]] = &[&["paging", "next"], &["paging", "previous"]];
    assert_eq!(run(rewriter(paths, &[]), &[BODY.as_bytes()]), expected());
    for at in 0..BODY.len() {
        let (a, b) = BODY.as_bytes().split_at(at);
        assert_eq!(run(rewriter(paths, &[]), &[a, b]), expected(), "split at {at}");
    }
    let bytes: Vec<&[u8]> = BODY.as_bytes().chunks(1).collect();
    assert_eq!(run(rewriter(paths, &[]), &bytes), expected());
}

#[test]
fn paging_links_are_rewritten_at_any_depth() {
    let body = r#"{"1":{"photos":{"data":[{"x":{"paging":{"next":"https://graph.facebook.com/v22.0/1/photos?after=M"}}}],
     "paging":{"previous":"https://graph.facebook.com/v22.0/1?before=N","next":"https://elsewhere.test/"}}},"next":"https://graph.facebook.com/no"}"#;
    let expected = body.replace("https://graph.facebook.com/v22.0/", "/proxy/facebook/v22.0/");
    let links = || idp_adapters::shared(Kind::Facebook).links().to_vec();
    assert_eq!(run(rewriter_of(links(), &[]), &[body.as_bytes()]), expected);
    let bytes: Vec<&[u8]> = body.as_bytes().chunks(1).collect();
    assert_eq!(run(rewriter_of(links(), &[]), &bytes), expected);
}

#[test]
fn capability_links_are_dropped_at_any_depth() {
    let out = run(rewriter(&[], &["download_url"]), &[BODY.as_bytes()]);
    assert_eq!(out, BODY.replace("\"https://x/?token=1\"", "null"));
}

#[test]
fn a_dropped_member_of_any_length_never_passes() {
    let long = format!(r#"{{"download_url":"{}\"y","a":1}}"#, "x".repeat(MAX_VALUE * 2));
    for size in [1, 1000, long.len()] {
        let pieces: Vec<&[u8]> = long.as_bytes().chunks(size).collect();
        assert_eq!(run(rewriter(&[], &["download_url"]), &pieces), r#"{"download_url":null,"a":1}"#);
    }
    assert_eq!(
        run(rewriter(&[], &["download_url"]), &[br#"{"download_url":"https://x"#]),
        r#"{"download_url":"#
    );
}

#[test]
fn endless_members_and_broken_json_pass() {
    let long = format!(r#"{{"next":"{}","a":1}}"#, "x".repeat(MAX_VALUE * 2));
    assert_eq!(run(rewriter(&[&["next"]], &[]), &[long.as_bytes()]), long);
    for broken in [r#"{"next":"https://graph"#, "]]}}", "{\"next\"", "<html>\"next\":\"x\"", "\"", ""] {
        assert_eq!(run(rewriter(&[&["next"]], &[]), &[broken.as_bytes()]), broken);
    }
    let deep = format!("{}{}", "[".repeat(2000), "]".repeat(2000));
    assert_eq!(run(rewriter(&[&["next"]], &[]), &[deep.as_bytes()]), deep);
}

proptest! {
    #[test]
    fn without_a_wanted_member_every_byte_passes(text in r#"[\[\]{}:,"\\a-c 0]{0,60}"#, cut in 0usize..60) {
        let bytes = text.as_bytes();
        let (a, b) = bytes.split_at(cut.min(bytes.len()));
        prop_assert_eq!(run(rewriter(&[&["zzz"]], &["yyy"]), &[a, b]), text);
    }
}

#[test]
fn tm_o15_all_strings_of_a_dropped_member_go_whatever_holds_them() {
    let body = r#"{"download_url":["https://a",{"x":"https://b"},1],"x":"kept","y":[{"download_url":{"z":[["https://c"]]},"w":"kept"}],"v":["kept"]}"#;
    let expected = r#"{"download_url":[null,{"x":null},1],"x":"kept","y":[{"download_url":{"z":[[null]]},"w":"kept"}],"v":["kept"]}"#;
    for at in 0..body.len() {
        let (a, b) = body.as_bytes().split_at(at);
        assert_eq!(run(rewriter(&[], &["download_url"]), &[a, b]), expected, "split at {at}");
    }
}

#[test]
fn tm_o15_untyped_bodies_are_json_if_they_begin_like_it() {
    let untyped = || {
        let mut rewriter = rewriter(&[], &["download_url"]);
        rewriter.place = Place::Start;
        rewriter
    };
    for before in ["", " \r\n", "\u{feff}", "["] {
        let out = run(untyped(), &[before.as_bytes(), b"{\"download_url\":\"x\"}"]);
        assert_eq!(out, format!("{before}{{\"download_url\":null}}"));
    }
    let file = "x{\"download_url\":\"x\"}";
    assert_eq!(run(untyped(), &[b"", file.as_bytes()]), file);
}

#[tokio::test]
async fn tm_o15_json_too_deep_to_be_followed_does_not_pass_where_members_are_dropped() {
    let deep = format!("{}{{\"download_url\":\"x\"}}", "[".repeat(MAX_DEPTH));
    for (dropped, passes) in [(&["download_url"][..], false), (&[], true)] {
        let inner = crate::body::full(deep.clone());
        let body = RewrittenBody::body(inner, rewriter(&[&["next"]], dropped));
        assert_eq!(body.collect().await.is_ok(), passes);
    }
}
