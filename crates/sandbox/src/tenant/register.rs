//! `POST /oidc/register`: applications that register themselves (RFC 7591), where the tenant lets them.

use serde_json::{Value, json};
use url::Url;

use crate::http::Answer;
use crate::inner::Inner;
use crate::journal::entry::Entry;
use crate::json::merge;
use crate::quirks::Quirk;
use crate::text::{self, ALNUM};
use crate::world::client::Client;

use super::answers::oauth_error;

pub(super) fn answer(inner: &Inner, entry: &Entry) -> Answer {
    if !inner.quirks.is_on(Quirk::OpenRegistration) {
        return super::not_found();
    }
    let body = entry.json().unwrap_or_default();
    let callbacks: Vec<&str> =
        body["redirect_uris"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if callbacks.is_empty() || callbacks.iter().any(|address| Url::parse(address).is_err()) {
        return oauth_error(400, "invalid_redirect_uri", "redirect_uris must name at least one address");
    }
    let id = text::random(ALNUM, 32);
    let name = body["client_name"].as_str().unwrap_or("My App");
    let mut answer = json!({ "client_id": id, "client_name": name, "redirect_uris": callbacks,
        "client_secret_expires_at": 0 });
    let client = if body["token_endpoint_auth_method"] == "none" {
        merge(&mut answer, json!({ "token_endpoint_auth_method": "none" }));
        Client::public(&id)
    } else {
        let secret = text::random(ALNUM, 64);
        merge(&mut answer, json!({ "client_secret": secret }));
        Client::web(&id, &secret).grant_types(&["authorization_code", "refresh_token"])
    };
    let client = client.name(name).callbacks(&callbacks);
    inner.state().clients.insert(id, client);
    Answer::json(201, &answer).header("cache-control", "no-store")
}
