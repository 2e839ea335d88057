//! Placeholders that were not replaced.

use serde_json::Value;

use super::super::problems::{Collector, child};

/// Warns of texts that stand for a value. The value itself is not repeated.
pub(in super::super) fn warn(tree: &Value, key: &str, collector: &mut Collector) {
    match tree {
        Value::Object(members) => {
            members.iter().for_each(|(name, value)| warn(value, &child(key, name), collector));
        }
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(index, item)| warn(item, &format!("{key}[{index}]"), collector));
        }
        Value::String(text) if is_placeholder(text) => collector.warn(
            key,
            "the value is a placeholder from an example",
            "write the value of your own tenant, app or provider",
        ),
        _ => {}
    }
}

fn is_placeholder(text: &str) -> bool {
    text.contains('…') || text.trim() == "..." || text.to_ascii_lowercase().contains("replace-me")
}

#[cfg(test)]
mod tests {
    use super::is_placeholder;

    #[test]
    fn placeholders_of_examples_are_known() {
        for text in ["…", "https://…/", "replace-me", "REPLACE-ME.eu.auth0.com", "..."] {
            assert!(is_placeholder(text), "{text}");
        }
        for text in ["", "acme.eu.auth0.com", "a...b", "replace"] {
            assert!(!is_placeholder(text), "{text}");
        }
    }
}
