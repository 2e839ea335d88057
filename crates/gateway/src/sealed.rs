//! What clients and browsers keep for the gateway: JSON that is sealed with the store's keys, as text. Every replica that shares
//! the store opens it, and no one else can read or change it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use token_broker::KeyRing;

/// Seals a value. It opens with the same `place` alone. `None`: the system gives no randomness.
pub(crate) fn seal(keys: &KeyRing, place: &[u8], value: &impl Serialize) -> Option<String> {
    let plain = serde_json::to_vec(value).ok()?;
    keys.seal(place, &plain).ok().map(|sealed| URL_SAFE_NO_PAD.encode(sealed))
}

/// Opens what was sealed at this place with one of the keys.
pub(crate) fn open<T: DeserializeOwned>(keys: &KeyRing, place: &[u8], text: &str) -> Option<T> {
    let sealed = URL_SAFE_NO_PAD.decode(text).ok()?;
    let plain = keys.open(place, &sealed).ok()?;
    serde_json::from_slice(&plain).ok()
}
