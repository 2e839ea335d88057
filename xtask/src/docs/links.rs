//! Links, followed by lychee without a network: between the pages of the repository, and between those of the book, which names
//! pages differently and holds nothing but `docs`.

use crate::{install, sh, tools};
use anyhow::Result;
use std::path::Path;
use std::process::Command;

const LEADING_TO_THE_BOOK: [&str; 2] =
    ["deploy/monitoring/rules/idp-gateway.yaml", "deploy/helm/idp-gateway/README.md"];
/// Where the hosted workflow puts the book.
const SITE: &str = "https://idp-gateway.github.io/idp-gateway/";
/// How pages of the book link to the rest of the repository.
const REPOSITORY: &str = "https://github.com/idp-gateway/idp-gateway/blob/main/";

/// The links of all pages in the repository, with their headings. A link to a folder shows what is in it.
pub(super) fn pages(root: &Path) -> Result<()> {
    let list = sh::output(root, "git", &["ls-files", "--cached", "--others", "--exclude-standard", "*.md"])?;
    let mut lychee = lychee(root)?;
    lychee.args(list.lines().filter(|page| root.join(page).is_file()));
    sh::run_command(&mut lychee)
}

/// Builds the book into `target/book` and follows its links, and those that lead to it: of the alerts' runbooks and the chart.
pub(super) fn book(root: &Path) -> Result<()> {
    let book = root.join("target/book");
    // Old pages would hide dead links.
    let _ = std::fs::remove_dir_all(&book);
    let mut mdbook = tools::MDBOOK.command(root, root)?;
    sh::run_command(mdbook.args(["build", "docs", "--dest-dir"]).arg(&book))?;
    let mut lychee = lychee(root)?;
    lychee.args(["--index-files", "index.html", "--remap"]).arg(format!("{SITE} file://{}/", book.display()));
    // One page with all others in it, whose links are relative to theirs, and the page for unknown addresses, with an absolute base.
    lychee.args(["--exclude-path", "print.html|404.html", "target/book"]).args(LEADING_TO_THE_BOOK);
    sh::run_command(&mut lychee)
}

/// The links of a page below `docs` that lead somewhere in the repository and nowhere in the book: it calls the page README.md
/// of a folder index.html, and holds nothing else than `docs`.
pub(super) fn lost_in_the_book<'a>(page: &str, text: &'a str) -> Vec<&'a str> {
    let depth = page.matches('/').count();
    let outside = "../".repeat(depth);
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let relative = targets.filter(|target| !target.contains("://"));
    let lost = |target: &&str| {
        let path = target.split('#').next().unwrap_or_default();
        path == "README.md" || path.ends_with("/README.md") || path.starts_with(&outside)
    };
    relative.filter(lost).collect()
}

fn lychee(root: &Path) -> Result<Command> {
    let python = install::virtual_environment(root, "deploy-venv", &root.join("deploy/requirements.txt"))?;
    let mut lychee = sh::command(root, &python.with_file_name("lychee").to_string_lossy());
    lychee.args(["--offline", "--include-fragments", "--no-progress", "--remap"]);
    lychee.arg(format!("{REPOSITORY} file://{}/", root.display()));
    Ok(lychee)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_only_the_repository_has_are_found() {
        let text = "[a](../examples/) [b](../examples/README.md) [c](../../crates/x.rs#y) [d](policy.md#a) [e](../images/x.jpg) \
                    [f](https://github.com/idp-gateway/idp-gateway/blob/main/README.md)";
        let lost = lost_in_the_book("docs/guides/callers.md", text);
        assert_eq!(lost, ["../examples/README.md", "../../crates/x.rs#y"]);
        assert_eq!(lost_in_the_book("docs/README.md", "[a](guides/) [b](../README.md)"), ["../README.md"]);
    }
}
