//! The trait and what belongs to its signature.

use std::{error::Error, fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use secrecy::zeroize::Zeroize as _;

use crate::Body;

/// A boxed future, as object-safe traits return it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What one exchange may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// From the start of the request to the last byte of the answer.
    pub timeout: Duration,
    /// The largest body in bytes of an answer that is kept whole; a larger one is an error, not cut.
    pub max_body: usize,
}

impl Limits {
    /// These limits.
    #[must_use]
    pub const fn new(timeout: Duration, max_body: usize) -> Self {
        Self { timeout, max_body }
    }
}

/// Sends requests, one at a time.
///
/// An implementation follows no redirects, repeats nothing, and keeps both limits. Its errors contain no URL.
///
/// One that answers by itself, for a test:
///
/// ```
/// use api_transport::{BoxFuture, Limits, Transport, TransportError, bytes::Bytes, http::{Request, Response}};
///
/// #[derive(Debug)]
/// struct Canned(&'static str);
///
/// impl Transport for Canned {
///     fn send(&self, _: Request<Bytes>, _: Limits) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
///         Box::pin(std::future::ready(Ok(Response::new(Bytes::from_static(self.0.as_bytes())))))
///     }
/// }
/// ```
///
/// `examples/hyper.rs` is one over a pooled hyper client.
pub trait Transport: fmt::Debug + Send + Sync + 'static {
    /// Sends one request and reads the whole answer. The URI is absolute.
    ///
    /// # Errors
    /// No whole answer came within the limits.
    fn send(
        &self,
        request: Request<Bytes>,
        limits: Limits,
    ) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>>;

    /// Sends one request and answers as soon as the head of the answer is there; bodies go and come in pieces. The timeout is
    /// to the last byte of the answer, as for [`send`](Self::send). A transport that streams has no use for
    /// [`Limits::max_body`]: who reads the pieces counts them.
    ///
    /// This one is made of `send`: it keeps both bodies whole, at most [`Limits::max_body`] each, and the time that the body of the
    /// request takes to come is not counted. A transport over a client that streams has its own.
    ///
    /// # Errors
    /// No answer came within the limits, or the body of the request broke off. What happens to the answer later, its body says.
    fn open(
        &self,
        request: Request<Body>,
        limits: Limits,
    ) -> BoxFuture<'_, Result<Response<Body>, TransportError>> {
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let body = body.collect(limits.max_body).await.map_err(|error| match error.kind() {
                TransportErrorKind::TooLarge => error,
                // Nothing was sent.
                _ => TransportError::new(TransportErrorKind::Invalid, error),
            })?;
            Ok(self.send(Request::from_parts(head, body), limits).await?.map(Body::from))
        })
    }
}

/// Why no whole answer came, and as its `source()` what the client says about that, which may name hosts and addresses. `Debug` shows
/// the kind alone.
#[derive(Clone)]
pub struct TransportError {
    kind: TransportErrorKind,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

/// What a [`TransportError`] means for the exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransportErrorKind {
    /// The request cannot be sent over HTTP, such as without a host.
    Invalid,
    /// The request would go over plain `http` to a host that is not loopback.
    Insecure,
    /// No connection: address, name resolution, TLS.
    Connect,
    /// Not within [`Limits::timeout`].
    Timeout,
    /// Larger than [`Limits::max_body`].
    TooLarge,
    /// The connection broke, or the answer was not HTTP.
    Broken,
}

impl TransportError {
    /// An error with its cause. The cause must not show a URL: URLs can contain secrets.
    #[must_use]
    pub fn new(kind: TransportErrorKind, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind, source: Some(cause.into().into()) }
    }

    /// What it means for the exchange.
    #[must_use]
    pub const fn kind(&self) -> TransportErrorKind {
        self.kind
    }

    /// Whether the server can have received the request, and so can have acted on it.
    #[must_use]
    pub const fn may_have_been_sent(&self) -> bool {
        use TransportErrorKind as Kind;
        !matches!(self.kind, Kind::Invalid | Kind::Insecure | Kind::Connect)
    }
}

impl From<TransportErrorKind> for TransportError {
    fn from(kind: TransportErrorKind) -> Self {
        Self { kind, source: None }
    }
}

impl fmt::Display for TransportErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Invalid => "the request cannot be sent over HTTP",
            Self::Insecure => "plain http is for loopback addresses only; use https",
            Self::Connect => "no connection: check address, DNS, TLS and the network",
            Self::Timeout => "no whole answer in time",
            Self::TooLarge => "the answer is larger than it may be",
            Self::Broken => "the connection broke before the answer was whole",
        })
    }
}

impl fmt::Debug for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TransportError").field(&self.kind).finish()
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl Error for TransportError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// Overwrites a body that contains secrets, if no other handle shares its memory.
pub fn wipe(body: Bytes) {
    if let Ok(mut body) = body.try_into_mut() {
        body.as_mut().zeroize();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    /// Answers with what it gets.
    #[derive(Debug)]
    struct Echo;

    impl Transport for Echo {
        fn send(
            &self,
            request: Request<Bytes>,
            _: Limits,
        ) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
            Box::pin(std::future::ready(Ok(Response::new(request.into_body()))))
        }
    }

    #[tokio::test]
    async fn a_transport_that_does_not_stream_keeps_bodies_whole_within_the_limit() {
        let limits = Limits::new(Duration::from_secs(1), 4);
        let transport = Echo;
        let open = |pieces: Vec<Result<Bytes, &'static str>>| {
            transport.open(Request::new(Body::from_stream(stream::iter(pieces))), limits)
        };
        let answer = open(vec![Ok("ab".into()), Ok("cd".into())]).await.unwrap();
        assert_eq!(answer.into_body().into_whole().unwrap(), "abcd");
        let answer = open(vec![Ok("ab".into()), Ok("cde".into())]).await;
        assert_eq!(answer.unwrap_err().kind(), TransportErrorKind::TooLarge);
        let answer = open(vec![Ok("ab".into()), Err("disk full")]).await;
        let error = answer.unwrap_err();
        assert_eq!(error.kind(), TransportErrorKind::Invalid);
        let behind = error.source().and_then(Error::source).unwrap();
        assert_eq!(behind.to_string(), "disk full");
    }

    #[test]
    fn only_failures_before_the_first_byte_are_surely_without_effect() {
        use TransportErrorKind as Kind;
        let may_have_been_sent = |kind| TransportError::from(kind).may_have_been_sent();
        assert!([Kind::Timeout, Kind::TooLarge, Kind::Broken].into_iter().all(may_have_been_sent));
        assert!(![Kind::Invalid, Kind::Insecure, Kind::Connect].into_iter().any(may_have_been_sent));
    }
}
