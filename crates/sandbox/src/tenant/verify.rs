//! The tenant's own tokens, presented to it.

use serde_json::Value;

use crate::inner::Inner;
use crate::text;

/// Why a text is no token of this tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bad {
    Malformed,
    Signature,
}

/// The claims of a JWT that one of the published keys signed. Nothing else is checked.
pub(super) fn signed(inner: &Inner, token: &str) -> Result<Value, Bad> {
    let parts: Vec<&str> = token.split('.').collect();
    let [header, claims, signature] = parts.as_slice() else { return Err(Bad::Malformed) };
    let parse = |part: &str| -> Option<Value> { serde_json::from_slice(&text::from_base64url(part)?).ok() };
    let (Some(head), Some(body)) = (parse(header), parse(claims)) else { return Err(Bad::Malformed) };
    let signature = text::from_base64url(signature).ok_or(Bad::Signature)?;
    let kid = head.get("kid").and_then(Value::as_str).unwrap_or_default();
    let message = format!("{header}.{claims}");
    let keys = inner.state().published_keys();
    let algorithm = match head.get("alg").and_then(Value::as_str) {
        Some("PS256") => "PS256",
        _ => "RS256",
    };
    let good =
        keys.iter().any(|key| key.kid() == kid && key.verify(algorithm, message.as_bytes(), &signature));
    if good { Ok(body) } else { Err(Bad::Signature) }
}

pub(super) fn audiences(claims: &Value) -> Vec<&str> {
    match claims.get("aud") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

pub(super) fn is_over(claims: &Value) -> bool {
    claims.get("exp").and_then(Value::as_i64).is_none_or(|end| end <= text::epoch())
}

pub(super) fn subject(claims: &Value) -> &str {
    claims.get("sub").and_then(Value::as_str).unwrap_or_default()
}

pub(super) fn has_scope(claims: &Value, wanted: &str) -> bool {
    let scope = claims.get("scope").and_then(Value::as_str).unwrap_or_default();
    scope.split(' ').any(|scope| scope == wanted)
}

/// A token that is good for `audience`: signed, ours, not over.
pub(super) fn token_for(inner: &Inner, token: &str, audience: &str) -> Option<Value> {
    let claims = signed(inner, token).ok()?;
    let ours = claims.get("iss").and_then(Value::as_str).is_some_and(|issuer| inner.is_issuer(issuer));
    (ours && !is_over(&claims) && audiences(&claims).contains(&audience)).then_some(claims)
}

/// Whether a PKCE verifier (RFC 7636, S256) is the one behind the challenge.
pub(super) fn proves(verifier: &str, challenge: &str) -> bool {
    text::base64url(text::sha256(verifier.as_bytes())) == challenge
}
