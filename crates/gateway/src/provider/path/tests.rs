use proptest::prelude::*;

use super::*;

#[test]
fn tm_r02_paths_that_climb_are_refused() {
    for (path, reason) in [
        ("/.", BadPath::DotSegment),
        ("/..", BadPath::DotSegment),
        ("/a/../b", BadPath::DotSegment),
        ("/a/./b", BadPath::DotSegment),
        ("/a/%2e%2e/b", BadPath::DotSegment),
        ("/a/%2E./b", BadPath::DotSegment),
        ("/a/%252e%252E/b", BadPath::DotSegment),
        ("/a/%25252e%2e/b", BadPath::DotSegment),
        ("/a/%2525252e%2e/b", BadPath::Layers),
        ("/%e0%80%ae./b", BadPath::DotSegment),
        ("/a%c0%af%2e.", BadPath::DotSegment),
        ("/a%2f..%2fb", BadPath::DotSegment),
        ("/a%2f%2e%2e", BadPath::DotSegment),
        ("/a%252f%252e%252e", BadPath::DotSegment),
        ("/..;x=1/b", BadPath::DotSegment),
        ("/%2e%2e%3bx/b", BadPath::DotSegment),
        ("/%c0%ae%c0%ae/b", BadPath::DotSegment),
        ("/a\\b", BadPath::Backslash),
        ("/a%5cb", BadPath::Backslash),
        ("/a%5Cb", BadPath::Backslash),
        ("/a%00", BadPath::Control),
        ("/a%0d%0ab", BadPath::Control),
        ("/a%7f", BadPath::Control),
        ("/a\u{1}", BadPath::Control),
        ("/ä", BadPath::NonAscii),
        ("/a%zz", BadPath::Escape),
        ("/a%2", BadPath::Escape),
        ("/a%", BadPath::Escape),
        ("//a", BadPath::EmptyFirst),
        ("//", BadPath::EmptyFirst),
        ("a", BadPath::NoSlash),
        ("", BadPath::NoSlash),
    ] {
        assert_eq!(check(path, true), Err(reason), "{path}");
    }
}

#[test]
fn what_passes_verbatim() {
    for path in [
        "/",
        "/v1.0/me",
        "/..a",
        "/a..",
        "/...",
        "/a//b",
        "/a/",
        "/a%2fb",
        "/a%252fb",
        "/%7Bu%7D",
        "/100%25",
        "/a;b",
        "/%C3%A4",
        "/a:b@c~d",
        "/.well-known/x",
        "/%252500",
    ] {
        assert_eq!(check(path, true), Ok(()), "{path}");
    }
}

/// Every layer is read a fixed number of times, so the bytes in all layers together are the cost of a check.
#[test]
fn tm_a10_checking_a_path_costs_a_fixed_factor_of_its_length() {
    for path in [
        format!("/%{}41", "25".repeat(3990)),
        "/%41".repeat(2000),
        "/%252525252e".repeat(700),
        "/%c0%ae".repeat(1100),
        format!("/{}", "%".repeat(8000)),
    ] {
        let cost: usize = layers(path.as_bytes()).map(|layer| layer.len()).sum();
        assert!(cost <= (LAYERS + 2) * path.len(), "{cost} for {} bytes", path.len());
    }
    assert_eq!(check(&format!("/%{}41", "25".repeat(3990)), true), Err(BadPath::Layers));
    assert_eq!(check("/%252541", true), Ok(()), "three layers are the most");
    assert_eq!(check("/%25252541", true), Err(BadPath::Layers));
}

#[test]
fn tm_r03_encoded_slash_is_per_adapter() {
    assert_eq!(check("/a%2Fb", false), Err(BadPath::EncodedSlash));
    assert_eq!(check("/a%252Fb", false), Ok(()));
    let inside: Vec<_> = segments("/repos//a%2Fb/").map(Cow::into_owned).collect();
    assert_eq!(inside, [b"repos".to_vec(), b"a/b".to_vec()]);
}

#[test]
fn members_are_found_and_removed_in_any_spelling() {
    assert_eq!(denied_member("fields=id&m%65thod=delete", &["method", "batch"]), Some("method"));
    assert_eq!(denied_member("methods=1&q=method", &["method"]), None);
    assert_eq!(without_members("a=1&access_token=x&batch=2", &["batch"]).as_deref(), Some("a=1"));
    assert_eq!(without_members("access_token=x", &[]), None);
}

#[test]
fn tm_r10_a_query_member_that_names_another_method_is_found() {
    for query in
        ["_method=DELETE", "a=1&_HttpMethod=PATCH", "X-HTTP-Method-Override=%44ELETE", "a;_method[]=put"]
    {
        assert!(other_method(query, &Method::POST).is_some(), "{query}");
    }
    for query in ["_method=post", "_method", "method=delete", "my_method=DELETE", ""] {
        assert_eq!(other_method(query, &Method::POST), None, "{query}");
    }
}

/// What an over-eager server makes of a path: decode until nothing changes, then look at the segments.
fn climbs(path: &str) -> bool {
    let mut layer = path.to_owned();
    loop {
        let decoded = percent_encoding::percent_decode_str(&layer).decode_utf8_lossy().into_owned();
        if decoded == layer {
            return layer.split(['/', '\\']).any(|s| matches!(s.split(';').next(), Some("." | "..")));
        }
        layer = decoded;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn no_accepted_path_climbs_under_any_decoding(
        path in r"/((%25){0,2}(%2[eEfF]|%5[cC]|%3b|%41)|[.a/;\\]|%){0,12}"
    ) {
        if check(&path, true).is_ok() {
            prop_assert!(!climbs(&path), "{path}");
        }
    }

    #[test]
    fn checking_never_panics(path in r"\PC*", slash: bool) {
        let _ = check(&path, slash);
        let _ = denied_member(&path, &["method"]);
    }
}
