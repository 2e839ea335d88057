//! The caller, as everything behind verification sees it.

use std::sync::Arc;
use std::time::SystemTime;

use crate::actors::Actor;
use crate::refusal::Refusal;
use crate::rules::{Authorization, Rules};
use crate::{claims, json};

/// A claim's name and its texts.
pub(crate) type KeptClaim = (Box<str>, Box<[Box<str>]>);

/// The user, and the app, that a verified access token speaks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub(crate) subject: Box<str>,
    pub(crate) is_user: bool,
    pub(crate) client: Option<Box<str>>,
    pub(crate) organization: Option<Box<str>>,
    pub(crate) organization_name: Option<Box<str>>,
    pub(crate) actors: Box<[Actor]>,
    pub(crate) issuer: Arc<str>,
    pub(crate) audience: Box<[Arc<str>]>,
    pub(crate) scope: Box<str>,
    pub(crate) permissions: Box<[Box<str>]>,
    pub(crate) authorization: Authorization,
    pub(crate) issued_at: SystemTime,
    pub(crate) expires_at: SystemTime,
    /// The texts of the claims that [`Rules::claims`](crate::Rules::claims) names, as far as the token has them.
    pub(crate) claims: Box<[KeptClaim]>,
    /// The thumbprint of the key the token is bound to.
    pub(crate) thumbprint: Option<[u8; 32]>,
}

impl Caller {
    /// A caller that the program vouches for itself, without any token: an operator at a command line who acts for a user.
    #[must_use]
    pub fn vouched(subject: &str, client: &str) -> Self {
        Self {
            subject: subject.into(),
            is_user: true,
            client: Some(client.into()),
            organization: None,
            organization_name: None,
            actors: Box::default(),
            issuer: "operator".into(),
            audience: Box::default(),
            scope: Box::default(),
            permissions: Box::default(),
            authorization: Authorization::Scope,
            issued_at: SystemTime::UNIX_EPOCH,
            expires_at: SystemTime::UNIX_EPOCH,
            claims: Box::default(),
            thumbprint: None,
        }
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

    /// Bytes of memory, for caches that are bounded by them.
    #[must_use]
    pub fn size(&self) -> usize {
        let optional = [&self.client, &self.organization, &self.organization_name];
        let texts = optional.into_iter().flatten().chain([&self.subject, &self.scope]);
        let actors = |actor: &Actor| {
            size_of::<Actor>() + actor.subject.len() + actor.issuer.as_deref().map_or(0, str::len)
        };
        let claim = |(name, texts): &KeptClaim| {
            let texts = texts.iter().map(|text| size_of::<Box<str>>() + text.len()).sum::<usize>();
            size_of::<KeptClaim>() + name.len() + texts
        };
        size_of::<Self>()
            + texts.map(|text| text.len()).sum::<usize>()
            + self.permissions.iter().map(|one| size_of::<Box<str>>() + one.len()).sum::<usize>()
            + self.actors.iter().map(actors).sum::<usize>()
            + self.audience.iter().map(|one| size_of::<Arc<str>>() + one.len()).sum::<usize>()
            + self.claims.iter().map(claim).sum::<usize>()
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
        self.is_user
    }

    /// Who acts for the user (`act`, RFC 8693 section 4.1), the current actor first, those it acts for behind it; at most
    /// five, mostly none.
    #[must_use]
    pub fn actors(&self) -> &[Actor] {
        &self.actors
    }

    /// The app's client id (`azp` or `client_id`).
    #[must_use]
    pub fn client(&self) -> Option<&str> {
        self.client.as_deref()
    }

    /// The id of the organisation the user logged in to (`org_id`).
    #[must_use]
    pub fn organization(&self) -> Option<&str> {
        self.organization.as_deref()
    }

    /// The organisation's name, where the tenant puts it into tokens (`org_name`).
    #[must_use]
    pub fn organization_name(&self) -> Option<&str> {
        self.organization_name.as_deref()
    }

    /// The issuer, one of the configured ones (`iss`).
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// All audiences of the token (`aud`).
    pub fn audience(&self) -> impl Iterator<Item = &str> {
        self.audience.iter().map(AsRef::as_ref)
    }

    /// Whether the token is meant for `audience`, among others.
    #[must_use]
    pub fn is_for(&self, audience: &str) -> bool {
        self.audience().any(|one| one == audience)
    }

    /// What the user granted to the app (`scope`).
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        self.scope.split_ascii_whitespace()
    }

    /// What the user's roles allow (`permissions`).
    pub fn permissions(&self) -> impl Iterator<Item = &str> {
        self.permissions.iter().map(AsRef::as_ref)
    }

    /// Whether the caller holds `scope`, by the claim that `Rules::authorization` names.
    #[must_use]
    pub fn has(&self, scope: &str) -> bool {
        match self.authorization {
            Authorization::Scope => self.scopes().any(|held| held == scope),
            Authorization::Permissions => self.permissions().any(|held| held == scope),
        }
    }

    /// The texts of a claim that [`Rules::claims`](crate::Rules::claims) names: its value where that is a text, the texts in
    /// it where it is an array. Nothing for any other claim.
    pub fn claim(&self, name: &str) -> impl Iterator<Item = &str> {
        let kept = self.claims.iter().find(|(kept, _)| **kept == *name);
        kept.into_iter().flat_map(|(_, texts)| texts.iter()).map(AsRef::as_ref)
    }

    /// When the token was issued (`iat`).
    #[must_use]
    pub fn issued_at(&self) -> SystemTime {
        self.issued_at
    }

    /// When the token ends (`exp`).
    #[must_use]
    pub fn expires_at(&self) -> SystemTime {
        self.expires_at
    }

    /// Whether the token is bound to a key. Such a token cannot be exchanged at the vault.
    #[must_use]
    pub fn is_bound(&self) -> bool {
        self.thumbprint.is_some()
    }
}
