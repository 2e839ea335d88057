//! The tenant's discovery document, for diagnosis alone.

use std::time::SystemTime;

use serde::Deserialize;

use crate::{Error, hints, oauth::Endpoints};

const PATH: &str = "/.well-known/openid-configuration";

/// The tenant's discovery document. Its addresses are never used: keys and tokens come from the configured address
/// (threat K04), and this shows whether the two agree.
#[derive(Clone, Debug, Deserialize)]
pub struct Discovery {
    issuer: String,
    #[serde(default)]
    jwks_uri: Option<String>,
    #[serde(default)]
    token_endpoint: Option<String>,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
    #[serde(skip)]
    server_time: Option<SystemTime>,
}

impl Discovery {
    pub(crate) async fn fetch(endpoints: &Endpoints) -> Result<Self, Error> {
        let answer = endpoints.document(PATH, endpoints.request_timeout).await?;
        let parsed: Result<Self, _> = serde_json::from_slice(answer.body());
        let mut found = parsed.map_err(|error| {
            Error::tenant("the tenant's discovery document cannot be read").caused_by(error)
        })?;
        found.server_time = hints::server_time(answer.headers());
        Ok(found)
    }

    /// The issuer of its tokens, with a slash at its end as a rule.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The address of its keys, as stated.
    #[must_use]
    pub fn jwks_uri(&self) -> Option<&str> {
        self.jwks_uri.as_deref()
    }

    /// The address of its token endpoint, as stated.
    #[must_use]
    pub fn token_endpoint(&self) -> Option<&str> {
        self.token_endpoint.as_deref()
    }

    /// The methods of client authentication that it supports.
    #[must_use]
    pub fn auth_methods(&self) -> &[String] {
        &self.token_endpoint_auth_methods_supported
    }

    /// Its clock when it answered, in whole seconds.
    #[must_use]
    pub fn server_time(&self) -> Option<SystemTime> {
        self.server_time
    }
}
