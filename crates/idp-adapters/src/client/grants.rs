//! Refresh and revocation, sent.

use std::time::SystemTime;

use bytes::Bytes;

use super::{
    HttpClient,
    error::Fault,
    http::Answer,
    sending::{Payload, Sending},
};
use crate::{
    Adapter, Cause, HttpRequest, RefreshError, RefreshInput, Refreshed, Reply, RevokeError, RevokeInput,
    Revoked,
};

impl HttpClient {
    /// Refreshes a grant at its provider: writes the adapter's request, sends it once, reads the answer.
    ///
    /// Under [`RefreshRule::Rotating`](crate::RefreshRule::Rotating) the refresh token may be used up although no
    /// answer came: keep the new one before anything else, and refresh a grant in one place only.
    ///
    /// # Errors
    /// Says whether the grant is dead, the provider busy or unreachable, or the OAuth client set up wrongly.
    pub async fn refresh(
        &self,
        adapter: &dyn Adapter,
        input: &RefreshInput<'_>,
    ) -> Result<Refreshed, RefreshError> {
        let request = adapter.refresh_request(input).ok_or_else(unsupported)?;
        let answer = self.carry(request).await?;
        adapter.refresh_response(&reply(&answer))
    }

    /// Revokes a grant at its provider.
    ///
    /// # Errors
    /// The grant may be alive; code `unsupported` where the provider has no revocation, or wants credentials of the
    /// OAuth client that were not given.
    pub async fn revoke(
        &self,
        adapter: &dyn Adapter,
        input: &RevokeInput<'_>,
    ) -> Result<Revoked, RevokeError> {
        let request = adapter.revoke_request(input).ok_or_else(|| RevokeError(unsupported()))?;
        let answer = self.carry(request).await.map_err(RevokeError)?;
        adapter.revoke_response(&reply(&answer))
    }

    async fn carry(&self, request: HttpRequest) -> Result<Answer, RefreshError> {
        if !request.is_confidential() {
            return Err(RefreshError::new(Cause::TokenEndpointInsecure, Some("insecure_url"), None));
        }
        let body = match request.body_bytes() {
            [] => Payload::Empty,
            bytes => Payload::Bytes(Bytes::copy_from_slice(bytes)),
        };
        let HttpRequest { method, url, headers, .. } = request;
        let sent = self.exchange(Sending { method: &method, url, headers, body, timeout: None }).await;
        sent.map_err(|transport| {
            let code = match transport.fault {
                Fault::Connect => "unreachable",
                Fault::Timeout => "timeout",
                Fault::TooLarge | Fault::Broken => "broken_answer",
            };
            RefreshError::new(Cause::Unavailable, Some(code), None)
        })
    }
}

fn reply(answer: &Answer) -> Reply<'_> {
    Reply { status: answer.status, headers: &answer.headers, body: &answer.body, at: SystemTime::now() }
}

fn unsupported() -> RefreshError {
    RefreshError::new(Cause::Unsupported, Some("unsupported"), None)
}
