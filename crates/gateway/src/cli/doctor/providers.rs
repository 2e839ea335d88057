//! Each provider: is it reachable, and are the connection's own client credentials right?

use secrecy::ExposeSecret;
use url::Url;

use super::{
    super::ask::{self, Asker, Reply},
    report::Report,
};
use crate::config::{AdapterKind, ProviderSettings, SecretSource, Settings};

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
            format!("correct `providers.{name}.base_url`, and let this machine reach it"),
        ),
    }
}

/// A refresh with a token that cannot be one: the answer tells a wrong client from a wrong token.
async fn credentials(name: &str, provider: &ProviderSettings, asker: &Asker, report: &mut Report) {
    let id = format!("credentials:{name}");
    let Some(credentials) = provider.credentials() else {
        return report.skip(&id, "no `client_id`: nothing is refreshed or revoked");
    };
    let Some(url) = &provider.token_url else {
        return report.skip(&id, "there is no token endpoint to ask");
    };
    if provider.adapter == AdapterKind::Facebook {
        return facebook(name, provider, url, asker, report).await;
    }
    let form = [("grant_type", "refresh_token"), ("refresh_token", "not-a-token")];
    let reply = match asker.post(url.as_str(), url.as_str(), &credentials, &form).await {
        Ok(reply) => reply,
        Err(error) => {
            let remedy = format!("correct `providers.{name}.token_url`, and let this machine reach it");
            return report.fail(&id, format!("{url} does not answer: {error}"), remedy);
        }
    };
    let error = reply.error();
    let said = format!("{url} answered {} {error}", reply.status);
    match error.as_str() {
        "invalid_client" | "incorrect_client_credentials" | "unauthorized_client" | "invalid_client_credentials" => report
            .fail(
                &id,
                said,
                format!("correct `providers.{name}.client_id` and its secret: they must be those of the Auth0 connection"),
            ),
        "invalid_grant" | "bad_refresh_token" | "invalid_request" => {
            report.ok(&id, "the client is known there (a made-up token was refused)");
        }
        _ if reply.status == 401 || reply.status == 403 => report.fail(
            &id,
            said,
            format!("correct `providers.{name}.client_id` and its secret: they must be those of the Auth0 connection"),
        ),
        _ if reply.status == 404 => report.fail(&id, said, format!("correct `providers.{name}.token_url`")),
        _ => report.warn(&id, format!("{said}, which does not say whether the client is right"), "try again later"),
    }
}

/// Facebook has no refresh tokens: an exchange of a token that cannot be one tells a wrong app from a wrong token.
async fn facebook(name: &str, provider: &ProviderSettings, url: &Url, asker: &Asker, report: &mut Report) {
    let id = format!("credentials:{name}");
    let reply = match exchange(provider, url, asker).await {
        Ok(reply) => reply,
        Err(error) => {
            let remedy = format!("correct `providers.{name}.token_url`, and let this machine reach it");
            return report.fail(&id, format!("{url} does not answer: {error}"), remedy);
        }
    };
    let code = reply.json().pointer("/error/code").and_then(serde_json::Value::as_i64);
    match code {
        Some(190) => report.ok(&id, "the app is known there (a made-up token was refused)"),
        Some(code @ (1 | 101)) => report.fail(
            &id,
            format!("{url} answered {} with code {code}", reply.status),
            format!("correct `providers.{name}.client_id` and its secret: they must be those of the Auth0 connection"),
        ),
        _ => report.warn(
            &id,
            format!("{url} answered {}, which does not say whether the app is right", reply.status),
            "try again later",
        ),
    }
}

async fn exchange(provider: &ProviderSettings, url: &Url, asker: &Asker) -> Result<Reply, String> {
    let source =
        SecretSource::from_pair(provider.client_secret.as_ref(), provider.client_secret_file.as_deref());
    let secret = ask::read(&source.ok_or("there is no `client_secret`")?).await?;
    let mut url = url.clone();
    url.query_pairs_mut()
        .append_pair("grant_type", "fb_exchange_token")
        .append_pair("client_id", provider.client_id.as_deref().unwrap_or_default())
        .append_pair("client_secret", secret.expose_secret())
        .append_pair("fb_exchange_token", "not-a-token");
    // Errors of the asker name no URL, and this one holds the secret.
    asker.get(url.as_str(), None).await
}
