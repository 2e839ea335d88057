//! Any API behind OAuth 2.0 bearer tokens, as its settings describe it.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use url::Url;

use super::{
    Builder, Call, Error, RawRequest, TokenSource,
    api::Api,
    builder::{Client, sealed},
    profile,
    request::Request,
};
use crate::{Kind, OAuth2Settings, Profile, exchange::is_confidential};

/// An API that none of the other clients speaks: its profile, and any JSON.
///
/// The settings say where the token is put, what errors mean and where the profile is. For refresh and revocation give
/// [`HttpClient::refresh`](super::HttpClient::refresh) and [`HttpClient::revoke`](super::HttpClient::revoke) the adapter that
/// [`crate::OAuth2Adapter::new`] makes of the same settings.
///
/// ```no_run
/// # async fn f(token: idp_adapters::BearerToken) -> Result<(), Box<dyn std::error::Error>> {
/// use idp_adapters::{OAuth2Settings, client::OAuth2};
///
/// let mut settings = OAuth2Settings::default();
/// settings.profile_path = Some("/v2/me".to_owned());
/// let api = OAuth2::builder(token, "https://api.acme.com/".parse()?, settings).build()?;
/// let orders: serde_json::Value = api.get(&["v2", "orders"]).param("state", "open").await?;
/// # let _ = orders;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct OAuth2 {
    api: Arc<Api>,
}

impl sealed::Client for OAuth2 {
    const KIND: Kind = Kind::OAuth2;

    fn wrap(inside: sealed::Inside) -> Self {
        Self { api: inside.0 }
    }
}

impl Client for OAuth2 {}

impl OAuth2 {
    /// Starts a client of the API at `base_url`.
    #[must_use]
    pub fn builder(token: impl Into<TokenSource>, base_url: Url, settings: OAuth2Settings) -> Builder<Self> {
        Builder::generic(token.into(), settings).base_url(base_url)
    }

    /// Any other call: a method and a path under the base URL, which begins with a slash, is percent-encoded and holds no
    /// query.
    pub fn request(&self, method: http::Method, path: &str) -> RawRequest {
        RawRequest::new(&self.api, method, path)
    }

    /// The user's profile, at the settings' `profile_url` or `profile_path`.
    pub fn profile(&self) -> Call<Profile> {
        let url = self.api.adapter.endpoints(self.api.base.as_ref()).profile_url;
        let mut request = Request::get("", &[]);
        match url.and_then(|url| Url::parse(&url).ok()).filter(is_confidential) {
            // The settings' word, not an answer's: it may be on a host of its own.
            Some(url) => request.next = Some(url),
            None => request.invalid = Some("the settings name no profile that the token may be sent to"),
        }
        profile(&self.api, request)
    }

    /// What a path under the base URL answers, as JSON. The segments are encoded whole.
    ///
    /// ```no_run
    /// # async fn f(api: idp_adapters::client::OAuth2) -> Result<(), idp_adapters::client::Error> {
    /// let team: serde_json::Value = api.get(&["api", "teams", "a/b"]).param("full", true).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn get<T: DeserializeOwned>(&self, segments: &[&str]) -> Call<T> {
        Call::json(&self.api, Request::get("", segments))
    }
}

/// What is wrong with a generic client that has no base URL.
pub(super) fn no_base() -> Error {
    Error::setup(Kind::OAuth2, "a generic API has no base URL of its own")
}
