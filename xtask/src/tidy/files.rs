//! The files that the checks read, and what they find in them.

use std::path::PathBuf;

/// One thing that is not as it should be.
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
    pub(super) path: PathBuf,
    pub(super) text: String,
}

impl Tracked {
    pub(super) fn name(&self) -> String {
        self.path.display().to_string()
    }

    pub(super) fn is(&self, extension: &str) -> bool {
        self.path.extension().is_some_and(|found| found == extension)
    }
}

/// Whether a path holds tests or benchmarks alone.
pub(super) fn is_test(path: &str) -> bool {
    path.contains("/tests/")
        || path.contains("/benches/")
        || path.ends_with("/tests.rs")
        || path.ends_with("_tests.rs")
}
