//! The book: the configuration reference made from the JSON Schema, every page in the table of contents, and mdBook when it is
//! asked for.

mod links;
mod reference;

use crate::{build, sh};
use anyhow::{Context as _, Result, bail, ensure};
use std::path::Path;

const SCHEMA: &str = "docs/reference/config.schema.json";
const REFERENCE: &str = "docs/reference/configuration.md";
const SUMMARY: &str = "docs/SUMMARY.md";

#[derive(clap::Args, Default)]
pub(crate) struct Options {
    /// Writes the schemas and the generated pages anew instead of comparing.
    #[arg(long)]
    bless: bool,
    /// Builds the book with mdBook, and follows its links.
    #[arg(long)]
    book: bool,
}

pub(crate) fn run(root: &Path, options: &Options) -> Result<()> {
    if options.bless {
        schemas(root)?;
    }
    check(root, options.bless)?;
    if options.book {
        return links::book(root);
    }
    sh::say("docs: the pages were checked, the book not built; `--book` does");
    Ok(())
}

/// The schema that the loader walks along, from the settings' types, and the one for people, from the gateway itself.
fn schemas(root: &Path) -> Result<()> {
    let mut cargo = sh::command(root, "cargo");
    cargo.args(["test", "--quiet", "--locked", "--workspace", "--lib", "config::schema"]);
    sh::run_command(cargo.env("BLESS", "1"))?;
    let gateway = build::debug_binary(root)?;
    std::fs::write(root.join(SCHEMA), sh::output(root, &gateway.to_string_lossy(), &["config", "schema"])?)?;
    Ok(())
}

/// The checks that need no mdBook.
pub(crate) fn check(root: &Path, bless: bool) -> Result<()> {
    let schema = std::fs::read_to_string(root.join(SCHEMA)).context(SCHEMA)?;
    let page = reference::page(&serde_json::from_str(&schema).context(SCHEMA)?);
    let file = root.join(REFERENCE);
    if bless {
        std::fs::write(&file, &page)?;
    }
    ensure!(
        std::fs::read_to_string(&file).unwrap_or_default() == page,
        "{REFERENCE} is not what {SCHEMA} says; run `cargo xtask docs --bless`"
    );
    let summary = std::fs::read_to_string(root.join(SUMMARY)).context(SUMMARY)?;
    let list = sh::output(root, "git", &["ls-files", "--cached", "--others", "--exclude-standard", "docs"])?;
    for page in list.lines().filter(|name| name.ends_with(".md") && *name != SUMMARY) {
        let link = format!("({})", page.trim_start_matches("docs/"));
        ensure!(summary.contains(&link), "{SUMMARY} does not link to {page}");
        let text = std::fs::read_to_string(root.join(page)).with_context(|| page.to_owned())?;
        if let Some(link) = links::lost_in_the_book(page, &text).first() {
            bail!(
                "{page}: `{link}` is dead in the book: link to the folder of a README.md, and to the repository for what is not below `docs`"
            );
        }
    }
    links::pages(root)?;
    sh::say("docs: the reference is current, every page is in the table of contents, and no link is dead");
    Ok(())
}
