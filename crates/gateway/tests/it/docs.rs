//! What the documentation tells people to write is what the gateway accepts.

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
