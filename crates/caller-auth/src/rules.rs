//! What a token must look like to be accepted: the part of the configuration that verification depends on.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use url::Url;
use zeroize::Zeroizing;

use crate::actors::Actors;

/// Longest time between a token's `iat` and `exp`, unless [`Rules::max_lifetime`] says otherwise: the 30 days that Auth0
/// allows for an API.
pub const MAX_LIFETIME: Duration = Duration::from_secs(30 * 24 * 3600);

/// Longest access token, in bytes, unless [`Rules::max_token`] says otherwise.
pub const MAX_TOKEN: usize = 16 * 1024;

/// Verified tokens kept by default.
pub(crate) const CACHE_CAPACITY: usize = 200_000;
/// Bytes that verified tokens take at most unless something else is said.
const CACHE_BYTES: u64 = 128 << 20;

/// A signature algorithm that can be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// ECDSA on P-256 with SHA-256; for DPoP proofs only, Auth0 signs no tokens with it.
    Es256,
}

impl Algorithm {
    /// The name in a token's head.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
            Self::Es256 => "ES256",
        }
    }
}

/// The claim that [`Caller::has`](crate::Caller::has) looks at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Authorization {
    /// `scope`, what the user granted to the app.
    #[default]
    Scope,
    /// `permissions`, what the user's roles allow.
    Permissions,
}

/// Whether caller tokens may or must be bound to a key (RFC 9449).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dpop {
    /// Bound tokens are refused.
    #[default]
    Off,
    /// Bound tokens need a proof, others do not.
    Allow,
    /// Only bound tokens, with a proof.
    Require,
}

/// Everything verification depends on, apart from the keys. New members may come: begin with [`Rules::new`].
#[derive(Clone)]
#[non_exhaustive]
pub struct Rules {
    /// API identifiers; a token's `aud` must hold one of them.
    pub audience: Vec<Arc<str>>,
    /// Accepted `iss` values, compared to the letter. All are names of one tenant: its keys verify them all.
    pub issuers: Vec<Arc<str>>,
    /// Accepted signature algorithms.
    pub algorithms: Vec<Algorithm>,
    /// Tolerance for clocks that differ.
    pub leeway: Duration,
    /// Longest accepted time between `iat` and `exp`.
    pub max_lifetime: Duration,
    /// Longest accepted token, in bytes.
    pub max_token: usize,
    /// Whether only tokens that speak for a user are accepted; machines and agents of their own are refused.
    pub users_only: bool,
    /// Which parties may act for the user (`act`).
    pub actors: Actors,
    /// Which claim holds what a caller may do.
    pub authorization: Authorization,
    /// Accepted client ids; empty means any.
    pub clients: BTreeSet<String>,
    /// Accepted organisations; empty means any. An entry that begins with `org_` is an id, any other is a name.
    pub organizations: BTreeSet<String>,
    /// Claims to keep for [`Caller::claim`](crate::Caller::claim).
    pub claims: BTreeSet<String>,
    /// Whether tokens may or must be bound to a key.
    pub dpop: Dpop,
    /// Whether proofs need a nonce of ours.
    pub dpop_nonce: bool,
    /// The key that nonces are made from; the same on all replicas, or a client that meets another replica is asked again.
    pub nonce_key: Option<Zeroizing<[u8; 32]>>,
    /// Where clients see this resource: the base of a proof's `htu`.
    pub public_url: Option<Url>,
    /// Virtual hosts, in lower case: there `htu` holds their name instead.
    pub virtual_hosts: BTreeSet<String>,
    /// Clients whose logout tokens are accepted.
    pub logout_clients: Vec<String>,
    /// The protection space named in challenges, and the resource's name in its metadata.
    pub realm: Arc<str>,
    /// Verified tokens to keep.
    pub cache_capacity: usize,
    /// Bytes that they may take; whichever of both is reached first counts.
    pub cache_bytes: u64,
}

impl Rules {
    /// The defaults for one API identifier and one issuer: RS256 and PS256, 30 s of leeway, users only, any client,
    /// organisation and actor, no DPoP.
    #[must_use]
    pub fn new(audience: &str, issuer: &str) -> Self {
        Self {
            audience: vec![audience.into()],
            issuers: vec![issuer.into()],
            algorithms: vec![Algorithm::Rs256, Algorithm::Ps256],
            leeway: Duration::from_secs(30),
            max_lifetime: MAX_LIFETIME,
            max_token: MAX_TOKEN,
            users_only: true,
            actors: Actors::default(),
            authorization: Authorization::default(),
            clients: BTreeSet::new(),
            organizations: BTreeSet::new(),
            claims: BTreeSet::new(),
            dpop: Dpop::default(),
            dpop_nonce: false,
            nonce_key: None,
            public_url: None,
            virtual_hosts: BTreeSet::new(),
            logout_clients: Vec::new(),
            realm: "api".into(),
            cache_capacity: CACHE_CAPACITY,
            cache_bytes: CACHE_BYTES,
        }
    }

    /// The configured algorithm of this name.
    pub(crate) fn algorithm(&self, name: &str) -> Option<Algorithm> {
        self.algorithms.iter().copied().find(|algorithm| algorithm.as_str() == name)
    }

    /// The configured issuer equal to `iss`.
    pub(crate) fn issuer(&self, iss: &str) -> Option<Arc<str>> {
        self.issuers.iter().find(|issuer| ***issuer == *iss).cloned()
    }

    pub(crate) fn admits_client(&self, client: Option<&str>) -> bool {
        self.clients.is_empty() || client.is_some_and(|client| self.clients.contains(client))
    }

    /// Ids are compared exactly; names, which Auth0 keeps in lower case, without regard to case. A name can never stand in
    /// for an id, whatever an organisation calls itself.
    pub(crate) fn admits_organization(&self, id: Option<&str>, name: Option<&str>) -> bool {
        self.organizations.is_empty()
            || self.organizations.iter().any(|allowed| {
                if allowed.starts_with("org_") {
                    id == Some(allowed.as_str())
                } else {
                    name.is_some_and(|name| name.eq_ignore_ascii_case(allowed))
                }
            })
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules")
            .field("audience", &self.audience)
            .field("issuers", &self.issuers)
            .field("algorithms", &self.algorithms)
            .field("dpop", &self.dpop)
            .finish_non_exhaustive()
    }
}
