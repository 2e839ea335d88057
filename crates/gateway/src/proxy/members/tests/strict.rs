//! Bodies that two servers could read differently.

use super::*;

const MULTIPART: &str = "multipart/form-data; boundary=b";
const NAMED: &str = "Content-Disposition: form-data; name=\"message\"";

async fn assert_refused(kind: &str, text: impl AsRef<[u8]>) {
    let shown = String::from_utf8_lossy(text.as_ref()).into_owned();
    assert!(checked(kind, text).await.is_err(), "{kind}: {:?}", shown.get(..200).unwrap_or(&shown));
}

#[tokio::test]
async fn tm_r18_only_types_that_are_read_in_one_way_pass() {
    let part = part(NAMED, "x");
    for kind in [
        "text/plain",
        "text/javascript",
        "application/x-www-form-urlencodedx",
        "application/x-www-form-urlencoded,",
        "application/x-www-form-urlencoded; x=1",
        "application/x-www-form-urlencoded; charset=utf-8; charset=utf-8",
        "application/jsonp",
        "application/vnd.api+json",
        "application/json, application/x-www-form-urlencoded",
        "application/json; boundary=b",
        "application/octet-stream, application/x-www-form-urlencoded",
        "application/octet-stream; \u{e9}",
        "image/png, multipart/form-data; boundary=b",
        "image/",
        "application/json\u{e9}",
        "x",
    ] {
        assert_refused(kind, "{}").await;
    }
    for kind in [
        "m; boundary=b",
        ";boundary=b",
        "multipart; boundary=b",
        "multipart/mixed; boundary=b",
        "multipart/form-datax; boundary=b",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\"\"",
        "multipart/form-data; Boundary=b",
        "multipart/form-data; xboundary=c; boundary=b",
        "multipart/form-data; boundary=b; boundary=b",
        "multipart/form-data; boundary=b; boundary=c",
        "multipart/form-data; boundary=b ; charset=utf-8",
        "multipart/form-data; boundary=b, x",
        "multipart/form-data, x; boundary=b",
        "multipart/form-data; boundary=\"b",
        "multipart/form-data; boundary=\"b\"c",
        "multipart/form-data; boundary=\"\\b\"",
        "multipart/form-data; boundary='b'",
        "multipart/form-data; boundary*=utf-8''b",
        "multipart/form-data; boundary=b\u{e9}",
        "multipart/form-data boundary=b",
    ] {
        assert_refused(kind, &part).await;
    }
    for kind in [MULTIPART, "Multipart/Form-Data;charset=UTF-8; boundary=\"b\""] {
        assert_eq!(checked(kind, &part).await, Ok(()), "{kind}");
    }
}

#[tokio::test]
async fn tm_r18_json_passes_only_if_every_parser_reads_it_alike() {
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let long = format!("{{\"message\":\"{}\"}}", "x".repeat(AHEAD));
    for text in [
        r#"{"message":"x","message":"y"}"#,
        r#"{"message":"x","\u006dessage":"y"}"#,
        r#"{"a":{"b":1,"b":2}}"#,
        r#"{"a":NaN}"#,
        r#"{"a":1e999}"#,
        r#"{"a":1,}"#,
        r#"{"a":1} x"#,
        r#"{"a":1}{"b":1}"#,
        r#"/**/{"a":1}"#,
        "{\"a\":1 // x\n}",
        r#"{"a":"x"#,
        r#"{"a":'x'}"#,
        r#"{a:1}"#,
        "{\"a\":\"\n\"}",
        r#"{"a":"\ud800"}"#,
        r#"{"a":"\x"}"#,
        "\u{feff}{}",
        "7",
        "\"x\"",
        " ",
        &deep,
        &long,
    ] {
        assert_refused(JSON, text).await;
    }
    assert_refused(JSON, b"{\"a\":\"\xff\"}").await;
    // Read as a form.
    for text in [
        r#"{"a":"x&method=delete&"}"#,
        r#"{"a":"x&batch=1&"}"#,
        r#"{"a":"x;method=delete;"}"#,
        r#"{"a":"&fields=access_token"}"#,
    ] {
        for kind in [JSON, "", "application/octet-stream"] {
            assert_refused(kind, text).await;
        }
    }
    for text in [r#"{"method":"delete"}"#, r#"[{"method":"delete"}]"#, "\u{feff}{\"batch\":1}"] {
        for kind in [JSON, "", "application/octet-stream", "video/mp4"] {
            assert_refused(kind, text).await;
        }
    }
    for text in [
        "{\"a\":1} x",
        "{a:1}",
        "/**/{\"a\":1}",
        "//\n{}",
        "\u{feff}{\"a\":1}",
        "{'a':1}",
        " [ {a:1}]",
        &long,
    ] {
        for kind in ["", FORM, "application/octet-stream", "video/mp4"] {
            assert_refused(kind, text).await;
        }
    }
    // What begins so is no JSON for any parser.
    for text in ["{\0", "[\u{1}x", "/x", "{", "{ \n", " ", "x{a:1}"] {
        assert_eq!(checked("application/octet-stream", text).await, Ok(()), "{text}");
    }
    for text in ["{}", "[1]", r#" {"message":"\ud83d\ude00","a":[{"b":1},{"b":2}]} "#] {
        assert_eq!(checked("application/json; charset=utf-8", text).await, Ok(()), "{text}");
    }
}

#[tokio::test]
async fn tm_r18_files_are_read_as_forms_too() {
    let blob: Vec<u8> = (0..AHEAD * 2).map(|at| (at * 7 % 251) as u8).collect();
    for kind in ["application/octet-stream", "image/png", "video/mp4", "audio/ogg; x=y", "", FORM] {
        assert_eq!(checked(kind, &blob).await, Ok(()), "{kind}");
        for member in ["&method=delete", "&batch=1&", "&access_token=x&", "&fields=access_token"] {
            assert_refused(kind, [&blob, member.as_bytes()].concat()).await;
            assert_refused(kind, member).await;
        }
    }
}

#[tokio::test]
async fn tm_r18_no_spelling_of_a_name_hides_it() {
    let blanks = "%20".repeat(2000);
    let mixed = "+%09%0A\u{b}%0b%2b%00".repeat(400);
    let zeros = "%00".repeat(400);
    for text in [
        format!("{blanks}method=delete"),
        format!("{mixed}batch=1"),
        format!("m{zeros}ethod=delete"),
        format!("method[{}]=delete", "x".repeat(3000)),
        format!("batch%00{}=1", "x".repeat(3000)),
        "suppress[http_code=1".into(),
        "suppress.http%5Bcode=1".into(),
        "appsecret[proof=1".into(),
        "\u{feff}batch=1".into(),
        "%ff%febatch=1".into(),
        "\u{e9}method=delete".into(),
        "ba\u{e9}tch=1".into(),
        "b\0a\0t\0c\0h\0=\x001\0".into(),
        "a=1;batch=2".into(),
        "method=post;x".into(),
        "fields=id;access_token".into(),
        "fields=id;x=access_token".into(),
    ] {
        for kind in [FORM, "", "image/png"] {
            assert_refused(kind, &text).await;
        }
    }
    assert_refused(FORM, b"\xff\xfe\x80batch=1").await;
    for text in ["%256dethod=delete", "my_batch=1", "batch_=1", "a[batch]=1", "a=1&[batch]=1", "x;y=1;z"] {
        assert_eq!(checked(FORM, text).await, Ok(()), "{text}");
    }
    for name in ["\u{e9}batch", "b\\u0000a\\u0000tch", "appsecret[proof", "\\u0020batch"] {
        assert_refused(JSON, format!("{{\"{name}\":1}}")).await;
    }
    for name in ["\u{e9}batch", "appsecret[proof", " batch", "batch[0]", "%62atch"] {
        assert_refused(MULTIPART, part(&format!("Content-Disposition: form-data; name=\"{name}\""), "1"))
            .await;
    }
}

#[tokio::test]
async fn tm_r19_no_body_carries_a_token_as_a_member() {
    for name in
        ["access_token", "oauth_token", "bearer_token", "ACCESS.token", "access_token[]", "access[token"]
    {
        for kind in [FORM, "", "image/png"] {
            assert_refused(kind, format!("message=x&{name}=EAAB")).await;
        }
        assert_refused(JSON, format!("{{\"{name}\":\"EAAB\"}}")).await;
        assert_refused(MULTIPART, part(&format!("Content-Disposition: form-data; name=\"{name}\""), "EAAB"))
            .await;
    }
    for text in ["token=1", "input_token=1", "my_access_token=1", "message=access_token"] {
        assert_eq!(checked(FORM, text).await, Ok(()), "{text}");
    }
    assert_eq!(
        checked(JSON, r#"{"a":{"access_token":"x"}}"#).await,
        Ok(()),
        "only the outer members are read"
    );
}
