//! Hosted connect: the application, its callback, and the My Account API, as far as they show without anybody signing in.

use url::Url;

use super::{super::ask::Asker, report::Report};
use crate::config::{ConnectSettings, Settings, Source};

pub(super) async fn check(settings: &Settings, asker: &Asker, report: &mut Report) {
    let (Some(own), Some(public)) = (&settings.connect, &settings.server.public_url) else {
        return report.skip("connect", "there is no [connect]");
    };
    let issuer = settings.callers.issuers.first().map(String::as_str).unwrap_or_default();
    let issuer = format!("{}/", issuer.trim_end_matches('/'));
    let callback = format!("{}/connect/callback", public.as_str().trim_end_matches('/'));
    client(own, asker, (&issuer, &callback), report).await;
    let uses_vault = settings.providers.values().any(|provider| provider.source.contains(&Source::Vault));
    authorize(own, asker, (&issuer, &callback, uses_vault), report).await;
}

/// The client's proof and its grant type, proved with a code that cannot be one.
async fn client(own: &ConnectSettings, asker: &Asker, (issuer, callback): (&str, &str), report: &mut Report) {
    let Some(credentials) = own.proof.credentials(&own.client_id) else {
        return report.fail("connect-client", "the client has no secret or key", "set its secret or key");
    };
    let form = [
        ("grant_type", "authorization_code"),
        ("code", "not-a-code"),
        ("redirect_uri", callback),
        ("code_verifier", "a-verifier-that-belongs-to-no-code-at-all-0123456"),
    ];
    let reply = match asker.post(&format!("{issuer}oauth/token"), issuer, &credentials, &form).await {
        Ok(reply) => reply,
        Err(error) => {
            let finding = format!("the tenant does not answer: {error}");
            return report.fail("connect-client", finding, "try again");
        }
    };
    let error = reply.error();
    let said = format!("the tenant answered {} {error}: {}", reply.status, reply.description());
    match (reply.status, error.as_str()) {
        (429 | 500.., _) => report.warn("connect-client", said, "try again later"),
        (_, "invalid_grant") => {
            report.ok(
                "connect-client",
                "the application may redeem codes (an invalid code was refused, as expected)",
            );
        }
        (_, "unauthorized_client") => report.fail(
            "connect-client",
            said,
            "make it a Regular Web Application with the grant type `Authorization Code`",
        ),
        _ => report.fail("connect-client", said, "correct `connect.client_id` and its secret or key"),
    }
}

/// The callback and the audience, by an authorization request that shows no page.
async fn authorize(
    own: &ConnectSettings,
    asker: &Asker,
    (issuer, callback, uses_vault): (&str, &str, bool),
    report: &mut Report,
) {
    let Ok(mut url) = Url::parse(&format!("{issuer}authorize")) else { return };
    url.query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("client_id", &own.client_id)
        .append_pair("redirect_uri", callback)
        .append_pair("scope", "openid")
        .append_pair("state", "doctor")
        .append_pair("nonce", "doctor")
        .append_pair("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")
        .append_pair("code_challenge_method", "S256")
        .append_pair("prompt", "none");
    if uses_vault {
        url.query_pairs_mut().append_pair("audience", &own.my_account_audience);
    }
    let reply = match asker.get(url.as_str(), None).await {
        Ok(reply) => reply,
        Err(error) => {
            let finding = format!("the tenant does not answer: {error}");
            return report.fail("connect-callback", finding, "try again");
        }
    };
    let back = reply.location.as_deref().filter(|to| to.starts_with(callback));
    let Some(back) = back.and_then(|to| Url::parse(to).ok()) else {
        return report.fail(
            "connect-callback",
            format!("the tenant answered the authorization request with {}", reply.status),
            format!("add {callback} to the application's Allowed Callback URLs"),
        );
    };
    report.ok("connect-callback", format!("{callback} is registered"));
    let error = back.query_pairs().find(|(name, _)| name == "error").map(|(_, error)| error.into_owned());
    match (uses_vault, error.as_deref()) {
        (false, _) => report.skip("connect-my-account", "no `source` names the vault"),
        (true, Some("login_required")) => report.ok(
            "connect-my-account",
            format!(
                "the tenant has {}; whether the client grant is right shows at the first connection",
                own.my_account_audience
            ),
        ),
        (true, error) => report.fail(
            "connect-my-account",
            format!("the tenant answered {} for {}", error.unwrap_or("nothing"), own.my_account_audience),
            "activate the My Account API, and grant the application `create:me:connected_accounts`",
        ),
    }
}
