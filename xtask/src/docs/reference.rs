//! The configuration reference as a page, from the schema that the gateway itself checks against.

use serde_json::Value;

pub(super) fn page(schema: &Value) -> String {
    let mut page = String::from(
        "# Configuration\n\nMade from `config.schema.json`, which `gateway config schema` prints. Each key can also be set by \
         the environment:\n`IDP_GATEWAY_SERVER__LISTEN` is `server.listen`. Durations and sizes are strings with units. The \
         [guides](../)\nand [HTTP](http.md) explain how the keys work together.\n",
    );
    let sections = schema["properties"].as_object().into_iter().flatten();
    for (name, section) in sections {
        let mut rows = String::new();
        collect(schema, name, section, &mut rows);
        page += &format!("\n## `{name}`\n\n{}\n\n", describe(section));
        page += "| key | type | default | meaning |\n|---|---|---|---|\n";
        page += &rows;
    }
    page
}

/// One row for each leaf below a key.
fn collect(schema: &Value, key: &str, node: &Value, rows: &mut String) {
    let real = resolve(schema, node);
    if let Some(properties) = real["properties"].as_object() {
        for (name, child) in properties {
            collect(schema, &format!("{key}.{name}"), child, rows);
        }
        return;
    }
    for (inner, suffix) in [(&real["additionalProperties"], ".NAME"), (&real["items"], "[]")] {
        if resolve(schema, inner)["properties"].is_object() {
            return collect(schema, &format!("{key}{suffix}"), inner, rows);
        }
    }
    let default = if node["default"].is_null() { &real["default"] } else { &node["default"] };
    let default = if default.is_null() { String::new() } else { format!("`{default}`") };
    let cells = [kind(schema, real), default, describe(node)].map(|text| text.replace('|', "\\|"));
    *rows += &format!("| `{key}` | {} |\n", cells.join(" | "));
}

/// Follows references; of an optional value, the type without `null`.
fn resolve<'a>(schema: &'a Value, node: &'a Value) -> &'a Value {
    if let Some(name) = node["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/")) {
        return resolve(schema, &schema["$defs"][name]);
    }
    match node["anyOf"].as_array().and_then(|all| all.iter().find(|one| one["type"] != "null")) {
        Some(one) => resolve(schema, one),
        None => node,
    }
}

fn kind(schema: &Value, node: &Value) -> String {
    let choices = node["oneOf"].as_array().into_iter().flatten().map(|one| &one["const"]);
    let words = choices.chain(node["enum"].as_array().into_iter().flatten()).filter_map(Value::as_str);
    let words: Vec<_> = words.map(|word| format!("`\"{word}\"`")).collect();
    if !words.is_empty() {
        return words.join(" ");
    }
    let types = match &node["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).find(|kind| *kind != "null"),
        other => other.as_str(),
    };
    match (types, node["format"].as_str()) {
        (Some("array"), _) => format!("list of {}", kind(schema, resolve(schema, &node["items"]))),
        (Some("object"), _) => {
            format!("table of {}", kind(schema, resolve(schema, &node["additionalProperties"])))
        }
        (Some("integer"), _) => "whole number".to_owned(),
        (_, Some("uint" | "double" | "float")) | (Some("number"), _) => "number".to_owned(),
        (_, Some(format)) => format.replace('-', " "),
        (Some("boolean"), _) => "true or false".to_owned(),
        (Some("string"), _) => "text".to_owned(),
        _ => "any".to_owned(),
    }
}

fn describe(node: &Value) -> String {
    let text = node["description"].as_str().unwrap_or_default();
    text.split("\n\n").next().unwrap_or_default().replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn leaves_become_rows_with_their_whole_key() {
        let schema = json!({
            "properties": {
                "server": { "$ref": "#/$defs/Server", "description": "Listeners." },
                "providers": { "type": "object", "additionalProperties": { "$ref": "#/$defs/Provider" } },
            },
            "$defs": {
                "Server": { "properties": { "tls": { "anyOf": [{ "$ref": "#/$defs/Tls" }, { "type": "null" }] } } },
                "Tls": { "properties": { "cert_file": { "type": ["string", "null"], "format": "file-path", "description": "The file.\n\nMore." } } },
                "Provider": { "properties": { "access": { "$ref": "#/$defs/Access", "default": "read" } } },
                "Access": { "oneOf": [{ "const": "read" }, { "const": "full" }] },
            },
        });
        let page = page(&schema);
        assert!(page.contains("## `server`\n\nListeners.\n"), "{page}");
        assert!(page.contains("| `server.tls.cert_file` | file path |  | The file. |"), "{page}");
        assert!(
            page.contains("| `providers.NAME.access` | `\"read\"` `\"full\"` | `\"read\"` |  |"),
            "{page}"
        );
    }
}
