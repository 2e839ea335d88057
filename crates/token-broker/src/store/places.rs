//! How what a fleet shares is named and written, the same in every store.

use std::{
    borrow::Cow,
    time::{Duration, SystemTime},
};

use mgmt_auth::{SharedToken, TokenName};
use secrecy::ExposeSecret;
use zeroize::Zeroizing;

use crate::{StoreError, grant::seconds};

pub(super) fn token_place(name: &TokenName) -> String {
    serde_json::json!(["management-token/1", name.domain(), name.client_id(), name.audience()]).to_string()
}

pub(super) fn user_place(tenant: &str, user_id: &str) -> String {
    serde_json::json!(["user/1", tenant, user_id]).to_string()
}

pub(super) fn vault_place(tenant: &str, user: &str) -> String {
    serde_json::json!(["vault/1", tenant, user]).to_string()
}

#[derive(serde::Serialize, serde::Deserialize)]
struct KeptToken<'a> {
    access_token: Cow<'a, str>,
    scope: Option<String>,
    issued_at: u64,
    expires_at: u64,
}

pub(super) fn encode_token(token: &SharedToken) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    let kept = KeptToken {
        access_token: token.access_token.expose_secret().into(),
        scope: token.scope.clone(),
        issued_at: seconds(token.issued_at),
        expires_at: seconds(token.expires_at),
    };
    // Large enough not to be moved: what is left behind would not be overwritten.
    let mut plain = Zeroizing::new(Vec::with_capacity(2 * kept.access_token.len() + 1024));
    serde_json::to_writer(&mut *plain, &kept)
        .map_err(|_| StoreError::damaged("a token cannot be written"))?;
    Ok(plain)
}

pub(super) fn decode_token(plain: &[u8]) -> Option<SharedToken> {
    let kept = serde_json::from_slice::<KeptToken<'_>>(plain).ok()?;
    let time = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    let (issued_at, expires_at) = (time(kept.issued_at), time(kept.expires_at));
    Some(SharedToken::new(kept.access_token.into_owned().into(), kept.scope, issued_at, expires_at))
}
