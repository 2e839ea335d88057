//! The member filter against editing the parsed document.

use bytes::Bytes;
use proptest::prelude::*;

use super::MemberStripper;

fn stripped(chunks: &[&[u8]]) -> String {
    let mut stripper = MemberStripper::new();
    let out: Vec<u8> = chunks.iter().flat_map(|chunk| stripper.push(Bytes::copy_from_slice(chunk))).collect();
    String::from_utf8(out).unwrap()
}

#[test]
fn members_are_removed_whatever_their_value_at_every_split() {
    let cases = [
        (r#"{"access_token":"EAAB","id":"1"}"#, r#"{"access_token":"[removed]","id":"1"}"#),
        (r#"{"access_token" : "a\"b\\","x":1}"#, r#"{"access_token" : "[removed]","x":1}"#),
        (
            r#"{"data":[{"access_token":{"a":["}",{"b":"\"]"}]},"n":2}]}"#,
            r#"{"data":[{"access_token":"[removed]","n":2}]}"#,
        ),
        (r#"{"access_token":[1,[2]]}"#, r#"{"access_token":"[removed]"}"#),
        (
            r#"{"access_token":12.5e3 ,"a":{"access_token":null}}"#,
            r#"{"access_token":"[removed]" ,"a":{"access_token":"[removed]"}}"#,
        ),
        (
            r#"{"access\u005ftoken":"x","\u0061ccess_token":true}"#,
            r#"{"access\u005ftoken":"[removed]","\u0061ccess_token":"[removed]"}"#,
        ),
        (
            r#"{"a":"access_token","access_tokens":"x","xaccess_token":"y"}"#,
            r#"{"a":"access_token","access_tokens":"x","xaccess_token":"y"}"#,
        ),
        (
            r#"{"a":"\"access_token\":\"x\"","b":["access_token","z"]}"#,
            r#"{"a":"\"access_token\":\"x\"","b":["access_token","z"]}"#,
        ),
        (
            r#"{"access_\token":"x","access_token\u0000":"y","":""}"#,
            r#"{"access_\token":"x","access_token\u0000":"y","":""}"#,
        ),
        (r#"{"access_token":}"#, r#"{"access_token":}"#),
        (r#"{"access_token":"cut"#, r#"{"access_token":"[removed]""#),
    ];
    for (before, after) in cases {
        for split in 0..=before.len() {
            let (left, right) = before.as_bytes().split_at(split);
            assert_eq!(stripped(&[left, right]), after, "{split}");
        }
        let chunks: Vec<&[u8]> = before.as_bytes().chunks(1).collect();
        assert_eq!(stripped(&chunks), after);
    }
}

/// The same on a parsed document.
fn strip_value(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(members) => {
            for (name, member) in members {
                if name == "access_token" {
                    *member = "[removed]".into();
                } else {
                    strip_value(member);
                }
            }
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(strip_value),
        _ => {}
    }
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        "[a\"\\\\{}:,\u{e9}]{0,8}".prop_map(Into::into),
        Just("access_token".into()),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let name = prop_oneof![Just("access_token".to_owned()), "[a\"\\\\:]{0,4}"];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::vec((name, inner), 0..4)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn stripping_equals_editing_the_document(mut value in json(), pretty: bool, cut in 1_usize..40) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
        let chunks: Vec<&[u8]> = text.as_bytes().chunks(cut).collect();
        let out: serde_json::Value = serde_json::from_str(&stripped(&chunks)).unwrap();
        strip_value(&mut value);
        prop_assert_eq!(out, value);
    }
}
