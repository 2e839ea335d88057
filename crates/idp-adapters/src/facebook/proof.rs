//! `appsecret_proof`: lower-case hex of HMAC-SHA256, key: the app's secret, message: the access token.

#[cfg(all(feature = "facebook-proof", feature = "aws-lc-rs"))]
use aws_lc_rs::hmac;
#[cfg(all(feature = "facebook-proof", feature = "ring", not(feature = "aws-lc-rs")))]
use ring::hmac;
use secrecy::SecretString;
use token_keeper::BearerToken;

#[cfg(all(feature = "facebook-proof", not(any(feature = "aws-lc-rs", feature = "ring"))))]
compile_error!(
    "`facebook-proof` of idp-adapters is an HMAC by aws-lc-rs or ring: turn on its feature `aws-lc-rs` (one of the default features) \
     or `ring`, or turn off `facebook-proof`"
);

#[cfg(feature = "facebook-proof")]
#[expect(clippy::unnecessary_wraps, reason = "without the feature there is no proof")]
pub(super) fn of(token: &BearerToken, secret: &SecretString) -> Option<SecretString> {
    use secrecy::ExposeSecret;

    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
    let tag = hmac::sign(&key, token.expose().as_bytes());
    let hex = tag.as_ref().iter().flat_map(|byte| [byte >> 4, byte & 15]);
    Some(hex.filter_map(|digit| char::from_digit(u32::from(digit), 16)).collect::<String>().into())
}

/// There is no proof without the feature; an app that demands one refuses the call.
#[cfg(not(feature = "facebook-proof"))]
pub(super) fn of(_: &BearerToken, _: &SecretString) -> Option<SecretString> {
    None
}
