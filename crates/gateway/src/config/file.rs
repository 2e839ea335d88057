//! The TOML file: read once, with the line of every key.

use std::path::Path;

use serde_json::{Map, Number, Value};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    problems::{Origins, Problem, child},
    schema::Node,
    unit::PathText,
};

/// Reads TOML text. Relative file names are put under `folder`.
pub(super) fn parse(
    text: &str,
    folder: Option<&Path>,
    schema: Node<'_>,
    origins: &mut Origins,
) -> Result<Map<String, Value>, Problem> {
    let table = DeTable::parse(text).map_err(|error| {
        let line = error.span().map(|span| line_of(text, span.start));
        let file = origins.file.as_deref().map(|file| file.display().to_string());
        let file = file.unwrap_or_else(|| "configuration".to_owned());
        let source = line.map_or_else(|| file.clone(), |line| format!("{file}:{line}"));
        let problem = format!("this is not TOML: {}", error.message());
        let remedy = "correct the line: strings need quotes, and the name of a table needs brackets";
        Problem::of_key("(syntax)", source, problem, remedy)
    })?;
    let mut reader = Reader { text, folder, origins };
    Ok(reader.table(table.get_ref(), "", Some(schema)))
}

fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count() + 1
}

struct Reader<'a> {
    text: &'a str,
    folder: Option<&'a Path>,
    origins: &'a mut Origins,
}

impl Reader<'_> {
    fn table(&mut self, table: &DeTable<'_>, at: &str, schema: Option<Node<'_>>) -> Map<String, Value> {
        let mut members = Map::new();
        for (name, value) in table {
            let key = child(at, name.get_ref());
            self.origins.in_file(key.clone(), line_of(self.text, name.span().start));
            let schema = schema.and_then(|node| node.property(name.get_ref()));
            members.insert(name.get_ref().to_string(), self.value(value, &key, schema));
        }
        members
    }

    fn value(&mut self, value: &Spanned<DeValue<'_>>, at: &str, schema: Option<Node<'_>>) -> Value {
        match value.get_ref() {
            DeValue::Table(table) => Value::Object(self.table(table, at, schema)),
            DeValue::Array(items) => {
                let schema = schema.and_then(Node::items);
                let items = items.iter().enumerate().map(|(index, item)| {
                    let key = format!("{at}[{index}]");
                    self.origins.in_file(key.clone(), line_of(self.text, item.span().start));
                    self.value(item, &key, schema)
                });
                Value::Array(items.collect())
            }
            DeValue::String(text) => Value::String(self.rebased(text, schema)),
            DeValue::Boolean(value) => Value::Bool(*value),
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).map_or_else(
                |_| Value::String(number.as_str().to_owned()),
                |number| Value::Number(number.into()),
            ),
            DeValue::Float(number) => number
                .as_str()
                .parse()
                .ok()
                .and_then(Number::from_f64)
                .map_or_else(|| Value::String(number.as_str().to_owned()), Value::Number),
            DeValue::Datetime(time) => Value::String(time.to_string()),
        }
    }

    fn rebased(&self, text: &str, schema: Option<Node<'_>>) -> String {
        match self.folder {
            Some(folder) if !text.is_empty() && schema.and_then(Node::format) == Some(PathText::FORMAT) => {
                folder.join(text).to_string_lossy().into_owned()
            }
            _ => text.to_owned(),
        }
    }
}
