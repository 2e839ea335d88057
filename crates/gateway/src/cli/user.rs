//! `gateway user ID`: a user's identities, without their tokens.

use secrecy::SecretString;
use serde_json::{Value, json};

use super::{
    ask::{Asker, Reply, tenant_url},
    exit::Exit,
    output::{Ended, Failure, Output},
    token,
};
use crate::config::Settings;

/// Asks the Management API for the members that the gateway reads.
pub(super) async fn look_up(
    settings: &Settings,
    asker: &Asker,
    bearer: &SecretString,
    id: &str,
) -> Result<Reply, String> {
    let url = tenant_url(settings, &["api", "v2", "users", id]);
    // The `|` of user ids must be encoded, which the URL type leaves as it is.
    let url = format!("{}?fields=user_id,identities,blocked&include_fields=true", url.replace('|', "%7C"));
    asker.get(&url, Some(bearer)).await
}

/// What may be shown of an identity.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) connection: String,
    pub(super) provider: String,
    pub(super) user_id: String,
    pub(super) has_token: bool,
    pub(super) has_refresh_token: bool,
}

/// The identities of a user record.
pub(super) fn identities(record: &Value) -> Vec<Identity> {
    let list = record.get("identities").and_then(Value::as_array).cloned().unwrap_or_default();
    let text = |identity: &Value, name: &str| match identity.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    };
    let given = |identity: &Value, name: &str| {
        identity.get(name).and_then(Value::as_str).is_some_and(|text| !text.is_empty())
    };
    list.iter()
        .map(|identity| Identity {
            connection: text(identity, "connection"),
            provider: text(identity, "provider"),
            user_id: text(identity, "user_id"),
            has_token: given(identity, "access_token"),
            has_refresh_token: given(identity, "refresh_token"),
        })
        .collect()
}

/// The configured entry an identity belongs to.
pub(super) fn entry<'a>(settings: &'a Settings, identity: &Identity) -> Option<&'a str> {
    settings.providers.iter().find_map(|(name, provider)| {
        let by_provider = provider.adapter != idp_adapters::Kind::OAuth2;
        let matches = provider
            .connections
            .iter()
            .any(|own| *own == identity.connection || (by_provider && *own == identity.provider));
        matches.then_some(name.as_str())
    })
}

pub(super) async fn run(settings: &Settings, id: &str, as_json: bool, output: &Output) -> Ended {
    let asker = Asker::new(settings)?;
    let management = token::obtain(settings, &asker).await?;
    let reply = look_up(settings, &asker, &management.token, id).await.map_err(|error| {
        Failure::new(format!("the tenant did not answer: {error}"), "try again, then run `gateway doctor`")
    })?;
    if reply.status != 200 {
        let (finding, remedy) = super::doctor::explain_look_up(&reply, id);
        return Err(Failure::new(finding, remedy));
    }
    let record = reply.json();
    let blocked = record.get("blocked").and_then(Value::as_bool).unwrap_or_default();
    let found = identities(&record);
    if as_json {
        let list: Vec<_> = found
            .iter()
            .map(|identity| {
                json!({
                    "account": format!("{}|{}", identity.connection, identity.user_id),
                    "connection": identity.connection,
                    "provider": entry(settings, identity),
                    "strategy": identity.provider,
                    "user_id": identity.user_id,
                    "has_token": identity.has_token,
                    "has_refresh_token": identity.has_refresh_token,
                })
            })
            .collect();
        return output.json(&json!({ "user_id": id, "blocked": blocked, "identities": list }));
    }
    output.line(&format!("{id}{}", if blocked { " (blocked)" } else { "" }));
    for identity in &found {
        let token = match (identity.has_token, identity.has_refresh_token) {
            (true, true) => "token, refresh token",
            (true, false) => "token",
            (false, true) => "refresh token only",
            (false, false) => "no token",
        };
        let entry = entry(settings, identity)
            .map_or_else(|| "not configured".to_owned(), |name| format!("/proxy/{name}"));
        output.line(&format!("  {}|{}  {token}  {entry}", identity.connection, identity.user_id));
    }
    Ok(Exit::Fine)
}
