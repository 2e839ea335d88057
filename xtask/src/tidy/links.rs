//! Relative links in Markdown files point at files that exist.

use super::{Finding, Tracked};
use std::path::Path;

pub(super) fn check(root: &Path, files: &[Tracked]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| file.is("md")) {
        let folder = root.join(&file.path).parent().map(Path::to_path_buf).unwrap_or_default();
        for (number, line) in file.text.lines().enumerate() {
            for target in targets(line) {
                if !folder.join(target).exists() {
                    findings.push(Finding::new(
                        format!("{}:{}", file.name(), number + 1),
                        format!("dead link {target}"),
                    ));
                }
            }
        }
    }
    findings
}

/// The relative targets of `[text](target)` in a line, without their fragments.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .filter_map(|target| target.split('#').next())
        .filter(|target| {
            !target.is_empty() && !target.contains(':') && !target.contains(' ') && !target.starts_with('/')
        })
}

#[cfg(test)]
mod tests {
    use super::targets;

    #[test]
    fn only_relative_targets_count() {
        let line = "see [a](docs/a.md#x), [b](https://example.test/b), [c](#here) and [d](../d.md)";
        assert_eq!(targets(line).collect::<Vec<_>>(), ["docs/a.md", "../d.md"]);
    }
}
