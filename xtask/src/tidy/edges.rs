//! Dependencies point one way: the edges that `docs/architecture.md` allows, and no others.

use super::files::Finding;
use crate::sh;
use anyhow::{Context as _, Result};
use serde_json::Value;
use std::path::Path;

/// Who may depend on whom. `sandbox` depends on none of ours, so that one misreading of a fact cannot hide on both
/// sides of a test; anyone may use it for tests.
const ALLOWED: [(&str, &[&str]); 11] = [
    ("api-transport", &[]),
    ("leak-guard", &[]),
    ("token-keeper", &[]),
    ("mgmt-auth", &["api-transport", "token-keeper"]),
    ("caller-auth", &["mgmt-auth"]),
    ("user-store", &["api-transport", "mgmt-auth", "token-keeper"]),
    ("idp-adapters", &["api-transport", "token-keeper"]),
    ("token-broker", &["user-store", "mgmt-auth", "idp-adapters", "api-transport", "token-keeper"]),
    (
        "gateway",
        &[
            "api-transport",
            "leak-guard",
            "token-broker",
            "caller-auth",
            "user-store",
            "mgmt-auth",
            "idp-adapters",
            "token-keeper",
            "sandbox",
        ],
    ),
    ("sandbox", &[]),
    ("xtask", &[]),
];

/// The libraries meant for the registry; everything else must say `publish = false`.
const PUBLISHED: [&str; 8] = [
    "api-transport",
    "leak-guard",
    "token-keeper",
    "mgmt-auth",
    "caller-auth",
    "user-store",
    "idp-adapters",
    "token-broker",
];

pub(super) fn check(root: &Path) -> Result<Vec<Finding>> {
    let text = sh::output(root, "cargo", &["metadata", "--format-version=1", "--no-deps", "--locked"])?;
    let metadata: Value = serde_json::from_str(&text).context("cargo metadata")?;
    let packages = metadata["packages"].as_array().context("cargo metadata names no packages")?;
    let ours: Vec<&str> = packages.iter().filter_map(|package| package["name"].as_str()).collect();
    let mut findings = Vec::new();
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        let place = format!("crate {name}");
        let Some((_, allowed)) = ALLOWED.iter().find(|(crate_name, _)| *crate_name == name) else {
            findings.push(Finding::new(
                place,
                "is not in the design; add it there and to the list of edges first",
            ));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let on = dependency["name"].as_str().unwrap_or_default();
            let for_tests = dependency["kind"] == "dev";
            // A crate may name itself, to switch features on for its own tests.
            if on == name {
                continue;
            }
            if ours.contains(&on) && !allowed.contains(&on) && !(for_tests && on == "sandbox") {
                findings.push(Finding::new(&place, format!("must not depend on {on}")));
            }
            if name == "gateway" && on == "sandbox" && !for_tests && dependency["optional"] != true {
                findings.push(Finding::new(&place, "may link the sandbox only behind feature `demo`"));
            }
        }
        let publishes = package["publish"].is_null();
        if publishes != PUBLISHED.contains(&name) {
            findings.push(Finding::new(
                &place,
                "`publish` is not as designed: only the libraries in `PUBLISHED` are published",
            ));
        }
    }
    Ok(findings)
}
