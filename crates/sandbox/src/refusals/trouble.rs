//! One refusal, and why a request carries no good token.

use crate::http::Answer;

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

    /// The name, unique for its provider: `token-dead`, `rate-limit`, ...
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The provider's answer.
    #[must_use]
    pub fn answer(&self) -> &Answer {
        &self.answer
    }
}

/// Why a request carries no good token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoSession {
    Missing,
    Expired,
    Revoked,
    Unknown,
}
