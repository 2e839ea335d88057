//! Multipart bodies that two servers could split differently.

use super::*;

const MULTIPART: &str = "multipart/form-data; boundary=b";
const HEAD: &str = "Content-Disposition: form-data; name=\"message\"";

async fn assert_refused(text: impl AsRef<[u8]>) {
    let shown = String::from_utf8_lossy(text.as_ref()).into_owned();
    assert!(checked(MULTIPART, text).await.is_err(), "{:?}", shown.get(..300).unwrap_or(&shown));
}

#[tokio::test]
async fn tm_r18_parts_pass_only_with_heads_that_are_read_in_one_way() {
    let long = format!("X-A: {}\r\n{HEAD}", "x".repeat(4096));
    let filled =
        format!("Content-Disposition: form-data; filename=\"{}\"; name=\"message\"", "x".repeat(5000));
    for head in [
        "X-A: 1",
        "no colon",
        "Content-Disposition: form-data; name=\"message\"\r\nno colon",
        "Content-Disposition: form-data;\r\n name=\"message\"",
        "Content-Disposition: form-data; name=\"message\"\r\n\tx",
        " Content-Disposition: form-data; name=\"message\"",
        "Content-Disposition : form-data; name=\"message\"",
        "Content-Disposition: form-data; name=\"a\"\r\nContent-Disposition: form-data; name=\"b\"",
        "Content-Disposition: form-data; name=\"a\"; name=\"b\"",
        "Content-Disposition: form-data; name=a; NAME=b",
        "Content-Disposition: form-data",
        "Content-Disposition: form-data; filename=\"x\"",
        "Content-Disposition: form-data; name=\"\"",
        "Content-Disposition: form-data; name=",
        "Content-Disposition: form-data; name",
        "Content-Disposition: form-data; name*=utf-8''message",
        "Content-Disposition: form-data; name*0=message",
        "Content-Disposition: form-data; name=\"message\"; name*=utf-8''x",
        "Content-Disposition: form-data; name =\"message\"",
        "Content-Disposition: form-data; name= \"message\"",
        "Content-Disposition: form-data; name=\"message\" ; filename=\"x\"",
        "Content-Disposition: form-data; name=\"message\"x",
        "Content-Disposition: form-data; name=\"message",
        "Content-Disposition: form-data; name='message'",
        "Content-Disposition: form-data; name=\"me\\ssage\"",
        "Content-Disposition: form-data; name=\"message\"; filename=\"a\\\"b\"",
        "Content-Disposition: form-data; name=\"message\"; filename=\"a; name=b\"",
        "Content-Disposition: form-data; name=\"message\"; x=\"y\"",
        "Content-Disposition: form-data name=\"message\"",
        "Content-Disposition: form-data, name=\"message\"",
        "Content-Disposition: form-data; name=\"=?utf-8?B?bWV0aG9k?=\"",
        "Content-Disposition: attachment; name=\"message\"",
        "Content-Disposition: form-data; name=\"mes\0sage\"",
        "Content-Disposition: form-data; name=\"mes\rsage\"",
        "Content-Disposition: form-data; name=\"mes\nsage\"",
        "Content-Disposition: form-data; name=\"message\u{85}\"",
        "Content-Disposition: form-data; name=\"message\u{2028}\"",
        "X-A: 1\nContent-Disposition: form-data; name=\"message\"",
        "X-A: 1\rContent-Disposition: form-data; name=\"message\"",
        "Content-Disposition: form-data; name=\"message\"\r\nContent-Type: multipart/mixed; boundary=c",
        "Content-Disposition: form-data; name=\"message\"\r\nContent-Transfer-Encoding: base64",
        "Content-Disposition: form-data; name=\"message\"\r\nContent-Type: text/plain; charset=utf-16",
        &long,
        &filled,
    ] {
        assert_refused(part(head, "x")).await;
    }
    let bytes: Vec<u8> = part(HEAD, "x").bytes().map(|byte| if byte == b'g' { 0xff } else { byte }).collect();
    assert_refused(bytes).await;
}

#[tokio::test]
async fn tm_r18_parts_pass_only_between_delimiters_that_every_parser_finds() {
    let good = part(HEAD, "x");
    let filler = "x".repeat(5119);
    let hidden = "--b\r\nContent-Disposition: form-data; name=\"c\"\r\n\r\n";
    for text in [
        good.replace("\r\n", "\n"),
        good.replace("\r\n", "\r"),
        good.replacen("\r\n--b", "\n--b", 1),
        good.replacen("\r\n--b", "--b", 1),
        good.replacen("\r\n--b", "\r--b", 1),
        good.replacen("--b\r\n", "--b \r\n", 1),
        good.replacen("--b\r\n", "--b\0\r\n", 1),
        good.replacen("--b\r\n", "--b\n", 1),
        format!("\r\n{good}"),
        format!("preamble\r\n{good}"),
        format!("{good}--b\r\n{HEAD}\r\n\r\nx\r\n--b--\r\n"),
        format!("{good}\r\n"),
        format!("{good}x"),
        good.replace("--b--\r\n", "--b-\r\n"),
        good.replace("--b--\r\n", "--b--x"),
        good.replace("--b--\r\n", ""),
        good.replace("\r\n--b--\r\n", ""),
        good.replace("hello", "x\r\n--bc\r\n"),
        good.replace("hello", &format!("x\n{hidden}y")),
        good.replace("hello", &format!("{filler}x{hidden}y")),
        good.replace("--b", "--c"),
        "--b".into(),
        "--b\r\n".into(),
        format!("--b\r\n{HEAD}\r\n\r\n--b--\r\n"),
        "x".into(),
    ] {
        assert_refused(text).await;
    }
}

#[tokio::test]
async fn parts_of_known_clients_pass() {
    let long = "x\r\n--a\n-".repeat(AHEAD / 4);
    for head in [
        HEAD,
        "Content-Disposition: form-data; name=message",
        "content-disposition:form-data;name=\"message\"",
        "Content-Disposition: form-data; name=\"source\"; filename=\"it's a method.jpg\"\r\nContent-Type: image/jpeg",
        "Content-Disposition: form-data; name=\"source\"; filename=\"\u{e9}.jpg\"; filename*=utf-8''%c3%a9.jpg",
        "Content-Disposition: form-data; name=\"a[b]\"\r\nContent-Type: text/plain; charset=UTF-8\r\n\
         Content-Transfer-Encoding: 8bit",
        "Content-Type: application/octet-stream\r\nContent-Length: 1\r\n\
         Content-Disposition: form-data; name=\"f\"; filename=\"a=b&c.bin\"\r\nContent-Transfer-Encoding: binary",
    ] {
        for value in ["", "x", "\r\n", "&method=delete", "name=\"method\"", &long] {
            let text = part(head, value);
            assert_eq!(checked(MULTIPART, &text).await, Ok(()), "{head}");
            assert_eq!(checked(MULTIPART, text.trim_ascii_end()).await, Ok(()), "{head}");
        }
    }
    assert_eq!(checked(MULTIPART, "--b--\r\n").await, Ok(()), "a form without members");
    let dashes = "-".repeat(24);
    let curl = format!("--{dashes}1f\r\n{HEAD}\r\n\r\n{dashes}-\r\n--{dashes}1f--\r\n");
    assert_eq!(checked(&format!("multipart/form-data; boundary={dashes}1f"), curl).await, Ok(()));
}
