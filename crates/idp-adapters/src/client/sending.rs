//! A request on its way out.

use std::time::Duration;

use api_transport::Body;
use bytes::Bytes;
use http::{HeaderMap, Method};
use url::Url;

/// A request as it will be sent.
pub(crate) struct Sending<'a> {
    pub(crate) method: &'a Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Payload,
    /// In place of the client's own.
    pub(crate) timeout: Option<Duration>,
}

/// What a request carries.
#[derive(Default)]
pub(crate) enum Payload {
    #[default]
    Empty,
    Bytes(Bytes),
    Stream(Body),
}

impl Payload {
    /// The same once more, unless it is a stream.
    pub(crate) fn again(&self) -> Option<Self> {
        match self {
            Self::Empty => Some(Self::Empty),
            Self::Bytes(bytes) => Some(Self::Bytes(bytes.clone())),
            Self::Stream(_) => None,
        }
    }
}
