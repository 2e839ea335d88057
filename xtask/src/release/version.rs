//! Versions and what a change asks of them.

use anyhow::{Context as _, Result, bail};
use std::fmt;
use std::str::FromStr;

/// What a change asks of the version.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Bump {
    Fix,
    Feature,
    Breaking,
}

impl FromStr for Bump {
    type Err = anyhow::Error;

    fn from_str(word: &str) -> Result<Self> {
        Ok(match word.trim() {
            "fix" => Self::Fix,
            "feature" => Self::Feature,
            "breaking" => Self::Breaking,
            other => bail!("`{other}` is not one of breaking, feature, fix"),
        })
    }
}

/// `major.minor.patch`; no pre-releases here.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Version(pub(super) u64, pub(super) u64, pub(super) u64);

impl Version {
    /// The next version. Below 1.0 Cargo takes the minor number for the breaking one, and so do we.
    pub(super) fn next(self, bump: Bump) -> Self {
        let Self(major, minor, patch) = self;
        match (major, bump) {
            (0, Bump::Breaking) | (1.., Bump::Feature) => Self(major, minor + 1, 0),
            (0, _) | (_, Bump::Fix) => Self(major, minor, patch + 1),
            (_, Bump::Breaking) => Self(major + 1, 0, 0),
        }
    }

    pub(super) fn tag(self) -> String {
        format!("v{self}")
    }
}

impl FromStr for Version {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut parts = text.trim().trim_start_matches('v').split('.').map(str::parse::<u64>);
        let mut part =
            || parts.next().and_then(Result::ok).with_context(|| format!("`{text}` is no version"));
        Ok(Self(part()?, part()?, part()?))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greatest_change_decides() {
        let next = |version: &str, bump| version.parse::<Version>().unwrap().next(bump).to_string();
        assert_eq!(next("0.3.4", Bump::Fix), "0.3.5");
        assert_eq!(next("0.3.4", Bump::Feature), "0.3.5");
        assert_eq!(next("0.3.4", Bump::Breaking), "0.4.0");
        assert_eq!(next("1.3.4", Bump::Fix), "1.3.5");
        assert_eq!(next("1.3.4", Bump::Feature), "1.4.0");
        assert_eq!(next("1.3.4", Bump::Breaking), "2.0.0");
        assert!(Bump::Breaking > Bump::Feature && Bump::Feature > Bump::Fix);
        assert!("1.2".parse::<Version>().is_err());
    }
}
