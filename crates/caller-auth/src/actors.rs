//! `act`: who acts for the user (RFC 8693 section 4.1), and which of them are accepted.

use std::collections::BTreeSet;
use std::fmt;

use crate::json::{Json, Object};

/// Longest accepted chain.
const MAX_DEPTH: usize = 5;

/// A party that acts for the user: an agent or a service that exchanged the user's token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    pub(crate) subject: Box<str>,
    pub(crate) issuer: Option<Box<str>>,
}

impl Actor {
    /// Its id (`sub` of `act`).
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Who issued that id, where the token says so (`iss` of `act`).
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }
}

/// Which parties may act for a user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Actors {
    /// Any, and none.
    #[default]
    Any,
    /// Tokens with an actor are refused.
    None,
    /// Every actor of a token must be one of these (`sub`); a token without one is accepted.
    Only(BTreeSet<String>),
}

impl Actors {
    pub(crate) fn admit(&self, chain: &[Actor]) -> bool {
        match self {
            Self::Any => true,
            Self::None => chain.is_empty(),
            Self::Only(list) => chain.iter().all(|actor| list.contains(actor.subject())),
        }
    }
}

impl fmt::Display for Actors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::None => f.write_str("none"),
            Self::Only(list) => f.write_str(&list.iter().map(String::as_str).collect::<Vec<_>>().join(" ")),
        }
    }
}

/// The chain of actors, the current one first. `Err` says what is wrong with it.
pub(crate) fn chain(claims: &Object) -> Result<Box<[Actor]>, &'static str> {
    let mut chain = Vec::new();
    let mut next = claims.get("act");
    while let Some(act) = next {
        if chain.len() == MAX_DEPTH {
            return Err("act is deeper than 5");
        }
        let members = act.as_object().ok_or("act is not an object")?;
        let subject = members.get("sub").and_then(Json::as_text).filter(|subject| !subject.is_empty());
        let issuer = match members.get("iss") {
            None => None,
            Some(issuer) => Some(issuer.as_text().ok_or("iss of act is not a text")?.into()),
        };
        chain.push(Actor { subject: subject.ok_or("act has no sub")?.into(), issuer });
        next = members.get("act");
    }
    Ok(chain.into_boxed_slice())
}
