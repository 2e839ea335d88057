//! Answers, as data (to hand around and to order as faults) and as streamed bodies.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use ::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use ::http::{HeaderMap, Response, StatusCode};
use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use serde_json::Value;

/// The sandbox broke the exchange off, because a fault ordered it or the caller left. On HTTP/2 the source
/// says with which error code (RFC 9113, section 7) the stream is reset; HTTP/1 loses its connection.
#[derive(Debug, Default, thiserror::Error)]
#[error("the sandbox broke this exchange off")]
pub(crate) struct Interrupted {
    #[source]
    reset: Option<h2::Error>,
}

impl Interrupted {
    /// The server did not act on the request: RFC 9113, section 8.7, lets the caller send it again.
    pub(crate) fn refused_stream() -> Self {
        Self { reset: Some(h2::Reason::REFUSED_STREAM.into()) }
    }
}

/// What every server answers with.
pub(crate) type Body = UnsyncBoxBody<Bytes, Interrupted>;

/// One complete answer: what a server says, or what a [`Fault`](crate::Fault) makes it say.
#[derive(Clone, Debug)]
pub struct Answer {
    status: StatusCode,
    // Boxed, so that a refusal is small enough to travel as an error.
    headers: Box<HeaderMap>,
    body: Bytes,
}

impl Answer {
    /// An answer without a body. A number that is no HTTP status becomes 500.
    #[must_use]
    pub fn new(status: u16) -> Self {
        Self {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            headers: Box::default(),
            body: Bytes::new(),
        }
    }

    /// A JSON answer.
    #[must_use]
    pub fn json(status: u16, body: &Value) -> Self {
        Self::new(status).header("content-type", "application/json; charset=utf-8").body(body.to_string())
    }

    /// A plain-text answer.
    #[must_use]
    pub fn text(status: u16, body: impl Into<Bytes>) -> Self {
        Self::new(status).header("content-type", "text/plain; charset=utf-8").body(body)
    }

    /// An HTML answer, as a load balancer or firewall in front of the API gives it.
    #[must_use]
    pub fn html(status: u16, body: impl Into<Bytes>) -> Self {
        Self::new(status).header("content-type", "text/html; charset=utf-8").body(body)
    }

    /// Sets a header, in place of any of that name. Names and values that HTTP forbids are left out.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<str>) -> Self {
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value.as_ref()))
        {
            self.headers.insert(name, value);
        }
        self
    }

    /// Sets a header to bytes that need not be text: those above 0x7F are allowed by RFC 9110, section 5.5,
    /// as `obs-text`. Control bytes, which HTTP forbids, are left out with the header.
    #[must_use]
    pub fn header_bytes(mut self, name: &str, value: &[u8]) -> Self {
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value))
        {
            self.headers.insert(name, value);
        }
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The body's bytes.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.body
    }

    pub(crate) fn redirect(status: u16, location: &str) -> Self {
        Self::new(status).header("location", location)
    }

    pub(crate) fn into_response(self) -> Response<Body> {
        let mut response = Response::new(full(self.body));
        *response.status_mut() = self.status;
        *response.headers_mut() = *self.headers;
        response
    }
}

pub(crate) fn full(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never: Infallible| match never {}).boxed_unsync()
}

/// A streamed answer whose chunks come from `next`; its length is announced when `length` is known.
pub(crate) fn streamed<F, Fut>(content_type: &'static str, length: Option<u64>, chunks: F) -> Response<Body>
where
    F: FnOnce(tokio::sync::mpsc::Sender<Bytes>) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    let (sender, receiver) = tokio::sync::mpsc::channel(4);
    // The producer runs inside the body: it stops with it, and a body that is not read produces nothing.
    let body = Produced { producer: Some(Box::pin(chunks(sender))), receiver, left: length };
    let mut response = Response::new(body.boxed_unsync());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

type Producer = Pin<Box<dyn Future<Output = ()> + Send>>;

struct Produced {
    producer: Option<Producer>,
    receiver: tokio::sync::mpsc::Receiver<Bytes>,
    left: Option<u64>,
}

impl http_body::Body for Produced {
    type Data = Bytes;
    type Error = Interrupted;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Interrupted>>> {
        if let Some(producer) = self.producer.as_mut()
            && producer.as_mut().poll(cx).is_ready()
        {
            self.producer = None;
        }
        match self.receiver.poll_recv(cx) {
            Poll::Ready(Some(chunk)) => {
                if let Some(left) = self.left.as_mut() {
                    *left = left.saturating_sub(chunk.len() as u64);
                }
                Poll::Ready(Some(Ok(Frame::data(chunk))))
            }
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

/// `body`, cut off after `bytes` although its full length was announced.
pub(crate) fn truncated(body: Body, bytes: u64) -> Body {
    Truncated { hint: body.size_hint(), inner: body, left: bytes }.boxed_unsync()
}

struct Truncated {
    inner: Body,
    hint: SizeHint,
    left: u64,
}

impl http_body::Body for Truncated {
    type Data = Bytes;
    type Error = Interrupted;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Interrupted>>> {
        if self.left == 0 {
            return Poll::Ready(Some(Err(Interrupted::default())));
        }
        match Pin::new(&mut self.inner).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                let Ok(mut data) = frame.into_data() else {
                    return Poll::Ready(Some(Err(Interrupted::default())));
                };
                data.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
                self.left = self.left.saturating_sub(data.len() as u64);
                Poll::Ready(Some(Ok(Frame::data(data))))
            }
            Poll::Ready(_) => Poll::Ready(Some(Err(Interrupted::default()))),
            Poll::Pending => Poll::Pending,
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.hint
    }
}
