//! The book: the configuration reference made from the JSON Schema, every page in the table of contents, and mdBook when it is
//! asked for. Lychee follows the links without a network: between the pages of the repository, and between those of the book, which
//! names pages differently and holds nothing but `docs`.

mod reference;

use crate::{build, install, sh};
use anyhow::{Context as _, Result, ensure};
use xshell::{Cmd, Shell, cmd};

const SCHEMA: &str = "docs/reference/config.schema.json";
const REFERENCE: &str = "docs/reference/configuration.md";
const SUMMARY: &str = "docs/SUMMARY.md";
const LEADING_TO_THE_BOOK: [&str; 2] =
    ["deploy/monitoring/rules/idp-gateway.yaml", "deploy/helm/idp-gateway/README.md"];
/// Where the hosted workflow puts the book.
const SITE: &str = "https://idp-gateway.github.io/idp-gateway/";
/// How pages of the book link to the rest of the repository.
const REPOSITORY: &str = "https://github.com/idp-gateway/idp-gateway/blob/main/";

#[derive(clap::Args, Default)]
pub(crate) struct Options {
    /// Writes the schemas and the generated pages anew instead of comparing.
    #[arg(long)]
    bless: bool,
    /// Builds the book with mdBook, and follows its links.
    #[arg(long)]
    book: bool,
}

pub(crate) fn run(sh: &Shell, options: &Options) -> Result<()> {
    if options.bless {
        // The schema that the loader walks along, from the settings' types, and the one for people, from the gateway itself.
        cmd!(sh, "cargo test --quiet --locked --workspace --lib config::schema").env("BLESS", "1").run()?;
        let gateway = build::debug_binary(sh)?;
        sh.write_file(SCHEMA, cmd!(sh, "{gateway} config schema").read()? + "\n")?;
    }
    check(sh, options.bless)?;
    if options.book {
        return book(sh);
    }
    sh::say("docs: the pages were checked, the book not built; `--book` does");
    Ok(())
}

/// The checks that need no mdBook.
pub(crate) fn check(sh: &Shell, bless: bool) -> Result<()> {
    let schema = serde_json::from_str(&sh.read_file(SCHEMA)?).context(SCHEMA)?;
    sh::made(sh, REFERENCE, &reference::page(&schema), bless, "docs")?;
    let summary = sh.read_file(SUMMARY)?;
    for page in sh::tracked(sh, "docs/*.md")?.iter().filter(|page| *page != SUMMARY) {
        let link = format!("({})", page.trim_start_matches("docs/"));
        ensure!(summary.contains(&link), "{SUMMARY} does not link to {page}");
    }
    // A link to a folder shows what is in it.
    lychee(sh)?.args(sh::tracked(sh, "*.md")?).run()?;
    sh::say("docs: the reference is current, every page is in the table of contents, and no link is dead");
    Ok(())
}

/// Builds the book into `target/book` and follows its links, and those that lead to it: of the alerts' runbooks and the chart.
fn book(sh: &Shell) -> Result<()> {
    // Old pages would hide dead links.
    let (mdbook, book) = (install::MDBOOK.program(sh)?, sh::fresh(sh, "target/book")?);
    cmd!(sh, "{mdbook} build docs --dest-dir {book}").run()?;
    let site = format!("{SITE} file://{}/", book.display());
    let lychee = lychee(sh)?.args(["--index-files", "index.html", "--remap", &site]);
    // One page with all others in it, whose links are relative to theirs, and the page for unknown addresses, with an absolute base.
    let book = ["--exclude-path", "print.html|404.html", "target/book"];
    Ok(lychee.args(book).args(LEADING_TO_THE_BOOK).run()?)
}

fn lychee(sh: &Shell) -> Result<Cmd<'_>> {
    let programs = install::python(sh, "deploy-venv", "deploy/requirements.txt")?;
    let repository = format!("{REPOSITORY} file://{}/", sh.current_dir().display());
    Ok(cmd!(sh, "{programs}/lychee --offline --include-fragments --no-progress --remap {repository}"))
}
