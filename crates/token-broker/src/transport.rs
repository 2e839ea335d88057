//! The one way to a provider's token and revocation endpoints.

use api_transport::is_loopback;
use std::{fmt::Debug, time::Duration};

use http::{HeaderMap, StatusCode};
use idp_adapters::HttpRequest;
use url::Url;
use zeroize::Zeroizing;

use crate::BoxFuture;

/// The longest a call to a token endpoint takes, all in all. Leases are longer.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest it takes to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// No token endpoint says more.
const MAX_BODY: usize = 64 * 1024;

/// An answer, read whole.
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, at most 64 KiB. It holds tokens.
    pub body: Zeroizing<Vec<u8>>,
}

impl Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer").field("status", &self.status).finish_non_exhaustive()
    }
}

/// Why there is no answer. What matters is whether the provider can have acted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// Nothing was sent.
    #[error("the provider's token endpoint cannot be reached")]
    NotSent,
    /// Nothing was sent: the endpoint is plain `http` on another machine, and the request holds secrets.
    #[error("the provider's endpoint is not https")]
    Insecure,
    /// Sent, and no whole answer came back: the provider may have acted.
    #[error("the provider's token endpoint gave no whole answer")]
    Lost,
    /// Sent, and no answer in time: the provider may have acted.
    #[error("the provider's token endpoint did not answer in time")]
    TimedOut,
}

/// Sends adapters' requests as they are: no redirects, no retries, bounded time and size. The default speaks
/// through reqwest; another implementation serves simulations, or checks addresses its own way.
pub trait Transport: Debug + Send + Sync + 'static {
    /// Sends one request.
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<Answer, TransportError>>;
}

/// Sends a request that holds secrets: over https, or within this machine.
pub(crate) async fn send(transport: &dyn Transport, request: HttpRequest) -> Result<Answer, TransportError> {
    if !is_confidential(&request.url) {
        return Err(TransportError::Insecure);
    }
    transport.send(request).await
}

fn is_confidential(url: &Url) -> bool {
    url.scheme() == "https" || (url.scheme() == "http" && url.host_str().is_some_and(is_loopback))
}

/// [`Transport`] over reqwest.
#[derive(Clone, Debug)]
pub(crate) struct Wire {
    client: reqwest::Client,
}

impl Wire {
    pub(crate) fn new() -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(CALL_TIMEOUT)
            .build()?;
        Ok(Self { client })
    }
}

impl Transport for Wire {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<Answer, TransportError>> {
        Box::pin(async move {
            let body = request.body_bytes().to_vec();
            let sending =
                self.client.request(request.method, request.url).headers(request.headers).body(body);
            let mut answer = sending.send().await.map_err(|error| lost(&error))?;
            let (status, headers) = (answer.status(), std::mem::take(answer.headers_mut()));
            let mut body = Zeroizing::new(Vec::with_capacity(4096));
            while let Some(chunk) = answer.chunk().await.map_err(|error| lost(&error))? {
                if body.len() + chunk.len() > MAX_BODY {
                    return Err(TransportError::Lost);
                }
                body.extend_from_slice(&chunk);
            }
            Ok(Answer { status, headers, body })
        })
    }
}

/// reqwest's errors show URLs, and URLs can hold secrets (Facebook's exchange): only the kind is kept.
fn lost(error: &reqwest::Error) -> TransportError {
    if error.is_connect() || error.is_builder() {
        TransportError::NotSent
    } else if error.is_timeout() {
        TransportError::TimedOut
    } else {
        TransportError::Lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_leave_the_machine_over_https_alone() {
        let confidential = |text: &str| is_confidential(&Url::parse(text).unwrap());
        for good in [
            "https://a.test/t",
            "http://127.0.0.1:1/t",
            "http://127.9.9.9/t",
            "http://[::1]/t",
            "http://localhost/t",
        ] {
            assert!(confidential(good), "{good}");
        }
        for bad in [
            "http://a.test/t",
            "http://localhost.a.test/t",
            "http://10.0.0.1/t",
            "http://0.0.0.0/t",
            "ftp://localhost/t",
        ] {
            assert!(!confidential(bad), "{bad}");
        }
    }
}
