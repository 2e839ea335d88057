//! Replacements that do not belong into the tree, listed in `xtask/words.toml`: leftovers, folders of one machine, second words for one
//! thing, and names that are gone.

use super::files::{Finding, Tracked};
use anyhow::{Context as _, Result};
use proc_macro2::{TokenStream, TokenTree};
use serde::Deserialize;
use std::collections::BTreeMap;

const LIST: &str = "xtask/words.toml";

type Replacements = BTreeMap<String, String>;

#[derive(Deserialize)]
struct List {
    code: Replacements,
    anywhere: Replacements,
    names: Replacements,
}

pub(super) fn check(files: &[Tracked]) -> Result<Vec<Finding>> {
    let list = files.iter().find(|file| file.path == LIST).with_context(|| format!("{LIST} is missing"))?;
    let list: List = toml::from_str(&list.text).context(LIST)?;
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| is_text(file) && file.path != LIST) {
        let mut find = |line: usize, what: String| {
            findings.push(Finding::new(format!("{}:{line}", file.path.clone()), what));
        };
        for (number, line) in file.text.lines().enumerate() {
            let code = list.code.iter().filter(|_| file.is("rs"));
            for (word, instead) in list.anywhere.iter().chain(code).filter(|(word, _)| holds(line, word)) {
                find(number + 1, format!("`{word}`: {instead}"));
            }
            if line.ends_with([' ', '\t']) {
                find(number + 1, "white space at the end of the line".to_owned());
            }
        }
        for (line, name) in names(file)? {
            if let Some(instead) = list.names.get(&name) {
                find(line, format!("`{name}` is a name of old: {instead}"));
            }
        }
        if !file.text.is_empty() && !file.text.ends_with('\n') {
            find(file.text.lines().count(), "no line break at the end of the file".to_owned());
        }
    }
    Ok(findings)
}

/// A folder counts from the root only: `drive/root` is a path of an API.
fn holds(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        !word.starts_with('/')
            || !line[..at].ends_with(|before: char| before.is_alphanumeric() || before == '}')
    })
}

/// Identifiers with their lines: those of Rust code, those in backticks of comments and pages, and all of an API snapshot.
fn names(file: &Tracked) -> Result<Vec<(usize, String)>> {
    let mut found = Vec::new();
    if file.is("rs") {
        identifiers(file.tokens()?, &mut found);
    }
    let snapshot = file.path.ends_with("/api.txt");
    for (number, line) in file.text.lines().enumerate() {
        let marked = file.is("md") || file.is("rs") && line.trim_start().starts_with("//");
        let spans: Vec<&str> = match (snapshot, marked) {
            (true, _) => vec![line],
            (_, true) => line.split('`').skip(1).step_by(2).collect(),
            _ => continue,
        };
        let words = spans.iter().flat_map(|span| span.split(|c: char| !c.is_alphanumeric() && c != '_'));
        found.extend(words.map(|word| (number + 1, word.to_owned())));
    }
    Ok(found)
}

fn identifiers(tokens: TokenStream, found: &mut Vec<(usize, String)>) {
    for token in tokens {
        match token {
            TokenTree::Ident(name) => found.push((name.span().start().line, name.to_string())),
            TokenTree::Group(group) => identifiers(group.stream(), found),
            _ => {}
        }
    }
}

fn is_text(file: &Tracked) -> bool {
    const KINDS: [&str; 14] =
        ["rs", "toml", "md", "yaml", "yml", "json", "mjs", "js", "py", "html", "css", "sh", "txt", "tpl"];
    !file.path.ends_with("package-lock.json") && KINDS.iter().any(|kind| file.is(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, text: &str) -> usize {
        let list = crate::sh::root().unwrap().read_file(LIST).unwrap();
        let list = Tracked { path: LIST.into(), text: list };
        check(&[list, Tracked { path: name.into(), text: text.into() }]).unwrap().len()
    }

    #[test]
    fn leftovers_and_foreign_folders_are_found() {
        assert_eq!(found("a.rs", concat!("// TO", "DO later\n")), 1);
        assert_eq!(found("a.md", concat!("see /ho", "me/me/x\n")), 1);
        assert_eq!(found("a.md", concat!("/me/drive/ro", "ot/children\n")), 0);
        assert_eq!(found("a.py", concat!("f\"{drive}/ro", "ot/children\"\n")), 0);
        assert_eq!(found("a.md", "fine\n"), 0);
    }

    #[test]
    fn names_of_old_are_found_in_code_and_between_backticks_and_not_in_sentences() {
        for (name, text) in [
            ("a.rs", "fn carry_out() {}\n"),
            ("a.rs", "struct Trail;\n"),
            ("a.rs", "fn a() { println!(\"{}\", obey(1)) }\n"),
            ("a.rs", "/// See [`Flights`].\nfn a() {}\n"),
            ("a.md", "The type `Boarding<T>` joins.\n"),
            ("crates/x/api.txt", "pub fn x::Broker::doubt(&self)\n"),
        ] {
            assert_eq!(found(name, text), 1, "{text}");
        }
        for (name, text) in [
            ("a.rs", "// Clients obey; without doubt.\nfn a() { b(\"obey `doubt`\") }\n"),
            ("a.md", "Landing pages leave a trail. Obey `Retry-After`.\n"),
            ("a.rs", "fn obeyed() {}\n"),
        ] {
            assert_eq!(found(name, text), 0, "{text}");
        }
    }

    #[test]
    fn loose_white_space_is_found() {
        assert_eq!(found("a.rs", "fn a() {} \n"), 1);
        assert_eq!(found("a.rs", "fn a() {}"), 1);
    }
}
