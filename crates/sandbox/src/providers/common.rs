//! `/sandbox/...`: what every provider serves besides its own API, to a good token only. Big downloads,
//! uploads that are counted, slow streams, echoes of the token in every encoding.

use std::sync::Arc;
use std::time::Duration;

use ::http::Response;
use bytes::Bytes;
use serde_json::{Value, json};

use super::query::number;
use super::session::Session;
use crate::http::{Answer, Body, streamed};
use crate::inner::Inner;
use crate::journal::entry::Entry;
use crate::refusals::trouble::Trouble;
use crate::text;

/// | path under `/sandbox/` | answer |
/// |---|---|
/// | `download?bytes=N` | N bytes of a repeating pattern, streamed with `Content-Length` |
/// | `upload` | any method: how many bytes came, and their SHA-256 |
/// | `slow?chunks=N&bytes=M&millis=T` | N chunks of M bytes, T ms apart, without `Content-Length` |
/// | `held/{name}` | `first`, then, once the test releases the barrier of that name, `second` |
/// | `echo` | method, target, headers and body as they were seen |
/// | `leak?as=FORM&split=N` | the caller's token in one encoding, cut into two chunks at N |
/// | `status/{n}` | that status with an empty JSON object |
/// | `redirect?to=URL&status=N` | a redirect to any URL |
/// | `trouble/{name}` | one of the provider's own refusals, see [`Trouble`] |
/// | `raw-header/{name}?hex=BYTES` | a header of any bytes, in hexadecimal digits |
/// | `gzip` | a compressed body although no compression was requested |
pub(crate) fn answer(inner: &Arc<Inner>, entry: &Entry, session: &Session, rest: &[&str]) -> Response<Body> {
    match rest {
        ["download"] => download(entry),
        ["upload"] => {
            Answer::json(200, &json!({ "received": entry.body_length(), "sha256": entry.body_sha256() }))
                .into_response()
        }
        ["slow"] => slow(entry),
        ["held", name] => held(inner, name),
        ["echo"] => echo(entry),
        ["leak"] => leak(entry, &session.token),
        ["status", status] => Answer::json(status.parse().unwrap_or(500), &json!({})).into_response(),
        ["redirect"] => {
            let status = u16::try_from(number(entry, "status", 302, 399)).unwrap_or(302);
            Answer::redirect(status, &entry.param("to").unwrap_or_default()).into_response()
        }
        ["trouble", name] => match Trouble::named(session.account.kind, name) {
            Some(trouble) => trouble.answer().clone().into_response(),
            None => no_page(),
        },
        ["raw-header", name] => {
            let bytes = text::from_hex(&entry.param("hex").unwrap_or_default()).unwrap_or_default();
            Answer::json(200, &json!({ "ok": true })).header_bytes(name, &bytes).into_response()
        }
        ["gzip"] => {
            // An empty gzip member; what is in it does not matter.
            let member = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            Answer::new(200)
                .header("content-type", "application/json")
                .header("content-encoding", "gzip")
                .body(member)
                .into_response()
        }
        _ => no_page(),
    }
}

fn no_page() -> Response<Body> {
    Answer::json(404, &json!({ "message": "the sandbox has no such page" })).into_response()
}

/// 64 KiB whose content depends on nothing.
fn pattern() -> Bytes {
    let block: Vec<u8> = (0..=255).cycle().take(64 << 10).collect();
    Bytes::from(block)
}

fn download(entry: &Entry) -> Response<Body> {
    let bytes = number(entry, "bytes", 1 << 20, usize::MAX) as u64;
    let mut response = streamed("application/octet-stream", Some(bytes), move |sender| async move {
        let block = pattern();
        let mut left = bytes;
        while left > 0 {
            let chunk = block.slice(..block.len().min(usize::try_from(left).unwrap_or(usize::MAX)));
            left -= chunk.len() as u64;
            if sender.send(chunk).await.is_err() {
                return;
            }
        }
    });
    response.headers_mut().insert("content-length", bytes.into());
    response
}

fn slow(entry: &Entry) -> Response<Body> {
    let chunks = number(entry, "chunks", 5, 100_000);
    let chunk = Bytes::from(vec![b'.'; number(entry, "bytes", 16, 1 << 20)]);
    let pause = Duration::from_millis(number(entry, "millis", 100, 600_000) as u64);
    streamed("text/plain", None, move |sender| async move {
        for index in 0..chunks {
            if index > 0 {
                tokio::time::sleep(pause).await;
            }
            if sender.send(chunk.clone()).await.is_err() {
                return;
            }
        }
    })
}

fn held(inner: &Arc<Inner>, name: &str) -> Response<Body> {
    let hold = inner.hold(name);
    streamed("text/plain", None, move |sender| async move {
        if sender.send(Bytes::from_static(b"first")).await.is_ok() {
            hold.passed().await;
            let _ = sender.send(Bytes::from_static(b"second")).await;
        }
    })
}

fn echo(entry: &Entry) -> Response<Body> {
    let headers: Vec<Value> = entry
        .headers()
        .iter()
        .map(|(name, value)| json!([name.as_str(), String::from_utf8_lossy(value.as_bytes())]))
        .collect();
    let body = String::from_utf8_lossy(entry.body()).into_owned();
    Answer::json(
        200,
        &json!({ "method": entry.method().as_str(), "target": entry.target(), "headers": headers, "body": body }),
    )
    .into_response()
}

/// The token as an echoing provider might show it.
fn encoded(token: &str, form: &str) -> String {
    let percent = |upper: bool| {
        token.bytes().fold(String::new(), |out, byte| {
            out + &if upper { format!("%{byte:02X}") } else { format!("%{byte:02x}") }
        })
    };
    match form {
        "percent" => text::encode(token),
        "percent-lower" => percent(false),
        "percent-upper" => percent(true),
        "json" => token.replace('/', "\\/"),
        "json-unicode" => token.replace('/', "\\u002F"),
        "base64" => text::base64(token),
        "base64-1" => text::base64(format!("x{token}")),
        "base64-2" => text::base64(format!("xy{token}")),
        "base64url" => text::base64url(token),
        "basic" => text::base64(format!("oauth2:{token}")),
        _ => token.to_owned(),
    }
}

fn leak(entry: &Entry, token: &str) -> Response<Body> {
    let form = entry.param("as").unwrap_or_default();
    if form == "header" {
        let answer =
            Answer::json(200, &json!({ "ok": true })).header("x-debug-token", format!("Bearer {token}"));
        return answer.header("location", format!("/next?access_token={token}")).into_response();
    }
    let body = Bytes::from(format!("{{\"before\":1,\"leak\":\"{}\",\"after\":2}}", encoded(token, &form)));
    let split = number(entry, "split", 0, body.len());
    let length = body.len() as u64;
    let mut response = streamed("application/json", Some(length), move |sender| async move {
        let chunks = [body.slice(..split), body.slice(split..)];
        for chunk in chunks.into_iter().filter(|chunk| !chunk.is_empty()) {
            if sender.send(chunk).await.is_err() {
                return;
            }
            // Lets the first chunk go out by itself.
            tokio::task::yield_now().await;
        }
    });
    response.headers_mut().insert("content-length", length.into());
    response
}
