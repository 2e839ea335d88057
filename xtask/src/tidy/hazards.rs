//! Every hazard id that `docs/security/threat-model.md` calls closed has a test named after it.

use super::{Finding, Tracked};
use std::collections::BTreeSet;

const THREAT_MODEL: &str = "docs/security/threat-model.md";

pub(super) fn check(files: &[Tracked]) -> Vec<Finding> {
    let Some(model) = files.iter().find(|file| file.name() == THREAT_MODEL) else {
        return vec![Finding::new(THREAT_MODEL, "is missing: it lists the hazards and their tests")];
    };
    let tested: BTreeSet<String> = files
        .iter()
        .filter(|file| file.is("rs"))
        .flat_map(|file| file.text.split("fn tm_").skip(1))
        .filter_map(|rest| rest.get(..3))
        .map(str::to_ascii_uppercase)
        .collect();
    closed(&model.text)
        .filter(|id| !tested.contains(*id))
        .map(|id| {
            Finding::new(
                THREAT_MODEL,
                format!("{id} is called closed but no test is named tm_{}_…", id.to_ascii_lowercase()),
            )
        })
        .collect()
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

    #[test]
    fn a_closed_hazard_without_a_test_is_found() {
        let model = "| F01 | smuggling | refuse | closed |\n| F02 | framing | rebuilt | open |\n";
        let without = [Tracked { path: THREAT_MODEL.into(), text: model.into() }];
        assert_eq!(check(&without).len(), 1);
        let test = Tracked { path: "a.rs".into(), text: concat!("fn t", "m_f01_smuggling() {}").into() };
        let [model] = without;
        assert_eq!(check(&[model, test]).len(), 0);
    }
}
