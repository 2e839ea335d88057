//! On-Behalf-Of Token Exchange (facts 6), as far as the My Account API: a caller's token for one that speaks for the same user there.

use std::sync::Arc;

use serde_json::json;

use crate::http::Answer;
use crate::inner::Inner;
use crate::journal::entry::Entry;
use crate::mint::TokenMint;
use crate::quirks::Quirk;
use crate::world::client::Client;

use super::answers::{expires_in, oauth_error};
use super::{my_account, vault};

/// The scopes of the client grant.
const GRANTED: [&str; 2] = ["read:me:connected_accounts", "delete:me:connected_accounts"];

/// Whether the grant is switched on for this client.
pub(super) fn allows(inner: &Inner, client: &Client) -> bool {
    client.resource_server.is_some() && inner.quirks.is_on(Quirk::OnBehalfOf)
}

pub(super) fn answer(inner: &Arc<Inner>, entry: &Entry, client: &Client) -> Answer {
    exchange(inner, entry, client).unwrap_or_else(|refusal| refusal)
}

fn exchange(inner: &Arc<Inner>, entry: &Entry, client: &Client) -> Result<Answer, Answer> {
    for name in ["subject_token_type", "requested_token_type"] {
        if vault::required(entry, name)? != vault::ACCESS {
            return Err(oauth_error(400, "invalid_request", &format!("Unsupported {name}")));
        }
    }
    let audience = vault::required(entry, "audience")?;
    let user_id = vault::by_access_token(inner, &vault::required(entry, "subject_token")?, client)?;
    if !my_account::is_audience(inner, &audience) {
        let text = format!("Client is not authorized to access \"{audience}\".");
        return Err(oauth_error(403, "access_denied", &text));
    }
    let asked = entry.field("scope").unwrap_or_default();
    let scope: Vec<&str> = asked.split(' ').filter(|scope| GRANTED.contains(scope)).collect();
    let scope = scope.join(" ");
    let mint = TokenMint::new(Arc::clone(inner)).user(&user_id).audience(audience);
    let token = mint.claim("azp", client.id.clone()).acting(&[&client.id]).scope(&scope).sign();
    inner.state().secrets.insert(token.clone());
    let lifetime = inner.state().tenant.access_lifetime;
    let body = json!({
        "access_token": token, "issued_token_type": vault::ACCESS, "token_type": "Bearer",
        "expires_in": expires_in(inner, lifetime), "scope": scope,
    });
    Ok(Answer::json(200, &body).header("cache-control", "no-store"))
}
