//! Links of Markdown files into the repository point at files that exist.

use super::files::{Finding, Tracked};
use std::path::Path;

/// How pages of the book, which holds nothing but `docs`, link to the rest.
const REPOSITORY: &str = "https://github.com/idp-gateway/idp-gateway/blob/main/";

pub(super) fn check(root: &Path, files: &[Tracked]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| file.is("md")) {
        let folder = root.join(&file.path).parent().map(Path::to_path_buf).unwrap_or_default();
        for (number, line) in file.text.lines().enumerate() {
            for target in targets(line) {
                let there = match target.strip_prefix(REPOSITORY) {
                    Some(inside) => root.join(inside).exists(),
                    None => folder.join(target).exists(),
                };
                if !there {
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

/// The targets inside the repository, relative or by its address, of `[text](target)` in a line, without their fragments.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .filter_map(|target| target.split('#').next())
        .filter(|target| {
            let other = target.contains(':') && !target.starts_with(REPOSITORY);
            !target.is_empty() && !other && !target.contains(' ') && !target.starts_with('/')
        })
}

#[cfg(test)]
mod tests {
    use super::targets;

    #[test]
    fn only_targets_inside_the_repository_count() {
        let line = "see [a](docs/a.md#x), [b](https://example.test/b), [c](#here) and [d](../d.md)";
        assert_eq!(targets(line).collect::<Vec<_>>(), ["docs/a.md", "../d.md"]);
        let own = "https://github.com/idp-gateway/idp-gateway/blob/main/README.md";
        assert_eq!(targets(&format!("[r]({own}#x)")).collect::<Vec<_>>(), [own]);
    }
}
