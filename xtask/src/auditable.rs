//! The list of dependencies inside the binary, in the form and place that `cargo auditable` made usual: zlib-compressed JSON
//! in the section `.dep-v0`. `cargo audit bin`, Trivy, Grype and Syft read it, so that an image can be matched with advisories
//! years later without its bill of materials.

use crate::linked::{Linked, text};
use crate::{image::elf, sh};
use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

const SECTION: &str = ".dep-v0";
/// As tight as it gets; a few hundred names compress in no time.
const LEVEL: u8 = 10;

/// Puts the list into the binary.
pub(crate) fn embed(root: &Path, binary: &Path) -> Result<()> {
    let list = list(&Linked::of_gateway(root)?);
    put(root, binary, &list)?;
    ensure!(read(binary)? == list, "the list in {} is not the one that was put there", binary.display());
    Ok(())
}

/// The list in a binary.
pub(crate) fn read(binary: &Path) -> Result<Value> {
    let file = std::fs::read(binary)?;
    let packed = elf::section(&file, SECTION)?.context("the binary has no list of its dependencies")?;
    let text = miniz_oxide::inflate::decompress_to_vec_zlib(packed)
        .map_err(|error| anyhow::anyhow!("the list of dependencies is not zlib: {error}"))?;
    Ok(serde_json::from_slice(&text)?)
}

fn put(root: &Path, binary: &Path, list: &Value) -> Result<()> {
    let packed = binary.with_extension("dependencies");
    std::fs::write(&packed, miniz_oxide::deflate::compress_to_vec_zlib(list.to_string().as_bytes(), LEVEL))?;
    let section = format!("{SECTION}={}", packed.display());
    let flags = format!("{SECTION}=noload,readonly");
    let program = binary.to_string_lossy();
    // A binary that cargo did not link anew has one already.
    sh::run(
        root,
        "objcopy",
        &["--remove-section", SECTION, "--add-section", &section, "--set-section-flags", &flags, &program],
    )?;
    std::fs::remove_file(packed)?;
    Ok(())
}

/// Name, version, where it came from, and what it needs by its place in the list.
fn list(linked: &Linked) -> Value {
    let place: BTreeMap<&str, usize> = linked.ids().zip(0..).collect();
    let packages = linked.ids().map(|id| {
        let package = linked.package(id);
        let needs: Vec<usize> = linked.dependencies(id).filter_map(|id| place.get(id).copied()).collect();
        let mut entry = json!({
            "name": text(package, "name"),
            "version": text(package, "version"),
            "source": if package["source"].is_null() { "local" } else { "crates.io" },
        });
        if !needs.is_empty() {
            entry["dependencies"] = needs.into();
        }
        if id == linked.root() {
            entry["root"] = true.into();
        }
        entry
    });
    json!({ "packages": packages.collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linked::tests::metadata;

    #[test]
    fn tm_p03_a_binary_carries_the_list_of_what_is_in_it() {
        let root = sh::root().unwrap();
        let copy = std::env::temp_dir().join(format!("xtask-auditable-{}", std::process::id()));
        std::fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
        assert!(read(&copy).is_err(), "an ordinary binary has none");
        let list = list(&Linked::new(&metadata()).unwrap());
        // Twice: the second takes the first one's place.
        put(&root, &copy, &json!({ "packages": [] })).unwrap();
        put(&root, &copy, &list).unwrap();
        let found = read(&copy).unwrap();
        std::fs::remove_file(copy).unwrap();
        assert_eq!(
            found,
            json!({ "packages": [
                { "name": "a", "version": "1.0.0", "source": "crates.io" },
                { "name": "gateway", "version": "1.0.0", "source": "local", "dependencies": [0], "root": true },
            ]})
        );
    }
}
