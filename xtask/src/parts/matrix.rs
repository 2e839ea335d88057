//! The table of SDKs and features, made from what the SDKs' tests recorded.

use crate::sh;
use anyhow::{Context as _, Result};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use xshell::Shell;

const PAGE: &str = "docs/providers/sdks.md";
const FEATURES: [&str; 7] = ["list", "page", "create", "upload", "download", "batch", "errors"];
const BEGIN: &str = "<!-- begin: made by `cargo xtask test --only sdk --bless` -->\n";
const END: &str = "<!-- end -->\n";

/// What each feature of an SDK showed, by provider, SDK and version.
type Rows = BTreeMap<[String; 3], BTreeMap<String, String>>;

/// Compares the page with the records, a JSON object in each line, or writes it. The rows of SDKs that did not run are `kept`.
pub(super) fn check(sh: &Shell, records: &Path, kept: &[&str], bless: bool) -> Result<()> {
    let page = sh.read_file(PAGE)?;
    let mut rows = rows(&sh.read_file(records)?)?;
    rows.extend(page.lines().filter_map(row).filter(|([_, sdk, _], _)| kept.contains(&&**sdk)));
    let parts = page.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let (before, after) = parts.with_context(|| format!("{PAGE} has no place for the table"))?;
    let made = format!("{before}{BEGIN}\n{}\n{END}{after}", table(&rows)?);
    sh::made(sh, PAGE, &made, bless, "test --only sdk")
}

fn rows(records: &str) -> Result<Rows> {
    let mut rows = Rows::new();
    for line in records.lines() {
        let record: Value = serde_json::from_str(line).context("a record of an SDK's test")?;
        let member = |name: &str| {
            record[name].as_str().map(str::to_owned).with_context(|| format!("no {name}: {line}"))
        };
        let row = rows.entry([member("provider")?, member("sdk")?, member("version")?]).or_default();
        row.insert(member("feature")?, member("result")?);
    }
    Ok(rows)
}

fn row(line: &str) -> Option<([String; 3], BTreeMap<String, String>)> {
    let mut cells = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ").map(str::to_owned);
    let name = cells.next()?;
    let (sdk, version) = name.rsplit_once(' ')?;
    let key = [cells.next()?, sdk.to_owned(), version.to_owned()];
    Some((key, FEATURES.map(str::to_owned).into_iter().zip(cells).collect()))
}

fn table(rows: &Rows) -> Result<String> {
    let mut table = format!("| SDK | provider | {} |\n|---|---|{}\n", FEATURES.join(" | "), "---|".repeat(7));
    for ([provider, sdk, version], cells) in rows {
        table += &format!("| {sdk} {version} | {provider} |");
        for feature in FEATURES {
            let result = cells.get(feature);
            let result = result.with_context(|| format!("no test says how '{feature}' of {sdk} fares"))?;
            table += &format!(" {result} |");
        }
        table.push('\n');
    }
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(features: &[&str]) -> String {
        let line = |feature: &&str| {
            format!(
                r#"{{"sdk":"octokit","version":"1.2","provider":"GitHub","feature":"{feature}","result":"works"}}"#
            )
        };
        features.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_row_has_every_feature_or_is_none() {
        let whole = table(&rows(&records(&FEATURES)).unwrap()).unwrap();
        let row = format!("| octokit 1.2 | GitHub |{}", " works |".repeat(7));
        assert_eq!(whole.lines().last(), Some(&*row));
        assert_eq!(super::row(&row).into_iter().collect::<Rows>(), rows(&records(&FEATURES)).unwrap());
        assert!(table(&rows(&records(&FEATURES[1..])).unwrap()).is_err());
    }
}
