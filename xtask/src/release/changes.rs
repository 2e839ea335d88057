//! Change fragments and the changelog they end in.

use super::version::{Bump, Version};
use anyhow::{Context as _, Result, ensure};
use std::path::{Path, PathBuf};

const FOLDER: &str = ".changes";
pub(super) const CHANGELOG: &str = "CHANGELOG.md";
const UNRELEASED: &str = "## Unreleased\n";

/// One fragment.
#[derive(Debug)]
pub(super) struct Fragment {
    pub(super) file: PathBuf,
    pub(super) bump: Bump,
    text: String,
}

/// All fragments, by name.
pub(super) fn fragments(root: &Path) -> Result<Vec<Fragment>> {
    let Ok(entries) = std::fs::read_dir(root.join(FOLDER)) else { return Ok(Vec::new()) };
    let mut files: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.sort();
    files
        .into_iter()
        .filter(|file| file.extension().is_some_and(|kind| kind == "md"))
        .filter(|file| !file.ends_with("README.md"))
        .map(|file| {
            let text = std::fs::read_to_string(&file)?;
            fragment(file.clone(), &text).with_context(|| file.display().to_string())
        })
        .collect()
}

fn fragment(file: PathBuf, text: &str) -> Result<Fragment> {
    let (first, rest) = text.split_once('\n').context("a fragment has more than one line")?;
    let word = first.strip_prefix("bump: ").context("the first line is `bump: breaking|feature|fix`")?;
    let text = rest.trim().to_owned();
    ensure!(text.starts_with("- "), "the entry is a list: it starts with `- `");
    Ok(Fragment { file, bump: word.parse()?, text })
}

/// The changelog with a section for the version: what stood under `Unreleased`, then the fragments.
pub(super) fn changelog(old: &str, version: Version, date: &str, fragments: &[Fragment]) -> Result<String> {
    let (head, rest) = old.split_once(UNRELEASED).context("CHANGELOG.md has no `## Unreleased`")?;
    let end = rest.find("\n## ").map_or(rest.len(), |at| at + 1);
    let (standing, older) = rest.split_at(end);
    let mut entries = standing.trim().to_owned();
    for fragment in fragments {
        entries = format!("{entries}\n{}", fragment.text);
    }
    ensure!(!entries.trim().is_empty(), "nothing changed since the last release");
    let older = if older.is_empty() { String::new() } else { format!("\n{older}") };
    Ok(format!("{head}{UNRELEASED}\n## {version} - {date}\n\n{}\n{older}", entries.trim()))
}

/// The section of a version.
pub(super) fn section(changelog: &str, version: Version) -> Option<&str> {
    let start = changelog.find(&format!("\n## {version} - "))?;
    let section = &changelog[start + 1..];
    Some(section.find("\n## ").map_or(section, |end| &section[..end]))
}

/// Whether something waits under `Unreleased`.
pub(super) fn waits(changelog: &str) -> bool {
    let rest = changelog.split_once(UNRELEASED).map_or("", |(_, rest)| rest);
    !rest.split("\n## ").next().unwrap_or_default().trim_start_matches("## ").trim().is_empty()
        && !rest.trim_start().starts_with("## ")
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
        let version = Version(0, 1, 1);
        let new = changelog(OLD, version, "2026-02-03", &[one("bump: fix\n\n- Mended.\n").unwrap()]).unwrap();
        assert_eq!(
            new,
            "# Changelog\n\n## Unreleased\n\n## 0.1.1 - 2026-02-03\n\n- Standing.\n- Mended.\n\n## 0.1.0 - 2026-01-01\n\n- First.\n"
        );
        assert_eq!(section(&new, version), Some("## 0.1.1 - 2026-02-03\n\n- Standing.\n- Mended.\n"));
        assert!(waits(OLD) && !waits(&new));
        assert!(changelog(&new, Version(0, 1, 2), "d", &[]).is_err());
    }
}
