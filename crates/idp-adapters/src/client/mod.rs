//! Typed clients: one call to one provider for one user's token (feature `client`).
//!
//! ```no_run
//! # async fn f() -> Result<(), Box<dyn std::error::Error>> {
//! use idp_adapters::{BearerToken, client::GitHub};
//!
//! let github = GitHub::new(BearerToken::new("gho_...")?)?;
//! let mut repositories = github.repositories().param("sort", "pushed").items();
//! while let Some(repository) = repositories.try_next().await? {
//!     println!("{}", repository.full_name);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A client takes a token or a [`TokenSource`], and as needed a base URL, a shared [`HttpClient`], and the scopes the token is known to
//! hold ([`Builder`]). A [`Call`] answers one thing and is awaited; a [`Listing`] has [`Page`]s with an opaque
//! [`Cursor`], or is read as [`Items`], a stream. Whatever goes wrong is an [`Error`] that says it in
//! provider-neutral words. Nothing is tried again but a call with a dead token, once, where the source has another one
//! ([`TokenSource::on_refusal`]): [`Error::is_transient`] and [`Error::retry_after`] say whether and when that makes sense.
//!
//! Models hold what is most used of what providers answer. Members that a provider leaves out or sets to null are
//! `None` or empty, unknown ones are passed over; times are the provider's text (RFC 3339 unless said otherwise).

mod api;
pub mod bitbucket;
mod builder;
mod call;
mod details;
mod error;
pub mod facebook;
pub mod github;
pub mod google;
mod grants;
mod http;
mod items;
mod lenient;
mod listing;
pub mod microsoft;
mod multipart;
mod oauth2;
#[cfg(feature = "reqwest")]
mod over_reqwest;
mod raw;
mod request;
mod sending;

use std::sync::Arc;

use self::{api::Api, request::Request};
use crate::Profile;

pub use self::{
    bitbucket::Bitbucket,
    builder::{Builder, Client},
    call::{Call, Conditional, ETag, InvalidETag},
    details::FieldError,
    error::Error,
    facebook::Facebook,
    github::GitHub,
    google::Google,
    http::{HttpClient, HttpClientBuilder},
    items::Items,
    listing::{Cursor, Listing, Page},
    microsoft::Microsoft,
    multipart::Multipart,
    oauth2::OAuth2,
    raw::{RawRequest, Response},
};
pub use crate::TokenSource;

/// A call of the profile, read by the adapter.
fn profile(api: &Arc<Api>, request: Request) -> Call<Profile> {
    Call::reading(api, request, |api, answer| {
        let profile = api.adapter.profile(&answer.body);
        profile.map_err(|_| Error::malformed(api.kind(), "it is no profile with a user id"))
    })
}
