//! Links, followed by lychee without a network: between the pages of the repository, and between those of the book, which names
//! pages differently and holds nothing but `docs`.

use crate::{install, sh, tools};
use anyhow::Result;
use std::path::Path;

const RULES: &str = "deploy/monitoring/rules/idp-gateway.yaml";
/// Where the hosted workflow puts the book.
const SITE: &str = "https://idp-gateway.github.io/idp-gateway/";
/// How pages of the book link to the rest of the repository.
const REPOSITORY: &str = "https://github.com/idp-gateway/idp-gateway/blob/main/";

/// The links of all pages in the repository, with their headings.
pub(super) fn pages(root: &Path) -> Result<()> {
    let list = sh::output(root, "git", &["ls-files", "--cached", "--others", "--exclude-standard", "*.md"])?;
    follow(root, &list.lines().filter(|page| root.join(page).is_file()).collect::<Vec<_>>())
}

/// Builds the book into `target/book` and follows its links, and those of the alerts' runbooks.
pub(super) fn book(root: &Path) -> Result<()> {
    let book = root.join("target/book");
    // Pages of an earlier run would make dead links look alive.
    let _ = std::fs::remove_dir_all(&book);
    let mut mdbook = tools::MDBOOK.command(root, root)?;
    sh::run_command(mdbook.args(["build", "docs", "--dest-dir"]).arg(&book))?;
    // One page of everything, whose links were those of others, and the page for lost readers, which has an absolute base.
    follow(root, &["--exclude-path", "print.html|404.html", "target/book", RULES])
}

fn follow(root: &Path, what: &[&str]) -> Result<()> {
    let python = install::virtual_environment(root, "deploy-venv", &root.join("deploy/requirements.txt"))?;
    let mut lychee = sh::command(root, &python.with_file_name("lychee").to_string_lossy());
    lychee.args(["--offline", "--include-fragments", "--no-progress", "--index-files", "index.html"]);
    for (address, folder) in [(SITE, "target/book"), (REPOSITORY, "")] {
        lychee.arg("--remap").arg(format!("{address} file://{}/", root.join(folder).display()));
    }
    sh::run_command(lychee.args(what))
}
