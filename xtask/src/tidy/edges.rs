//! Dependencies point one way: the edges that `docs/architecture.md` allows, and no others.

use super::files::Finding;
use crate::api::PUBLISHED;
use anyhow::{Context as _, Result};
use serde_json::Value;
use xshell::{Shell, cmd};

pub(super) fn check(sh: &Shell) -> Result<Vec<Finding>> {
    let text = cmd!(sh, "cargo metadata --format-version=1 --no-deps --locked").read()?;
    let metadata: Value = serde_json::from_str(&text).context("cargo metadata")?;
    let packages = metadata["packages"].as_array().context("cargo metadata names no packages")?;
    let ours: Vec<&str> = packages.iter().filter_map(|package| package["name"].as_str()).collect();
    let mut findings = Vec::new();
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        let mut finding = |what: String| findings.push(Finding::new(format!("crate {name}"), what));
        let published = PUBLISHED.iter().find(|(published, ..)| *published == name);
        if published.is_none() && !["gateway", "xtask"].contains(&name) {
            finding("is not in the design; add it there and to the list of edges first".to_owned());
            continue;
        }
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let on = dependency["name"].as_str().unwrap_or_default();
            let for_tests = dependency["kind"] == "dev";
            // The gateway may use all that is published, and a crate may name itself, to switch features on for its own tests.
            let allowed = published.is_some_and(|(.., allowed)| allowed.split(' ').any(|one| one == on));
            let may = allowed || name == "gateway" && on != "xtask" || for_tests && on == "idp-sandbox";
            if on != name && ours.contains(&on) && !may {
                finding(format!("must not depend on {on}"));
            }
            if name == "gateway" && on == "idp-sandbox" && !for_tests && dependency["optional"] != true {
                finding("may link the sandbox only behind feature `demo`".to_owned());
            }
        }
        if package["publish"].is_null() != published.is_some() {
            finding("`publish` is not as designed: only the crates in `PUBLISHED` are published".to_owned());
        }
    }
    Ok(findings)
}
