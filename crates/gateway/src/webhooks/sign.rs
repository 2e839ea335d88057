//! Signatures by the Standard Webhooks specification: HMAC-SHA256 over id, time and body.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretString};

/// What a secret of the specification begins with.
const PREFIX: &str = "whsec_";

/// The secret is not one of the specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the webhook's secret is not `whsec_` and base64 of 24 to 64 bytes")]
pub(super) struct BadSecret;

/// `webhook-signature` for a message.
///
/// # Errors
/// The secret cannot be read.
pub(super) fn signature(
    secret: &SecretString,
    id: &str,
    timestamp: u64,
    body: &str,
) -> Result<String, BadSecret> {
    let text = secret.expose_secret().trim();
    let key = text.strip_prefix(PREFIX).and_then(|text| STANDARD.decode(text).ok());
    let key = key.map(secrecy::zeroize::Zeroizing::new).filter(|key| (24..=64).contains(&key.len()));
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key.ok_or(BadSecret)?);
    let tag = hmac::sign(&key, format!("{id}.{timestamp}.{body}").as_bytes());
    Ok(format!("v1,{}", STANDARD.encode(tag.as_ref())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_one_of_the_specification() {
        // The example of the specification's own libraries.
        let secret = SecretString::from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let made =
            signature(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, "{\"test\": 2432232314}");
        assert_eq!(made.as_deref(), Ok("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
        for bad in ["", "whsec_", "whsec_!", "whsec_c2hvcnQ=", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] {
            assert_eq!(signature(&SecretString::from(bad), "m", 1, "{}"), Err(BadSecret), "{bad}");
        }
    }
}
