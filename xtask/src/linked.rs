//! What is linked into the release binary, from what cargo itself says.

use crate::{build, sh};
use anyhow::{Context as _, Result};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The packages in the binary and how they depend on each other.
pub(crate) struct Linked {
    root: String,
    packages: BTreeMap<String, Value>,
    edges: BTreeMap<String, BTreeSet<String>>,
}

impl Linked {
    /// What `gateway` links as it is released: without its optional features.
    pub(crate) fn of_gateway(root: &Path) -> Result<Self> {
        let platform = format!("--filter-platform={}", build::host(root)?);
        let metadata = [
            "metadata",
            "--format-version=1",
            "--locked",
            "--no-default-features",
            "--manifest-path=crates/gateway/Cargo.toml",
            &platform,
        ];
        Self::new(&serde_json::from_str(&sh::output(root, "cargo", &metadata)?)?)
    }

    /// Follows the edges of `cargo metadata` from `gateway`.
    pub(crate) fn new(metadata: &Value) -> Result<Self> {
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let mut packages: BTreeMap<String, Value> = list(&metadata["packages"])
            .into_iter()
            .filter_map(|package| Some((package["id"].as_str()?.to_owned(), package)))
            .collect();
        let mut edges: BTreeMap<String, BTreeSet<String>> = list(&metadata["resolve"]["nodes"])
            .iter()
            .filter_map(|node| Some((node["id"].as_str()?.to_owned(), dependencies(node))))
            .collect();
        let root = packages
            .iter()
            .find(|(_, package)| package["name"] == "gateway")
            .map(|(id, _)| id.clone())
            .context("cargo metadata knows no package gateway")?;
        let reached = reach(&root, &edges);
        packages.retain(|id, _| reached.contains(id));
        edges.retain(|id, _| reached.contains(id));
        debug_assert!(edges.values().flatten().all(|id| packages.contains_key(id)), "an edge leads nowhere");
        Ok(Self { root, packages, edges })
    }

    /// The binary's own package.
    pub(crate) fn root(&self) -> &str {
        &self.root
    }

    /// All packages, in one order.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        self.packages.keys().map(String::as_str)
    }

    /// What cargo says about a package.
    pub(crate) fn package(&self, id: &str) -> &Value {
        self.packages.get(id).unwrap_or(&Value::Null)
    }

    /// What a package links.
    pub(crate) fn dependencies(&self, id: &str) -> impl Iterator<Item = &str> {
        self.edges.get(id).into_iter().flatten().map(String::as_str)
    }
}

/// A member of a package.
pub(crate) fn text(package: &Value, key: &str) -> String {
    package[key].as_str().unwrap_or_default().to_owned()
}

/// Build and test dependencies are not in the binary.
fn dependencies(node: &Value) -> BTreeSet<String> {
    let normal = |dependency: &&Value| {
        dependency["dep_kinds"]
            .as_array()
            .is_some_and(|kinds| kinds.iter().any(|kind| kind["kind"].is_null()))
    };
    let dependencies = node["deps"].as_array().into_iter().flatten();
    dependencies
        .filter(normal)
        .filter_map(|dependency| dependency["pkg"].as_str().map(str::to_owned))
        .collect()
}

fn reach(root: &str, edges: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<String> {
    let (mut reached, mut next) = (BTreeSet::new(), vec![root.to_owned()]);
    while let Some(id) = next.pop() {
        if reached.insert(id.clone()) {
            next.extend(edges.get(&id).into_iter().flatten().cloned());
        }
    }
    reached
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use serde_json::json;

    /// `gateway` links `a`; `b` only builds `a`, `c` only tests `gateway`.
    pub(crate) fn metadata() -> Value {
        let package = |name: &str| {
            let source =
                (name != "gateway").then_some("registry+https://github.com/rust-lang/crates.io-index");
            json!({ "id": name, "name": name, "version": "1.0.0", "license": "MIT/Apache-2.0", "source": source })
        };
        let dep = |name: &str, kind: Value| json!({ "pkg": name, "dep_kinds": [{ "kind": kind }] });
        json!({
            "packages": [package("gateway"), package("a"), package("b"), package("c")],
            "resolve": { "nodes": [
                { "id": "gateway", "deps": [dep("a", Value::Null), dep("c", json!("dev"))] },
                { "id": "a", "deps": [dep("b", json!("build"))] },
                { "id": "b", "deps": [] },
                { "id": "c", "deps": [] },
            ]},
        })
    }

    #[test]
    fn build_and_test_dependencies_are_not_linked() {
        let linked = Linked::new(&metadata()).unwrap();
        assert_eq!(linked.ids().collect::<Vec<_>>(), ["a", "gateway"]);
        assert_eq!(linked.dependencies("gateway").collect::<Vec<_>>(), ["a"]);
        assert_eq!(linked.dependencies("a").count(), 0);
    }
}
