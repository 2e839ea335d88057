//! Bodies: whole, or in pieces as they come.

use std::{
    error::Error,
    fmt,
    future::poll_fn,
    pin::Pin,
    sync::{Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, TryStreamExt};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;

use crate::{TransportError, TransportErrorKind};

/// Why a body broke off, in the words of what it comes from: a [`Transport`](crate::Transport), or a stream of yours.
#[derive(Debug)]
pub struct BodyError(BoxError);

type BoxError = Box<dyn Error + Send + Sync>;
type Pieces = Pin<Box<dyn Stream<Item = Result<Bytes, BodyError>> + Send>>;

/// The body of a request or of an answer: bytes that are there, or pieces that come one after another.
///
/// It is an `http_body::Body`, as clients made with hyper take it. `Debug` shows none of its bytes.
///
/// ```
/// use api_transport::{Body, bytes::Bytes};
/// use futures_util::stream;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let pieces = [Ok::<_, std::io::Error>(Bytes::from_static(b"first ")), Ok(Bytes::from_static(b"second"))];
/// let mut body = Body::from_stream(stream::iter(pieces));
/// assert_eq!(body.chunk().await?.as_deref(), Some(&b"first "[..]));
/// assert_eq!(body.collect(1024).await?, "second");
/// # Ok(())
/// # }
/// ```
pub struct Body(Kind);

enum Kind {
    Whole(Bytes),
    /// Never locked: it makes the body `Sync`, which some clients require.
    Pieces(Mutex<Pieces>),
}

impl Body {
    /// No bytes.
    #[must_use]
    pub const fn empty() -> Self {
        Self(Kind::Whole(Bytes::new()))
    }

    /// The pieces of a stream. It ends with the first error.
    pub fn from_stream<S, E>(stream: S) -> Self
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        Self(Kind::Pieces(Mutex::new(Box::pin(stream.map_err(BodyError::new)))))
    }

    /// The bytes of another body, such as that of hyper's answer. Trailers are dropped.
    pub fn new<B>(body: B) -> Self
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        Self::from_stream(body.into_data_stream())
    }

    /// The bytes, if they are there.
    ///
    /// # Errors
    /// They come in pieces; this is the body again.
    pub fn into_whole(self) -> Result<Bytes, Self> {
        match self.0 {
            Kind::Whole(bytes) => Ok(bytes),
            Kind::Pieces(_) => Err(self),
        }
    }

    /// The next piece, `None` at the end.
    ///
    /// # Errors
    /// The body broke off.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, BodyError> {
        poll_fn(|cx| self.poll_piece(cx)).await.transpose()
    }

    /// Waits for all of it, at most `max` bytes.
    ///
    /// # Errors
    /// [`TransportErrorKind::TooLarge`], or [`BodyError::kind`] where the body broke off.
    pub async fn collect(mut self, max: usize) -> Result<Bytes, TransportError> {
        let mut all = BytesMut::new();
        if let Kind::Whole(bytes) = self.0 {
            return if bytes.len() > max { Err(too_large()) } else { Ok(bytes) };
        }
        while let Some(piece) = self.chunk().await? {
            if piece.len() > max - all.len() {
                return Err(too_large());
            }
            all.extend_from_slice(&piece);
        }
        Ok(all.freeze())
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        match &mut self.0 {
            Kind::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Kind::Whole(bytes) => Poll::Ready(Some(Ok(std::mem::take(bytes)))),
            Kind::Pieces(pieces) => {
                let pieces = pieces.get_mut().unwrap_or_else(PoisonError::into_inner);
                let piece = ready!(pieces.as_mut().poll_next(cx));
                if !matches!(piece, Some(Ok(_))) {
                    // A stream is not to be polled after its end.
                    self.0 = Kind::Whole(Bytes::new());
                }
                Poll::Ready(piece)
            }
        }
    }
}

impl BodyError {
    fn new(error: impl Into<BoxError>) -> Self {
        // A body around a body has one error.
        error.into().downcast::<Self>().map_or_else(Self, |error| *error)
    }

    /// What it means for the exchange: what the transport says; [`TransportErrorKind::Broken`] for any other error.
    #[must_use]
    pub fn kind(&self) -> TransportErrorKind {
        self.0.downcast_ref().map_or(TransportErrorKind::Broken, TransportError::kind)
    }

    /// The error that the stream ended with.
    #[must_use]
    pub fn into_inner(self) -> Box<dyn Error + Send + Sync> {
        self.0
    }
}

/// What the transport said, or [`TransportErrorKind::Broken`] with the error of the stream as its cause.
impl From<BodyError> for TransportError {
    fn from(error: BodyError) -> Self {
        let kind = error.kind();
        error.0.downcast::<Self>().map_or_else(|cause| Self::new(kind, cause), |error| *error)
    }
}

fn too_large() -> TransportError {
    TransportErrorKind::TooLarge.into()
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for BodyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::empty()
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self(Kind::Whole(bytes))
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Bytes::from_static(text.as_bytes()).into()
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.get_mut().poll_piece(cx).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.0, Kind::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Pieces(_) => SizeHint::default(),
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Whole(bytes) => write!(f, "Body({} bytes)", bytes.len()),
            Kind::Pieces(_) => f.write_str("Body(in pieces)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    fn pieces(of: &[Result<&'static str, TransportErrorKind>]) -> Body {
        let piece = |piece: &Result<&'static str, TransportErrorKind>| {
            piece.map(|text| Bytes::from_static(text.as_bytes())).map_err(TransportError::from)
        };
        let of: Vec<_> = of.iter().map(piece).collect();
        Body::from_stream(stream::iter(of))
    }

    #[tokio::test]
    async fn whole_bodies_and_pieces_are_read_the_same_way() {
        for body in
            [Body::from("abcd"), pieces(&[Ok("ab"), Ok(""), Ok("cd")]), Body::new(pieces(&[Ok("abcd")]))]
        {
            assert_eq!(body.collect(4).await.unwrap(), "abcd");
        }
        for body in [Body::from("abcd"), pieces(&[Ok("ab"), Ok("cd")])] {
            assert_eq!(body.collect(3).await.unwrap_err().kind(), TransportErrorKind::TooLarge);
        }
        let mut body = pieces(&[Ok("ab"), Ok("cd")]);
        assert_eq!(body.chunk().await.unwrap().unwrap(), "ab");
        assert_eq!(body.collect(2).await.unwrap(), "cd");
        assert_eq!(Body::empty().collect(0).await.unwrap(), "");
    }

    #[tokio::test]
    async fn a_body_ends_with_its_first_error_and_says_which() {
        let mut body = pieces(&[Ok("ab"), Err(TransportErrorKind::Timeout), Ok("cd")]);
        assert_eq!(body.chunk().await.unwrap().unwrap(), "ab");
        assert_eq!(body.chunk().await.unwrap_err().kind(), TransportErrorKind::Timeout);
        assert_eq!(body.chunk().await.unwrap(), None);
        let nested = Body::new(pieces(&[Err(TransportErrorKind::Timeout)]));
        assert_eq!(nested.collect(1).await.unwrap_err().kind(), TransportErrorKind::Timeout);
        let full = || Body::from_stream(stream::iter([Err::<Bytes, _>("disk full")]));
        assert_eq!(full().chunk().await.unwrap_err().to_string(), "disk full");
        let error = full().collect(1).await.unwrap_err();
        assert_eq!(error.kind(), TransportErrorKind::Broken);
        assert_eq!(error.source().unwrap().to_string(), "disk full");
    }

    #[tokio::test]
    async fn hyper_sees_sizes_and_ends() {
        let whole = Body::from("abcd");
        assert_eq!((whole.size_hint().exact(), whole.is_end_stream()), (Some(4), false));
        assert_eq!(whole.into_whole().unwrap(), "abcd");
        assert!(Body::default().is_end_stream());
        let streamed = pieces(&[Ok("ab")]);
        assert_eq!(streamed.size_hint().exact(), None);
        assert_eq!(format!("{streamed:?} {:?}", Body::from("secret")), "Body(in pieces) Body(6 bytes)");
        assert!(streamed.into_whole().is_err());
    }
}
