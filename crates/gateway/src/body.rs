//! The one body type of the gateway, and the few ways to make one.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Full, combinators::UnsyncBoxBody};
use idp_adapters::DeniedValue;

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
    /// It holds a member that this provider must not see.
    #[error("the body holds the member '{0}', which is not passed to this provider")]
    Member(&'static str),
    /// It holds a word that this provider must not see.
    #[error("'{}' in the body's member '{}': {}", .0.word, .0.member, .0.reason)]
    Value(&'static DeniedValue),
    /// A member of it names another method than the request's.
    #[error("the body's member '{0}' names another method than the request's; send the method that is meant")]
    Method(&'static str),
    /// It has to be searched before the provider sees it, and cannot be.
    #[error(
        "the body has to be searched before the provider sees it; send it without Content-Encoding, in UTF-8"
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
}

impl ReadError {
    /// What it is for a request's body.
    pub fn fault(&self) -> RequestBodyFault {
        match self {
            Self::TooLong => RequestBodyFault::TooLarge,
            Self::Broken(error) => RequestBodyFault::find(&**error).unwrap_or(RequestBodyFault::Broken),
            Self::TooSlow => RequestBodyFault::Slow,
        }
    }
}

/// Reads a whole body of at most `limit` bytes within `timeout`.
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
