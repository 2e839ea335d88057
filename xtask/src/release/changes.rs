//! Change fragments and the changelog that they end in.

use anyhow::{Context as _, Result, bail, ensure};
use semver::Version;
use std::path::PathBuf;
use xshell::Shell;

const FOLDER: &str = ".changes";
pub(super) const CHANGELOG: &str = "CHANGELOG.md";
const UNRELEASED: &str = "## Unreleased\n";

/// What a change asks of the version.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Bump {
    Fix,
    Feature,
    Breaking,
}

impl Bump {
    /// The version after `last`. Below 1.0 the minor number is the breaking one, as for Cargo.
    pub(super) fn next(self, last: &Version) -> Version {
        let (major, minor) = (last.major, last.minor);
        match (major, self) {
            (0, Self::Breaking) | (1.., Self::Feature) => Version::new(major, minor + 1, 0),
            (0, _) | (_, Self::Fix) => Version::new(major, minor, last.patch + 1),
            (_, Self::Breaking) => Version::new(major + 1, 0, 0),
        }
    }
}

#[derive(Debug)]
pub(super) struct Fragment {
    pub(super) file: PathBuf,
    pub(super) bump: Bump,
    text: String,
}

pub(super) fn fragments(sh: &Shell) -> Result<Vec<Fragment>> {
    let mut files = sh.read_dir(FOLDER).unwrap_or_default();
    files.retain(|file| file.extension().is_some_and(|kind| kind == "md") && !file.ends_with("README.md"));
    let read = |file: PathBuf| {
        let text = sh.read_file(&file)?;
        fragment(file.clone(), &text).with_context(|| file.display().to_string())
    };
    files.into_iter().map(read).collect()
}

fn fragment(file: PathBuf, text: &str) -> Result<Fragment> {
    let (first, rest) = text.split_once('\n').context("a fragment has more than one line")?;
    let bump = match first.strip_prefix("bump: ").map(str::trim) {
        Some("fix") => Bump::Fix,
        Some("feature") => Bump::Feature,
        Some("breaking") => Bump::Breaking,
        _ => bail!("the first line is `bump: breaking|feature|fix`"),
    };
    let text = rest.trim().to_owned();
    ensure!(text.starts_with("- "), "the entry is a list: it starts with `- `");
    Ok(Fragment { file, bump, text })
}

/// The text under `Unreleased`, with what is before and after it.
fn unreleased(changelog: &str) -> Result<(&str, &str, &str)> {
    let (head, rest) = changelog.split_once(UNRELEASED).context("CHANGELOG.md has no `## Unreleased`")?;
    let end = if rest.trim_start().starts_with("## ") { 0 } else { rest.find("\n## ").unwrap_or(rest.len()) };
    Ok((head, rest[..end].trim(), rest[end..].trim()))
}

/// The changelog with a section for the version: what stood under `Unreleased`, then the fragments.
pub(super) fn changelog(old: &str, version: &Version, date: &str, fragments: &[Fragment]) -> Result<String> {
    let (head, standing, older) = unreleased(old)?;
    let entries = [standing].into_iter().chain(fragments.iter().map(|fragment| fragment.text.as_str()));
    let entries = entries.filter(|entry| !entry.is_empty()).collect::<Vec<_>>().join("\n");
    ensure!(!entries.is_empty(), "nothing to release: no change fragment, and nothing under `Unreleased`");
    let new = format!("{head}{UNRELEASED}\n## {version} - {date}\n\n{entries}\n\n{older}");
    Ok(format!("{}\n", new.trim_end()))
}

pub(super) fn section<'a>(changelog: &'a str, version: &Version) -> Option<&'a str> {
    let start = changelog.find(&format!("\n## {version} - "))?;
    let section = &changelog[start + 1..];
    Some(section.find("\n## ").map_or(section, |end| &section[..end]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "# Changelog\n\n## Unreleased\n\n- Standing.\n\n## 0.1.0 - 2026-01-01\n\n- First.\n";

    fn one(text: &str) -> Result<Fragment> {
        fragment("a.md".into(), text)
    }

    #[test]
    fn fragments_say_what_they_ask() {
        assert_eq!(one("bump: breaking\n\n- Gone.\n").unwrap().bump, Bump::Breaking);
        for wrong in ["- Gone.\n", "bump: huge\n\n- x\n", "bump: fix\n\nno list\n", "bump: fix"] {
            assert!(one(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn entries_move_into_their_own_section() {
        let version = Version::new(0, 1, 1);
        let fixed = [one("bump: fix\n\n- Fixed.\n").unwrap()];
        let new = changelog(OLD, &version, "2026-02-03", &fixed).unwrap();
        assert_eq!(
            new,
            "# Changelog\n\n## Unreleased\n\n## 0.1.1 - 2026-02-03\n\n- Standing.\n- Fixed.\n\n## 0.1.0 - 2026-01-01\n\n- First.\n"
        );
        assert_eq!(section(&new, &version), Some("## 0.1.1 - 2026-02-03\n\n- Standing.\n- Fixed.\n"));
        assert!(changelog(&new, &Version::new(0, 1, 2), "d", &[]).is_err());
        assert!(
            changelog(&new, &Version::new(0, 1, 2), "d", &fixed)
                .unwrap()
                .contains("\n## 0.1.2 - d\n\n- Fixed.\n\n## 0.1.1")
        );
    }

    #[test]
    fn the_greatest_change_decides() {
        let next = |version: &str, bump: Bump| bump.next(&version.parse().unwrap()).to_string();
        assert_eq!(next("0.3.4", Bump::Fix), "0.3.5");
        assert_eq!(next("0.3.4", Bump::Feature), "0.3.5");
        assert_eq!(next("0.3.4", Bump::Breaking), "0.4.0");
        assert_eq!(next("1.3.4", Bump::Fix), "1.3.5");
        assert_eq!(next("1.3.4", Bump::Feature), "1.4.0");
        assert_eq!(next("1.3.4", Bump::Breaking), "2.0.0");
        assert!(Bump::Breaking > Bump::Feature && Bump::Feature > Bump::Fix);
    }
}
