//! One profile shape for every provider.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A user's profile in the standard claims of OpenID Connect (Core 1.0, section 5.1). Unknown ones are absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Profile {
    /// The user's id at the provider.
    pub sub: String,
    /// The full name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The first name or names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_name: Option<String>,
    /// The last name or names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family_name: Option<String>,
    /// The name the user goes by at the provider (`octocat`). Not an identifier: users change it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preferred_username: Option<String>,
    /// The profile page's URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// The picture's URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
    /// The e-mail address, where the token may see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Whether the provider vouches for the address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email_verified: Option<bool>,
    /// The user's language, a BCP 47 tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
}

/// The answer was no profile of this provider.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the provider's profile answer has no usable user id")]
pub struct MalformedProfile;

impl Profile {
    /// A profile of which only the id is known.
    #[must_use]
    pub fn new(sub: impl Into<String>) -> Self {
        Self { sub: sub.into(), ..Self::default() }
    }
}

/// A profile document being read: members are optional, of any type, and null as good as absent.
pub(crate) struct Document(Value);

impl Document {
    pub(crate) fn parse(body: &[u8]) -> Result<Self, MalformedProfile> {
        serde_json::from_slice(body).map(Document).map_err(|_| MalformedProfile)
    }

    /// The text at a JSON pointer; empty text counts as absent.
    pub(crate) fn text(&self, pointer: &str) -> Option<String> {
        self.0.pointer(pointer)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
    }

    /// Text or number at a JSON pointer.
    pub(crate) fn id(&self, pointer: &str) -> Result<String, MalformedProfile> {
        match self.0.pointer(pointer) {
            Some(Value::String(id)) if !id.is_empty() => Ok(id.clone()),
            Some(Value::Number(id)) => Ok(id.to_string()),
            _ => Err(MalformedProfile),
        }
    }

    /// A boolean, also as text.
    pub(crate) fn flag(&self, pointer: &str) -> Option<bool> {
        match self.0.pointer(pointer)? {
            Value::Bool(flag) => Some(*flag),
            Value::String(text) => text.parse().ok(),
            _ => None,
        }
    }
}
