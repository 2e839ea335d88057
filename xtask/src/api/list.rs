//! Every public item of a crate as one line.

use super::types::{Types, each, only, word};
use anyhow::{Result, ensure};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What this was written against. Another format may be the same in what is read here; look, then add it.
const FORMATS: [u64; 1] = [57];

/// The sorted lines.
pub(super) fn public(document: &Value) -> Result<BTreeSet<String>> {
    let format = document["format_version"].as_u64().unwrap_or_default();
    ensure!(FORMATS.contains(&format), "rustdoc speaks JSON format {format}, this reads {FORMATS:?}");
    // The first walk finds the names under which things can be used, the second writes them.
    let names = walk(document, BTreeMap::new()).names;
    Ok(walk(document, names).lines)
}

fn walk(document: &Value, names: BTreeMap<String, String>) -> Lister<'_> {
    let types = Types { paths: &document["paths"], names };
    let (lines, names, walked) = Default::default();
    let mut lister = Lister { index: &document["index"], types, lines, names, walked };
    let root = &document["index"][document["root"].to_string()];
    lister.module(root, &word(&root["name"]));
    lister
}

struct Lister<'a> {
    index: &'a Value,
    types: Types<'a>,
    lines: BTreeSet<String>,
    names: BTreeMap<String, String>,
    /// Modules on the way, so that a glob of a parent ends.
    walked: BTreeSet<String>,
}

impl<'a> Lister<'a> {
    fn item(&self, id: &Value) -> &'a Value {
        &self.index[id.to_string()]
    }

    fn say(&mut self, line: String) {
        self.lines.insert(line);
    }

    fn module(&mut self, module: &'a Value, path: &str) {
        if !self.walked.insert(format!("{}{path}", module["id"])) {
            return;
        }
        for id in each(&module["inner"]["module"]["items"]) {
            let item = self.item(id);
            if item["visibility"] == "public" {
                self.named(item, path, None);
            }
        }
    }

    /// An item under a path; `alias` is the name a re-export gives it.
    fn named(&mut self, item: &'a Value, path: &str, alias: Option<&str>) {
        let Some((kind, inner)) = only(&item["inner"]) else { return };
        let name = alias.map_or_else(|| word(&item["name"]), str::to_owned);
        let full = format!("{path}::{name}");
        if ["struct", "enum", "trait", "type_alias"].contains(&kind) {
            self.names.entry(item["id"].to_string()).or_insert_with(|| full.clone());
        }
        let (generics, clause) = self.types.generics(&inner["generics"]);
        match kind {
            "use" => self.reexport(inner, path),
            "module" => {
                self.say(format!("mod {full}"));
                self.module(item, &full);
            }
            "struct" => {
                self.say(format!("{}struct {full}{generics}{clause}{}", open(item), self.tuple(inner)));
                for id in each(&inner["kind"]["plain"]["fields"]) {
                    self.field(self.item(id), &full);
                }
                self.impls(inner, &full);
            }
            "enum" => {
                self.say(format!("{}enum {full}{generics}{clause}", open(item)));
                for id in each(&inner["variants"]) {
                    self.variant(self.item(id), &full);
                }
                self.impls(inner, &full);
            }
            "trait" => {
                let bounds = self.types.bounds(&inner["bounds"]);
                let bounds = if bounds.is_empty() { bounds } else { format!(": {bounds}") };
                self.say(format!("trait {full}{generics}{bounds}{clause}"));
                for id in each(&inner["items"]) {
                    self.member(self.item(id), &full);
                }
            }
            "type_alias" => self.say(format!("type {full}{generics} = {}", self.types.ty(&inner["type"]))),
            "constant" => self.say(format!("const {full}: {}", self.types.ty(&inner["type"]))),
            "static" => self.say(format!("static {full}: {}", self.types.ty(&inner["type"]))),
            "function" => self.function(inner, &full, ""),
            "macro" => self.say(format!("macro {full}!")),
            other => self.say(format!("{other} {full}")),
        }
    }

    /// What is re-exported from inside is listed where it can be used; from outside it is named only.
    fn reexport(&mut self, inner: &'a Value, path: &str) {
        let target = self.item(&inner["id"]);
        if target.is_null() {
            self.say(format!("use {} as {path}::{}", word(&inner["source"]), word(&inner["name"])));
        } else if inner["is_glob"] == true {
            self.module(target, path);
        } else {
            self.named(target, path, inner["name"].as_str());
        }
    }

    fn tuple(&self, inner: &Value) -> String {
        let fields: Vec<_> = each(&inner["kind"]["tuple"])
            .map(|id| match self.item(id) {
                field if field["visibility"] == "public" => self.types.ty(&field["inner"]["struct_field"]),
                _ => "_".to_owned(),
            })
            .collect();
        if fields.is_empty() { String::new() } else { format!("({})", fields.join(", ")) }
    }

    fn field(&mut self, field: &Value, of: &str) {
        let ty = self.types.ty(&field["inner"]["struct_field"]);
        self.say(format!("field {of}.{}: {ty}", word(&field["name"])));
    }

    fn variant(&mut self, variant: &'a Value, of: &str) {
        let full = format!("{of}::{}", word(&variant["name"]));
        let kind = &variant["inner"]["variant"]["kind"];
        let fields: Vec<_> =
            each(&kind["tuple"]).map(|id| self.types.ty(&self.item(id)["inner"]["struct_field"])).collect();
        let tuple = if fields.is_empty() { String::new() } else { format!("({})", fields.join(", ")) };
        self.say(format!("{}variant {full}{tuple}", open(variant)));
        for id in each(&kind["struct"]["fields"]) {
            self.field(self.item(id), &full);
        }
    }

    fn impls(&mut self, inner: &'a Value, of: &str) {
        for id in each(&inner["impls"]) {
            let block = &self.item(id)["inner"]["impl"];
            if !block["blanket_impl"].is_null() {
                continue;
            }
            let (generics, clause) = self.types.generics(&block["generics"]);
            if block["trait"].is_null() {
                for id in each(&block["items"]) {
                    let item = self.item(id);
                    if item["visibility"] == "public" {
                        self.member(item, of);
                    }
                }
                continue;
            }
            let name = self.types.path(&block["trait"]);
            // Marker traits that the compiler derives are part of the promise where they matter to threads and pins.
            let marker =
                ["marker::Send", "marker::Sync", "marker::Unpin"].iter().any(|end| name.ends_with(end));
            if block["is_synthetic"] != true || marker {
                let not = if block["is_negative"] == true { "!" } else { "" };
                let subject = self.types.ty(&block["for"]);
                self.say(format!("impl{generics} {not}{name} for {subject}{clause}"));
            }
        }
    }

    /// A member of a trait or of an inherent implementation.
    fn member(&mut self, item: &Value, of: &str) {
        let Some((kind, inner)) = only(&item["inner"]) else { return };
        let full = format!("{of}::{}", word(&item["name"]));
        match kind {
            "function" => {
                let provided = of_trait(item) && inner["has_body"] == true;
                self.function(inner, &full, if provided { "provided " } else { "" });
            }
            "assoc_const" => self.say(format!("const {full}: {}", self.types.ty(&inner["type"]))),
            "assoc_type" => {
                let bounds = self.types.bounds(&inner["bounds"]);
                self.say(format!(
                    "type {full}{}",
                    if bounds.is_empty() { bounds } else { format!(": {bounds}") }
                ));
            }
            other => self.say(format!("{other} {full}")),
        }
    }

    fn function(&mut self, inner: &Value, full: &str, before: &str) {
        let (generics, clause) = self.types.generics(&inner["generics"]);
        let header = &inner["header"];
        let words = [("is_const", "const "), ("is_async", "async "), ("is_unsafe", "unsafe ")];
        let words: String =
            words.iter().filter(|(key, _)| header[*key] == true).map(|(_, word)| *word).collect();
        let signature = self.types.signature(&format!("{full}{generics}"), &inner["sig"]);
        self.say(format!("{before}{words}fn {signature}{clause}"));
    }
}

/// Members of traits have no visibility of their own.
fn of_trait(item: &Value) -> bool {
    item["visibility"] == "default"
}

fn open(item: &Value) -> &'static str {
    let marked = each(&item["attrs"]).any(|attribute| attribute == "non_exhaustive");
    if marked { "#[non_exhaustive] " } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn items_are_listed_where_they_can_be_used() {
        let duration = json!({ "resolved_path": { "path": "Duration", "id": 9, "args": null } });
        let sig = json!({ "inputs": [["self", { "borrowed_ref": { "lifetime": null, "is_mutable": false, "type": { "generic": "Self" } } }]], "output": duration });
        let function = json!({ "function": { "sig": sig, "generics": { "params": [], "where_predicates": [] }, "header": { "is_async": true }, "has_body": true } });
        let document = json!({
            "format_version": 57, "root": 0,
            "paths": { "9": { "path": ["core", "time", "Duration"] } },
            "index": {
                "0": { "id": 0, "name": "a", "inner": { "module": { "items": [1, 5] } } },
                "1": { "visibility": "public", "inner": { "use": { "source": "b::C", "name": "D", "id": 2, "is_glob": false } } },
                "2": { "name": "C", "visibility": "public", "attrs": ["non_exhaustive"], "inner": { "struct": { "kind": { "plain": { "fields": [] } }, "impls": [3] } } },
                "3": { "inner": { "impl": { "trait": null, "blanket_impl": null, "items": [4] } } },
                "4": { "name": "wait", "visibility": "public", "inner": function },
                "5": { "name": "hidden", "visibility": "default", "inner": { "module": { "items": [] } } },
            },
        });
        let lines: Vec<_> = public(&document).unwrap().into_iter().collect();
        assert_eq!(
            lines,
            ["#[non_exhaustive] struct a::D", "async fn a::D::wait(&self) -> core::time::Duration"]
        );
    }
}
