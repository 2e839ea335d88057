//! Who asks the token endpoint: all four ways of client authentication (facts 1.2).

use serde_json::Value;

use crate::http::Answer;
use crate::inner::Inner;
use crate::journal::entry::Entry;
use crate::text;
use crate::world::client::{Client, ClientMethod};

use super::answers::oauth_error;

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

fn refused() -> Answer {
    oauth_error(401, "access_denied", "Unauthorized")
}

fn bad_assertion(why: &str) -> Answer {
    oauth_error(401, "invalid_client", &format!("Client authentication failed: {why}"))
}

/// The authenticated client, or the refusal.
pub(super) fn client(inner: &Inner, entry: &Entry) -> Result<Client, Answer> {
    if let Some(assertion) = entry.field("client_assertion") {
        return by_assertion(inner, entry, &assertion);
    }
    let (id, secret, method) = match entry.basic() {
        // RFC 6749 2.3.1: id and secret are form-encoded before they are joined.
        Some((id, secret)) => (text::decode(&id), Some(text::decode(&secret)), ClientMethod::Basic),
        None => {
            let id = entry.field("client_id").ok_or_else(|| {
                oauth_error(400, "invalid_request", "Missing required parameter: client_id")
            })?;
            let secret = entry.field("client_secret");
            let method = if secret.is_some() { ClientMethod::Post } else { ClientMethod::None };
            (id, secret, method)
        }
    };
    if entry.field("client_id").is_some_and(|body_id| body_id != id) {
        return Err(refused());
    }
    let client = inner.state().clients.get(&id).cloned().ok_or_else(refused)?;
    let proven = match method {
        ClientMethod::None => true,
        _ => secret.is_some_and(|secret| !client.secret.is_empty() && secret == client.secret),
    };
    if !proven || !client.methods.contains(&method) {
        return Err(refused());
    }
    Ok(client)
}

fn part(token: &str, index: usize) -> Option<Value> {
    serde_json::from_slice(&text::from_base64url(token.split('.').nth(index)?)?).ok()
}

fn by_assertion(inner: &Inner, entry: &Entry, assertion: &str) -> Result<Client, Answer> {
    if entry.field("client_assertion_type").as_deref() != Some(ASSERTION_TYPE) {
        return Err(oauth_error(400, "invalid_request", "Missing required parameter: client_assertion_type"));
    }
    if assertion.len() > 2048 {
        return Err(bad_assertion("the assertion is longer than 2048 bytes"));
    }
    let (Some(header), Some(claims)) = (part(assertion, 0), part(assertion, 1)) else {
        return Err(bad_assertion("the assertion is not a JWT"));
    };
    let text_claim = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let id = text_claim("iss");
    if id.is_empty() || id != text_claim("sub") || id.len() > 64 {
        return Err(bad_assertion("iss and sub must be the client id"));
    }
    if entry.field("client_id").is_some_and(|body_id| body_id != id) {
        return Err(bad_assertion("client_id is not the assertion's subject"));
    }
    let client = inner.state().clients.get(&id).cloned().ok_or_else(refused)?;
    if !client.methods.contains(&ClientMethod::PrivateKeyJwt) {
        return Err(refused());
    }
    check_claims(inner, &claims)?;
    let algorithm = header.get("alg").and_then(Value::as_str).unwrap_or_default();
    let verified = assertion.rsplit_once('.').is_some_and(|(message, signed)| {
        text::from_base64url(signed)
            .is_some_and(|signed| inner.client_key.verify(algorithm, message.as_bytes(), &signed))
    });
    if !verified {
        return Err(bad_assertion("bad signature or algorithm"));
    }
    let id = text_claim("jti");
    if id.is_empty() || id.len() > 64 || !inner.state().tenant.assertion_ids.insert(id) {
        return Err(bad_assertion("jti is missing or was used before"));
    }
    Ok(client)
}

fn check_claims(inner: &Inner, claims: &Value) -> Result<(), Answer> {
    let mut audiences = vec![inner.issuer(), format!("https://{}/", inner.settings.domain)];
    audiences.extend(inner.custom_issuer());
    let good = match claims.get("aud") {
        Some(Value::String(one)) => audiences.contains(one),
        Some(Value::Array(many)) => {
            many.iter().filter_map(Value::as_str).any(|one| audiences.iter().any(|a| a == one))
        }
        _ => false,
    };
    if !good {
        return Err(bad_assertion("aud must be the tenant's address with a slash at its end"));
    }
    let now = text::epoch();
    let number = |name: &str| claims.get(name).and_then(Value::as_i64);
    match number("exp") {
        Some(exp) if exp > now - 10 && exp <= now + 300 + 10 => {}
        _ => return Err(bad_assertion("exp must be ahead, by five minutes at most")),
    }
    if number("nbf").is_some_and(|nbf| nbf > now + 10) || number("iat").is_some_and(|iat| iat > now + 10) {
        return Err(bad_assertion("the assertion is from the future"));
    }
    Ok(())
}
