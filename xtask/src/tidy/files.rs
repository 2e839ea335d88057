//! The files that the checks read, and what they find in them.

use anyhow::Result;
use proc_macro2::TokenStream;

pub(super) struct Finding {
    pub(super) place: String,
    pub(super) what: String,
}

impl Finding {
    pub(super) fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { place: place.into(), what: what.into() }
    }
}

/// A file that git tracks (or would track), with its text.
pub(super) struct Tracked {
    pub(super) path: String,
    pub(super) text: String,
}

impl Tracked {
    pub(super) fn tokens(&self) -> Result<TokenStream> {
        self.text.parse().map_err(|error| anyhow::anyhow!("{}: {error}", self.path))
    }

    pub(super) fn is(&self, extension: &str) -> bool {
        self.path.rsplit_once('.').is_some_and(|(_, found)| found == extension)
    }
}

/// Whether a path holds tests or benchmarks alone.
pub(super) fn is_test(path: &str) -> bool {
    path.contains("/tests/")
        || path.contains("/benches/")
        || path.ends_with("/tests.rs")
        || path.ends_with("_tests.rs")
}

/// Whether an item is behind `#[cfg(test)]`.
pub(super) fn for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Ident>().is_ok_and(|argument| argument == "test")
    })
}
