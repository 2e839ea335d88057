//! Discovery and the key set.

use serde_json::{Value, json};

use crate::http::Answer;
use crate::inner::Inner;
use crate::journal::entry::Entry;

pub(super) fn discovery(inner: &Inner, entry: &Entry) -> Answer {
    let issuer = inner.issuer_of(entry);
    let base = issuer.trim_end_matches('/');
    Answer::json(
        200,
        &json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{base}/authorize"),
            "token_endpoint": format!("{base}/oauth/token"),
            "userinfo_endpoint": format!("{base}/userinfo"),
            "jwks_uri": format!("{base}/.well-known/jwks.json"),
            "revocation_endpoint": format!("{base}/oauth/revoke"),
            "end_session_endpoint": format!("{base}/oidc/logout"),
            "device_authorization_endpoint": format!("{base}/oauth/device/code"),
            "mfa_challenge_endpoint": format!("{base}/mfa/challenge"),
            "registration_endpoint": format!("{base}/oidc/register"),
            "scopes_supported": ["openid", "profile", "offline_access", "email"],
            "response_types_supported": ["code"],
            "response_modes_supported": ["query", "form_post", "web_message"],
            "code_challenge_methods_supported": ["S256"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["HS256", "RS256", "PS256"],
            "token_endpoint_auth_methods_supported":
                ["client_secret_basic", "client_secret_post", "private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth"],
            "token_endpoint_auth_signing_alg_values_supported": ["RS256", "RS384", "PS256"],
            "dpop_signing_alg_values_supported": ["ES256"],
            "backchannel_logout_supported": true,
        }),
    )
}

pub(super) fn key_set(inner: &Inner) -> Answer {
    let state = inner.state();
    let algorithm = state.tenant.publish_algorithm.then_some("RS256");
    let mut keys: Vec<Value> = state.published_keys().iter().map(|key| key.jwk(algorithm)).collect();
    keys.extend(state.tenant.extra_keys.iter().cloned());
    Answer::json(200, &json!({ "keys": keys }))
        .header("cache-control", "public, max-age=15, stale-while-revalidate=15, stale-if-error=86400")
}
