//! The refusals of each provider in their real shapes (facts 1.2), by name: to order as faults, to ask for
//! at `/sandbox/trouble/{name}`, to run a classifier over.

use crate::ProviderKind;
use crate::http::Answer;

use super::{bitbucket, facebook, github, google, microsoft, oauth2};

/// One refusal of a provider, word for word as the provider gives it.
///
/// ```
/// use sandbox::{ProviderKind, Trouble};
///
/// let limit = Trouble::named(ProviderKind::GitHub, "secondary-limit");
/// assert_eq!(limit.map(|trouble| trouble.answer().status().as_u16()), Some(403));
/// ```
#[derive(Clone, Debug)]
pub struct Trouble {
    name: &'static str,
    answer: Answer,
}

impl Trouble {
    pub(super) fn new(name: &'static str, answer: Answer) -> Self {
        Self { name, answer }
    }

    /// All refusals the sandbox knows of a provider.
    #[must_use]
    pub fn all(kind: ProviderKind) -> Vec<Self> {
        match kind {
            ProviderKind::Google => google::troubles(),
            ProviderKind::GitHub => github::troubles(),
            ProviderKind::Facebook => facebook::troubles(),
            ProviderKind::Bitbucket => bitbucket::troubles(),
            ProviderKind::Microsoft => microsoft::troubles(),
            ProviderKind::OAuth2 => oauth2::troubles(),
        }
    }

    /// The refusal of that name.
    #[must_use]
    pub fn named(kind: ProviderKind, name: &str) -> Option<Self> {
        Self::all(kind).into_iter().find(|trouble| trouble.name == name)
    }

    /// The name, unique for its provider: `token-dead`, `rate-limit`, ...
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What the provider says.
    #[must_use]
    pub fn answer(&self) -> &Answer {
        &self.answer
    }
}
