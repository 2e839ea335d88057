#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod adapter;
mod bitbucket;
mod challenge;
mod claims;
#[cfg(feature = "client")]
pub mod client;
mod description;
mod exchange;
mod facebook;
mod github;
mod google;
mod hints;
mod kind;
pub mod link_header;
mod message;
mod microsoft;
mod oauth2;
mod outcome;
mod scopes;
mod source;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod user_agent;

use std::sync::Arc;

pub use self::{
    adapter::{Adapter, Outbound},
    claims::{MalformedProfile, Profile},
    description::{
        ADDRESS_HEADERS, Alias, BadHostPattern, DeniedPath, DeniedValue, Depth, Description, GraphQl,
        HostPattern, HostRule, LinkMember, LinkPurpose, METHOD_OVERRIDE_HEADERS, MemberName, MethodOverride,
        PathReadings, RefreshRule, ScopeRule, Segment, SegmentForms,
    },
    exchange::{
        Cause, ClientProof, Endpoints, Failure, HttpRequest, OAuthClient, RefreshError, RefreshInput,
        Refreshed, Reply, RevokeError, RevokeInput, Revoked, fill_client_id,
    },
    hints::LimitUnit,
    kind::{Kind, UnknownKind},
    oauth2::{
        ErrorSelectors, LimitHeader, OAuth2Adapter, OAuth2Settings, PaginationStyle, ProfileMembers,
        ScopeDelimiter, TokenAuth,
    },
    outcome::{Classified, Head, Outcome, Verdict},
    source::{TokenRefusal, TokenSource},
};

#[cfg(feature = "client")]
pub use api_transport::{Body, BodyError, BoxFuture, Limits, Transport, TransportError, TransportErrorKind};
pub use token_keeper::BearerToken;
// What stands in signatures here.
pub use {bytes, http, secrecy, url};

/// The adapter of a kind. [`Kind::OAuth2`] gives the one with default settings, which knows no host, no endpoint
/// and RFC 6750 errors; [`OAuth2Adapter::new`] makes one from settings.
#[must_use]
pub fn adapter(kind: Kind) -> &'static dyn Adapter {
    match kind {
        Kind::Google => &google::Google,
        Kind::GitHub => &github::GitHub,
        Kind::Facebook => &facebook::Facebook,
        Kind::Bitbucket => &bitbucket::Bitbucket,
        Kind::Microsoft => &microsoft::Microsoft,
        Kind::OAuth2 => OAuth2Adapter::plain(),
    }
}

/// The same as [`adapter`], shared.
#[must_use]
pub fn shared(kind: Kind) -> Arc<dyn Adapter> {
    match kind {
        Kind::Google => Arc::new(google::Google),
        Kind::GitHub => Arc::new(github::GitHub),
        Kind::Facebook => Arc::new(facebook::Facebook),
        Kind::Bitbucket => Arc::new(bitbucket::Bitbucket),
        Kind::Microsoft => Arc::new(microsoft::Microsoft),
        Kind::OAuth2 => OAuth2Adapter::new(OAuth2Settings::default()),
    }
}
