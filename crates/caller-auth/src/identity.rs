//! The caller, as everything behind verification sees it.

use std::sync::Arc;
use std::time::SystemTime;

use crate::actors::Actor;
use crate::common::{Common, Counted};
use crate::refusal::Refusal;
use crate::rules::{Authorization, Rules};
use crate::{claims, json, time};

/// A claim's name and its texts.
pub(crate) type KeptClaim = (Box<str>, Box<[Box<str>]>);

/// The user, and the app, that a verified access token speaks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub(crate) subject: Box<str>,
    pub(crate) common: Arc<Common>,
    /// Boxed, because few callers have any.
    pub(crate) rare: Option<Box<Rare>>,
    /// Seconds since 1970.
    pub(crate) issued_at: i64,
    /// Seconds since 1970.
    pub(crate) expires_at: i64,
}

/// What few tokens have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rare {
    pub(crate) actors: Box<[Actor]>,
    /// The texts of the claims that [`Rules::claims`](crate::Rules::claims) names, as far as the token has them.
    pub(crate) claims: Box<[KeptClaim]>,
    /// The thumbprint of the key the token is bound to.
    pub(crate) thumbprint: Option<[u8; 32]>,
}

impl Rare {
    /// Nothing, where it holds nothing.
    pub(crate) fn boxed(self) -> Option<Box<Self>> {
        (self != Self::default()).then(|| Box::new(self))
    }

    fn size(&self) -> usize {
        let actors = |actor: &Actor| {
            size_of::<Actor>() + actor.subject.len() + actor.issuer.as_deref().map_or(0, str::len)
        };
        let claim = |(name, texts): &KeptClaim| {
            let texts = texts.iter().map(|text| size_of::<Box<str>>() + text.len()).sum::<usize>();
            size_of::<KeptClaim>() + name.len() + texts
        };
        size_of::<Self>()
            + self.actors.iter().map(actors).sum::<usize>()
            + self.claims.iter().map(claim).sum::<usize>()
    }
}

impl Caller {
    /// A caller that the program vouches for itself, without any token: an operator at a command line who acts for a user.
    #[must_use]
    pub fn vouched(subject: &str, client: &str) -> Self {
        let common = Common {
            is_user: true,
            client: Some(client.into()),
            organization: None,
            organization_name: None,
            issuer: "operator".into(),
            audience: Box::default(),
            scope: Box::default(),
            permissions: Box::default(),
            authorization: Authorization::Scope,
            counted: Counted::default(),
        };
        Self { subject: subject.into(), common: Arc::new(common), rare: None, issued_at: 0, expires_at: 0 }
    }

    /// The caller that a token with these claims (a JSON object) would speak for under these rules, to ask what such a caller
    /// may do. Nothing is verified: neither a signature nor times, and issuer and audience only where they are given.
    ///
    /// # Errors
    /// The claims cannot be read, or the rules accept no such caller.
    pub fn from_claims(claims: &str, rules: &Rules) -> Result<Self, Refusal> {
        let unclean =
            || Refusal::invalid("claims", "The claims are not a JSON object without duplicate members.");
        claims::described(&json::object(claims.as_bytes()).ok_or_else(unclean)?, rules)
    }

    /// Bytes of memory, for caches that are bounded by them. What the verifier keeps once for many callers is not in it.
    #[must_use]
    pub fn size(&self) -> usize {
        size_of::<Self>()
            + self.subject.len()
            + self.common.size_for_caller()
            + self.rare.as_deref().map_or(0, Rare::size)
    }

    /// The user's id in Auth0 (`sub`).
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Whether it is a user. False only where [`Rules::users_only`](crate::Rules::users_only) is switched off: then the
    /// token may speak for a machine or an agent of its own.
    #[must_use]
    pub fn is_user(&self) -> bool {
        self.common.is_user
    }

    /// Who acts for the user (`act`, RFC 8693 section 4.1), the current actor first, those it acts for behind it; at most
    /// five, mostly none.
    #[must_use]
    pub fn actors(&self) -> &[Actor] {
        self.rare.as_deref().map_or(&[], |rare| &rare.actors)
    }

    /// The app's client id (`azp` or `client_id`).
    #[must_use]
    pub fn client(&self) -> Option<&str> {
        self.common.client.as_deref()
    }

    /// The id of the organisation the user logged in to (`org_id`).
    #[must_use]
    pub fn organization(&self) -> Option<&str> {
        self.common.organization.as_deref()
    }

    /// The organisation's name, where the tenant puts it into tokens (`org_name`).
    #[must_use]
    pub fn organization_name(&self) -> Option<&str> {
        self.common.organization_name.as_deref()
    }

    /// The issuer, one of the configured ones (`iss`).
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.common.issuer
    }

    /// All audiences of the token (`aud`).
    pub fn audience(&self) -> impl Iterator<Item = &str> {
        self.common.audience.iter().map(AsRef::as_ref)
    }

    /// Whether the token is meant for `audience`, among others.
    #[must_use]
    pub fn is_for(&self, audience: &str) -> bool {
        self.audience().any(|one| one == audience)
    }

    /// What the user granted to the app (`scope`).
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        self.common.scope.split_ascii_whitespace()
    }

    /// What the user's roles allow (`permissions`).
    pub fn permissions(&self) -> impl Iterator<Item = &str> {
        self.common.permissions.iter().map(AsRef::as_ref)
    }

    /// Whether the caller holds `scope`, by the claim that `Rules::authorization` names.
    #[must_use]
    pub fn has(&self, scope: &str) -> bool {
        match self.common.authorization {
            Authorization::Scope => self.scopes().any(|held| held == scope),
            Authorization::Permissions => self.permissions().any(|held| held == scope),
        }
    }

    /// The texts of a claim that [`Rules::claims`](crate::Rules::claims) names: its value where that is a text, the texts in
    /// it where it is an array. Nothing for any other claim.
    pub fn claim(&self, name: &str) -> impl Iterator<Item = &str> {
        let mut claims = self.rare.iter().flat_map(|rare| &rare.claims);
        let kept = claims.find(|(kept, _)| **kept == *name);
        kept.into_iter().flat_map(|(_, texts)| texts.iter()).map(AsRef::as_ref)
    }

    /// When the token was issued (`iat`).
    #[must_use]
    pub fn issued_at(&self) -> SystemTime {
        time::system(self.issued_at).unwrap_or(SystemTime::UNIX_EPOCH)
    }

    /// When the token ends (`exp`).
    #[must_use]
    pub fn expires_at(&self) -> SystemTime {
        time::system(self.expires_at).unwrap_or(SystemTime::UNIX_EPOCH)
    }

    /// Whether the token is bound to a key. Such a token cannot be exchanged at the vault.
    #[must_use]
    pub fn is_bound(&self) -> bool {
        self.thumbprint().is_some()
    }

    pub(crate) fn thumbprint(&self) -> Option<&[u8; 32]> {
        self.rare.as_deref()?.thumbprint.as_ref()
    }
}
