//! Token Vault: client, grant and audience, proved with a subject token that cannot be one.

use super::{
    super::ask::{Asker, tenant_url},
    report::Report,
};
use crate::config::{Settings, Source};

const EXCHANGE: &str = "urn:auth0:params:oauth:grant-type:token-exchange:federated-connection-access-token";

pub(super) async fn check(settings: &Settings, asker: &Asker, report: &mut Report) {
    let Some((vault, credentials)) =
        settings.vault.as_ref().and_then(|vault| Some((vault, vault.proof.credentials(&vault.client_id)?)))
    else {
        return report.skip("vault", "no `source` names the vault");
    };
    let connection = settings
        .providers
        .values()
        .find(|provider| provider.source.contains(&Source::Vault))
        .and_then(|provider| provider.connections.first());
    let connection = connection.map_or("google-oauth2", String::as_str);
    let form = [
        ("grant_type", EXCHANGE),
        ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        ("subject_token", "not-a-token"),
        ("requested_token_type", "http://auth0.com/oauth/token-type/federated-connection-access-token"),
        ("connection", connection),
    ];
    if !settings.callers.audience.contains(&vault.audience) {
        report.warn(
            "vault-audience",
            format!("`vault.audience` ({}) is not one of `callers.audience`", vault.audience),
            "set it to the API whose tokens callers send; other tokens cannot be exchanged",
        );
    } else {
        report.ok("vault-audience", format!("callers' tokens for {} can be exchanged", vault.audience));
    }
    let issuer = format!("https://{}/", settings.tenant.domain);
    let reply =
        match asker.post(&tenant_url(settings, &["oauth", "token"]), &issuer, &credentials, &form).await {
            Ok(reply) => reply,
            Err(error) => {
                return report.fail("vault", format!("the tenant does not answer: {error}"), "try again");
            }
        };
    let error = reply.error();
    let said = format!("the exchange answered {} {error}: {}", reply.status, reply.description());
    match (reply.status, error.as_str()) {
        (429 | 500.., _) => report.warn("vault", said, "try again later"),
        (_, "access_denied" | "invalid_client") if reply.status == 401 => {
            report.fail("vault", said, "correct `vault.client_id` and its secret or key");
        }
        (_, "unauthorized_client" | "access_denied" | "unsupported_grant_type") => report.fail(
            "vault",
            said,
            "make the client a Custom API Client linked to `vault.audience`, and allow its grant `Token Vault`",
        ),
        (_, "mfa_required") => report.fail("vault", said, "set the tenant's MFA policy to Never, or decide about MFA in an Action"),
        _ => report.ok("vault", "the client may exchange tokens (an invalid token was refused, as expected)"),
    }
}
