//! The one body type of the gateway, and the few ways to make one.

use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use http_body::Frame;
use http_body_util::{BodyExt, Empty, Full, combinators::UnsyncBoxBody};
use idp_adapters::DeniedValue;
use tokio::time::{Instant, timeout};

use crate::outcome::Code;
use crate::room::{HURRY, Room, Share};

/// Any error a body can end with.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Bodies in either direction: boxed once, streamed frame by frame, never collected by default.
pub type Body = UnsyncBoxBody<Bytes, BoxError>;

/// The body of a request as the listener hands it over: already under the limits and timeouts of `server`.
pub type RequestBody = Body;

/// Why reading a request's body ended early. The listener's body adaptor puts one of these into the error
/// chain, so that the proxy can tell the client's fault from the provider's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestBodyFault {
    /// More bytes than `server.limits.body`.
    #[error("the request body is larger than server.limits.body")]
    TooLarge,
    /// Longer than `server.timeouts.body_idle` without a byte.
    #[error("the request body paused for longer than server.timeouts.body_idle")]
    Idle,
    /// It is read ahead, and did not arrive whole within `server.timeouts.header`.
    #[error(
        "the request body, which is read before anything else is done, took longer than server.timeouts.header"
    )]
    Slow,
    /// It is read ahead and comes slowly, as do too many others.
    #[error("too many request bodies arrive slowly at the same time")]
    Crowded,
    /// It holds a member that this provider must not see.
    #[error("the body holds the member '{0}', which is not passed to this provider")]
    Member(&'static str),
    /// It holds a word that this provider must not see.
    #[error("'{}' in the body's member '{}': {}", .0.word, .0.member, .0.reason)]
    Value(&'static DeniedValue),
    /// A member of it names a method that is not the method of the request.
    #[error(
        "the body's member '{0}' names a method that is not the method of the request; send the method that is meant"
    )]
    Method(&'static str),
    /// It holds a member that stands for an access token.
    #[error("the body holds the member '{0}', which stands for an access token")]
    Token(&'static str),
    /// The provider may find other members in it than the gateway.
    #[error("this provider may read the body in more than one way: {0}")]
    Ambiguous(&'static str),
    /// It has to be searched before the provider sees it, and cannot be.
    #[error(
        "the body has to be searched before the provider sees it; send it with one Content-Type, without Content-Encoding, in UTF-8"
    )]
    Unsearchable,
    /// Framing errors, or the client went away.
    #[error("the request body could not be read")]
    Broken,
}

/// Marks an answer whose body is in memory as a whole, in its extensions. Its request has been served: it holds no place among
/// the running requests while a client does not read it.
#[derive(Clone, Copy, Debug)]
pub struct InMemory;

/// The caller token stood in a body that was already being sent.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the caller token stands in the body")]
pub struct TokenInBody;

impl RequestBodyFault {
    /// What the caller is told.
    pub(crate) fn code(self) -> Code {
        match self {
            Self::TooLarge => Code::BodyTooLarge,
            Self::Idle | Self::Slow => Code::RequestTimeout,
            Self::Crowded => Code::Overloaded,
            Self::Token(_) => Code::CallerTokenInBody,
            Self::Member(_)
            | Self::Value(_)
            | Self::Method(_)
            | Self::Ambiguous(_)
            | Self::Unsearchable
            | Self::Broken => Code::BadRequest,
        }
    }

    /// Finds the fault in an error's chain of sources.
    pub fn find(error: &(dyn std::error::Error + 'static)) -> Option<RequestBodyFault> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(fault) = error.downcast_ref::<RequestBodyFault>() {
                return Some(*fault);
            }
            next = error.source();
        }
        None
    }
}

/// A body of these bytes, with a known length.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// No body.
pub fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// Boxes any body of bytes.
pub fn boxed<B>(body: B) -> Body
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    body.map_err(Into::into).boxed_unsync()
}

/// Why a body could not be read whole.
#[derive(Debug)]
pub enum ReadError {
    /// It is longer than the limit.
    TooLong,
    /// It ended early.
    Broken(BoxError),
    /// It took longer than it may as a whole.
    TooSlow,
    /// Too much of other bodies is waited for.
    Crowded,
}

impl ReadError {
    /// What it is for a request's body.
    pub fn fault(&self) -> RequestBodyFault {
        match self {
            Self::TooLong => RequestBodyFault::TooLarge,
            Self::Broken(error) => RequestBodyFault::find(&**error).unwrap_or(RequestBodyFault::Broken),
            Self::TooSlow => RequestBodyFault::Slow,
            Self::Crowded => RequestBodyFault::Crowded,
        }
    }
}

/// Reads a whole body of at most `limit` bytes within `timeout`. Its request has a place among the running ones.
///
/// # Errors
/// It is longer, it ended early, or it took longer.
pub async fn read(body: Body, limit: usize, timeout: Duration) -> Result<Bytes, ReadError> {
    tokio::time::timeout(timeout, read_all(body, limit)).await.unwrap_or(Err(ReadError::TooSlow))
}

async fn read_all(mut body: Body, limit: usize) -> Result<Bytes, ReadError> {
    let mut all = bytes::BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(ReadError::Broken)?.into_data() else { continue };
        if all.len() + data.len() > limit {
            return Err(ReadError::TooLong);
        }
        all.extend_from_slice(&data);
    }
    Ok(all.freeze())
}

/// How often a body that is waited for looks whether room has become scarce.
const LOOK: Duration = Duration::from_millis(250);

/// Reads request bodies whole: within a deadline, and within a room for all that come slowly. A body that is there with its head
/// needs no room.
#[derive(Debug)]
pub(crate) struct BodyReader {
    room: Room,
    /// Each body takes a place of the room, whatever has come of it.
    by_number: bool,
    timeout: Duration,
}

impl BodyReader {
    /// A reader for bodies of verified callers, with a room of so many bytes.
    pub(crate) fn of_callers(bytes: usize, timeout: Duration) -> Self {
        Self { room: Room::new(bytes), by_number: false, timeout }
    }

    /// A reader for short forms, whose senders are not known: at most a quarter of the running requests wait for one.
    pub(crate) fn of_forms(in_flight: usize, timeout: Duration) -> Self {
        let places = (in_flight / 4).max(4);
        Self { room: Room::of_pieces(places), by_number: true, timeout }
    }

    /// Reads a body of at most `limit` bytes. While little room is left it has a second.
    ///
    /// # Errors
    /// It is longer, it ended early, it took longer, or there is no room to wait for it.
    pub(crate) async fn read(&self, mut body: Body, limit: usize) -> Result<Bytes, ReadError> {
        let (started, mut share) = (Instant::now(), self.room.share());
        let mut all = bytes::BytesMut::new();
        while let Some(frame) = self.frame(&mut body, all.capacity(), &mut share, started).await? {
            let Ok(data) = frame.map_err(ReadError::Broken)?.into_data() else { continue };
            if all.len() + data.len() > limit {
                return Err(ReadError::TooLong);
            }
            if all.capacity() - all.len() < data.len() {
                // By halves: twice the room of a body that never ends would be held for nothing.
                all.reserve(data.len().max(all.len() / 2));
            }
            all.extend_from_slice(&data);
        }
        Ok(all.freeze())
    }

    async fn frame(
        &self,
        body: &mut Body,
        held: usize,
        share: &mut Share,
        started: Instant,
    ) -> Result<Option<Result<Frame<Bytes>, BoxError>>, ReadError> {
        let mut next = body.frame();
        if let Some(frame) = (&mut next).now_or_never() {
            return Ok(frame);
        }
        if !share.grow(if self.by_number { 1 } else { held.max(1) }) {
            return Err(ReadError::Crowded);
        }
        loop {
            let limit = if share.is_pressed() { HURRY.min(self.timeout) } else { self.timeout };
            let left = limit.saturating_sub(started.elapsed());
            if left.is_zero() {
                return Err(ReadError::TooSlow);
            }
            if let Ok(frame) = timeout(left.min(LOOK), &mut next).await {
                return Ok(frame);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::stream;
    use http_body_util::StreamBody;

    use super::*;

    /// The first part at once, the rest after a wait.
    fn in_two(first: usize, wait: Duration) -> Body {
        let rest = stream::once(async move {
            tokio::time::sleep(wait).await;
            Ok::<_, BoxError>(Frame::data("b".into()))
        });
        let first = stream::once(async move { Ok(Frame::data(vec![b'a'; first].into())) });
        StreamBody::new(futures_util::StreamExt::chain(first, Box::pin(rest))).boxed_unsync()
    }

    fn waiting(reader: &Arc<BodyReader>, first: usize) -> tokio::task::JoinHandle<Result<Bytes, ReadError>> {
        let reader = Arc::clone(reader);
        tokio::spawn(async move { reader.read(in_two(first, Duration::from_secs(8)), 64 * 1024).await })
    }

    #[tokio::test(start_paused = true)]
    async fn tm_a14_bodies_that_come_slowly_share_a_bounded_room() {
        let reader = Arc::new(BodyReader::of_callers(64 * 1024, Duration::from_secs(10)));
        let slow = waiting(&reader, 20 * 1024);
        tokio::task::yield_now().await;
        let short = reader.read(in_two(10, Duration::from_millis(20)), 64).await;
        assert_eq!(short.unwrap(), "aaaaaaaaaab");
        let later = waiting(&reader, 30 * 1024);
        tokio::task::yield_now().await;
        let crowded = reader.read(in_two(30 * 1024, Duration::from_millis(20)), 64 * 1024).await;
        assert!(matches!(crowded, Err(ReadError::Crowded)));
        let whole = reader.read(full(vec![b'x'; 60 * 1024]), 64 * 1024).await.unwrap();
        assert_eq!(whole.len(), 60 * 1024, "a body that is there needs no room");
        // While little room is left, those that take it have a second.
        let started = Instant::now();
        assert!(matches!(slow.await.unwrap(), Err(ReadError::TooSlow)));
        assert!(started.elapsed() < Duration::from_secs(2));
        assert_eq!(
            later.await.unwrap().unwrap().len(),
            30 * 1024 + 1,
            "with much room the whole time counts"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn tm_a14_forms_of_unknown_senders_wait_at_few_places() {
        let reader = Arc::new(BodyReader::of_forms(32, Duration::from_secs(10)));
        let slow: Vec<_> = (0..3).map(|_| waiting(&reader, 1)).collect();
        tokio::task::yield_now().await;
        assert!(reader.read(in_two(1, Duration::from_millis(20)), 64).await.is_ok(), "in two parts");
        let more: Vec<_> = (0..5).map(|_| waiting(&reader, 10_000)).collect();
        tokio::task::yield_now().await;
        assert!(matches!(
            reader.read(in_two(1, Duration::from_millis(20)), 64).await,
            Err(ReadError::Crowded)
        ));
        let mut ended = 0;
        for body in slow.into_iter().chain(more) {
            ended += usize::from(matches!(body.await.unwrap(), Err(ReadError::TooSlow)));
        }
        assert!((4..8).contains(&ended), "a second is over, until half of the places are free: {ended}");
    }
}
