//! What Facebook answers, as far as this client reads it. Times are like `2026-01-02T03:04:05+0000`.

use serde::Deserialize;

use crate::client::lenient;

/// A permission that the app asked the user for.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Permission {
    /// Its name: `user_photos`.
    pub permission: String,
    /// `granted`, `declined`, `expired`.
    pub status: String,
}

impl Permission {
    /// Whether the token may use it.
    #[must_use]
    pub fn is_granted(&self) -> bool {
        self.status == "granted"
    }
}

/// A photo.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Photo {
    /// The id.
    #[serde(deserialize_with = "lenient::id")]
    pub id: String,
    /// What the user wrote to it.
    pub name: Option<String>,
    /// The page for people.
    pub link: Option<String>,
    /// When it was published.
    pub created_time: Option<String>,
    /// The picture in its sizes, the largest first.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub images: Vec<Image>,
}

/// A photo in one size.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Image {
    /// Where it is, for some days.
    pub source: Option<String>,
    /// Pixels.
    #[serde(default, deserialize_with = "lenient::count")]
    pub width: Option<u64>,
    /// Pixels.
    #[serde(default, deserialize_with = "lenient::count")]
    pub height: Option<u64>,
}
