//! A CycloneDX bill of materials, from what cargo itself says is in the release binary.

use crate::linked::{Linked, text};
use crate::sh;
use anyhow::{Result, ensure};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub(crate) fn run(root: &Path) -> Result<()> {
    let folder = root.join("target/dist");
    std::fs::create_dir_all(&folder)?;
    write(root, &folder).map(|_| ())
}

/// Writes `idp-gateway.cdx.json` into the folder.
pub(crate) fn write(root: &Path, folder: &Path) -> Result<PathBuf> {
    let checksums = checksums(&std::fs::read_to_string(root.join("Cargo.lock"))?);
    let document = document(&Linked::of_gateway(root)?, &checksums);
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

fn document(linked: &Linked, checksums: &BTreeMap<(String, String), String>) -> Value {
    let purl = |id: &str| {
        let package = linked.package(id);
        format!("pkg:cargo/{}@{}", text(package, "name"), text(package, "version"))
    };
    let component = |id: &str| {
        let package = linked.package(id);
        let key = (text(package, "name"), text(package, "version"));
        let mut component = json!({
            "type": if id == linked.root() { "application" } else { "library" },
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
    let dependencies = linked.ids().map(
        |id| json!({ "ref": purl(id), "dependsOn": linked.dependencies(id).map(purl).collect::<Vec<_>>() }),
    );
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": { "component": component(linked.root()) },
        "components": linked.ids().filter(|id| *id != linked.root()).map(component).collect::<Vec<_>>(),
        "dependencies": dependencies.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linked::tests::metadata;

    #[test]
    fn only_what_is_linked_is_listed() {
        let lock = "[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nchecksum = \"ff\"\n";
        let document = document(&Linked::new(&metadata()).unwrap(), &checksums(lock));
        assert_eq!(document["components"].as_array().unwrap().len(), 1);
        assert_eq!(document["components"][0]["purl"], "pkg:cargo/a@1.0.0");
        assert_eq!(document["components"][0]["hashes"][0]["content"], "ff");
        assert_eq!(document["components"][0]["licenses"][0]["expression"], "MIT OR Apache-2.0");
        assert_eq!(document["dependencies"][1]["dependsOn"], json!(["pkg:cargo/a@1.0.0"]));
    }
}
