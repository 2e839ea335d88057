use http::HeaderValue;
use idp_adapters::Kind as Adapters;

use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};

use super::rules::LONGEST_VALUE;
use super::*;
use crate::body;

mod parts;
mod strict;

/// Bodies arrive in frames of this many bytes.
const FRAME: usize = 16 * 1024;

/// `kind`: the values of `Content-Type`, separated by `|`.
async fn checked(kind: &str, text: impl AsRef<[u8]>) -> Result<(), RequestBodyFault> {
    let text = text.as_ref();
    let mut headers = HeaderMap::new();
    for kind in kind.split('|').filter(|kind| !kind.is_empty()) {
        headers.append(CONTENT_TYPE, HeaderValue::from_bytes(kind.as_bytes()).unwrap());
    }
    let adapter = idp_adapters::adapter(Adapters::Facebook);
    let frames: Vec<_> = text.chunks(FRAME).map(Bytes::copy_from_slice).map(Frame::data).collect();
    let body = StreamBody::new(futures_util::stream::iter(frames.into_iter().map(Ok))).boxed_unsync();
    let body = check(adapter, &Method::POST, &headers, body).await?;
    match body.collect().await {
        Ok(passed) => assert_eq!(passed.to_bytes(), text),
        Err(error) => return Err(RequestBodyFault::find(&*error).unwrap()),
    }
    Ok(())
}

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

fn part(head: &str, value: &str) -> String {
    format!(
        "--b\r\nContent-Disposition: form-data; name=\"message\"\r\n\r\nhello\r\n--b\r\n{head}\r\n\r\n{value}\r\n--b--\r\n"
    )
}

#[tokio::test]
async fn tm_r15_a_method_in_a_body_is_read_like_one_in_the_query() {
    for form in [
        "method=delete",
        "message=x&method=delete",
        "a=1;METHOD=DELETE",
        "m%65thod=delete",
        "method[]=delete",
        "method%00x=delete",
        "+%20method=delete",
        "message=x&method",
        "method=post&method=delete",
    ] {
        for kind in [FORM, "", "image/png"] {
            assert_eq!(checked(kind, form).await, Err(RequestBodyFault::Method("method")), "{kind} {form}");
        }
    }
    for head in [
        "Content-Disposition: form-data; name=\"method\"",
        "content-disposition: form-data; name=method",
        "Content-Disposition: form-data; filename=\"name=x\"; name=Method",
        "Content-Type: text/plain\r\nContent-Disposition: form-data; name=\"method[]\"",
    ] {
        let found = checked("multipart/form-data; boundary=b", part(head, "delete")).await;
        assert_eq!(found, Err(RequestBodyFault::Method("method")), "{head}");
    }
    for json in [
        r#"{"method":"delete"}"#,
        r#"{"message":"a,\"b","m\u0065thod" : "DELETE"}"#,
        r#"{"a":{"method":"get"},"b":[1,{"c":2}],"method":["delete"]}"#,
        r#" {"method":null}"#,
        r#"{"method":"\u0064elete"}"#,
    ] {
        for kind in [JSON, "", "image/png", FORM] {
            assert_eq!(checked(kind, json).await, Err(RequestBodyFault::Method("method")), "{kind} {json}");
        }
    }
}

#[tokio::test]
async fn tm_r15_a_long_body_ends_at_a_member_that_is_refused() {
    let filler = "x".repeat(AHEAD + 100_000);
    let form = format!("message={filler}&method=delete");
    assert_eq!(checked(FORM, &form).await, Err(RequestBodyFault::Method("method")));
    let multipart =
        part("Content-Disposition: form-data; name=\"method\"", "delete").replace("hello", &filler);
    assert_eq!(
        checked("multipart/form-data; boundary=b", &multipart).await,
        Err(RequestBodyFault::Method("method"))
    );
    let json = format!("{{\"message\":\"{filler}\",\"method\":\"delete\"}}");
    assert!(matches!(checked(JSON, &json).await, Err(RequestBodyFault::Ambiguous(_))));
}

#[tokio::test]
async fn tm_r18_one_content_type_is_sent() {
    for two in ["image/png|application/x-www-form-urlencoded", "application/x-www-form-urlencoded|image/png"]
    {
        assert_eq!(checked(two, "method=delete").await, Err(RequestBodyFault::Unsearchable), "{two}");
    }
    for text in ["{=1&method=delete", " {&method=delete", "[=1&method=delete"] {
        for kind in [FORM, "", "image/png"] {
            assert_eq!(checked(kind, text).await, Err(RequestBodyFault::Method("method")), "{kind} {text}");
        }
    }
}

#[tokio::test]
async fn tm_r18_the_provider_never_has_all_of_a_body_that_is_refused() {
    let filler = "x".repeat(AHEAD + 6_000);
    let multipart = part("Content-Disposition: form-data; name=\"method\"", "delete");
    for (kind, text) in [
        (FORM, format!("a={filler}&method=delete")),
        (FORM, format!("a={filler}&fields=access_token")),
        (
            "multipart/form-data; boundary=b",
            multipart.replace("hello", &filler).replace("--b--\r\n", "--b--"),
        ),
        ("multipart/form-data; boundary=b", multipart.replace("hello", &filler).replace("\r\n--b--\r\n", "")),
    ] {
        for last in [1, 5, 500] {
            let (first, rest) = text.split_at(text.len() - last);
            let frames = [first, rest, "", ""].map(|frame| Ok(Frame::data(Bytes::from(frame.to_owned()))));
            let body = StreamBody::new(futures_util::stream::iter(frames)).boxed_unsync();
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(kind))]);
            let adapter = idp_adapters::adapter(Adapters::Facebook);
            // Refused before anything is sent, where the value ends in what is read ahead.
            let Ok(mut body) = check(adapter, &Method::POST, &headers, body).await else { continue };
            let mut passed = 0;
            let refused = loop {
                match body.frame().await.expect("it does not end well") {
                    Ok(frame) => passed += frame.into_data().unwrap().len(),
                    Err(error) => break error,
                }
            };
            assert!(RequestBodyFault::find(&*refused).is_some());
            assert!(passed < text.len(), "{kind} {last}");
        }
    }
}

#[tokio::test]
async fn words_and_names_of_the_query_are_refused_in_bodies() {
    let fields = |fault| matches!(fault, Err(RequestBodyFault::Value(denied)) if denied.member == "fields");
    for form in ["fields=id,access_token.as(x)", "fields[0]=access_token", "fields%00x=access%5Ftoken"] {
        assert!(fields(checked(FORM, form).await), "{form}");
    }
    assert!(fields(checked(JSON, r#"{"fields":["id","\u0061ccess_token"]}"#).await));
    let multipart = part("Content-Disposition: form-data; name=fields", "id,\r\naccess_token");
    assert!(fields(checked("multipart/form-data; boundary=b", &multipart).await));
    assert_eq!(checked(FORM, "batch=[]").await, Err(RequestBodyFault::Member("batch")));
    let long = format!("fields={}", "x".repeat(LONGEST_VALUE + 1));
    assert!(fields(checked(FORM, &long).await));
}

#[tokio::test]
async fn other_bodies_pass() {
    for (kind, text) in [
        (FORM, "message=method&link=https://x/?a"),
        (FORM, "method=post&message=x"),
        (FORM, "my_method=delete&methods=1"),
        (JSON, r#"{"message":"method","a":{"method":"delete"},"method":"POST"}"#),
        (JSON, r#"["method"]"#),
        ("application/octet-stream", "a method=delete"),
        ("", ""),
        ("", "  "),
    ] {
        assert_eq!(checked(kind, text).await, Ok(()), "{kind} {text}");
    }
    for head in [
        "Content-Disposition: form-data; name=\"source\"; filename=\"method\"",
        "Content-Disposition: form-data; name=\"methods\"",
        "X-A: name=\"method\"\r\nContent-Disposition: form-data; name=\"a\"",
    ] {
        let text = part(head, "delete\r\n-- \r\nname=\"method\"");
        assert_eq!(checked("multipart/form-data; boundary=b", &text).await, Ok(()), "{head}");
    }
    let same = part("Content-Disposition: form-data; name=\"method\"", "post");
    assert_eq!(checked("multipart/form-data; boundary=b", &same).await, Ok(()));
}

#[tokio::test]
async fn tm_r18_a_body_that_cannot_be_read_is_refused() {
    let adapter = idp_adapters::adapter(Adapters::Facebook);
    for (name, value) in [
        (CONTENT_ENCODING, "gzip"),
        (CONTENT_TYPE, "application/json; charset=utf-7"),
        (CONTENT_TYPE, "application/json; charset=utf-16"),
        (CONTENT_TYPE, "application/x-www-form-urlencoded; charset=utf-16le"),
        (CONTENT_TYPE, "application/x-www-form-urlencoded; charset=\"UTF-32\""),
        (CONTENT_TYPE, "application/x-www-form-urlencoded; charset=utf-8; charset=utf-7"),
        (CONTENT_TYPE, "multipart/form-data; boundary=b; charset*=utf-16''"),
    ] {
        let headers = HeaderMap::from_iter([(name, HeaderValue::from_static(value))]);
        let found = check(adapter, &Method::POST, &headers, body::full("x")).await;
        assert_eq!(found.err(), Some(RequestBodyFault::Unsearchable), "{value}");
        let other = idp_adapters::adapter(Adapters::GitHub);
        assert!(check(other, &Method::POST, &headers, body::full("x")).await.is_ok());
    }
}
