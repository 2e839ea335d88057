//! The chart's page: a head that is written by hand, and a table made of the comments in `values.yaml`.

use super::CHART;
use anyhow::{Context as _, Result, ensure};
use std::path::Path;

const BEGIN: &str = "<!-- values: made by `cargo xtask chart --bless` -->";

/// Compares the page's table with the values, or writes it anew.
pub(super) fn check(root: &Path, bless: bool) -> Result<()> {
    let values = std::fs::read_to_string(root.join(CHART).join("values.yaml"))?;
    let file = root.join(CHART).join("README.md");
    let old = std::fs::read_to_string(&file).context("the chart's README.md")?;
    let (head, _) =
        old.split_once(BEGIN).with_context(|| format!("README.md of the chart has no `{BEGIN}`"))?;
    let new = format!("{head}{BEGIN}\n\n{}", table(&entries(&values)?));
    if bless {
        std::fs::write(&file, &new)?;
        return Ok(());
    }
    ensure!(old == new, "README.md of the chart is not made of its values; run `cargo xtask chart --bless`");
    Ok(())
}

/// A value with its default and what the comment above it says.
#[derive(Debug, Eq, PartialEq)]
struct Entry {
    key: String,
    default: String,
    meaning: String,
}

/// Reads the file as it is written: two spaces a level, a comment above each value that has a meaning of its own.
fn entries(values: &str) -> Result<Vec<Entry>> {
    let lines: Vec<&str> = values.lines().collect();
    let mut entries = Vec::new();
    let mut parents: Vec<&str> = Vec::new();
    let mut comment = String::new();
    // Whatever stands deeper than a documented value belongs to it.
    let mut inside: Option<usize> = None;
    for (number, line) in lines.iter().enumerate() {
        let text = line.trim_start();
        let depth = (line.len() - text.len()) / 2;
        let belongs = inside.is_some_and(|value| text.is_empty() || depth > value || text.starts_with("- "));
        if belongs {
            continue;
        }
        inside = None;
        if let Some(words) = text.strip_prefix('#') {
            comment = format!("{comment} {}", words.trim()).trim().to_owned();
            continue;
        }
        let Some((key, default)) = text.split_once(':') else {
            // An empty line ends a comment that is about no single value.
            comment.clear();
            continue;
        };
        parents.truncate(depth);
        parents.push(key);
        let nested = lines.get(number + 1..).unwrap_or_default().iter().find(|next| !next.trim().is_empty());
        let group =
            default.trim().is_empty() && nested.is_some_and(|next| next.trim_start().starts_with('#'));
        if group {
            continue;
        }
        let key = parents.join(".");
        ensure!(!comment.is_empty(), "values.yaml does not say what `{key}` is for");
        let default = match default.trim() {
            "" | "|" => "see values.yaml".to_owned(),
            default => format!("`{default}`"),
        };
        entries.push(Entry { key, default, meaning: std::mem::take(&mut comment) });
        inside = Some(depth);
    }
    Ok(entries)
}

fn table(entries: &[Entry]) -> String {
    let mut table = "| value | default | meaning |\n|---|---|---|\n".to_owned();
    for Entry { key, default, meaning } in entries {
        table.push_str(&format!("| `{key}` | {default} | {} |\n", meaning.replace('|', "\\|")));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_become_meanings() {
        let values = "# About the file.\n\nimage:\n  # Where from.\n  # And what.\n  tag: \"\"\n# A file.\nconfig: |\n  [a]\n\n  # inside\n  b: 1\n# A list.\nsecrets:\n  - name: x\n# Labels.\nlabels:\n  a: b\n";
        let found = entries(values).unwrap();
        let keys: Vec<_> = found.iter().map(|entry| (entry.key.as_str(), entry.meaning.as_str())).collect();
        assert_eq!(
            keys,
            [
                ("image.tag", "Where from. And what."),
                ("config", "A file."),
                ("secrets", "A list."),
                ("labels", "Labels.")
            ]
        );
        assert_eq!(found[0].default, "`\"\"`");
        assert!(table(&found).contains("| `config` | see values.yaml | A file. |\n"));
    }

    #[test]
    fn a_value_without_a_word_is_refused() {
        assert!(entries("replicaCount: 2\n").is_err());
        assert!(entries("image:\n  # Where from.\n  tag: a\n  digest: b\n").is_err());
    }
}
