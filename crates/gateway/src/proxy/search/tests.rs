use http::HeaderValue;

use super::*;
use crate::body::{self, BoxError};
use crate::outcome::Code;
use crate::proxy::inspect::PIECE;
use bytes::Bytes;
use http_body::Frame;
use http_body_util::BodyExt as _;

const TOKEN: &str = "eyJhbGciOi.eyJzdWIi.c2lnbmF0dXJl";

fn typed(kind: &'static str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if !kind.is_empty() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    headers
}

async fn code(kind: &'static str, text: String) -> Result<usize, Code> {
    match search(&typed(kind), body::full(text), Some(TOKEN)).await {
        Ok(body) => match body.collect().await {
            Ok(all) => Ok(all.to_bytes().len()),
            Err(error) => {
                assert!(error.is::<TokenInBody>());
                Err(Code::CallerTokenInBody)
            }
        },
        Err(problem) => Err(problem.code()),
    }
}

#[tokio::test]
async fn tm_r12_tokens_in_forms_and_batches_are_found_however_long_the_body() {
    let form = "application/x-www-form-urlencoded; charset=utf-8";
    let encoded = TOKEN.replace('.', "%2E");
    for text in [format!("access_token={TOKEN}"), format!("a=b&t={encoded}")] {
        assert_eq!(code(form, text).await, Err(Code::CallerTokenInBody));
    }
    let part = format!("--b\r\nAuthorization: Bearer {TOKEN}\r\n\r\n--b--");
    for kind in
        ["Multipart/Mixed; boundary=b", "multipart/form-data; boundary=b", "multipart/related;boundary=b"]
    {
        assert_eq!(code(kind, part.clone()).await, Err(Code::CallerTokenInBody), "{kind}");
    }
    for before in [AHEAD - 3, AHEAD + 100_000] {
        let long = format!("{}{TOKEN}", "x".repeat(before));
        assert_eq!(code(form, long).await, Err(Code::CallerTokenInBody), "{before}");
    }
}

#[tokio::test]
async fn clean_and_other_bodies_pass() {
    let text = "x".repeat(AHEAD * 2);
    assert_eq!(code("application/x-www-form-urlencoded", text.clone()).await, Ok(AHEAD * 2));
    assert_eq!(code("multipart/form-data; boundary=b", text).await, Ok(AHEAD * 2));
    for kind in ["application/json", "application/multipart", "multipar", "text/plain", "image/png"] {
        assert_eq!(code(kind, TOKEN.to_owned()).await, Ok(TOKEN.len()), "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_upload_without_a_type_is_sent_while_it_arrives_and_ends_at_a_token() {
    let (tell, told) = tokio::sync::oneshot::channel::<()>();
    let first = futures_util::stream::once(async { Ok::<_, BoxError>(Frame::data(Bytes::from("first"))) });
    let second = futures_util::stream::once(async {
        told.await?;
        Ok(Frame::data(Bytes::from(TOKEN)))
    });
    let frames = futures_util::StreamExt::chain(first, second);
    let body = http_body_util::StreamBody::new(frames).boxed_unsync();
    let headers = HeaderMap::new();
    let searching = search(&headers, body, Some(TOKEN));
    let mut body = tokio::time::timeout(std::time::Duration::from_secs(1), searching).await.unwrap().unwrap();
    let frame = body.frame().await.unwrap().unwrap();
    assert_eq!(frame.into_data().unwrap(), "first", "the rest has not arrived");
    tell.send(()).unwrap();
    assert!(body.frame().await.unwrap().unwrap_err().is::<TokenInBody>());
}

#[tokio::test]
async fn other_tasks_run_between_the_pieces_of_a_long_body() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    let turns = std::sync::Arc::new(AtomicUsize::new(0));
    let counter = std::sync::Arc::clone(&turns);
    let other = tokio::spawn(async move {
        loop {
            counter.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
        }
    });
    let form = body::full("%41".repeat(AHEAD / 3));
    assert!(search(&typed("application/x-www-form-urlencoded"), form, Some(TOKEN)).await.is_ok());
    other.abort();
    assert!(turns.load(Ordering::Relaxed) >= AHEAD / PIECE - 1);
}

/// A form's escapes are of bytes of its charset: in UTF-16 `%00t%00o` is `to`.
#[tokio::test]
async fn tm_r12_only_charsets_made_of_ascii_bytes_are_searched() {
    let form = "application/x-www-form-urlencoded";
    let typed = |parameter: &str| {
        let value = HeaderValue::from_str(&format!("{form}{parameter}")).unwrap();
        HeaderMap::from_iter([(CONTENT_TYPE, value)])
    };
    for good in [
        "",
        ";charset=UTF-8",
        "; charset=\"utf-8\"",
        ";charset=utf8 ; x=y",
        "; charset = us-ascii",
        "; charset=utf-8; charset=iso-8859-15",
        "; charset=windows-1252",
    ] {
        assert!(is_plain(&typed(good)), "{good}");
    }
    for bad in [
        "; charset=utf-16",
        "; charset=UTF-16LE",
        "; charset=\"utf-16be\"",
        ";charset=utf-32",
        "; charset=utf-7",
        "; charset=\" utf-7\"",
        "; charset=\"\\utf-7\"",
        "; charset=utf-8; charset=utf-16",
        "; charset=utf-16; charset=utf-8",
        "; charset=utf-8-mac",
        "; charset=utf-8\u{e9}",
        "; charset=iso-8859-1x",
        "; charset=iso-8859-",
        "; charset*=utf-7''x",
        "; charset*0=utf-; charset*1=7",
        "; charset",
        "; charset=",
        "; charset:utf-7",
        "; x=\"charset=utf-7\"",
        "; charset=ebcdic-cp-us",
        "; charset=hz-gb-2312",
        "; charset=iso-2022-jp",
    ] {
        assert!(!is_plain(&typed(bad)), "{bad}");
        let found = search(&typed(bad), body::full("t=x"), Some(TOKEN)).await;
        assert_eq!(found.err().map(|problem| problem.code()), Some(Code::BadRequest), "{bad}");
    }
}

#[tokio::test]
async fn tm_r12_odd_types_and_encodings_of_forms_hide_no_token() {
    let text = format!("t={TOKEN}");
    for kind in [
        "",
        "application/x-www-form-urlencoded, x",
        "x-www-form-urlencoded",
        "APPLICATION/X-WWW-FORM-URLENCODED ;charset=\"ISO-8859-1\"",
        "text/plain, multipart/form-data; boundary=b",
    ] {
        assert_eq!(code(kind, text.clone()).await, Err(Code::CallerTokenInBody), "{kind}");
    }
    for kind in ["application/x-www-form-urlencoded; charset=utf-7", "multipart/mixed; charset = 'ibm037'"] {
        assert_eq!(code(kind, "a=b".to_owned()).await, Err(Code::BadRequest), "{kind}");
    }
    for (coding, passes) in [("gzip", false), ("identity", true), ("br, identity", false)] {
        let mut headers = typed("multipart/form-data; boundary=b");
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
        let found = search(&headers, body::full("x"), Some(TOKEN)).await;
        assert_eq!(found.is_ok(), passes, "{coding}");
    }
}

#[tokio::test]
async fn tm_r12_line_breaks_and_transfer_encodings_of_parts_hide_no_token() {
    use base64::Engine as _;
    let encoded = base64::engine::general_purpose::STANDARD.encode(format!("name: {TOKEN}\r\n{TOKEN}"));
    let wrapped: Vec<&str> =
        encoded.as_bytes().chunks(20).map(|line| str::from_utf8(line).unwrap()).collect();
    let quoted = TOKEN.replace('.', "=2E").replace("eyJz", "eyJ=\r\nz").replace("c2ln", "c2l=\nn");
    for value in [wrapped.join("\r\n"), wrapped.join("\n"), quoted, TOKEN.replace("Gci", "\r\nGci")] {
        let part = |before: usize| {
            format!("--b\r\nContent-Transfer-Encoding: x\r\n\r\n{}\r\n{value}\r\n--b--", "x".repeat(before))
        };
        for before in [0, AHEAD - 60, AHEAD + 100_000] {
            let found = code("multipart/related; boundary=b", part(before)).await;
            assert_eq!(found, Err(Code::CallerTokenInBody), "{before} {value}");
        }
    }
}

#[test]
fn tm_r17_the_caller_token_is_found_in_targets_and_headers() {
    let target = |text: &str| text.parse::<PathAndQuery>().unwrap();
    let (no_headers, none) = (HeaderMap::new(), EndToEnd::none());
    let dots = TOKEN.replace('.', "%2E");
    for (path, error) in [
        (format!("/a?token={TOKEN}"), CallError::TokenInQuery),
        (format!("/a?user[x]=1&y={}", dots.replace('%', "%25")), CallError::TokenInQuery),
        (format!("/a/{TOKEN}/b"), CallError::TokenInPath),
    ] {
        assert_eq!(in_head(&target(&path), &no_headers, &none, Some(TOKEN)), Err(error), "{path}");
    }
    for (name, value) in [
        ("x-auth-token", TOKEN.to_owned()),
        ("private-token", format!("Bearer {TOKEN}")),
        ("content-type", format!("multipart/form-data; boundary={TOKEN}")),
        ("x-encoded", dots.clone()),
        (&*format!("x-{}", TOKEN.to_ascii_lowercase()), "1".to_owned()),
    ] {
        let name = http::HeaderName::from_bytes(name.as_bytes()).unwrap();
        let headers = HeaderMap::from_iter([(name, HeaderValue::from_str(&value).unwrap())]);
        assert_eq!(
            in_head(&target("/a"), &headers, &none, Some(TOKEN)),
            Err(CallError::TokenInHeader),
            "{value}"
        );
    }
    // What goes to a download host only (`Range`, of providers that repeat the token).
    let range = HeaderMap::from_iter([(http::header::RANGE, HeaderValue::from_str(TOKEN).unwrap())]);
    let range = EndToEnd::of(&range).unwrap();
    assert_eq!(in_head(&target("/a"), &no_headers, &range, Some(TOKEN)), Err(CallError::TokenInHeader));
    let long = "x".repeat(3 * TOKEN.len());
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_str(&long).unwrap())]);
    assert_eq!(in_head(&target(&format!("/{long}?{long}")), &headers, &none, Some(TOKEN)), Ok(()));
    assert_eq!(in_head(&target(&format!("/{TOKEN}")), &headers, &none, None), Ok(()));
}

/// Frames of these lengths, all at hand.
fn framed(lengths: &[usize]) -> Body {
    let frames: Vec<_> =
        lengths.iter().map(|length| Ok::<_, BoxError>(Frame::data(vec![b'x'; *length].into()))).collect();
    http_body_util::StreamBody::new(futures_util::stream::iter(frames)).boxed_unsync()
}

#[tokio::test]
async fn tm_o11_a_body_of_the_caller_is_searched_in_pieces_while_it_is_sent() {
    let form = typed("application/x-www-form-urlencoded");
    let mut body = search(&form, framed(&[AHEAD, 64 * PIECE]), Some(TOKEN)).await.ok().unwrap();
    let mut longest = Vec::new();
    while let Some(frame) = body.frame().await {
        longest.push(frame.unwrap().into_data().unwrap().len());
    }
    assert_eq!(longest.iter().sum::<usize>(), AHEAD + 64 * PIECE);
    assert!(longest.iter().skip(1).all(|length| *length <= PIECE + TOKEN.len()), "{longest:?}");
}
