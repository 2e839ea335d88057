//! `gateway token`: the management token's scopes and remaining life.

use std::{
    collections::BTreeSet,
    time::{Duration, SystemTime},
};

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::{
    ask::{Asker, Reply, claims, tenant_url},
    exit::Exit,
    output::{Ended, Failure, Output},
};
use crate::config::Settings;

/// A fresh management token.
#[derive(Debug)]
pub(super) struct Management {
    pub(super) token: SecretString,
    pub(super) scopes: BTreeSet<String>,
    /// Whether anything said which scopes were granted.
    pub(super) scopes_known: bool,
    pub(super) issued_at: SystemTime,
    pub(super) expires_at: SystemTime,
}

/// Why there is none.
#[derive(Debug)]
pub(super) enum Refused {
    Unreachable(String),
    Answer(Reply),
}

/// Asks for one.
pub(super) async fn request(settings: &Settings, asker: &Asker) -> Result<Management, Refused> {
    let tenant = &settings.tenant;
    let Some(credentials) = tenant.proof.credentials(&tenant.client_id) else {
        return Err(Refused::Unreachable("the client has no credentials".to_owned()));
    };
    let form = [("grant_type", "client_credentials"), ("audience", tenant.audience.as_str())];
    let url = tenant_url(settings, &["oauth", "token"]);
    let issuer = format!("https://{}/", tenant.domain);
    let issued_at = SystemTime::now();
    let reply = asker.post(&url, &issuer, &credentials, &form).await.map_err(Refused::Unreachable)?;
    let json = reply.json();
    match (reply.status, json.get("access_token").and_then(Value::as_str)) {
        (200, Some(token)) => Ok(management(token, &json, issued_at)),
        _ => Err(Refused::Answer(reply)),
    }
}

fn management(token: &str, json: &Value, issued_at: SystemTime) -> Management {
    let claims = claims(token).unwrap_or(Value::Null);
    let scope = [json, &claims].into_iter().find_map(|from| from.get("scope").and_then(Value::as_str));
    let lifetime = match json.get("expires_in") {
        Some(Value::Number(seconds)) => seconds.as_u64(),
        Some(Value::String(seconds)) => seconds.trim().parse().ok(),
        _ => None,
    };
    Management {
        token: token.into(),
        scopes: scope.unwrap_or_default().split_ascii_whitespace().map(str::to_owned).collect(),
        scopes_known: scope.is_some(),
        issued_at,
        expires_at: issued_at + Duration::from_secs(lifetime.unwrap_or(86_400)),
    }
}

/// The same for a command that can do nothing without it.
pub(super) async fn obtain(settings: &Settings, asker: &Asker) -> Result<Management, Failure> {
    request(settings, asker).await.map_err(|refused| {
        let (finding, remedy) = super::doctor::explain_refusal(settings, &refused);
        Failure::new(finding, remedy)
    })
}

pub(super) async fn run(settings: &Settings, as_json: bool, reveal: bool, output: &Output) -> Ended {
    let management = obtain(settings, &Asker::new(settings)?).await?;
    let moment = |time: SystemTime| Timestamp::try_from(time).map(round).unwrap_or_default();
    if as_json {
        let mut answer = json!({
            "audience": settings.tenant.audience,
            "scopes": management.scopes,
            "issued_at": moment(management.issued_at),
            "expires_at": moment(management.expires_at),
        });
        if reveal {
            answer["access_token"] = management.token.expose_secret().into();
        }
        return output.json(&answer);
    }
    let left = management.expires_at.duration_since(SystemTime::now()).unwrap_or_default();
    let scopes: Vec<_> = management.scopes.iter().map(String::as_str).collect();
    output.line(&format!("audience    {}", settings.tenant.audience));
    output.line(&format!(
        "scopes      {}",
        if scopes.is_empty() { "(none said)".to_owned() } else { scopes.join(" ") }
    ));
    output.line(&format!("issued at   {}", moment(management.issued_at)));
    output.line(&format!(
        "expires at  {} (in {})",
        moment(management.expires_at),
        humantime::format_duration(Duration::from_secs(left.as_secs()))
    ));
    if reveal {
        output.line(management.token.expose_secret());
    }
    Ok(Exit::Fine)
}

fn round(time: Timestamp) -> String {
    Timestamp::from_second(time.as_second()).unwrap_or(time).to_string()
}
