//! What the golden renders keep, which `cargo xtask chart` compares the chart with.

mod flows;
mod pods;

use super::documents_of;
use serde_json::Value;

/// The documents of each golden render with its scenario's name.
fn golden() -> Vec<(String, Vec<Value>)> {
    let sh = crate::sh::root().unwrap();
    let named = |file: std::path::PathBuf| {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        (name, documents_of(&sh.read_file(&file).unwrap()).unwrap())
    };
    sh.read_dir(super::GOLDEN).unwrap().into_iter().map(named).collect()
}

/// The documents of one kind.
fn of_kind<'a>(documents: &'a [Value], kind: &'a str) -> impl Iterator<Item = &'a Value> {
    documents.iter().filter(move |document| document["kind"] == kind)
}
