//! Each provider: is it reachable, and are the connection's own client credentials right?

use std::time::SystemTime;

use http::{HeaderMap, StatusCode};
use idp_adapters::{Cause, Failure, Kind, RefreshError};
use secrecy::ExposeSecret;
use url::Url;

use super::{
    super::ask::{self, Asker, Reply},
    report::Report,
};
use crate::config::{ProviderSettings, Settings, Source};

pub(super) async fn check(settings: &Settings, asker: &Asker, report: &mut Report) {
    for (name, provider) in &settings.providers {
        reach(name, provider, asker, report).await;
        credentials(name, provider, asker, report).await;
    }
}

async fn reach(name: &str, provider: &ProviderSettings, asker: &Asker, report: &mut Report) {
    let id = format!("provider:{name}");
    match asker.get(provider.base_url.as_str(), None).await {
        Ok(reply) if reply.status >= 500 => report.warn(
            &id,
            format!("{} answered {}", provider.base_url, reply.status),
            "wait until the provider answers again; see its status page",
        ),
        Ok(reply) => report.ok(&id, format!("{} answers ({})", provider.base_url, reply.status)),
        Err(error) => report.fail(
            &id,
            format!("{} does not answer: {error}", provider.base_url),
            format!("correct `providers.{name}.base_url`, and make sure that this machine can reach it"),
        ),
    }
}

/// A refresh with a token that cannot be one: the answer tells a wrong client from a wrong token.
async fn credentials(name: &str, provider: &ProviderSettings, asker: &Asker, report: &mut Report) {
    let id = format!("credentials:{name}");
    let Some(credentials) = provider.credentials() else {
        let expires = !matches!(provider.adapter, Kind::GitHub | Kind::OAuth2);
        // Token Vault refreshes by itself, and tokens of a GitHub OAuth App do not expire.
        return if expires && provider.source.contains(&Source::Identities) {
            report.warn(
                &id,
                "no `client_id` is set: tokens expire, and the gateway can neither refresh nor revoke them",
                format!("set `providers.{name}.client_id` and its secret: the connection's OAuth client"),
            )
        } else {
            report.skip(&id, "no `client_id` is set, so nothing is refreshed or revoked")
        };
    };
    let Some(url) = &provider.token_url else {
        return report.skip(&id, "there is no token endpoint to ask");
    };
    let answer = match provider.adapter {
        // Facebook has no refresh tokens: an access token is exchanged.
        Kind::Facebook => exchange(provider, url, asker).await,
        _ => {
            let form = [("grant_type", "refresh_token"), ("refresh_token", "not-a-token")];
            asker.post(url.as_str(), url.as_str(), &credentials, &form).await
        }
    };
    match answer {
        Ok(reply) => answered(name, provider, url, &reply, report),
        Err(error) => report.fail(
            &id,
            format!("{url} does not answer: {error}"),
            format!("correct `providers.{name}.token_url`, and make sure that this machine can reach it"),
        ),
    }
}

/// Reads the refusal with the table of causes that the gateway refreshes by.
fn answered(name: &str, provider: &ProviderSettings, url: &Url, reply: &Reply, report: &mut Report) {
    let id = format!("credentials:{name}");
    let client = format!(
        "correct `providers.{name}.client_id` and its secret: they must be those of the Auth0 connection"
    );
    let refusal = refusal(provider, reply);
    let code = refusal.as_ref().and_then(RefreshError::code).unwrap_or_default();
    let cause = refusal.as_ref().map(RefreshError::cause);
    let said = match cause {
        Some(cause) => format!("{url} answered {} with code {code} ({cause})", reply.status),
        None => format!("{url} answered {}", reply.status),
    };
    match cause {
        Some(Cause::ClientRejected | Cause::ClientUnknown | Cause::OtherClient) => {
            report.fail(&id, said, client);
        }
        Some(Cause::TokenEndpointWrong) => {
            let remedy =
                format!("correct `providers.{name}.token_url`. {}", Cause::TokenEndpointWrong.text());
            report.fail(&id, said, remedy);
        }
        Some(Cause::RequestRefused) if code == "invalid_request" => report.ok(&id, KNOWN),
        _ if cause.map(Cause::failure) == Some(Failure::Permanent) => report.ok(&id, KNOWN),
        None | Some(Cause::Unknown | Cause::Unavailable | Cause::MalformedAnswer) => match reply.status {
            401 | 403 => report.fail(&id, said, client),
            404 => report.fail(&id, said, format!("correct `providers.{name}.token_url`")),
            _ => report.warn(
                &id,
                format!("{said}, which does not show whether the client is right"),
                "try again later",
            ),
        },
        Some(cause) if cause.failure() == Failure::Transient => report.warn(&id, said, cause.text()),
        Some(cause) => report.fail(&id, said, cause.text()),
    }
}

const KNOWN: &str = "the provider knows the client (an invalid token was refused, as expected)";

/// What the provider's adapter makes of the answer. `None`: it accepted the made-up token.
fn refusal(provider: &ProviderSettings, reply: &Reply) -> Option<RefreshError> {
    let headers = HeaderMap::new();
    let status = StatusCode::from_u16(reply.status).ok()?;
    let answer = idp_adapters::Reply::new(status, &headers, reply.text().as_bytes(), SystemTime::now());
    provider.make_adapter().ok()?.refresh_response(&answer).err()
}

async fn exchange(provider: &ProviderSettings, url: &Url, asker: &Asker) -> Result<Reply, String> {
    let secret = ask::read(&provider.secret().ok_or("there is no `client_secret`")?).await?;
    let mut url = url.clone();
    url.query_pairs_mut()
        .append_pair("grant_type", "fb_exchange_token")
        .append_pair("client_id", provider.client_id.as_deref().unwrap_or_default())
        .append_pair("client_secret", secret.expose_secret())
        .append_pair("fb_exchange_token", "not-a-token");
    // Errors of the asker name no URL, and this one holds the secret.
    asker.get(url.as_str(), None).await
}
