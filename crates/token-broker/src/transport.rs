//! The one way to a provider's token and revocation endpoints.

use std::{sync::Arc, time::Duration};

use api_transport::{HttpsOnly, Limits, Transport, TransportError, TransportErrorKind};
use bytes::Bytes;
use http::Response;
use idp_adapters::HttpRequest;

/// The longest a call to a token endpoint takes, all in all. Leases are longer.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// No token endpoint says more.
const MAX_BODY: usize = 64 * 1024;

/// The rule for requests that hold secrets, before a transport: over https, or within this machine.
pub(crate) fn confidential(transport: Arc<dyn Transport>) -> Arc<dyn Transport> {
    Arc::new(HttpsOnly::new(transport))
}

/// The transport where none was handed in.
#[cfg(feature = "reqwest")]
pub(crate) fn default() -> Result<Arc<dyn Transport>, api_transport::SetUpError> {
    // The longest it takes to connect.
    const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
    let user_agent = concat!("token-broker/", env!("CARGO_PKG_VERSION"));
    Ok(Arc::new(api_transport::ReqwestTransport::mixed(user_agent, CONNECT_TIMEOUT)?))
}

/// Sends an adapter's request.
pub(crate) async fn send(
    transport: &dyn Transport,
    request: HttpRequest,
) -> Result<Response<Bytes>, TransportError> {
    let mut sent = http::Request::new(Bytes::copy_from_slice(request.body_bytes()));
    *sent.uri_mut() = request
        .url
        .as_str()
        .parse()
        .map_err(|error| TransportError::new(TransportErrorKind::Invalid, error))?;
    *sent.method_mut() = request.method;
    *sent.headers_mut() = request.headers;
    transport.send(sent, Limits::new(CALL_TIMEOUT, MAX_BODY)).await
}
