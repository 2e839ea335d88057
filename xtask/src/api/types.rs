//! Types, bounds and generics of rustdoc's JSON as Rust text, with full paths.

use serde_json::Value;
use std::collections::BTreeMap;

/// Renders parts of one crate's document.
pub(super) struct Types<'a> {
    pub(super) paths: &'a Value,
    /// Where the crate's own things can be used, by id. Where their files are is nobody's business.
    pub(super) names: BTreeMap<String, String>,
}

impl Types<'_> {
    /// A type.
    pub(super) fn ty(&self, ty: &Value) -> String {
        let Some((kind, inner)) = only(ty) else { return "_".to_owned() };
        match kind {
            "resolved_path" => self.path(inner),
            "generic" | "primitive" => word(inner),
            "borrowed_ref" => format!(
                "&{}{}{}",
                inner["lifetime"].as_str().map(|name| format!("{name} ")).unwrap_or_default(),
                mutable(inner),
                self.ty(&inner["type"])
            ),
            "raw_pointer" => {
                format!(
                    "*{}{}",
                    if mutable(inner).is_empty() { "const " } else { "mut " },
                    self.ty(&inner["type"])
                )
            }
            "tuple" => {
                let parts: Vec<_> = each(inner).map(|part| self.ty(part)).collect();
                format!("({}{})", parts.join(", "), if parts.len() == 1 { "," } else { "" })
            }
            "slice" => format!("[{}]", self.ty(inner)),
            "array" => format!("[{}; {}]", self.ty(&inner["type"]), word(&inner["len"])),
            "impl_trait" => format!("impl {}", self.bounds(inner)),
            "dyn_trait" => {
                let traits = each(&inner["traits"]).map(|bound| self.path(&bound["trait"]));
                let lifetime = inner["lifetime"].as_str().map(str::to_owned);
                format!("dyn {}", traits.chain(lifetime).collect::<Vec<_>>().join(" + "))
            }
            "qualified_path" => {
                let of = self.ty(&inner["self_type"]);
                let name = word(&inner["name"]);
                match inner["trait"]["path"].as_str() {
                    Some("") | None => format!("{of}::{name}"),
                    Some(_) => format!("<{of} as {}>::{name}", self.path(&inner["trait"])),
                }
            }
            "function_pointer" => self.signature("fn", &inner["sig"]),
            other => format!("/* {other} */"),
        }
    }

    /// A path with its arguments. The document knows where a thing really lives, however it was imported.
    pub(super) fn path(&self, path: &Value) -> String {
        let id = path["id"].to_string();
        let name = match (self.names.get(&id), self.paths[&id]["path"].as_array()) {
            (Some(own), _) => own.clone(),
            (None, Some(parts)) => parts.iter().map(word).collect::<Vec<_>>().join("::"),
            (None, None) => word(&path["path"]),
        };
        format!("{name}{}", self.arguments(&path["args"]))
    }

    fn arguments(&self, arguments: &Value) -> String {
        let Some((kind, inner)) = only(arguments) else { return String::new() };
        if kind == "parenthesized" {
            let inputs: Vec<_> = each(&inner["inputs"]).map(|input| self.ty(input)).collect();
            return format!("({}){}", inputs.join(", "), self.output(&inner["output"]));
        }
        let given = each(&inner["args"]).map(|argument| match only(argument) {
            Some(("type", ty)) => self.ty(ty),
            Some(("const", constant)) => word(&constant["expr"]),
            Some((_, lifetime)) => word(lifetime),
            None => "_".to_owned(),
        });
        let constraints = each(&inner["constraints"]).map(|constraint| {
            let name = word(&constraint["name"]);
            match only(&constraint["binding"]) {
                Some(("equality", term)) => {
                    format!("{name} = {}", only(term).map(|(_, ty)| self.ty(ty)).unwrap_or_default())
                }
                Some((_, bounds)) => format!("{name}: {}", self.bounds(bounds)),
                None => name,
            }
        });
        let all: Vec<_> = given.chain(constraints).collect();
        if all.is_empty() { String::new() } else { format!("<{}>", all.join(", ")) }
    }

    /// `A + B`.
    pub(super) fn bounds(&self, bounds: &Value) -> String {
        let one = |bound: &Value| match only(bound) {
            Some(("trait_bound", inner)) => {
                let maybe = if inner["modifier"] == "maybe" { "?" } else { "" };
                format!("{maybe}{}", self.path(&inner["trait"]))
            }
            Some((_, lifetime)) => word(lifetime),
            None => "_".to_owned(),
        };
        each(bounds).map(one).collect::<Vec<_>>().join(" + ")
    }

    /// `<T: A>` and ` where …`.
    pub(super) fn generics(&self, generics: &Value) -> (String, String) {
        let one = |parameter: &Value| {
            let name = word(&parameter["name"]);
            match only(&parameter["kind"]) {
                Some(("type", kind)) if kind["is_synthetic"] == true => None,
                Some(("type", kind)) if !kind["bounds"].as_array().is_none_or(Vec::is_empty) => {
                    Some(format!("{name}: {}", self.bounds(&kind["bounds"])))
                }
                Some(("const", kind)) => Some(format!("const {name}: {}", self.ty(&kind["type"]))),
                _ => Some(name),
            }
        };
        let parameters: Vec<_> = each(&generics["params"]).filter_map(one).collect();
        let predicates: Vec<_> = each(&generics["where_predicates"])
            .filter_map(|predicate| match only(predicate) {
                Some(("bound_predicate", inner)) => {
                    Some(format!("{}: {}", self.ty(&inner["type"]), self.bounds(&inner["bounds"])))
                }
                _ => None,
            })
            .collect();
        let list = if parameters.is_empty() { String::new() } else { format!("<{}>", parameters.join(", ")) };
        let clause =
            if predicates.is_empty() { String::new() } else { format!(" where {}", predicates.join(", ")) };
        (list, clause)
    }

    /// `name(a: A) -> B`.
    pub(super) fn signature(&self, name: &str, signature: &Value) -> String {
        let inputs: Vec<_> = each(&signature["inputs"])
            .map(|input| {
                let (name, ty) = (word(&input[0]), self.ty(&input[1]));
                match (name.as_str(), ty.as_str()) {
                    ("self", "Self") => "self".to_owned(),
                    ("self", "&Self") => "&self".to_owned(),
                    ("self", "&mut Self") => "&mut self".to_owned(),
                    _ => format!("{name}: {ty}"),
                }
            })
            .collect();
        format!("{name}({}){}", inputs.join(", "), self.output(&signature["output"]))
    }

    fn output(&self, output: &Value) -> String {
        if output.is_null() { String::new() } else { format!(" -> {}", self.ty(output)) }
    }
}

/// The one member of `{ "kind": … }`.
pub(super) fn only(value: &Value) -> Option<(&str, &Value)> {
    value.as_object()?.iter().next().map(|(kind, inner)| (kind.as_str(), inner))
}

pub(super) fn each(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

pub(super) fn word(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn mutable(inner: &Value) -> &'static str {
    if inner["is_mutable"] == true { "mut " } else { "" }
}
