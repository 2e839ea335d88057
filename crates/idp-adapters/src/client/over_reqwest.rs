//! The clients over reqwest, with errors that keep what reqwest says.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use api_transport::{Body, ReqwestTransport};
use url::Url;

use super::{
    error::{Fault, Unanswered},
    sending::{Payload, Sending},
};
use crate::user_agent::CLIENT;

/// One pool for each scheme, made at its first use.
#[derive(Default)]
pub(super) struct Pools {
    secure: OnceLock<reqwest::Client>,
    plain: OnceLock<reqwest::Client>,
}

impl Pools {
    /// The pool for `url`'s scheme.
    ///
    /// # Errors
    /// TLS cannot be set up; what to check.
    pub(super) fn of(&self, url: &Url, connect_timeout: Duration) -> Result<&reqwest::Client, &'static str> {
        let plain = url.scheme() == "http";
        let slot = if plain { &self.plain } else { &self.secure };
        if let Some(pool) = slot.get() {
            return Ok(pool);
        }
        // Plain HTTP needs no certificates, and must not fail for the lack of them.
        let make = if plain { ReqwestTransport::plain } else { ReqwestTransport::new };
        let transport = make(CLIENT, connect_timeout)
            .map_err(|_| "TLS cannot be set up; is there a store of root certificates (SSL_CERT_FILE)?")?;
        Ok(slot.get_or_init(|| transport.client().clone()))
    }
}

/// Sends one request; the body of the answer is yet to be read.
pub(super) async fn open(
    client: &reqwest::Client,
    sending: Sending<'_>,
    timeout: Duration,
) -> Result<http::Response<Body>, Unanswered> {
    let mut request = reqwest::Request::new(sending.method.clone(), sending.url);
    *request.headers_mut() = sending.headers;
    *request.timeout_mut() = Some(timeout);
    *request.body_mut() = match sending.body {
        Payload::Empty => None,
        Payload::Bytes(bytes) => Some(bytes.into()),
        Payload::Stream(body) => Some(reqwest::Body::wrap(body)),
    };
    let mut answer = client.execute(request).await.map_err(classify)?;
    let (status, headers) = (answer.status(), std::mem::take(answer.headers_mut()));
    let mut opened = http::Response::new(Body::new(reqwest::Body::from(answer)));
    *opened.status_mut() = status;
    *opened.headers_mut() = headers;
    Ok(opened)
}

pub(super) fn classify(error: reqwest::Error) -> Unanswered {
    // A connect timeout is both; that there is no connection says more.
    let fault = if error.is_connect() {
        Fault::Connect
    } else if error.is_timeout() {
        Fault::Timeout
    } else {
        Fault::Broken
    };
    // The URL can hold secrets.
    Unanswered { fault, source: Some(Arc::new(error.without_url())) }
}
