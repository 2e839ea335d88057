//! Tokens of every kind, good and forged.

use std::sync::Arc;

use aws_lc_rs::hmac;
use serde_json::{Value, json};

use crate::inner::Inner;
use crate::json::merge;
use crate::keys::{DpopKey, KeyError, RsaKey};
use crate::text;
use crate::world::client::SPA_CLIENT;

/// Which key signs a minted token.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Signer {
    /// The tenant's current key.
    Current,
    /// The tenant's next key: published, not used by the tenant yet.
    Next,
    /// A good key that the tenant never published.
    Foreign,
    /// The given key.
    Key(Arc<RsaKey>),
    /// HMAC with this secret; together with `alg` HS256, HS384 or HS512.
    Hmac(Vec<u8>),
    /// HMAC with the tenant's public key (PEM) for a secret: the classic confusion attack.
    HmacWithPublicKey,
    /// An empty signature, as `alg: none` has it.
    Nothing,
    /// This text for a signature part.
    Literal(String),
}

/// Builds one token. Starts as a good user token of the tenant for the sandbox's API.
#[derive(Clone, Debug)]
pub struct TokenMint {
    inner: Arc<Inner>,
    header: Value,
    claims: Value,
    raw_header: Option<String>,
    raw_claims: Option<String>,
    signer: Signer,
}

impl TokenMint {
    pub(crate) fn new(inner: Arc<Inner>) -> Self {
        let mint = Self::rs256(inner);
        let (algorithm, lifetime) = {
            let state = mint.inner.state();
            (state.tenant.api_algorithm.clone(), state.tenant.access_lifetime)
        };
        let mint = mint.expires_in(i64::try_from(lifetime).unwrap_or(i64::MAX / 2));
        match algorithm.as_str() {
            "HS256" => {
                let secret = mint.inner.settings.api_secret.clone().into_bytes();
                mint.algorithm("HS256").header(json!({ "kid": null })).signer(Signer::Hmac(secret))
            }
            other => mint.algorithm(other),
        }
    }

    /// A token by the tenant's current key, whatever the API's algorithm is: ID tokens, machine tokens.
    pub(crate) fn rs256(inner: Arc<Inner>) -> Self {
        let now = text::epoch();
        let user = inner.state().first_user();
        let kid = inner.state().current_key().kid().to_owned();
        let claims = json!({
            "iss": inner.issuer(), "sub": user, "aud": [inner.settings.api_audience, format!("{}userinfo", inner.issuer())],
            "iat": now, "exp": now + 86400, "scope": "openid profile email", "azp": SPA_CLIENT,
        });
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": kid });
        Self { inner, header, claims, raw_header: None, raw_claims: None, signer: Signer::Current }
    }

    /// The subject.
    #[must_use]
    pub fn user(self, user_id: &str) -> Self {
        self.claims(json!({ "sub": user_id }))
    }

    /// Sets one claim.
    #[must_use]
    pub fn claim(self, name: &str, value: impl Into<Value>) -> Self {
        let mut with = Value::Object(serde_json::Map::new());
        if let Some(members) = with.as_object_mut() {
            members.insert(name.to_owned(), value.into());
        }
        self.claims(with)
    }

    /// Lays an object over the claims; a `null` removes the claim.
    #[must_use]
    pub fn claims(mut self, with: Value) -> Self {
        merge(&mut self.claims, with);
        self
    }

    /// Lays an object over the header; a `null` removes the member.
    #[must_use]
    pub fn header(mut self, with: Value) -> Self {
        merge(&mut self.header, with);
        self
    }

    /// The space-separated scopes.
    #[must_use]
    pub fn scope(self, scope: &str) -> Self {
        self.claim("scope", scope)
    }

    /// The audience.
    #[must_use]
    pub fn audience(self, audience: impl Into<Value>) -> Self {
        self.claim("aud", audience)
    }

    /// Seconds from now to the end; negative for a token that is over.
    #[must_use]
    pub fn expires_in(self, seconds: i64) -> Self {
        self.claim("exp", text::epoch() + seconds)
    }

    /// Issued this many seconds before now (negative: in the future).
    #[must_use]
    pub fn issued_ago(self, seconds: i64) -> Self {
        self.claim("iat", text::epoch() - seconds)
    }

    /// The RFC 9068 profile: `typ: at+jwt`, `client_id` and `jti`, no `azp`.
    #[must_use]
    pub fn rfc9068(self) -> Self {
        let client = self.claims.get("azp").cloned().unwrap_or_default();
        self.header(json!({ "typ": "at+jwt" })).claims(json!({
            "azp": null, "client_id": client, "jti": text::random(text::ALNUM, 24),
        }))
    }

    /// A machine's token, as the client-credentials grant makes it.
    #[must_use]
    pub fn machine(self, client_id: &str) -> Self {
        self.claims(
            json!({ "sub": format!("{client_id}@clients"), "azp": client_id, "gty": "client-credentials" }),
        )
    }

    /// The issuer; the tenant's own address by default.
    #[must_use]
    pub fn issuer(self, issuer: &str) -> Self {
        self.claim("iss", issuer)
    }

    /// A token of an agent (`agt_...`), as Auth0 issues it to a client that is linked to one: the subject
    /// is the agent, and `sub_profile` says so.
    #[must_use]
    pub fn agent(self, agent_id: &str) -> Self {
        self.claims(json!({ "sub": agent_id, "sub_profile": "ai_agent", "azp": agent_id }))
    }

    /// The chain of actors (RFC 8693, section 4.1), the current one first.
    #[must_use]
    pub fn acting(self, actors: &[&str]) -> Self {
        let chain = actors.iter().rev().fold(Value::Null, |inner, actor| {
            let mut act = json!({ "sub": actor });
            merge(&mut act, json!({ "act": inner }));
            act
        });
        self.claim("act", chain)
    }

    /// An ID token of the SPA client.
    #[must_use]
    pub fn id_token(self, nonce: &str) -> Self {
        self.claims(json!({ "aud": SPA_CLIENT, "nonce": nonce, "scope": null, "azp": null }))
    }

    /// An OpenID Connect Back-Channel Logout token for `client_id`.
    #[must_use]
    pub fn logout_token(self, client_id: &str) -> Self {
        let now = text::epoch();
        self.header(json!({ "typ": "logout+jwt" })).claims(json!({
            "aud": client_id, "scope": null, "azp": null, "jti": text::random(text::ALNUM, 24),
            "exp": now + 120, "events": { "http://schemas.openid.net/event/backchannel-logout": {} },
        }))
    }

    /// Binds the token to a DPoP key (`cnf.jkt`).
    #[must_use]
    pub fn bound_to(self, key: &DpopKey) -> Self {
        self.claim("cnf", json!({ "jkt": key.thumbprint() }))
    }

    /// The `alg` of the header, and of the signature where the signer is an RSA or HMAC key.
    #[must_use]
    pub fn algorithm(self, name: &str) -> Self {
        self.header(json!({ "alg": name }))
    }

    /// Signs with another key. `kid` becomes that key's, unless it is set afterwards.
    #[must_use]
    pub fn signer(self, signer: Signer) -> Self {
        let kid = match &signer {
            Signer::Next => Some(self.inner.state().next_key().kid().to_owned()),
            Signer::Foreign => Some(self.inner.foreign_key.kid().to_owned()),
            Signer::Key(key) => Some(key.kid().to_owned()),
            _ => None,
        };
        let mut mint = match kid {
            Some(kid) => self.header(json!({ "kid": kid })),
            None => self,
        };
        mint.signer = signer;
        mint
    }

    /// `alg: none` with an empty signature.
    #[must_use]
    pub fn unsigned(self) -> Self {
        self.algorithm("none").signer(Signer::Nothing)
    }

    /// HS256 with the tenant's public key for a secret.
    #[must_use]
    pub fn hmac_with_public_key(self) -> Self {
        self.algorithm("HS256").signer(Signer::HmacWithPublicKey)
    }

    /// These bytes for the header part, whatever the members were: duplicates, bad JSON.
    #[must_use]
    pub fn raw_header(mut self, json: &str) -> Self {
        self.raw_header = Some(json.to_owned());
        self
    }

    /// These bytes for the claims part, whatever the claims were.
    #[must_use]
    pub fn raw_claims(mut self, json: &str) -> Self {
        self.raw_claims = Some(json.to_owned());
        self
    }

    /// The claims as they stand.
    #[must_use]
    pub fn current_claims(&self) -> &Value {
        &self.claims
    }

    /// The token.
    ///
    /// # Errors
    /// When the crypto library refuses.
    pub fn try_sign(&self) -> Result<String, KeyError> {
        let header = self.raw_header.clone().unwrap_or_else(|| self.header.to_string());
        let claims = self.raw_claims.clone().unwrap_or_else(|| self.claims.to_string());
        let message = format!("{}.{}", text::base64url(header), text::base64url(claims));
        let algorithm = self.header.get("alg").and_then(Value::as_str).unwrap_or("RS256");
        let rsa = |key: &RsaKey| key.sign(algorithm, message.as_bytes()).map(text::base64url);
        let signed = match &self.signer {
            Signer::Current => rsa(&self.inner.state().current_key())?,
            Signer::Next => rsa(&self.inner.state().next_key())?,
            Signer::Foreign => rsa(&self.inner.foreign_key)?,
            Signer::Key(key) => rsa(key)?,
            Signer::Hmac(secret) => hmac_of(algorithm, secret, &message),
            Signer::HmacWithPublicKey => {
                hmac_of(algorithm, self.inner.state().current_key().public_pem().as_bytes(), &message)
            }
            Signer::Nothing => String::new(),
            Signer::Literal(text) => text.clone(),
        };
        Ok(format!("{message}.{signed}"))
    }

    /// What Auth0 gives to an application that names no audience: a compact JWE with `alg: dir` and an empty
    /// second part, which only Auth0 can read.
    #[must_use]
    pub fn encrypted(&self) -> String {
        encrypted(self.claims.get("iss").and_then(Value::as_str).unwrap_or_default())
    }

    /// The token; empty in the practically impossible case that the crypto library refuses to sign.
    #[must_use]
    pub fn sign(&self) -> String {
        self.try_sign().unwrap_or_default()
    }
}

/// A compact JWE (RFC 7516) whose content cannot be read: five parts, the second empty.
pub(crate) fn encrypted(issuer: &str) -> String {
    let header = json!({ "alg": "dir", "enc": "A256GCM", "iss": issuer });
    let part = |length: usize| text::random(text::URL64, length);
    format!("{}..{}.{}.{}", text::base64url(header.to_string()), part(16), part(120), part(22))
}

fn hmac_of(algorithm: &str, secret: &[u8], message: &str) -> String {
    let algorithm = match algorithm {
        "HS384" => hmac::HMAC_SHA384,
        "HS512" => hmac::HMAC_SHA512,
        _ => hmac::HMAC_SHA256,
    };
    text::base64url(hmac::sign(&hmac::Key::new(algorithm, secret), message.as_bytes()))
}
