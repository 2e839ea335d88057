//! `[tenant]` and `[vault]`, and the proof of every client.

use super::{
    super::{
        AuthMethod, Dpop, Settings, TenantSettings, VaultSettings, problems::Collector, secret::ClientProof,
    },
    address::{UrlRules, check_url, is_authority},
    files::{Content, check_file},
};

pub(super) fn validate(tenant: &TenantSettings, collector: &mut Collector) {
    if !is_authority(&tenant.domain) {
        collector.report(
            "tenant.domain",
            format!("`{}` is not a domain", tenant.domain),
            "write the canonical domain alone, for example acme.eu.auth0.com: no scheme, no path",
        );
    }
    check_url("tenant.base_url", &tenant.base_url, UrlRules { path: true, private: false }, collector);
    if tenant.audience.trim().is_empty() {
        collector.report(
            "tenant.audience",
            "the audience is empty",
            "remove the key: https://{domain}/api/v2/ is the default",
        );
    }
    proof("tenant", &tenant.proof, collector);
}

pub(super) fn validate_vault(vault: &VaultSettings, settings: &Settings, collector: &mut Collector) {
    let own = ["client_id", "client_secret", "client_secret_file", "private_key_file"]
        .iter()
        .any(|name| collector.origins.gave(&format!("vault.{name}")));
    if own {
        proof("vault", &vault.proof, collector);
    }
    if settings.callers.dpop == Dpop::Require {
        let key = if collector.origins.gave("vault") { "vault" } else { "callers.dpop" };
        collector.report(
            key,
            "Token Vault cannot be used together with `callers.dpop = \"require\"`: a token that is bound to a key cannot be exchanged",
            "set `callers.dpop` to \"allow\" or \"off\", or remove `vault` from the section and from every `source`",
        );
    }
}

/// The proof of a client.
pub(super) fn proof(section: &str, proof: &ClientProof, collector: &mut Collector) {
    let at = |name: &str| format!("{section}.{name}");
    both(section, proof.client_secret.is_some(), proof.client_secret_file.is_some(), collector);
    // A value that was refused is not missing.
    let refused = collector.is_dropped(&at("client_secret"));
    let secret = proof.secret().is_some() || refused;
    match (proof.method(), secret, proof.private_key_file.is_some()) {
        (AuthMethod::PrivateKeyJwt, _, false) => collector.report(
            &at("private_key_file"),
            "`auth = \"private_key_jwt\"` without a private key",
            "name the PEM file of the key that is registered with the application",
        ),
        (AuthMethod::Post | AuthMethod::Basic, false, false) => collector.report(
            &at("client_secret_file"),
            "the client has no secret and no private key",
            "name a file with the secret in `client_secret_file`, or a PEM file in `private_key_file`",
        ),
        (AuthMethod::Post | AuthMethod::Basic, false, true) => collector.report(
            &at("auth"),
            "`auth` needs a secret, but only a private key is set",
            "set `auth = \"private_key_jwt\"`, or give `client_secret_file`",
        ),
        (_, true, true) if proof.auth.is_none() => collector.report(
            &at("auth"),
            "both a secret and a private key are set",
            "set `auth` to the one that is used, or remove the other",
        ),
        _ => {}
    }
    if proof.key_id.is_some() && proof.private_key_file.is_none() {
        collector.report(
            &at("key_id"),
            "`key_id` is set, but no `private_key_file`",
            "name the key's file, or remove `key_id`",
        );
    }
    check_file(&at("client_secret_file"), proof.client_secret_file.as_deref(), Content::Text, collector);
    check_file(&at("private_key_file"), proof.private_key_file.as_deref(), Content::RsaKey, collector);
}

/// A secret that is given twice: it would be unclear which one is used.
pub(super) fn both(at: &str, inline: bool, file: bool, collector: &mut Collector) {
    if inline && file {
        collector.report(
            &format!("{at}.client_secret"),
            "`client_secret` and `client_secret_file` are both set",
            "keep one of them; the file can be rotated without a restart",
        );
    }
}
