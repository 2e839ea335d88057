//! One file of the RustSec database: TOML between fences, then the title.

use anyhow::{Context as _, Result};
use semver::{Version, VersionReq};

/// What is needed of an advisory.
pub(super) struct Advisory {
    pub(super) id: String,
    pub(super) title: String,
    /// Unmaintained, unsound in some use, or a notice: worth knowing, no weakness.
    pub(super) informational: bool,
    patched: Vec<VersionReq>,
    unaffected: Vec<VersionReq>,
}

impl Advisory {
    /// Whether this version has the weakness.
    pub(super) fn affects(&self, version: &Version) -> bool {
        !self.patched.iter().chain(&self.unaffected).any(|fine| matches(fine, version))
    }
}

/// A pre-release counts as the release it leads to: `matches` of semver would never let it fit `>= 1.0.0`.
fn matches(requirement: &VersionReq, version: &Version) -> bool {
    let release = Version::new(version.major, version.minor, version.patch);
    requirement.matches(version) || (!version.pre.is_empty() && requirement.matches(&release))
}

pub(super) fn parse(text: &str) -> Result<Advisory> {
    let (_, rest) = text.split_once("```toml").context("no front matter")?;
    let (front, rest) = rest.split_once("```").context("the front matter does not end")?;
    let table: toml::Table = front.parse()?;
    let advisory = table.get("advisory").context("no [advisory]")?;
    let versions = table.get("versions");
    let list = |name: &str| -> Result<Vec<VersionReq>> {
        let values = versions.and_then(|versions| versions.get(name)).and_then(toml::Value::as_array);
        let texts = values.into_iter().flatten().filter_map(toml::Value::as_str);
        texts.map(|text| VersionReq::parse(text).with_context(|| text.to_owned())).collect()
    };
    Ok(Advisory {
        id: advisory.get("id").and_then(toml::Value::as_str).context("no id")?.to_owned(),
        title: rest.lines().find_map(|line| line.strip_prefix("# ")).unwrap_or_default().to_owned(),
        informational: advisory.get("informational").is_some(),
        patched: list("patched")?,
        unaffected: list("unaffected")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "```toml\n[advisory]\nid = \"RUSTSEC-2021-0124\"\npackage = \"tokio\"\n\n[versions]\n\
        patched = [\">= 1.8.4, < 1.9.0\", \">= 1.13.1\"]\nunaffected = [\"< 0.1.14\"]\n```\n\n# Data race\n";

    #[test]
    fn ranges_decide() {
        let advisory = parse(TEXT).unwrap();
        assert_eq!((advisory.id.as_str(), advisory.title.as_str()), ("RUSTSEC-2021-0124", "Data race"));
        for (version, affected) in [
            ("1.13.0", true),
            ("1.13.1", false),
            ("1.8.4", false),
            ("1.9.0", true),
            ("0.1.13", false),
            ("1.54.1", false),
        ] {
            assert_eq!(advisory.affects(&Version::parse(version).unwrap()), affected, "{version}");
        }
        assert!(!advisory.affects(&Version::parse("2.0.0-rc.1").unwrap()));
    }

    #[test]
    fn without_a_patch_every_version_is_affected() {
        let text = "```toml\n[advisory]\nid = \"R\"\ninformational = \"unmaintained\"\n[versions]\npatched = []\n```\n# Gone\n";
        let advisory = parse(text).unwrap();
        assert!(advisory.informational && advisory.affects(&Version::new(9, 0, 0)));
        assert!(parse("no fences").is_err());
    }
}
