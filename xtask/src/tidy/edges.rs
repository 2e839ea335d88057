//! Dependencies point one way: the edges that `docs/architecture.md` allows, and no others.

use super::files::Finding;
use crate::api::PUBLISHED;
use crate::sh;
use anyhow::{Context as _, Result};
use serde_json::Value;
use std::path::Path;

/// Who may depend on whom. `idp-sandbox` depends on none of ours, so that one misreading of a fact cannot hide on both
/// sides of a test; anyone may use it for tests.
const ALLOWED: [(&str, &str); 11] = [
    ("api-transport", ""),
    ("leak-guard", ""),
    ("token-keeper", ""),
    ("mgmt-auth", "api-transport token-keeper"),
    ("caller-auth", "mgmt-auth"),
    ("user-store", "api-transport mgmt-auth token-keeper"),
    ("idp-adapters", "api-transport token-keeper"),
    ("token-broker", "user-store mgmt-auth idp-adapters api-transport token-keeper"),
    (
        "gateway",
        "api-transport leak-guard token-broker caller-auth user-store mgmt-auth idp-adapters token-keeper idp-sandbox",
    ),
    ("idp-sandbox", ""),
    ("xtask", ""),
];

pub(super) fn check(root: &Path) -> Result<Vec<Finding>> {
    let text = sh::output(root, "cargo", &["metadata", "--format-version=1", "--no-deps", "--locked"])?;
    let metadata: Value = serde_json::from_str(&text).context("cargo metadata")?;
    let packages = metadata["packages"].as_array().context("cargo metadata names no packages")?;
    let ours: Vec<&str> = packages.iter().filter_map(|package| package["name"].as_str()).collect();
    let mut findings = Vec::new();
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        let mut finding = |what: String| findings.push(Finding::new(format!("crate {name}"), what));
        let Some((_, allowed)) = ALLOWED.iter().find(|(crate_name, _)| *crate_name == name) else {
            finding("is not in the design; add it there and to the list of edges first".to_owned());
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let on = dependency["name"].as_str().unwrap_or_default();
            let for_tests = dependency["kind"] == "dev";
            let may = allowed.split(' ').any(|one| one == on) || for_tests && on == "idp-sandbox";
            // A crate may name itself, to switch features on for its own tests.
            if on != name && ours.contains(&on) && !may {
                finding(format!("must not depend on {on}"));
            }
            if name == "gateway" && on == "idp-sandbox" && !for_tests && dependency["optional"] != true {
                finding("may link the sandbox only behind feature `demo`".to_owned());
            }
        }
        if package["publish"].is_null() != PUBLISHED.iter().any(|(package, _)| *package == name) {
            finding("`publish` is not as designed: only the crates in `PUBLISHED` are published".to_owned());
        }
    }
    Ok(findings)
}
