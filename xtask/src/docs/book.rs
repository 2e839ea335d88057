//! The book as mdBook makes it: built, and each link of it followed. A page that links well in the repository may not in the
//! book, which names pages differently and holds nothing but `docs`.

use crate::{sh, tools};
use anyhow::{Context as _, Result, bail, ensure};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

const RULES: &str = "deploy/monitoring/rules/idp-gateway.yaml";
/// Where the hosted workflow puts it.
const SITE: &str = "https://idp-gateway.github.io/idp-gateway/";

/// Builds it into `target/book` and checks it.
pub(super) fn build(root: &Path) -> Result<()> {
    let book = root.join("target/book");
    // Pages of an earlier run would make dead links look alive.
    let _ = std::fs::remove_dir_all(&book);
    let mut mdbook = tools::MDBOOK.command(root, root)?;
    sh::run_command(mdbook.args(["build", "docs", "--dest-dir"]).arg(&book))?;
    let pages = pages(&book)?;
    let count = pages.keys().filter(|name| name.extension().is_some_and(|kind| kind == "html")).count();
    let mut dead = dead(&pages);
    let rules = std::fs::read_to_string(root.join(RULES)).context(RULES)?;
    let runbooks: Vec<_> =
        rules.lines().filter_map(|line| line.trim().strip_prefix("runbook_url: ")).collect();
    ensure!(!runbooks.is_empty(), "{RULES} names no runbooks");
    for url in &runbooks {
        let found = url.strip_prefix(SITE).and_then(|rest| rest.split_once('#'));
        let there =
            found.is_some_and(|(page, id)| pages.get(Path::new(page)).is_some_and(|page| page.has(id)));
        if !there {
            dead.push(format!("{RULES}: {url}"));
        }
    }
    for link in &dead {
        sh::say(link);
    }
    if !dead.is_empty() {
        bail!("docs: {} dead links in the book", dead.len());
    }
    sh::say(&format!(
        "docs: the book has {} pages without a dead link, and {} runbooks",
        count,
        runbooks.len()
    ));
    Ok(())
}

/// What a page links to, and what in it can be linked to.
#[derive(Default)]
struct Page {
    links: BTreeSet<String>,
    ids: BTreeSet<String>,
}

impl Page {
    fn of(html: &str) -> Self {
        let all = |attribute: &str| {
            let values = html.split(attribute).skip(1).filter_map(|rest| rest.split('"').next());
            values.map(|value| value.replace("&amp;", "&")).collect()
        };
        Self { links: all(" href=\""), ids: all(" id=\"") }
    }

    fn has(&self, id: &str) -> bool {
        self.ids.contains(id)
    }
}

/// All files of the book by their names; those that are no pages have neither links nor ids.
fn pages(book: &Path) -> Result<BTreeMap<PathBuf, Page>> {
    let (mut pages, mut folders) = (BTreeMap::new(), vec![book.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let page = match path.extension() {
                Some(kind) if kind == "html" => Page::of(&std::fs::read_to_string(&path)?),
                _ => Page::default(),
            };
            pages.insert(path.strip_prefix(book)?.to_path_buf(), page);
        }
    }
    Ok(pages)
}

/// Links that lead nowhere, with the page that has them.
fn dead(pages: &BTreeMap<PathBuf, Page>) -> Vec<String> {
    let mut dead = Vec::new();
    for (name, page) in pages {
        // One page of everything, whose links were those of others, and the page for lost readers, which has an absolute base.
        if name.ends_with("print.html") || name.ends_with("404.html") {
            continue;
        }
        for link in &page.links {
            let (target, id) = link.split_once('#').unwrap_or((link, ""));
            if target.contains(':') || target.starts_with("//") {
                continue;
            }
            let found = if target.is_empty() {
                Some(page)
            } else {
                resolve(name, target).and_then(|to| pages.get(&to))
            };
            if !found.is_some_and(|found| id.is_empty() || found.has(id)) {
                dead.push(format!("{}: {link}", name.display()));
            }
        }
    }
    dead
}

/// The file that a relative target means; a folder means its index. `None`: outside the book.
fn resolve(page: &Path, target: &str) -> Option<PathBuf> {
    let mut parts: Vec<_> = page.parent()?.components().collect();
    for part in Path::new(target).components() {
        match part {
            Component::ParentDir => {
                parts.pop()?;
            }
            Component::CurDir => {}
            part => parts.push(part),
        }
    }
    let path: PathBuf = parts.into_iter().collect();
    Some(if path.extension().is_none() { path.join("index.html") } else { path })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book(pages: &[(&str, &str)]) -> BTreeMap<PathBuf, Page> {
        pages.iter().map(|(name, html)| (PathBuf::from(name), Page::of(html))).collect()
    }

    #[test]
    fn links_are_followed_to_pages_folders_and_headings() {
        let good =
            r##"<a href="b/c.html#x">x</a> <a class="y" href="b/">b</a> <a href="#own">o</a><p id="own">"##;
        let pages =
            [("a.html", good), ("b/c.html", r#"<h2 id="x">"#), ("b/index.html", r#"<a href="../a.html">"#)];
        assert!(dead(&book(&pages)).is_empty());
        for link in ["b/d.html", "b/c.html#y", "b/README.html", "../README.html", "#none"] {
            let page = format!(r#"<a href="{link}">"#);
            let pages = [("a.html", page.as_str()), ("b/c.html", r#"<h2 id="x">"#)];
            assert_eq!(dead(&book(&pages)), [format!("a.html: {link}")]);
        }
    }
}
