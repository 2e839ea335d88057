//! `POST /oauth/token` and `POST /oauth/revoke`.

use std::sync::Arc;

use crate::http::Answer;
use crate::inner::Inner;
use crate::journal::entry::Entry;

use super::answers::oauth_error;
use super::{authenticate, code, dpop, machine, on_behalf, vault};
use crate::world::client::{ON_BEHALF_GRANT, VAULT_GRANT};

pub(super) fn answer(inner: &Arc<Inner>, entry: &Entry) -> Answer {
    let Some(grant) = entry.field("grant_type") else {
        return oauth_error(400, "invalid_request", "Missing required parameter: grant_type");
    };
    let known = ["client_credentials", "authorization_code", "refresh_token", VAULT_GRANT, ON_BEHALF_GRANT];
    if !known.contains(&grant.as_str()) {
        return oauth_error(400, "unsupported_grant_type", &format!("Grant type not supported: {grant}"));
    }
    let client = match authenticate::client(inner, entry) {
        Ok(client) => client,
        Err(refusal) => return refusal,
    };
    let exchanges = grant == ON_BEHALF_GRANT && on_behalf::allows(inner, &client);
    if !exchanges && !client.grant_types.contains(&grant) {
        let error_uri = "https://auth0.com/docs/clients/client-grant-types";
        let body = serde_json::json!({
            "error": "unauthorized_client", "error_uri": error_uri,
            "error_description": format!("Grant type '{grant}' not allowed for the client."),
        });
        return Answer::json(403, &body);
    }
    let key = match dpop::key(inner, entry, &client) {
        Ok(key) => key,
        Err(refusal) => return refusal,
    };
    let bound = key.is_some();
    let answer = match grant.as_str() {
        "client_credentials" => machine::answer(inner, entry, &client, key),
        "authorization_code" => code::code(inner, entry, &client, key),
        "refresh_token" => code::refresh(inner, entry, &client, key),
        ON_BEHALF_GRANT => on_behalf::answer(inner, entry, &client),
        _ => vault::answer(inner, entry, &client),
    };
    if bound { answer.header("dpop-nonce", inner.state().tenant.dpop_nonce.clone()) } else { answer }
}

pub(super) fn revoke(inner: &Arc<Inner>, entry: &Entry) -> Answer {
    if let Some(token) = entry.field("token") {
        inner.state().tenant.refresh_tokens.remove(&token);
    }
    Answer::new(200)
}
