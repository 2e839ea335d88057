//! ID tokens of the tenant (OpenID Connect Core 1.0, section 3.1.3.7), for a program that signs users in itself.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use crate::Reason;
use crate::claims;
use crate::header;
use crate::jose;
use crate::keys::KeySource;
use crate::refusal::Refusal;
use crate::rules::{Algorithm, Rules};
use crate::signature::ParsedKeys;
use crate::time;

/// Verifies the ID tokens that one client gets.
///
/// ```no_run
/// use std::{sync::Arc, time::SystemTime};
/// use caller_auth::{Algorithm, IdTokenVerifier};
///
/// # async fn f(tenant: mgmt_auth::Tenant, token: &str, nonce: &str) -> Result<(), Box<dyn std::error::Error>> {
/// let verifier =
///     IdTokenVerifier::new("https://acme.eu.auth0.com/", "YOUR_CLIENT_ID", &[Algorithm::Rs256], Arc::new(tenant));
/// let user = verifier.verify(token, nonce, SystemTime::now()).await?;
/// # Ok(())
/// # }
/// ```
pub struct IdTokenVerifier {
    rules: Rules,
    client: String,
    keys: Arc<dyn KeySource>,
    parsed: ParsedKeys,
}

/// A verified ID token.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IdToken {
    /// `sub`: the user who signed in.
    pub subject: String,
}

/// Why an ID token was not accepted. Neither text holds any of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdTokenRefusal {
    /// The token is wrong. The word is for the log.
    #[error("the ID token is not accepted: {0}")]
    Invalid(&'static str),
    /// It could not be checked at the moment.
    #[error("the ID token cannot be checked now: {0}")]
    Unavailable(&'static str),
}

impl IdTokenVerifier {
    /// For the ID tokens of `client` that `issuer` signs with one of `algorithms`.
    #[must_use]
    pub fn new(issuer: &str, client: &str, algorithms: &[Algorithm], keys: Arc<dyn KeySource>) -> Self {
        let mut rules = Rules::new(client, issuer);
        rules.algorithms = algorithms.to_vec();
        Self { rules, client: client.to_owned(), keys, parsed: ParsedKeys::default() }
    }

    /// The issuer whose tokens are accepted.
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.rules.issuers.first().map_or("", |issuer| issuer)
    }

    /// Verifies signature, issuer, audience, times and nonce. `now` is the wall clock.
    ///
    /// # Errors
    /// [`IdTokenRefusal::Invalid`] for a token that is wrong in any way.
    pub async fn verify(&self, token: &str, nonce: &str, now: SystemTime) -> Result<IdToken, IdTokenRefusal> {
        let invalid = IdTokenRefusal::Invalid;
        let token = jose::parse(token, self.rules.max_token).map_err(|_| invalid("form"))?;
        let refused = |refusal: Refusal| match refusal.reason {
            Reason::KeysUnavailable | Reason::KeysRateLimited => IdTokenRefusal::Unavailable(refusal.cause),
            _ => invalid(refusal.cause),
        };
        let algorithm = header::algorithm(&token, &self.rules).map_err(refused)?;
        let typ = token.typ().map_err(|_| invalid("typ"))?;
        if typ.is_some_and(|typ| !typ.eq_ignore_ascii_case("JWT")) {
            return Err(invalid("typ"));
        }
        header::issuer(&token, &self.rules).map_err(refused)?;
        let key = header::key(&token, &*self.keys).await.map_err(refused)?;
        header::signature(&token, &self.parsed, (algorithm, &key)).map_err(refused)?;
        let audiences = claims::audiences(&token.claims).unwrap_or_default();
        if !audiences.contains(&self.client.as_str()) {
            return Err(invalid("audience"));
        }
        // With several audiences `azp` says whose token it is.
        let party = token.text("azp");
        if party.is_some_and(|party| party != self.client) || (audiences.len() > 1 && party.is_none()) {
            return Err(invalid("azp"));
        }
        claims::times(&token.claims, &self.rules, time::seconds(now)).map_err(refused)?;
        if nonce.is_empty() || token.text("nonce") != Some(nonce) {
            return Err(invalid("nonce"));
        }
        let subject = token.text("sub").filter(|subject| !subject.is_empty()).ok_or(invalid("no sub"))?;
        Ok(IdToken { subject: subject.to_owned() })
    }
}

impl fmt::Debug for IdTokenVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdTokenVerifier").field("rules", &self.rules).finish_non_exhaustive()
    }
}
