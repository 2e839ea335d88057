//! The client of token requests, and how it authenticates.

use std::{fmt, time::SystemTime};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::HeaderValue;
use percent_encoding::utf8_percent_encode;
use secrecy::{ExposeSecret as _, SecretString, zeroize::Zeroizing};

#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
use crate::assertion::{self, AssertionAlgorithm};
use crate::{
    Error, SecretReader, SecretSource,
    form::{Form, UNRESERVED},
    hidden_characters,
};

/// An OAuth client and its authentication.
///
/// ```
/// use mgmt_auth::ClientCredentials;
///
/// let client = ClientCredentials::secret("YOUR_CLIENT_ID", "a secret".to_owned());
/// assert!(!format!("{client:?}").contains("a secret"));
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct ClientCredentials {
    /// The client's id.
    pub client_id: String,
    /// How it authenticates.
    pub auth: ClientAuth,
}

/// How a client authenticates at the token endpoint. It has to be the method registered with the application.
#[derive(Clone, Debug)]
pub enum ClientAuth {
    /// Id and secret in the form body (`client_secret_post`).
    SecretPost(SecretSource),
    /// Id and secret as Basic credentials, each form-encoded first (RFC 6749 section 2.3.1).
    SecretBasic(SecretSource),
    /// A signed assertion (`private_key_jwt`, RFC 7523). Feature `aws-lc-rs` or `ring`.
    #[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
    PrivateKeyJwt {
        /// The RSA private key as PEM, PKCS#1 or PKCS#8.
        key: SecretSource,
        /// The assertion's `kid`, if the tenant knows the key by one.
        key_id: Option<String>,
        /// The assertion's signature, as registered with the credential.
        algorithm: AssertionAlgorithm,
    },
}

/// What a form needs beside its members.
pub(crate) struct Proof {
    pub(crate) authorization: Option<HeaderValue>,
    /// What to add to the error if the tenant refuses the client.
    pub(crate) note: Option<String>,
}

impl ClientCredentials {
    /// A client and how it authenticates.
    #[must_use]
    pub fn new(client_id: impl Into<String>, auth: ClientAuth) -> Self {
        Self { client_id: client_id.into(), auth }
    }

    /// A client that sends its secret in the form body.
    #[must_use]
    pub fn secret(client_id: impl Into<String>, secret: impl Into<SecretString>) -> Self {
        let auth = ClientAuth::SecretPost(SecretSource::Inline(secret.into()));
        Self { client_id: client_id.into(), auth }
    }

    /// Whether the secret can be read, and whether a private key can sign; nothing is sent. For a check of a
    /// configuration.
    ///
    /// # Errors
    /// The secret cannot be read, or the key is of a kind that cannot be used; the message says which.
    pub async fn check(&self, secrets: &SecretReader) -> Result<(), Error> {
        let (mut form, now) = (Form::default(), SystemTime::now());
        self.authenticate(&mut form, secrets, "https://example.com/", now).await.map(drop)
    }

    /// What of id and secret cannot be seen and may be why the tenant refuses the client; `None` when all can be seen.
    pub async fn hidden_characters(&self, secrets: &SecretReader) -> Option<String> {
        let secret = match &self.auth {
            ClientAuth::SecretPost(secret) | ClientAuth::SecretBasic(secret) => {
                secrets.read(secret).await.ok()
            }
            #[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
            ClientAuth::PrivateKeyJwt { .. } => None,
        };
        self.note(secret.as_ref())
    }

    /// The body of a token request, with this client's authentication behind `form`, and the `Authorization` header where the
    /// authentication is in it. For programs that send the request themselves. `issuer` is the audience of a signed assertion,
    /// such as `https://{domain}/`.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub async fn token_form(
        &self,
        form: &[(&str, &str)],
        secrets: &SecretReader,
        issuer: &str,
    ) -> Result<(SecretString, Option<HeaderValue>), Error> {
        let mut body = Form::default();
        form.iter().for_each(|(name, value)| body.add(name, value));
        let proof = self.authenticate(&mut body, secrets, issuer, SystemTime::now()).await?;
        Ok((body.secret(), proof.authorization))
    }

    fn note(&self, secret: Option<&SecretString>) -> Option<String> {
        let in_id =
            hidden_characters(&self.client_id).map(|hidden| format!("the client id contains {hidden}"));
        let in_secret = || {
            let hidden = hidden_characters(secret?.expose_secret())?;
            Some(format!("the client secret contains {hidden}"))
        };
        in_id.or_else(in_secret)
    }

    /// Adds the proof to a form.
    #[cfg_attr(
        not(any(feature = "aws-lc-rs", feature = "ring")),
        expect(unused_variables, reason = "only signed assertions hold an audience and a time")
    )]
    pub(crate) async fn authenticate(
        &self,
        form: &mut Form,
        secrets: &SecretReader,
        assertion_audience: &str,
        now: SystemTime,
    ) -> Result<Proof, Error> {
        match &self.auth {
            ClientAuth::SecretPost(secret) => {
                let secret = secrets.read(secret).await?;
                form.add("client_id", &self.client_id);
                form.add("client_secret", secret.expose_secret());
                Ok(Proof { authorization: None, note: self.note(Some(&secret)) })
            }
            ClientAuth::SecretBasic(secret) => {
                let secret = secrets.read(secret).await?;
                let authorization = Some(basic(&self.client_id, secret.expose_secret())?);
                Ok(Proof { authorization, note: self.note(Some(&secret)) })
            }
            #[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
            ClientAuth::PrivateKeyJwt { key, key_id, algorithm } => {
                let key = secrets.read(key).await?;
                let subject = assertion::Subject {
                    client_id: &self.client_id,
                    audience: assertion_audience,
                    key_id: key_id.as_deref(),
                    algorithm: *algorithm,
                };
                let signed = subject.sign(&key, now)?;
                form.add("client_id", &self.client_id);
                form.add("client_assertion_type", assertion::TYPE);
                form.add("client_assertion", signed.expose_secret());
                Ok(Proof { authorization: None, note: self.note(None) })
            }
        }
    }
}

/// Form-encodes both halves. A space is `%20` and not `+`, which servers that only percent-decode would keep.
fn basic(client_id: &str, secret: &str) -> Result<HeaderValue, Error> {
    let encode = |text: &str| Zeroizing::new(utf8_percent_encode(text, UNRESERVED).to_string());
    let pair = Zeroizing::new(format!("{}:{}", *encode(client_id), *encode(secret)));
    let value = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
    let mut value = HeaderValue::from_str(&value)
        .map_err(|_| Error::operator("the client secret cannot be sent in an Authorization header"))?;
    value.set_sensitive(true);
    Ok(value)
}

impl fmt::Debug for ClientCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCredentials")
            .field("client_id", &self.client_id)
            .field("auth", &self.auth)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_form_encodes_both_halves_before_joining_them() {
        let value = basic("id:with colon", "p%ss+wörd&=/:").unwrap();
        assert!(value.is_sensitive());
        let text = value.to_str().unwrap().strip_prefix("Basic ").unwrap();
        let pair = String::from_utf8(STANDARD.decode(text).unwrap()).unwrap();
        assert_eq!(pair, "id%3Awith%20colon:p%25ss%2Bw%C3%B6rd%26%3D%2F%3A");
    }

    #[test]
    fn tm_s01_credentials_do_not_show_their_secret() {
        let text = format!("{:#?}", ClientCredentials::secret("client", "sentinel"));
        assert!(text.contains("client") && !text.contains("sentinel"), "{text}");
    }
}
