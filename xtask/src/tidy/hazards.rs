//! Every hazard id that `docs/security/threat-model.md` calls closed has a test named after it, and so has every id of every
//! group, whatever the page says. Tests that the pages about security name exist.

use super::files::{Finding, Tracked};
use std::collections::BTreeSet;

const THREAT_MODEL: &str = "docs/security/threat-model.md";

/// The groups of hazards, and how many ids each has: all must be closed.
const REQUIRED: [(char, u8); 10] =
    [('F', 12), ('R', 12), ('J', 10), ('K', 4), ('C', 8), ('S', 8), ('O', 11), ('A', 8), ('L', 5), ('P', 4)];

pub(super) fn check(files: &[Tracked]) -> Vec<Finding> {
    let Some(model) = files.iter().find(|file| file.path == THREAT_MODEL) else {
        return vec![Finding::new(THREAT_MODEL, "is missing: it lists the hazards and their tests")];
    };
    let sources = files.iter().filter(|file| file.is("rs"));
    let tests: BTreeSet<&str> = sources
        .flat_map(|file| file.text.split("fn tm_").skip(1))
        .filter_map(|rest| rest.split('(').next())
        .collect();
    let tested: BTreeSet<String> = tests.iter().flat_map(|name| ids(name)).collect();
    let closed: BTreeSet<String> = closed(&model.text).map(str::to_owned).collect();
    let mut findings = Vec::new();
    let mut find = |page: &str, what: String| findings.push(Finding::new(page, what));
    for id in closed.difference(&tested) {
        let test = id.to_ascii_lowercase();
        find(THREAT_MODEL, format!("{id} is called closed but no test is named tm_{test}_…"));
    }
    for id in required().filter(|id| !tested.contains(id) || !closed.contains(id)) {
        find(THREAT_MODEL, format!("{id} must have a test named after it and be closed"));
    }
    for page in files.iter().filter(|file| file.path.starts_with("docs/security/")) {
        let named = page.text.split("`tm_").skip(1).filter_map(|rest| rest.split('`').next());
        for name in named.filter(|name| !name.is_empty() && !tests.contains(name)) {
            find(&page.path, format!("names the test tm_{name}, which does not exist"));
        }
    }
    findings
}

fn required() -> impl Iterator<Item = String> {
    let ids = |(group, count)| (1..=count).map(move |number| format!("{group}{number:02}"));
    REQUIRED.into_iter().flat_map(ids)
}

/// The ids at the front of a test's name: `f04_f06_rules_hold` is about two, `l01_tm_l03_reload` too.
fn ids(name: &str) -> Vec<String> {
    let is_id = |word: &&str| {
        word.len() == 3
            && word.starts_with(|c: char| c.is_ascii_lowercase())
            && word[1..].bytes().all(|b| b.is_ascii_digit())
    };
    let words = name.split('_').filter(|word| *word != "tm");
    words.take_while(is_id).map(str::to_ascii_uppercase).collect()
}

/// Ids of the rows `| F01 | … | closed |`.
fn closed(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .filter(|line| line.trim_end().ends_with("| closed |"))
        .filter_map(|line| line.split('|').nth(1))
        .map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(model: &str, code: &str) -> Vec<String> {
        let files = [
            Tracked { path: THREAT_MODEL.into(), text: model.into() },
            Tracked { path: "a.rs".into(), text: code.into() },
        ];
        check(&files).into_iter().map(|finding| finding.what).collect()
    }

    fn all() -> (String, String) {
        let rows = required().map(|id| format!("| {id} | a | b | closed |\n")).collect();
        let tests =
            required().map(|id| format!("fn {}{}_x() {{}}\n", "tm_", id.to_ascii_lowercase())).collect();
        (rows, tests)
    }

    #[test]
    fn everything_in_order_finds_nothing() {
        let (rows, tests) = all();
        assert_eq!(findings(&rows, &tests), Vec::<String>::new());
    }

    #[test]
    fn a_hazard_without_a_test_is_found() {
        let (rows, tests) = all();
        assert_eq!(findings(&rows, &tests.replace("f02_x", "other")).len(), 2);
        assert_eq!(
            findings(&rows.replace("| F02 | a | b | closed |", "| F02 | a | b | open |"), &tests).len(),
            1
        );
        assert_eq!(findings(&rows, &tests.replace("l05_x", "other")).len(), 2);
        assert_eq!(findings(&format!("{rows}| X01 | a | b | closed |\n"), &tests).len(), 1);
        assert_eq!(findings(&format!("{rows}see `tm_a01_gone`\n"), &tests).len(), 1);
    }

    #[test]
    fn a_test_may_be_about_several() {
        assert_eq!(ids("f04_f06_f11_the_same_rules_hold"), ["F04", "F06", "F11"]);
        assert_eq!(ids("l01_tm_l03_reload"), ["L01", "L03"]);
        assert_eq!(ids("other"), Vec::<String>::new());
    }
}
