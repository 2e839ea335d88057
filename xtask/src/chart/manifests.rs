//! Rendered manifests, read as data.

use anyhow::{Context as _, Result};
use serde_json::Value;

/// All documents of a render.
pub(crate) fn read(text: &str) -> Result<Vec<Value>> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text).context("the render is no YAML")?;
    Ok(documents.into_iter().filter(|document| !document.is_null()).collect())
}

/// The documents of each golden render with its scenario's name.
#[cfg(test)]
pub(crate) fn golden(root: &std::path::Path) -> Result<Vec<(String, Vec<Value>)>> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(root.join(super::GOLDEN))? {
        let file = entry?.path();
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let documents = read(&std::fs::read_to_string(&file)?).with_context(|| name.clone())?;
        all.push((name, documents));
    }
    all.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(all)
}

/// The documents of one kind.
pub(crate) fn of_kind<'a>(documents: &'a [Value], kind: &'a str) -> impl Iterator<Item = &'a Value> {
    documents.iter().filter(move |document| document["kind"] == kind)
}

/// A list, or nothing where there is none.
pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// The pod of a document, `null` where there is none.
pub(crate) fn pod(document: &Value) -> &Value {
    match document["kind"].as_str() {
        Some("Pod") => &document["spec"],
        Some("CronJob") => &document["spec"]["jobTemplate"]["spec"]["template"]["spec"],
        _ => &document["spec"]["template"]["spec"],
    }
}

/// All containers of a document's pod.
pub(crate) fn containers(document: &Value) -> impl Iterator<Item = &Value> {
    let pod = pod(document);
    [&pod["initContainers"], &pod["containers"]].into_iter().flat_map(list)
}
