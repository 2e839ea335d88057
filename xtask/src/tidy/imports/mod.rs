//! No circles of imports: in no crate do more than two files import each other. The gateway's modules import exactly what the
//! drawing in `docs/architecture.md` shows.
//!
//! The drawing is the fenced block whose first line is `modules of gateway`. Each other line names a module at the top of the
//! crate and, after an arrow, the modules it imports, parted by white space; a line that begins with white space goes on with
//! the list of the line before:
//!
//! ```text
//! modules of gateway
//! proxy     -> provider upstream
//!              problem
//! upstream  -> problem
//! problem   ->
//! ```
//!
//! `lib.rs` and `main.rs` are not drawn. `cargo xtask tidy --modules` prints the drawing that the code asks for.

mod graph;
#[cfg(test)]
mod tests;

use super::files::{Finding, Tracked};
use anyhow::Result;
use graph::Graph;
use std::collections::{BTreeMap, BTreeSet};

const DRAWING: &str = "docs/architecture.md";
const DRAWN: &str = "crates/gateway/src/";
const FIRST_LINE: &str = "modules of gateway";

pub(super) fn check(files: &[Tracked]) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for folder in sources(files) {
        let graph = Graph::read(&folder, files)?;
        for circle in graph.circles() {
            let (count, circle) = (circle.len(), describe(&graph, &circle));
            findings
                .push(Finding::new(folder.as_str(), format!("{count} files import each other: {circle}")));
        }
    }
    if let Some(drawing) = drawing(files) {
        let found = modules(&Graph::read(DRAWN, files)?);
        findings.extend(differences(&drawing, &found).into_iter().map(|what| Finding::new(DRAWING, what)));
    }
    Ok(findings)
}

pub(super) fn draw(files: &[Tracked]) -> Result<String> {
    let modules = modules(&Graph::read(DRAWN, files)?);
    let width = modules.keys().map(|name| name.len()).max().unwrap_or_default();
    let lines = modules.into_iter().map(|(name, uses)| {
        let uses = uses.into_iter().collect::<Vec<_>>().join(" ");
        format!("{name:width$} -> {uses}").trim_end().to_owned() + "\n"
    });
    Ok(format!("{FIRST_LINE}\n{}", lines.collect::<String>()))
}

fn sources(files: &[Tracked]) -> BTreeSet<String> {
    let names = files.iter().map(|file| &file.path);
    let ours = names.filter(|name| name.starts_with("crates/") || name.starts_with("xtask/"));
    let roots = ours.filter(|name| name.ends_with("/src/lib.rs") || name.ends_with("/src/main.rs"));
    roots.filter_map(|name| name.rsplit_once('/').map(|(folder, _)| format!("{folder}/"))).collect()
}

/// Each file of the circle with the files of the circle that it imports.
fn describe(graph: &Graph, circle: &BTreeSet<&str>) -> String {
    let lines = circle.iter().map(|file| {
        let used = graph.uses[*file].iter().filter(|used| circle.contains(used.as_str()));
        format!("\n    {file} -> {}", used.cloned().collect::<Vec<_>>().join(" "))
    });
    lines.collect()
}

type Modules = BTreeMap<String, BTreeSet<String>>;

/// What the modules at the top of a crate import of each other.
fn modules(graph: &Graph) -> Modules {
    let top = |file: &str| graph.files.get(file).and_then(|module| module.first()).cloned();
    let mut modules = Modules::new();
    for (file, used) in &graph.uses {
        if let Some(module) = top(file) {
            let other = used.iter().filter_map(|used| top(used)).filter(|used| *used != module);
            modules.entry(module.clone()).or_default().extend(other);
        }
    }
    modules
}

fn drawing(files: &[Tracked]) -> Option<Modules> {
    let page = files.iter().find(|file| file.path == DRAWING)?;
    let (_, rest) = page.text.split_once(&format!("\n{FIRST_LINE}\n"))?;
    let (mut modules, mut current) = (Modules::new(), "");
    for line in rest.lines().take_while(|line| !line.starts_with("```")) {
        let (name, list) = line.split_once("->").unwrap_or((current, line));
        current = name.trim();
        modules.entry(current.to_owned()).or_default().extend(list.split_whitespace().map(str::to_owned));
    }
    Some(modules)
}

fn differences(drawn: &Modules, found: &Modules) -> Vec<String> {
    let none = BTreeSet::new();
    let mut all = Vec::new();
    for name in drawn.keys().chain(found.keys()).collect::<BTreeSet<_>>() {
        match (drawn.get(name), found.get(name)) {
            (None, _) => all.push(format!("the module {name} is not drawn")),
            (_, None) => all.push(format!("{name} is drawn but is no module")),
            _ => {}
        }
        let (drawn, found) = (drawn.get(name).unwrap_or(&none), found.get(name).unwrap_or(&none));
        all.extend(found.difference(drawn).map(|used| format!("{name} imports {used}, which is not drawn")));
        let lost = drawn.difference(found);
        all.extend(lost.map(|used| format!("{name} -> {used} is drawn, but {name} does not import it")));
    }
    all
}
