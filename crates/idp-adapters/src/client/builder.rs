//! Making clients.

use std::{collections::BTreeMap, marker::PhantomData, sync::Arc};

use http::{HeaderMap, HeaderValue, header::USER_AGENT};
use secrecy::SecretString;
use url::Url;

use super::{Error, HttpClient, TokenSource, api::Api};
use crate::{Kind, OAuth2Settings, exchange::is_confidential, user_agent::CLIENT};

/// A typed client of one provider; those of this module are all there are.
pub trait Client: sealed::Client {}

pub(crate) mod sealed {
    use std::sync::Arc;

    use super::Api;
    use crate::Kind;

    /// What a client is made of.
    pub trait Client: Sized {
        /// Which adapter knows the provider.
        const KIND: Kind;
        /// The version in front of every path.
        const VERSION: &'static str = "";
        /// The client around its inside.
        fn wrap(inside: Inside) -> Self;
    }

    /// What clients share. Public only because the trait is; other crates cannot name it.
    #[derive(Debug)]
    pub struct Inside(pub(crate) Arc<Api>);
}

/// Makes a client out of a [`TokenSource`] and, as needed, another base URL, a shared [`HttpClient`] and what is known about
/// the token.
///
/// ```no_run
/// # async fn f(token: idp_adapters::BearerToken, http: idp_adapters::client::HttpClient) -> Result<(), Box<dyn std::error::Error>> {
/// use idp_adapters::client::GitHub;
///
/// let github = GitHub::builder(token)
///     .base_url("https://github.acme.com/api/v3".parse()?)
///     .http(http)
///     .user_agent("acme-sync/1.2")
///     .granted_scopes(["repo", "read:user"])
///     .build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Builder<C> {
    token: TokenSource,
    base: Option<Url>,
    pub(crate) upstreams: BTreeMap<String, Url>,
    pub(crate) app_secret: Option<SecretString>,
    pub(crate) version: Option<String>,
    /// The version of the API that a header selects; `Some("")` for none.
    pub(crate) api_version: Option<String>,
    user_agent: Option<String>,
    granted: Option<Vec<String>>,
    http: Option<HttpClient>,
    settings: Option<OAuth2Settings>,
    client: PhantomData<fn() -> C>,
}

impl<C: Client> Builder<C> {
    pub(crate) fn new(token: TokenSource) -> Self {
        Self {
            token,
            base: None,
            upstreams: BTreeMap::new(),
            app_secret: None,
            version: None,
            api_version: None,
            user_agent: None,
            granted: None,
            http: None,
            settings: None,
            client: PhantomData,
        }
    }

    /// The same for the client that settings describe.
    pub(crate) fn generic(token: TokenSource, settings: OAuth2Settings) -> Self {
        Self { settings: Some(settings), ..Self::new(token) }
    }

    /// Calls go here instead of to the provider's own hosts: an origin with an optional path, which is put before
    /// the path of every call (`https://HOST/api/v3` for a GitHub Enterprise Server). `https`, or `http` to a
    /// loopback address.
    #[must_use]
    pub fn base_url(mut self, url: Url) -> Self {
        self.base = Some(url);
        self
    }

    /// What the calls call themselves in `User-Agent`. Default: the name and version of this crate. GitHub refuses calls
    /// without one.
    #[must_use]
    pub fn user_agent(mut self, name: impl Into<String>) -> Self {
        self.user_agent = Some(name.into());
        self
    }

    /// Connections to share with other clients. Default: a pool of its own.
    #[must_use]
    pub fn http(mut self, http: HttpClient) -> Self {
        self.http = Some(http);
        self
    }

    /// The scopes the token is known to hold. Calls that certainly need another one then fail without being sent,
    /// and [`Error::connection_scope`] can name all that is needed.
    #[must_use]
    pub fn granted_scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.granted = Some(scopes.into_iter().map(Into::into).collect());
        self
    }

    /// The client. Opens no connection.
    ///
    /// # Errors
    /// A base URL is neither `https` nor on loopback, or holds more than origin and path; `User-Agent` or API version
    /// cannot be a header; TLS cannot be set up; or without the feature `reqwest` no transport was set.
    pub fn build(self) -> Result<C, Error> {
        let kind = <C as sealed::Client>::KIND;
        let http = self.http.unwrap_or_default();
        let adapter = match self.settings {
            Some(settings) => crate::OAuth2Adapter::new(settings),
            None => crate::shared(kind),
        };
        if kind == Kind::OAuth2 && self.base.is_none() {
            return Err(super::oauth2::no_base());
        }
        let own = adapter.default_origin().unwrap_or_default().trim_start_matches("https://");
        for url in self.upstreams.values().chain(&self.base) {
            if !is_confidential(url) || url.query().is_some() || url.fragment().is_some() {
                return Err(Error::setup(
                    kind,
                    "a base URL is https, or http to a loopback address, without user, query and fragment",
                ));
            }
        }
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, header(kind, self.user_agent.as_deref().unwrap_or(CLIENT))?);
        if let Some((name, value)) = adapter.version_header(self.base.as_ref()) {
            match self.api_version.as_deref() {
                None => drop(headers.insert(name, value)),
                Some("") => {}
                Some(version) => drop(headers.insert(name, header(kind, version)?)),
            }
        }
        let api = Api {
            adapter,
            base: self.base,
            upstreams: self.upstreams,
            token: self.token,
            app_secret: self.app_secret,
            granted: self.granted,
            version: self.version.unwrap_or_else(|| <C as sealed::Client>::VERSION.to_owned()),
            headers,
            http,
        };
        let own = api.base(own)?;
        api.http.check(kind, &own)?;
        Ok(C::wrap(sealed::Inside(Arc::new(api))))
    }
}

fn header(kind: Kind, text: &str) -> Result<HeaderValue, Error> {
    HeaderValue::try_from(text)
        .map_err(|_| Error::setup(kind, "User-Agent or API version cannot be sent in a header"))
}

/// Defines a typed client: its type, its constructors and `profile`'s neighbours.
macro_rules! typed_client {
    ($(#[$doc:meta])* $name:ident, $kind:expr $(, $item:item)*) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name {
            api: ::std::sync::Arc<$crate::client::api::Api>,
        }

        impl $crate::client::builder::sealed::Client for $name {
            const KIND: $crate::Kind = $kind;
            $($item)*
            fn wrap(inside: $crate::client::builder::sealed::Inside) -> Self {
                Self { api: inside.0 }
            }
        }

        impl $crate::client::Client for $name {}

        impl $name {
            /// A client of the provider's own hosts with default settings.
            ///
            /// # Errors
            /// TLS cannot be set up.
            pub fn new(token: impl Into<$crate::client::TokenSource>) -> Result<Self, $crate::client::Error> {
                Self::builder(token).build()
            }

            /// Starts a client with settings of its own.
            #[must_use]
            pub fn builder(token: impl Into<$crate::client::TokenSource>) -> $crate::client::Builder<Self> {
                $crate::client::Builder::new(token.into())
            }

            /// Any other call: a method and a path, which begins with a slash, is percent-encoded and holds no query. The
            /// token, the provider's headers and its judgement of the answer are those of the typed calls.
            pub fn request(&self, method: ::http::Method, path: &str) -> $crate::client::RawRequest {
                $crate::client::RawRequest::new(&self.api, method, path)
            }
        }
    };
}

pub(crate) use typed_client;
