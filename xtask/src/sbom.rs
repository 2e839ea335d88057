//! A CycloneDX bill of materials, from what cargo itself says is in the release binary.

use crate::sh;
use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

pub(crate) fn run(root: &Path) -> Result<()> {
    let folder = root.join("target/dist");
    std::fs::create_dir_all(&folder)?;
    write(root, &folder).map(|_| ())
}

/// Writes `idp-gateway.cdx.json` into the folder.
pub(crate) fn write(root: &Path, folder: &Path) -> Result<PathBuf> {
    let metadata = [
        "metadata",
        "--format-version=1",
        "--locked",
        "--no-default-features",
        "--manifest-path=crates/gateway/Cargo.toml",
        "--filter-platform=x86_64-unknown-linux-gnu",
    ];
    let metadata: Value = serde_json::from_str(&sh::output(root, "cargo", &metadata)?)?;
    let checksums = checksums(&std::fs::read_to_string(root.join("Cargo.lock"))?);
    let document = document(&metadata, &checksums)?;
    let components = document["components"].as_array().map_or(0, Vec::len);
    ensure!(components > 50, "only {components} components: the dependency graph was not followed");
    let file = folder.join("idp-gateway.cdx.json");
    std::fs::write(&file, format!("{}\n", serde_json::to_string_pretty(&document)?))?;
    sh::say(&format!("sbom: {components} components in {}", file.display()));
    Ok(file)
}

/// Name and version to SHA-256, from the lock file.
fn checksums(lock: &str) -> BTreeMap<(String, String), String> {
    let lock: toml::Table = lock.parse().unwrap_or_default();
    let packages = lock.get("package").and_then(toml::Value::as_array).into_iter().flatten();
    let text =
        |package: &toml::Value, key: &str| package.get(key).and_then(toml::Value::as_str).map(str::to_owned);
    packages
        .filter_map(|package| {
            Some(((text(package, "name")?, text(package, "version")?), text(package, "checksum")?))
        })
        .collect()
}

fn document(metadata: &Value, checksums: &BTreeMap<(String, String), String>) -> Result<Value> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let packages: BTreeMap<String, Value> = list(&metadata["packages"])
        .into_iter()
        .filter_map(|package| Some((package["id"].as_str()?.to_owned(), package)))
        .collect();
    let edges: BTreeMap<String, Vec<String>> = list(&metadata["resolve"]["nodes"])
        .iter()
        .filter_map(|node| Some((id(node)?, linked(node))))
        .collect();
    let root = packages
        .iter()
        .find(|(_, package)| package["name"] == "gateway")
        .map(|(id, _)| id.clone())
        .context("cargo metadata knows no package gateway")?;
    let reached = reach(&root, &edges);
    let purl = |id: &String| {
        let package = &packages[id];
        format!("pkg:cargo/{}@{}", text(package, "name"), text(package, "version"))
    };
    let component = |id: &String| {
        let package = &packages[id];
        let key = (text(package, "name"), text(package, "version"));
        let mut component = json!({
            "type": if *id == root { "application" } else { "library" },
            "bom-ref": purl(id),
            "name": key.0,
            "version": key.1,
            "purl": purl(id),
        });
        if let Some(license) = package["license"].as_str() {
            component["licenses"] = json!([{ "expression": license.replace('/', " OR ") }]);
        }
        if let Some(repository) = package["repository"].as_str() {
            component["externalReferences"] = json!([{ "type": "vcs", "url": repository }]);
        }
        if let Some(checksum) = checksums.get(&key) {
            component["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
        }
        component
    };
    let dependencies = reached.iter().map(|id| {
        let on = edges.get(id).into_iter().flatten().filter(|id| reached.contains(*id)).map(purl);
        json!({ "ref": purl(id), "dependsOn": on.collect::<BTreeSet<_>>() })
    });
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": { "component": component(&root) },
        "components": reached.iter().filter(|id| **id != root).map(component).collect::<Vec<_>>(),
        "dependencies": dependencies.collect::<Vec<_>>(),
    }))
}

fn id(node: &Value) -> Option<String> {
    node["id"].as_str().map(str::to_owned)
}

fn text(package: &Value, key: &str) -> String {
    package[key].as_str().unwrap_or_default().to_owned()
}

/// What a package links; its build and test dependencies are not in the binary.
fn linked(node: &Value) -> Vec<String> {
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

fn reach(root: &str, edges: &BTreeMap<String, Vec<String>>) -> BTreeSet<String> {
    let (mut reached, mut next) = (BTreeSet::new(), vec![root.to_owned()]);
    while let Some(id) = next.pop() {
        if reached.insert(id.clone()) {
            next.extend(edges.get(&id).into_iter().flatten().cloned());
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_linked_is_listed() {
        let package =
            |name: &str| json!({ "id": name, "name": name, "version": "1.0.0", "license": "MIT/Apache-2.0" });
        let dep = |name: &str, kind: Value| json!({ "pkg": name, "dep_kinds": [{ "kind": kind }] });
        let metadata = json!({
            "packages": [package("gateway"), package("a"), package("b"), package("c")],
            "resolve": { "nodes": [
                { "id": "gateway", "deps": [dep("a", Value::Null), dep("c", json!("dev"))] },
                { "id": "a", "deps": [dep("b", json!("build"))] },
                { "id": "b", "deps": [] },
                { "id": "c", "deps": [] },
            ]},
        });
        let lock = "[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nchecksum = \"ff\"\n";
        let document = document(&metadata, &checksums(lock)).unwrap();
        assert_eq!(document["components"].as_array().unwrap().len(), 1);
        assert_eq!(document["components"][0]["purl"], "pkg:cargo/a@1.0.0");
        assert_eq!(document["components"][0]["hashes"][0]["content"], "ff");
        assert_eq!(document["components"][0]["licenses"][0]["expression"], "MIT OR Apache-2.0");
        assert_eq!(document["dependencies"][1]["dependsOn"], json!(["pkg:cargo/a@1.0.0"]));
    }
}
