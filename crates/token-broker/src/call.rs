//! One call to a provider's token or revocation endpoint, by the adapter's knowledge.

use std::time::{Duration, SystemTime};

use api_transport::{Transport, TransportError, TransportErrorKind, wipe};
use bytes::Bytes;
use http::Response;
use idp_adapters::{
    Cause, ClientProof, Failure, OAuthClient, RefreshError, RefreshInput, Refreshed, Reply, RevokeInput,
    Revoked,
};
use mgmt_auth::{ClientAuth, ClientCredentials, SecretReader};
use secrecy::{ExposeSecret, SecretString};
use token_keeper::BearerToken;

use crate::{Error, Provider, Reason, RevokedAtProvider, scopes, transport::send};

/// Why a refresh brought nothing.
#[derive(Debug)]
pub(crate) enum CallError {
    /// The provider says that the grant is dead, for this cause.
    Permanent(Cause),
    /// Anything else; `acted`: the provider may have spent the token all the same.
    Other { error: Error, acted: bool },
}

impl CallError {
    fn misconfigured(detail: &'static str) -> Self {
        Self::Other { error: Error::new(Reason::ProviderMisconfigured, detail), acted: false }
    }
}

/// The connection's client secret, read now: a file may have changed.
async fn secret(client: &ClientCredentials, secrets: &SecretReader) -> Result<SecretString, CallError> {
    let detail = "the provider's client secret cannot be read; check its file";
    let unreadable = Error::new(Reason::ProviderMisconfigured, detail);
    match &client.auth {
        ClientAuth::SecretPost(source) | ClientAuth::SecretBasic(source) => {
            let read = secrets.read(source).await;
            read.map_err(|why| CallError::Other { error: unreadable.caused_by(why), acted: false })
        }
        ClientAuth::PrivateKeyJwt { .. } => Err(CallError::Other { error: unreadable, acted: false }),
    }
}

/// Refreshes once. What the provider gets to see and gives is added to `exchanged`.
pub(crate) async fn refresh(
    provider: &Provider,
    transport: &dyn Transport,
    secrets: &SecretReader,
    token: &SecretString,
    (now, exchanged): (SystemTime, &mut Vec<SecretString>),
) -> Result<Refreshed, CallError> {
    let missing = "the provider has no client credentials or no token endpoint; set its client's id and secret \
                   and, beside a base URL of its own, its token endpoint";
    let (Some(url), Some(client)) = (provider.refresh_url(), &provider.credentials) else {
        return Err(CallError::misconfigured(missing));
    };
    let secret = secret(client, secrets).await?;
    let client = OAuthClient::new(&client.client_id, ClientProof::Secret(&secret));
    let input = RefreshInput::new(&url, client, token);
    let Some(request) = provider.adapter.refresh_request(&input) else {
        return Err(CallError::misconfigured("this provider's tokens cannot be refreshed"));
    };
    let sent = [Some(token.expose_secret()), Some(secret.expose_secret())];
    exchanged.extend([token.clone(), secret.clone()]);
    let answer = send(transport, request).await.map(Answer).map_err(|error| match error.kind() {
        TransportErrorKind::Insecure => CallError::misconfigured(Cause::TokenEndpointInsecure.text()),
        _ => CallError::Other { acted: error.may_have_been_sent(), error: unsent(error) },
    })?;
    let mut refreshed = provider.adapter.refresh_response(&reply(&answer, now)).map_err(|refusal| {
        let cause = refusal.cause();
        match cause.failure() {
            Failure::Permanent => CallError::Permanent(cause),
            Failure::Misconfigured => {
                tracing::error!(
                    event = "provider_misconfigured",
                    provider = %provider.name,
                    cause = cause.as_str(),
                    code = refusal.code().and_then(|code| without_secrets(code, sent)),
                    number = refusal.number(),
                    "the provider refuses the connection's OAuth client"
                );
                let error = Error::new(Reason::ProviderMisconfigured, cause.text());
                CallError::Other { error: because_of(error, refusal, sent), acted: false }
            }
            _ => {
                let limited =
                    cause == Cause::Throttled || answer.0.status() == http::StatusCode::TOO_MANY_REQUESTS;
                let reason = if limited { Reason::ProviderRateLimited } else { Reason::ProviderError };
                let error = Error::new(reason, cause.text()).after(refusal.retry_after());
                CallError::Other { error: because_of(error, refusal, sent), acted: !limited }
            }
        }
    })?;
    exchanged.extend(refreshed.refresh_token.iter().chain(&refreshed.id_token).cloned());
    let secrets = exchanged.iter().map(ExposeSecret::expose_secret);
    let secrets = secrets.chain([refreshed.access_token.expose()]);
    refreshed.scopes = scopes::checked(refreshed.scopes, secrets);
    Ok(refreshed)
}

/// Revokes once; says what came of it and, where nothing did, why.
pub(crate) async fn revoke(
    provider: &Provider,
    transport: &dyn Transport,
    secrets: &SecretReader,
    access_token: Option<&BearerToken>,
    refresh_token: Option<&SecretString>,
    now: SystemTime,
) -> (RevokedAtProvider, Option<String>) {
    let unsupported = |why: &str| (RevokedAtProvider::Unsupported, Some(why.to_owned()));
    let (Some(url), Some(client)) = (provider.revocation_url(), &provider.credentials) else {
        return unsupported(
            "the provider has no revocation endpoint, or no client credentials are configured for it",
        );
    };
    let Ok(secret) = secret(client, secrets).await else {
        return unsupported("the provider's client secret cannot be read");
    };
    let Some(access_token) = access_token else {
        return unsupported("there is no token to revoke");
    };
    let client = OAuthClient::new(&client.client_id, ClientProof::Secret(&secret));
    let mut input = RevokeInput::new(&url, client, access_token);
    input.refresh_token = refresh_token;
    let Some(request) = provider.adapter.revoke_request(&input) else {
        return unsupported("the provider has no revocation");
    };
    let sent = [
        Some(access_token.expose()),
        refresh_token.map(|token| token.expose_secret()),
        Some(secret.expose_secret()),
    ];
    let no = |why: String| {
        let why = match without_secrets(&why, sent) {
            Some(_) => why,
            None => "the provider repeats a secret in its refusal".to_owned(),
        };
        (RevokedAtProvider::No, Some(why))
    };
    match send(transport, request).await.map(Answer) {
        Err(error) if error.kind() == TransportErrorKind::Insecure => {
            no(Cause::TokenEndpointInsecure.text().to_owned())
        }
        Err(error) => no(unsent(error).detail().to_owned()),
        Ok(answer) => match provider.adapter.revoke_response(&reply(&answer, now)) {
            Ok(Revoked::Before) => {
                (RevokedAtProvider::Yes, Some("the provider did not know the grant any more".to_owned()))
            }
            Ok(_) => (RevokedAtProvider::Yes, None),
            Err(error) => no(error.to_string()),
        },
    }
}

/// `text` of a provider, unless it holds a secret that was sent: an error word may be anything, also a short token.
fn without_secrets<'a, 's>(
    text: &'a str,
    sent: impl IntoIterator<Item = Option<&'s str>>,
) -> Option<&'a str> {
    let holds = |secret: &str| !secret.is_empty() && text.contains(secret);
    (!sent.into_iter().flatten().any(holds)).then_some(text)
}

/// With the provider's refusal as the source, unless its error word repeats a secret that was sent.
fn because_of<'s>(
    error: Error,
    refusal: RefreshError,
    sent: impl IntoIterator<Item = Option<&'s str>>,
) -> Error {
    match without_secrets(&refusal.to_string(), sent) {
        Some(_) => error.caused_by(refusal),
        None => error,
    }
}

/// An answer that holds tokens: its body is overwritten in the end.
struct Answer(Response<Bytes>);

impl Drop for Answer {
    fn drop(&mut self) {
        wipe(std::mem::take(self.0.body_mut()));
    }
}

fn reply(answer: &Answer, now: SystemTime) -> Reply<'_> {
    let Answer(answer) = answer;
    Reply::new(answer.status(), answer.headers(), answer.body(), now)
}

fn unsent(error: TransportError) -> Error {
    let (reason, detail) = match error.kind() {
        TransportErrorKind::Timeout => (Reason::ProviderTimeout, "did not answer in time"),
        _ if error.may_have_been_sent() => (Reason::ProviderUnreachable, "gave no whole answer"),
        _ => (Reason::ProviderUnreachable, "cannot be reached"),
    };
    let told = Error::new(reason, format!("the provider's endpoint {detail}")).caused_by(error);
    told.after(Some(Duration::from_secs(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_word_that_is_a_sent_secret_is_not_shown() {
        let sent = || [Some("r3fresh.short_token"), None, Some("client-secret")];
        assert_eq!(without_secrets("unauthorized_client", sent()), Some("unauthorized_client"));
        for word in ["r3fresh.short_token", "bad r3fresh.short_token", "client-secret"] {
            assert_eq!(without_secrets(word, sent()), None, "{word}");
        }
        let error = || Error::new(Reason::ProviderError, "x");
        for (word, kept) in [("unauthorized_client", true), ("client-secret", false)] {
            let body = format!(r#"{{"error":"{word}"}}"#);
            let (status, headers) = (http::StatusCode::BAD_REQUEST, http::HeaderMap::new());
            let reply = Reply::new(status, &headers, body.as_bytes(), SystemTime::UNIX_EPOCH);
            let refusal = idp_adapters::adapter(idp_adapters::Kind::Google).refresh_response(&reply);
            let told = because_of(error(), refusal.unwrap_err(), sent());
            assert_eq!(std::error::Error::source(&told).is_some(), kept, "{word}");
        }
    }
}
