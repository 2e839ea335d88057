//! The environment: `IDP_GATEWAY_SERVER__LISTEN` is `server.listen`.

use serde_json::{Map, Value};

use super::{
    problems::{Collector, child},
    schema::{Node, Shape},
};

/// What the names of settings start with.
pub(super) const PREFIX: &str = "IDP_GATEWAY_";
/// Names the configuration file; not a setting.
pub(super) const CONFIG: &str = "IDP_GATEWAY_CONFIG";

/// Reads the variables that are settings into a tree of their own. `file` is the tree of the file: names of its
/// tables (providers) are found without regard to case.
pub(super) fn parse(
    variables: &[(String, String)],
    file: &Map<String, Value>,
    schema: Node<'_>,
    collector: &mut Collector,
) -> Map<String, Value> {
    let mut tree = Map::new();
    let mut variables: Vec<_> = variables.iter().filter(|(name, value)| is_setting(name, value)).collect();
    variables.sort();
    for (name, value) in variables {
        let segments: Vec<&str> = name[PREFIX.len()..].split("__").collect();
        let place = locate(&segments, file, schema);
        let key = place.path.iter().fold(String::new(), |at, segment| child(&at, segment));
        collector.origins.in_environment(key.clone(), name.clone());
        match read(value, place.node) {
            Ok(value) => insert(&mut tree, &place.path, value),
            Err(problem) => collector.drop_value(&key, problem, "write the value as in the TOML file"),
        }
    }
    tree
}

/// Kubernetes writes the addresses of a service called `idp-gateway` into every container beside it, under the
/// same prefix (`IDP_GATEWAY_SERVICE_HOST`, `IDP_GATEWAY_PORT_8080_TCP`); those are not settings.
pub(super) fn is_setting(name: &str, value: &str) -> bool {
    let Some(rest) = name.strip_prefix(PREFIX) else { return false };
    if name == CONFIG {
        return false;
    }
    let service = !rest.contains("__")
        && (rest.ends_with("SERVICE_HOST")
            || rest.contains("SERVICE_PORT")
            || (rest.ends_with("PORT") && (value.starts_with("tcp://") || value.starts_with("udp://")))
            || (rest.contains("PORT_") && (rest.contains("_TCP") || rest.contains("_UDP"))));
    !service
}

struct Place<'a> {
    path: Vec<String>,
    node: Option<Node<'a>>,
}

fn locate<'a>(segments: &[&str], file: &Map<String, Value>, schema: Node<'a>) -> Place<'a> {
    let mut node = Some(schema);
    let mut known = Some(file);
    let mut path = Vec::new();
    for segment in segments {
        let mut name = segment.to_ascii_lowercase();
        if node.is_some_and(|node| node.entries().is_some())
            && let Some(existing) =
                known.and_then(|map| map.keys().find(|key| key.eq_ignore_ascii_case(segment)))
        {
            name.clone_from(existing);
        }
        node = node.and_then(|node| node.property(&name));
        known = known.and_then(|map| map.get(&name)).and_then(Value::as_object);
        path.push(name);
    }
    Place { path, node }
}

fn insert(tree: &mut Map<String, Value>, path: &[String], value: Value) {
    match path {
        [] => {}
        [last] => merge(tree.entry(last.clone()).or_insert(Value::Null), value),
        [first, rest @ ..] => {
            let entry = tree.entry(first.clone()).or_insert_with(|| Value::Object(Map::new()));
            if !entry.is_object() {
                *entry = Value::Object(Map::new());
            }
            if let Value::Object(entry) = entry {
                insert(entry, rest, value);
            }
        }
    }
}

fn merge(entry: &mut Value, value: Value) {
    match (entry, value) {
        (Value::Object(entry), Value::Object(value)) => entry.extend(value),
        (entry, value) => *entry = value,
    }
}

/// Texts are taken verbatim; everything else is written as in TOML. A list of texts may also be separated by commas.
fn read(text: &str, node: Option<Node<'_>>) -> Result<Value, String> {
    let shape = node.map_or(Shape::Any, Node::shape);
    match shape {
        Shape::Text | Shape::Any => Ok(Value::String(text.to_owned())),
        Shape::List if !text.trim_start().starts_with('[') => Ok(Value::Array(
            text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(|item| item.into()).collect(),
        )),
        Shape::Boolean | Shape::Integer | Shape::Number => {
            Ok(toml_value(text).unwrap_or_else(|| text.into()))
        }
        Shape::List => {
            toml_value(text).or_else(|| bare_list(text)).ok_or_else(|| "this is not a TOML list".to_owned())
        }
        Shape::Table => toml_value(text)
            .filter(Value::is_object)
            .ok_or_else(|| "this is not a TOML table such as { key = \"value\" }".to_owned()),
    }
}

fn toml_value(text: &str) -> Option<Value> {
    let table: toml::Table = format!("value = {text}").parse().ok()?;
    (table.len() == 1).then(|| serde_json::to_value(table.get("value")).ok())?
}

/// `[a, b]` without quotes.
fn bare_list(text: &str) -> Option<Value> {
    let inner = text.trim().strip_prefix('[')?.strip_suffix(']')?;
    let items = inner.split(',').map(|item| item.trim().trim_matches('"')).filter(|item| !item.is_empty());
    (!inner.contains(['{', '['])).then(|| Value::Array(items.map(Value::from).collect()))
}
