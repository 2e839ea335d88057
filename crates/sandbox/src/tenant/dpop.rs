//! Proofs of possession at the token endpoint (RFC 9449; facts 5.3).

use serde_json::Value;

use crate::http::Answer;
use crate::inner::Inner;
use crate::journal::entry::Entry;
use crate::keys;
use crate::text;
use crate::world::client::{Client, ClientMethod};

use super::answers::oauth_error;

fn bad(why: &str) -> Answer {
    oauth_error(400, "invalid_dpop_proof", why)
}

/// The thumbprint of the key that the request proves to hold; none without a proof.
pub(super) fn key(inner: &Inner, entry: &Entry, client: &Client) -> Result<Option<String>, Answer> {
    let mut proofs = entry.headers().get_all("dpop").iter();
    let Some(proof) = proofs.next() else { return Ok(None) };
    if proofs.next().is_some() {
        return Err(bad("More than one DPoP proof"));
    }
    let parts: Vec<&str> = proof.to_str().unwrap_or_default().split('.').collect();
    let [header, claims, signature] = parts.as_slice() else { return Err(bad("The proof is not a JWT")) };
    let parse = |part: &str| -> Option<Value> { serde_json::from_slice(&text::from_base64url(part)?).ok() };
    let (Some(head), Some(body), Some(signature)) =
        (parse(header), parse(claims), text::from_base64url(signature))
    else {
        return Err(bad("The proof is not a JWT"));
    };
    let member = |of: &Value, name: &str| of.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    if member(&head, "typ") != "dpop+jwt" || member(&head, "alg") != "ES256" {
        return Err(bad("typ must be dpop+jwt and alg ES256"));
    }
    let jwk = head.get("jwk").cloned().unwrap_or_default();
    let message = format!("{header}.{claims}");
    if jwk.get("d").is_some() || !keys::verify_es256(&jwk, message.as_bytes(), &signature) {
        return Err(bad("The proof's signature is invalid"));
    }
    let here = format!("{}{}", entry.origin(), entry.path());
    if !member(&body, "htm").eq_ignore_ascii_case("POST") || member(&body, "htu") != here {
        return Err(bad("htm or htu is not this request's"));
    }
    let issued = body.get("iat").and_then(Value::as_i64).unwrap_or(0);
    if !(text::epoch() - 300..=text::epoch() + 30).contains(&issued) {
        return Err(bad("iat is too far away"));
    }
    let id = member(&body, "jti");
    // Assertions and proofs share the memory of ids; they cannot meet.
    if id.is_empty() || !inner.state().tenant.assertion_ids.insert(format!("dpop {id}")) {
        return Err(bad("jti is missing or was used before"));
    }
    let nonce = inner.state().tenant.dpop_nonce.clone();
    if client.methods.contains(&ClientMethod::None) && member(&body, "nonce") != nonce {
        let text = "Authorization server requires nonce in DPoP proof";
        return Err(oauth_error(400, "use_dpop_nonce", text).header("dpop-nonce", nonce));
    }
    Ok(Some(keys::thumbprint(&jwk)))
}
