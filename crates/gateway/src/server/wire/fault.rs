//! Why a request was refused before anybody read its meaning.

use crate::outcome::Code;

/// A refusal of the wire: after it the connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The message's framing or syntax is not exactly what the RFCs allow.
    Framing(&'static str),
    /// The request target holds bytes that no URL may hold.
    Target(&'static str),
    /// The target is longer than `server.limits.uri`.
    UriTooLong,
    /// More or larger header fields than `server.limits` allows.
    HeadersTooLarge,
    /// TRACE and its kin.
    Method,
    /// CONNECT, or an upgrade to WebSocket.
    Tunnel,
    /// The head did not arrive within `server.timeouts.header`.
    Timeout,
    /// The room for incomplete heads is taken.
    Crowded,
}

/// A body on GET or HEAD means different things to different parsers.
pub(crate) const BODY_ON_GET: Fault = Fault::Framing("a GET or HEAD request has a body");

impl Fault {
    /// The problem code.
    pub(crate) const fn code(self) -> Code {
        match self {
            Self::Framing(_) => Code::BadRequest,
            Self::Target(_) => Code::BadPath,
            Self::UriTooLong => Code::UriTooLong,
            Self::HeadersTooLarge => Code::HeadersTooLarge,
            Self::Method => Code::MethodNotAllowed,
            Self::Tunnel => Code::NotImplemented,
            Self::Timeout => Code::RequestTimeout,
            Self::Crowded => Code::Overloaded,
        }
    }

    /// What exactly was wrong; never the caller's bytes.
    pub(crate) const fn detail(self) -> &'static str {
        match self {
            Self::Framing(detail) | Self::Target(detail) => detail,
            Self::UriTooLong => "the request target is longer than server.limits.uri",
            Self::HeadersTooLarge => {
                "the header fields exceed server.limits.headers or server.limits.header_count"
            }
            Self::Method => "this method is never passed on",
            Self::Tunnel => "WebSocket and CONNECT are not offered",
            Self::Crowded => "too many long request heads are on their way",
            Self::Timeout => "the request head did not arrive within server.timeouts.header",
        }
    }
}
