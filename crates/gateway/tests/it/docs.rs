//! What the documentation tells people to write is what the gateway accepts.

use std::collections::BTreeSet;
use std::path::Path;

use gateway::config::Settings;

const REST: &str = r#"
[tenant]
domain = "acme.eu.auth0.com"
client_id = "gateway"
client_secret = "made up"
[callers]
audience = ["https://api.acme.com"]
"#;

/// The TOML blocks of a page, indentation of list items taken away.
fn blocks(page: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for line in page.lines() {
        let fence = line.trim_start();
        match &mut open {
            None if fence == "```toml" => open = Some((line.len() - fence.len(), String::new())),
            Some((_, text)) if fence == "```" => {
                blocks.push(std::mem::take(text));
                open = None;
            }
            Some((indent, text)) => {
                text.push_str(line.get(*indent..).unwrap_or_default());
                text.push('\n');
            }
            None => {}
        }
    }
    blocks
}

#[test]
fn every_configuration_in_the_documentation_is_accepted() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut pages = vec![root.join("README.md")];
    for folder in ["docs/providers", "docs/guides"] {
        pages.extend(std::fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().path()));
    }
    let mut count = 0;
    for page in pages {
        for block in blocks(&std::fs::read_to_string(&page).unwrap()) {
            count += 1;
            let whole = if block.contains("[tenant]") { block } else { format!("{block}{REST}") };
            // A file with a secret is the reader's; everything else must be right as it stands.
            if let Err(problems) = Settings::from_toml(&whole) {
                let wrong: Vec<_> =
                    problems.0.iter().filter(|problem| !problem.key.ends_with("_file")).collect();
                assert!(wrong.is_empty(), "{}: {wrong:?}", page.display());
            }
        }
    }
    assert!(count >= 8, "only {count} configurations were found");
}

#[test]
fn the_guide_lists_what_the_example_app_reacts_to() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let read = |name: &str| std::fs::read_to_string(docs.join(name)).unwrap();
    let (app, guide) = (read("examples/spa/app.js"), read("guides/callers.md"));
    let reactions = app.split("const REFUSALS = {").nth(1).unwrap().split("\n}\n").next().unwrap();
    let named: Vec<&str> = reactions
        .lines()
        .filter_map(|line| line.strip_prefix("  '")?.split_once("':").map(|(code, _)| code))
        .collect();
    assert!(named.len() >= 15, "{named:?}");
    let table = guide.split("## What to do with each refusal").nth(1).unwrap().split("\n## ").next().unwrap();
    let missing: Vec<_> = named.iter().filter(|code| !table.contains(&format!("`{code}`"))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// The modules (files or folders under `src`) whose code, tests apart, makes problems.
fn modules_with_problems() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut modules = BTreeSet::new();
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if !path.ends_with("tests.rs")
                && std::fs::read_to_string(&path).unwrap().contains("Problem::new(")
            {
                let module = path.strip_prefix(&root).unwrap().components().next().unwrap();
                modules.insert(module.as_os_str().to_str().unwrap().trim_end_matches(".rs").to_owned());
            }
        }
    }
    modules
}

#[test]
fn problems_are_made_in_the_modules_that_the_architecture_names() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/architecture.md");
    let page = std::fs::read_to_string(page).unwrap();
    let sentence = page.split("Apart from it,").nth(1).and_then(|rest| rest.split("Each problem").next());
    let mut named: BTreeSet<String> =
        sentence.unwrap().split('`').skip(1).step_by(2).map(str::to_owned).collect();
    named.extend(["error_table", "problem"].map(str::to_owned));
    assert_eq!(modules_with_problems(), named);
}
