//! Words that do not belong into the tree: leftovers, folders of one machine, and second words for one thing.

use super::files::{Finding, Tracked};

struct Rule {
    word: &'static str,
    instead: &'static str,
    /// Rust sources only (prose may say it).
    code_only: bool,
}

const fn code(word: &'static str, instead: &'static str) -> Rule {
    Rule { word, instead, code_only: true }
}

const fn anywhere(word: &'static str, instead: &'static str) -> Rule {
    Rule { word, instead, code_only: false }
}

const RULES: [Rule; 14] = [
    code(concat!("to", "do!("), "finish it, or leave it out and say so in the docs"),
    code(concat!("TO", "DO"), "finish it, or open an issue"),
    code(concat!("FIX", "ME"), "fix it, or open an issue"),
    code(concat!("dbg", "!("), "use tracing"),
    code(concat!("#[ig", "nore"), "a test that does not run is not a test; gate long rounds in xtask"),
    code(concat!("#[al", "low("), "use #[expect(…, reason = \"…\")]"),
    anywhere(concat!("/ro", "ot/"), "no folder of one machine"),
    anywhere(concat!("/wo", "rk/"), "no folder of one machine"),
    anywhere(concat!("/ho", "me/"), "no folder of one machine"),
    anywhere(concat!("white", "list"), "say allow list"),
    anywhere(concat!("black", "list"), "say deny list"),
    anywhere(concat!("provider ", "token"), "say IdP token"),
    anywhere(concat!("M2M ", "token cache"), "say management token"),
    anywhere(concat!("user ", "access token of the provider"), "say IdP token"),
];

pub(super) fn check(files: &[Tracked]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| is_text(file)) {
        for (number, line) in file.text.lines().enumerate() {
            for rule in RULES.iter().filter(|rule| !rule.code_only || file.is("rs")) {
                if holds(line, rule.word) {
                    let place = format!("{}:{}", file.name(), number + 1);
                    findings.push(Finding::new(place, format!("`{}`: {}", rule.word, rule.instead)));
                }
            }
            if line.ends_with([' ', '\t']) {
                findings.push(Finding::new(
                    format!("{}:{}", file.name(), number + 1),
                    "white space at the end of the line",
                ));
            }
        }
        if !file.text.is_empty() && !file.text.ends_with('\n') {
            findings.push(Finding::new(file.name(), "no line break at the end of the file"));
        }
    }
    findings
}

/// A folder counts from the root only: `drive/ro` + `ot/` is somebody's API.
fn holds(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        !word.starts_with('/') || !line[..at].ends_with(|before: char| before.is_alphanumeric())
    })
}

fn is_text(file: &Tracked) -> bool {
    const KINDS: [&str; 14] =
        ["rs", "toml", "md", "yaml", "yml", "json", "mjs", "js", "py", "html", "css", "sh", "txt", "tpl"];
    !file.name().ends_with("package-lock.json") && KINDS.iter().any(|kind| file.is(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, text: &str) -> usize {
        check(&[Tracked { path: name.into(), text: text.into() }]).len()
    }

    #[test]
    fn leftovers_and_foreign_folders_are_found() {
        assert_eq!(found("a.rs", concat!("// TO", "DO later\n")), 1);
        assert_eq!(found("a.md", concat!("see /ho", "me/me/x\n")), 1);
        assert_eq!(found("a.md", concat!("/me/drive/ro", "ot/children\n")), 0);
        assert_eq!(found("a.md", "fine\n"), 0);
    }

    #[test]
    fn loose_white_space_is_found() {
        assert_eq!(found("a.rs", "fn a() {} \n"), 1);
        assert_eq!(found("a.rs", "fn a() {}"), 1);
    }
}
