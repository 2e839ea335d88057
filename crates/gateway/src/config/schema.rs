//! The JSON Schema of the configuration, and how the loader reads it.

use serde_json::{Map, Value};

/// What the settings' types say, written down: the code that makes it, a fortieth of the binary, is needed by its test alone.
const WHOLE: &str = include_str!("settings.schema.json");

/// The JSON Schema (draft 2020-12) of the configuration file, units documented.
#[must_use]
pub fn json_schema() -> Value {
    let mut schema = whole();
    tidy(&mut schema);
    schema
}

/// The schema the loader walks along: it still knows which members a table cannot do without.
#[expect(clippy::expect_used, reason = "a part of the program, which its test reads")]
pub(super) fn whole() -> Value {
    serde_json::from_str(WHOLE).expect("the settings' schema")
}

/// No key is required of a file, since the environment or another key may supply it; and each format is explained.
fn tidy(node: &mut Value) {
    match node {
        Value::Object(members) => {
            if members.contains_key("properties") {
                members.remove("required");
            }
            explain(members);
            members.values_mut().for_each(tidy);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}

fn explain(members: &mut Map<String, Value>) {
    let unit = match members.get("format").and_then(Value::as_str) {
        Some("time-span") => "A duration with a unit: ms, s, m, h or d, as in \"30s\".",
        Some("byte-size") => "A size with a unit: B, kB, MB, GB, KiB, MiB or GiB, as in \"64KiB\".",
        Some("socket-address") => "An IP address with a port, as in \"127.0.0.1:8080\".",
        Some("ip-network") => "A network or an address, as in \"10.0.0.0/8\".",
        Some("host-pattern") => "A host name of at least two labels, as in \"reports*.acme.com\".",
        Some("http-url") => "An absolute URL; http only to loopback addresses.",
        Some("file-path") => "A file name; a relative one counts from the configuration file's folder.",
        Some("secret") => "A secret, never shown.",
        _ => return,
    };
    let text = match members.get("description").and_then(Value::as_str) {
        Some(own) => format!("{own}\n\n{unit}"),
        None => unit.to_owned(),
    };
    members.insert("description".to_owned(), Value::String(text));
}

/// A place in the schema, references resolved.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node<'a> {
    root: &'a Value,
    node: &'a Value,
}

/// What kind of value a place takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Table,
    List,
    Text,
    Integer,
    Number,
    Boolean,
    Any,
}

impl<'a> Node<'a> {
    pub(super) fn root(root: &'a Value) -> Self {
        Self { root, node: root }
    }

    fn at(self, node: &'a Value) -> Self {
        let mut node = node;
        for _ in 0..8 {
            if let Some(target) = node.get("$ref").and_then(Value::as_str) {
                match target.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer)) {
                    Some(next) => node = next,
                    None => break,
                }
            } else if let Some(some) = node.get("anyOf").and_then(Value::as_array).and_then(|any| {
                any.iter().find(|option| option.get("type").and_then(Value::as_str) != Some("null"))
            }) {
                node = some;
            } else {
                break;
            }
        }
        Self { root: self.root, node }
    }

    pub(super) fn property(self, name: &str) -> Option<Self> {
        if let Some(node) = self.node.get("properties").and_then(|properties| properties.get(name)) {
            return Some(self.at(node));
        }
        self.entries()
    }

    /// The schema of a map's values, when this is a map with free keys.
    pub(super) fn entries(self) -> Option<Self> {
        let entries = self.node.get("additionalProperties").or_else(|| {
            self.node.get("patternProperties").and_then(Value::as_object).and_then(|map| map.values().next())
        })?;
        entries.is_object().then(|| self.at(entries))
    }

    pub(super) fn names(self) -> Vec<&'a str> {
        let properties = self.node.get("properties").and_then(Value::as_object);
        properties.map(|map| map.keys().map(String::as_str).collect()).unwrap_or_default()
    }

    /// The members without a default.
    pub(super) fn required(self) -> impl Iterator<Item = &'a str> {
        let required = self.node.get("required").and_then(Value::as_array);
        required.into_iter().flatten().filter_map(Value::as_str)
    }

    pub(super) fn items(self) -> Option<Self> {
        self.node.get("items").map(|node| self.at(node))
    }

    pub(super) fn format(self) -> Option<&'a str> {
        self.node.get("format").and_then(Value::as_str)
    }

    pub(super) fn minimum(self) -> Option<f64> {
        self.node.get("minimum").and_then(Value::as_f64)
    }

    pub(super) fn maximum(self) -> Option<f64> {
        self.node.get("maximum").and_then(Value::as_f64)
    }

    /// The words that a text may be, when it is one of a closed list.
    pub(super) fn words(self) -> Option<Vec<&'a str>> {
        if let Some(words) = self.node.get("enum").and_then(Value::as_array) {
            return Some(words.iter().filter_map(Value::as_str).collect());
        }
        let options = self.node.get("oneOf")?.as_array()?;
        let listed = options.iter().flat_map(|option| {
            let single = option.get("const").and_then(Value::as_str);
            let several = option.get("enum").and_then(Value::as_array);
            single.into_iter().chain(several.into_iter().flatten().filter_map(Value::as_str))
        });
        Some(listed.collect())
    }

    pub(super) fn shape(self) -> Shape {
        if self.words().is_some() {
            return Shape::Text;
        }
        let kind = match self.node.get("type") {
            Some(Value::String(kind)) => Some(kind.as_str()),
            Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null"),
            _ => None,
        };
        match kind {
            Some("object") => Shape::Table,
            Some("array") => Shape::List,
            Some("string") => Shape::Text,
            Some("integer") => Shape::Integer,
            Some("number") => Shape::Number,
            Some("boolean") => Shape::Boolean,
            _ => Shape::Any,
        }
    }
}

#[cfg(test)]
mod tests {
    use schemars::generate::SchemaSettings;
    use serde::Serialize as _;
    use serde_json::ser::{PrettyFormatter, Serializer};

    use super::{WHOLE, whole};
    use crate::config::Settings;

    #[test]
    fn what_is_written_down_is_what_the_types_say() {
        let said = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Settings>();
        // A line each and no indentation: differences can be read, and the binary carries no blanks.
        let mut text = Vec::new();
        let mut lines = Serializer::with_formatter(&mut text, PrettyFormatter::with_indent(b""));
        said.to_value().serialize(&mut lines).unwrap();
        text.push(b'\n');
        let text = String::from_utf8(text).unwrap();
        if std::env::var_os("BLESS").is_some() {
            let file = concat!(env!("CARGO_MANIFEST_DIR"), "/src/config/settings.schema.json");
            std::fs::write(file, text).unwrap();
            return;
        }
        assert!(text == WHOLE, "settings.schema.json is out of date: `cargo xtask docs --bless`");
        assert!(whole()["properties"]["server"].is_object());
    }
}
