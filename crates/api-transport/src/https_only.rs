//! No secrets over plain http.

use std::{net::IpAddr, sync::Arc};

use bytes::Bytes;
use http::{Request, Response, Uri, uri::Scheme};

use crate::{Body, BoxFuture, Limits, Transport, TransportError, TransportErrorKind};

/// A transport that sends over `https`, and over plain `http` to loopback addresses only.
///
/// ```
/// use std::{sync::Arc, time::Duration};
/// use api_transport::{HttpsOnly, Limits, Transport, TransportErrorKind, bytes::Bytes, http::Request};
///
/// # async fn f(inner: Arc<dyn Transport>) -> Result<(), Box<dyn std::error::Error>> {
/// let transport = HttpsOnly::new(inner);
/// let request = Request::get("http://acme.eu.auth0.com/").body(Bytes::new())?;
/// let refused = transport.send(request, Limits::new(Duration::from_secs(5), 1024)).await.unwrap_err();
/// assert_eq!(refused.kind(), TransportErrorKind::Insecure);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct HttpsOnly(Arc<dyn Transport>);

impl HttpsOnly {
    /// Puts the rule before a transport.
    #[must_use]
    pub fn new(transport: Arc<dyn Transport>) -> Self {
        Self(transport)
    }
}

impl Transport for HttpsOnly {
    fn send(
        &self,
        request: Request<Bytes>,
        limits: Limits,
    ) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        if is_secure(request.uri()) {
            self.0.send(request, limits)
        } else {
            Box::pin(std::future::ready(Err(TransportErrorKind::Insecure.into())))
        }
    }

    fn open(
        &self,
        request: Request<Body>,
        limits: Limits,
    ) -> BoxFuture<'_, Result<Response<Body>, TransportError>> {
        if is_secure(request.uri()) {
            self.0.open(request, limits)
        } else {
            Box::pin(std::future::ready(Err(TransportErrorKind::Insecure.into())))
        }
    }
}

fn is_secure(uri: &Uri) -> bool {
    match uri.scheme() {
        Some(scheme) if *scheme == Scheme::HTTPS => true,
        Some(scheme) if *scheme == Scheme::HTTP => uri.host().is_some_and(is_loopback),
        _ => false,
    }
}

/// Whether a host is this machine itself: `127.0.0.0/8`, `::1` (in brackets or without), or `localhost`.
#[must_use]
pub fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    address.map_or_else(|_| host.eq_ignore_ascii_case("localhost"), |address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[derive(Debug)]
    struct Answers;

    impl Transport for Answers {
        fn send(
            &self,
            _: Request<Bytes>,
            _: Limits,
        ) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
            Box::pin(std::future::ready(Ok(Response::new(Bytes::new()))))
        }
    }

    #[tokio::test]
    async fn plain_http_is_sent_to_loopback_only() {
        let transport = HttpsOnly::new(Arc::new(Answers));
        for (uri, sent) in [
            ("https://acme.test/oauth/token", true),
            ("http://127.0.0.1:8080/x", true),
            ("http://127.9.9.9/x", true),
            ("http://[::1]:8080/x", true),
            ("http://localhost/x", true),
            ("http://LOCALHOST/x", true),
            ("http://acme.test/x", false),
            ("http://localhost.acme.test/x", false),
            ("http://127.0.0.1.acme.test/x", false),
            ("http://localhost@acme.test/x", false),
            ("http://10.0.0.1/x", false),
            ("http://0.0.0.0/x", false),
            ("http://[::2]/x", false),
            ("ftp://127.0.0.1/x", false),
            ("/x", false),
        ] {
            let (limits, request) = (Limits::new(Duration::from_secs(1), 1), || Request::get(uri));
            let refused = (!sent).then_some(TransportErrorKind::Insecure);
            let answer = transport.open(request().body(Body::empty()).unwrap(), limits).await;
            assert_eq!(answer.err().map(|error| error.kind()), refused, "{uri}");
            let answer = transport.send(request().body(Bytes::new()).unwrap(), limits).await;
            assert_eq!(answer.err().map(|error| error.kind()), refused, "{uri}");
        }
    }
}
