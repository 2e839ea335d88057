//! The chart's page: a head that is written by hand, and a table made of the comments in `values.yaml`.

use super::CHART;
use crate::sh;
use anyhow::{Context as _, Result, ensure};
use xshell::Shell;

const BEGIN: &str = "<!-- values: made by `cargo xtask chart --bless` -->";

/// Compares the page's table with the values, or writes it anew.
pub(super) fn check(sh: &Shell, bless: bool) -> Result<()> {
    let file = format!("{CHART}/README.md");
    let entries = entries(&sh.read_file(format!("{CHART}/values.yaml"))?)?;
    let page = sh.read_file(&file)?;
    let (head, _) = page.split_once(BEGIN).with_context(|| format!("{file} has no `{BEGIN}`"))?;
    sh::made(sh, &file, &format!("{head}{BEGIN}\n\n{}", table(&entries)), bless, "chart")
}

/// A value with its default and what the comment above it says.
struct Entry {
    key: String,
    default: String,
    meaning: String,
}

/// Reads the file as it is written: two spaces a level, a comment above each value that has a meaning of its own.
fn entries(values: &str) -> Result<Vec<Entry>> {
    let (mut entries, mut parents, mut comment) = (Vec::new(), Vec::new(), String::new());
    let depth_of = |line: &str| (line.len() - line.trim_start().len()) / 2;
    let mut lines = values.lines().peekable();
    while let Some(line) = lines.next() {
        let (text, depth) = (line.trim_start(), depth_of(line));
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
        let nested = lines.clone().find(|next| !next.trim().is_empty());
        if default.trim().is_empty() && nested.is_some_and(|next| next.trim_start().starts_with('#')) {
            continue;
        }
        let key = parents.join(".");
        ensure!(!comment.is_empty(), "values.yaml does not say what `{key}` is for");
        let default = match default.trim() {
            "" | "|" => "see values.yaml".to_owned(),
            default => format!("`{default}`"),
        };
        entries.push(Entry { key, default, meaning: std::mem::take(&mut comment) });
        // Whatever stands deeper than a documented value belongs to it.
        let belongs = |next: &&str| {
            next.trim().is_empty() || depth_of(next) > depth || next.trim_start().starts_with("- ")
        };
        while lines.next_if(belongs).is_some() {}
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
