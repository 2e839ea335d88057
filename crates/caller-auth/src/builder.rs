//! Setting a verifier up.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use mgmt_auth::KeyPolicy;
use url::Url;
use zeroize::Zeroizing;

use crate::actors::Actors;
use crate::keys::{self, KeySource};
use crate::logout::LogoutMarks;
use crate::replay::{MemoryReplays, ReplayStore};
use crate::rules::{Authorization, Dpop, Rules};
use crate::verifier::{REPLAYS, Verifier};

/// Why a verifier cannot be built. Each text names the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// No audience.
    #[error("no audience is accepted; name the API identifier with `audience`")]
    NoAudience,
    /// The issuer is no URL.
    #[error("the issuer is no URL; write it as it stands in tokens, for example https://acme.eu.auth0.com/")]
    Issuer(#[source] url::ParseError),
    /// An issuer without the slash at its end, which Auth0's issuers have: no token would be accepted.
    #[error("the issuer has no slash at its end, as Auth0's issuers have: write `{0}/`")]
    NoSlash(String),
    /// The issuer cannot be asked for its keys.
    #[error("the issuer's keys cannot be asked for: {0}")]
    Keys(#[source] mgmt_auth::Error),
    /// DPoP without an address of one's own.
    #[error(
        "DPoP needs the address that clients use; set it with `public_url`, or a proof made for another host is accepted"
    )]
    NoPublicUrl,
}

/// Sets a [`Verifier`] up; see [`Verifier::builder`].
///
/// ```
/// use caller_auth::{Dpop, Verifier};
///
/// # fn f() -> Result<(), Box<dyn std::error::Error>> {
/// let verifier = Verifier::builder("https://acme.eu.auth0.com/")
///     .issuer("https://login.acme.com/") // the same tenant's custom domain
///     .audience("https://api.acme.com")
///     .client("YOUR_SPA")
///     .organization("org_acme")
///     .dpop(Dpop::Allow)
///     .public_url("https://api.acme.com/".parse()?)
///     .realm("acme")
///     .build()?;
/// # Ok(())
/// # }
/// ```
pub struct VerifierBuilder {
    rules: Rules,
    issuer: String,
    policy: KeyPolicy,
    keys: Option<Arc<dyn KeySource>>,
    replays: Option<Arc<dyn ReplayStore>>,
    marks: LogoutMarks,
}

impl Verifier {
    /// A builder for the tenant with this issuer, as it stands in tokens: `https://acme.eu.auth0.com/`, with its final slash.
    ///
    /// The tenant's keys are read from `{issuer}.well-known/jwks.json`, unless [`VerifierBuilder::keys`] names another source.
    #[must_use]
    pub fn builder(issuer: impl Into<String>) -> VerifierBuilder {
        let issuer = issuer.into();
        let mut rules = Rules::new("", &issuer);
        rules.audience.clear();
        VerifierBuilder {
            rules,
            issuer,
            policy: KeyPolicy::default(),
            keys: None,
            replays: None,
            marks: LogoutMarks::default(),
        }
    }
}

impl VerifierBuilder {
    /// Accepts another issuer of the same tenant too: its custom domain, or its canonical one.
    #[must_use]
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.rules.issuers.push(issuer.into().into());
        self
    }

    /// Accepts tokens for this API identifier. At least one is required.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.rules.audience.push(audience.into().into());
        self
    }

    /// Accepts this client (`azp` or `client_id`); without any call every client is accepted.
    #[must_use]
    pub fn client(mut self, client: impl Into<String>) -> Self {
        self.rules.clients.insert(client.into());
        self
    }

    /// Keeps this claim for [`Caller::claim`](crate::Caller::claim).
    #[must_use]
    pub fn claim(mut self, name: impl Into<String>) -> Self {
        self.rules.claims.insert(name.into());
        self
    }

    /// Accepts users who are logged in to this organisation, an id that begins with `org_` or a name; without any call
    /// every user is accepted.
    #[must_use]
    pub fn organization(mut self, organization: impl Into<String>) -> Self {
        self.rules.organizations.insert(organization.into());
        self
    }

    /// Whether only users are accepted, and machines and agents of their own refused. True by default.
    #[must_use]
    pub fn users_only(mut self, users_only: bool) -> Self {
        self.rules.users_only = users_only;
        self
    }

    /// Which parties may act for a user. Any by default.
    #[must_use]
    pub fn actors(mut self, actors: Actors) -> Self {
        self.rules.actors = actors;
        self
    }

    /// The claim that [`Caller::has`](crate::Caller::has) looks at. `scope` by default.
    #[must_use]
    pub fn authorization(mut self, authorization: Authorization) -> Self {
        self.rules.authorization = authorization;
        self
    }

    /// Whether tokens may or must be bound to a key (RFC 9449). Needs [`public_url`](Self::public_url). Off by default.
    #[must_use]
    pub fn dpop(mut self, dpop: Dpop) -> Self {
        self.rules.dpop = dpop;
        self
    }

    /// Asks for a nonce in every proof, made from `key`; replicas that share the key take each other's nonces.
    #[must_use]
    pub fn dpop_nonce(mut self, key: Zeroizing<[u8; 32]>) -> Self {
        (self.rules.dpop_nonce, self.rules.nonce_key) = (true, Some(key));
        self
    }

    /// Where clients see this API: the base of a proof's `htu`, and of the metadata address in challenges (RFC 9728).
    #[must_use]
    pub fn public_url(mut self, url: Url) -> Self {
        self.rules.public_url = Some(url);
        self
    }

    /// The protection space that challenges name, and the resource's name in its metadata. `api` by default.
    #[must_use]
    pub fn realm(mut self, realm: impl Into<String>) -> Self {
        self.rules.realm = realm.into().into();
        self
    }

    /// Tolerance for clocks that differ. Thirty seconds by default.
    #[must_use]
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.rules.leeway = leeway;
        self
    }

    /// Longest accepted time between `iat` and `exp`. Thirty days by default.
    #[must_use]
    pub fn max_lifetime(mut self, lifetime: Duration) -> Self {
        self.rules.max_lifetime = lifetime;
        self
    }

    /// Longest accepted token in bytes. 16 KiB by default.
    #[must_use]
    pub fn max_token(mut self, bytes: usize) -> Self {
        self.rules.max_token = bytes;
        self
    }

    /// Verified tokens to keep. 200,000 by default.
    #[must_use]
    pub fn cache_capacity(mut self, tokens: usize) -> Self {
        self.rules.cache_capacity = tokens;
        self
    }

    /// Bytes that verified tokens may take. 128 MiB by default.
    #[must_use]
    pub fn cache_bytes(mut self, bytes: u64) -> Self {
        self.rules.cache_bytes = bytes;
        self
    }

    /// Accepts logout tokens for this client.
    #[must_use]
    pub fn logout_client(mut self, client: impl Into<String>) -> Self {
        self.rules.logout_clients.push(client.into());
        self
    }

    /// How the tenant's keys are kept: their age, the pause after an unknown key id, how long old ones serve.
    #[must_use]
    pub fn key_policy(mut self, policy: KeyPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Takes the keys from somewhere else: a [`mgmt_auth::Tenant`], or a source of your own.
    #[must_use]
    pub fn keys(mut self, keys: Arc<dyn KeySource>) -> Self {
        self.keys = Some(keys);
        self
    }

    /// Remembers the ids of proofs and logout tokens in a store that replicas share; by default each process has its own.
    #[must_use]
    pub fn replays(mut self, replays: Arc<dyn ReplayStore>) -> Self {
        self.replays = Some(replays);
        self
    }

    /// Shares logout marks with others.
    #[must_use]
    pub fn logout_marks(mut self, marks: LogoutMarks) -> Self {
        self.marks = marks;
        self
    }

    /// The verifier. Nothing is asked yet.
    ///
    /// # Errors
    /// There is no audience, the issuer cannot be asked for keys, or DPoP has no public URL.
    pub fn build(self) -> Result<Verifier, BuildError> {
        if self.rules.audience.is_empty() {
            return Err(BuildError::NoAudience);
        }
        if self.rules.dpop != Dpop::Off && self.rules.public_url.is_none() {
            return Err(BuildError::NoPublicUrl);
        }
        if let Some(issuer) = self.rules.issuers.iter().find(|issuer| is_cut(issuer)) {
            return Err(BuildError::NoSlash(issuer.to_string()));
        }
        let source: Arc<dyn KeySource> = match self.keys {
            Some(source) => source,
            None => {
                let url = Url::parse(&self.issuer).map_err(BuildError::Issuer)?;
                Arc::new(keys::of_issuer(&url, self.policy).map_err(BuildError::Keys)?)
            }
        };
        let replays = self.replays.unwrap_or_else(|| Arc::new(MemoryReplays::new(REPLAYS)));
        Ok(Verifier::shared(self.rules, source, replays, self.marks))
    }
}

/// Whether only the final slash is missing from an issuer of Auth0.
fn is_cut(issuer: &str) -> bool {
    Url::parse(issuer).is_ok_and(|url| url.path() == "/" && !issuer.ends_with('/'))
}

impl fmt::Debug for VerifierBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifierBuilder").field("rules", &self.rules).finish_non_exhaustive()
    }
}
