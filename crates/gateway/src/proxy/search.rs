//! Finds a caller token inside a request body before a provider gets it.
//!
//! Some SDKs put the token they were given into forms (facebook-sdk), into the fields of an upload (facebook-sdk) or into the
//! parts of a batch (Google). Forms and multipart bodies of every kind are searched, in every spelling that the leak guard
//! knows: up to [`AHEAD`] bytes before anything is sent, longer ones while they stream. A hit there ends the request
//! before the last byte of the token is sent.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use leak_guard::{LeakGuard, Scrubber};

use super::bodies::{Prefixed, Read, read_ahead};
use crate::body::{self, Body, BoxError, RequestBodyFault, TokenInBody};
use crate::call_error::CallError;
use crate::problem::Problem;

/// How much of a body is read before the first byte goes out: whole forms of the usual size, so that the provider sees nothing
/// of those that are refused. Longer ones need no more, since no byte of a token goes out in any case.
const AHEAD: usize = 64 * 1024;

/// How much is searched before other tasks of the thread have their turn.
const PIECE: usize = 16 * 1024;

/// Whether bodies of this type are searched.
fn is_searched(headers: &HeaderMap) -> bool {
    headers.get_all(CONTENT_TYPE).iter().any(|value| {
        let text = value.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        text.eq_ignore_ascii_case(b"application/x-www-form-urlencoded")
            || text.get(..10).is_some_and(|kind| kind.eq_ignore_ascii_case(b"multipart/"))
    })
}

/// Gives the body back when it holds no token.
pub(super) async fn search(headers: &HeaderMap, body: Body, token: Option<&str>) -> Result<Body, Problem> {
    let Some(token) = token else { return Ok(body) };
    if http_body::Body::is_end_stream(&body) || !is_searched(headers) {
        return Ok(body);
    }
    let guard = LeakGuard::new(&[token], false);
    let read = read_ahead(body, AHEAD).await.map_err(|error| {
        crate::error_table::request_body(RequestBodyFault::find(&*error).unwrap_or(RequestBodyFault::Broken))
    })?;
    let (first, rest) = match read {
        Read::Whole(bytes) => (bytes, None),
        Read::Partial(bytes, rest) => (bytes, Some(rest)),
    };
    let mut scrubber = guard.scrubber();
    let Some(rest) = rest else {
        let found = has_token(&mut scrubber, &first, true).await;
        return if found { Err(CallError::TokenInBody.into()) } else { Ok(body::full(first)) };
    };
    if has_token(&mut scrubber, &first, false).await {
        return Err(CallError::TokenInBody.into());
    }
    // The scrubber holds the end of the first part: it may be the beginning of a token.
    let decided = first.slice(..first.len() - scrubber.held());
    let searched = Searched { inner: rest, waiting: Bytes::new(), scrubber, ended: false };
    Ok(Prefixed::body(decided, searched.boxed_unsync()))
}

/// Searches `data` piece by piece; with `last` nothing follows it.
async fn has_token(scrubber: &mut Scrubber, data: &Bytes, last: bool) -> bool {
    for at in (0..data.len()).step_by(PIECE) {
        if at > 0 {
            tokio::task::yield_now().await;
        }
        scrubber.push(data.slice(at..data.len().min(at + PIECE)));
        if scrubber.take_hits() > 0 {
            return true;
        }
    }
    if last {
        scrubber.finish();
    }
    scrubber.take_hits() > 0
}

/// A long body that is searched while it streams.
struct Searched {
    inner: Body,
    /// What has arrived and is not searched yet: at most a piece is searched each time the body is polled.
    waiting: Bytes,
    scrubber: Scrubber,
    ended: bool,
}

impl http_body::Body for Searched {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        while !self.ended {
            if self.waiting.is_empty() {
                match ready!(Pin::new(&mut self.inner).poll_frame(cx)) {
                    Some(Ok(frame)) => match frame.into_data() {
                        Ok(data) => self.waiting = data,
                        Err(_) => continue,
                    },
                    Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                    None => self.ended = true,
                }
            }
            let length = self.waiting.len().min(PIECE);
            let piece = self.waiting.split_to(length);
            let out = if self.ended { self.scrubber.finish() } else { self.scrubber.push(piece) };
            if self.scrubber.take_hits() > 0 {
                self.ended = true;
                return Poll::Ready(Some(Err(TokenInBody.into())));
            }
            if !out.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(out))));
            }
        }
        Poll::Ready(None)
    }

    fn size_hint(&self) -> SizeHint {
        // Nothing is replaced in what passes, so the length stays what was declared.
        let mut hint = self.inner.size_hint();
        let held = (self.scrubber.held() + self.waiting.len()) as u64;
        if let Some(exact) = hint.exact() {
            hint.set_exact(exact + held);
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::outcome::Code;

    const TOKEN: &str = "eyJhbGciOi.eyJzdWIi.c2lnbmF0dXJl";

    fn typed(kind: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
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
        for kind in ["application/json", "application/multipart", "multipar"] {
            assert_eq!(code(kind, TOKEN.to_owned()).await, Ok(TOKEN.len()), "{kind}");
        }
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
        let guard = LeakGuard::new(&[TOKEN], false);
        let mut scrubber = guard.scrubber();
        let data = Bytes::from("%41".repeat(AHEAD / 3));
        assert!(!has_token(&mut scrubber, &data, true).await);
        other.abort();
        assert!(turns.load(Ordering::Relaxed) >= AHEAD / PIECE - 1);
    }
}
