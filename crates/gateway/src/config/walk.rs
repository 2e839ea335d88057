//! The walk over the merged values along the schema: unknown keys, wrong types, bad formats, all of them.

use serde_json::{Map, Value};

use super::{
    callers::CallerActors,
    complete,
    graphql::Persisted,
    problems::{Collector, child},
    schema::{Node, Shape},
    unit::{check_format, format_remedy},
};

/// Reports what does not fit and takes it out, so that the rest can be looked at.
pub(super) fn walk(value: &mut Value, key: &str, node: Node<'_>, collector: &mut Collector) -> bool {
    let fits = match (node.shape(), &mut *value) {
        (Shape::Any, value) if node.format() == Some("word-or-list") => CallerActors::parse(value).is_some(),
        (Shape::Any, value) if node.format() == Some("deny-or-list") => Persisted::parse(value).is_some(),
        (Shape::Any, _) => return true,
        (Shape::Table, Value::Object(members)) => return table_fits(members, key, node, collector),
        (Shape::List, Value::Array(items)) => {
            if let Some(node) = node.items() {
                let mut index = 0;
                items.retain_mut(|item| {
                    let keep = walk(item, &format!("{key}[{index}]"), node, collector);
                    index += 1;
                    keep
                });
            }
            true
        }
        (Shape::Text, Value::String(text)) => return text_fits(text, key, node, collector),
        (Shape::Integer, Value::Number(number)) if number.is_i64() || number.is_u64() => {
            return number_fits(number.as_f64(), key, node, collector);
        }
        (Shape::Number, Value::Number(number)) => return number_fits(number.as_f64(), key, node, collector),
        (Shape::Boolean, Value::Bool(_)) => true,
        _ => false,
    };
    if !fits {
        let remedy = node.format().and_then(format_remedy).unwrap_or(expected(node.shape()));
        collector.drop_value(
            key,
            format!("this is {}, and {} is required", found(value), required(node)),
            remedy,
        );
    }
    fits
}

/// A table that lacks what it cannot do without goes as a whole.
fn table_fits(
    members: &mut Map<String, Value>,
    key: &str,
    node: Node<'_>,
    collector: &mut Collector,
) -> bool {
    let needed = || node.required().filter(|name| !complete::fills(name));
    for name in needed().filter(|name| !members.contains_key(*name)) {
        let at = child(key, name);
        collector.drop_value(
            &at,
            format!("`{key}` needs `{name}`"),
            format!("give `{name}`, or remove `{key}` altogether"),
        );
    }
    let known = node.names();
    members.retain(|name, value| {
        let key = child(key, name);
        match node.property(name) {
            Some(node) => walk(value, &key, node, collector),
            None => {
                collector.drop_value(&key, unknown(&key, name), hint(name, &known));
                false
            }
        }
    });
    needed().all(|name| members.contains_key(name))
}

fn unknown(key: &str, name: &str) -> String {
    format!("there is no setting `{key}` (unknown key `{name}`)")
}

/// The nearest known key, or the list of them.
fn hint(name: &str, known: &[&str]) -> String {
    // The variable of a setting in a section: one underscore belongs to a name.
    let within = |section: &&str| name.strip_prefix(section).is_some_and(|rest| rest.starts_with('_'));
    if let Some(section) = known.iter().copied().find(within) {
        let rest = name.strip_prefix(section).unwrap_or_default().trim_start_matches('_');
        let variable = format!("IDP_GATEWAY_{section}__{rest}").to_uppercase();
        return format!(
            "did you mean `{section}.{rest}`? A variable has two underscores for the dot: {variable}"
        );
    }
    let nearest = known
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), *candidate))
        .filter(|(distance, candidate)| {
            *distance <= 1 + candidate.len().max(name.len()) / 3
                || candidate.contains(name)
                || (candidate.len() > 3 && name.contains(candidate))
        })
        .min();
    match nearest {
        Some((_, nearest)) => format!("did you mean `{nearest}`? Otherwise remove the key"),
        None => format!("remove the key; known here: {}", known.join(", ")),
    }
}

/// The one of `words` that `text` may be a misspelling of.
pub(crate) fn nearest<'a>(text: &str, words: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    const TYPOS: usize = 2;
    let text = text.to_lowercase();
    words
        .map(|word| (strsim::damerau_levenshtein(&text, &word.to_lowercase()), word))
        .min()
        .filter(|(distance, _)| *distance <= TYPOS)
        .map(|(_, word)| word)
}

fn text_fits(text: &str, key: &str, node: Node<'_>, collector: &mut Collector) -> bool {
    if let Some(words) = node.words() {
        if words.contains(&text) {
            return true;
        }
        let list = words.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(", ");
        let nearest = nearest(text, words.iter().copied());
        let hint = nearest.map(|word| format!("did you mean {word:?}? ")).unwrap_or_default();
        collector.drop_value(
            key,
            format!("`{text}` is not one of the allowed words"),
            format!("{hint}write one of {list}"),
        );
        return false;
    }
    let Some(format) = node.format() else { return true };
    match check_format(format, text) {
        Ok(()) => true,
        Err(problem) => {
            collector.drop_value(key, problem, format_remedy(format).unwrap_or("correct the value"));
            false
        }
    }
}

fn number_fits(number: Option<f64>, key: &str, node: Node<'_>, collector: &mut Collector) -> bool {
    let number = number.unwrap_or(f64::NAN);
    let (minimum, maximum) = (node.minimum(), node.maximum());
    let inside =
        minimum.is_none_or(|minimum| number >= minimum) && maximum.is_none_or(|maximum| number <= maximum);
    if !inside {
        let remedy = match (minimum, maximum) {
            (Some(minimum), Some(maximum)) => format!("write a number from {minimum} to {maximum}"),
            (Some(minimum), None) => format!("write a number of at least {minimum}"),
            _ => format!("write a number of at most {}", maximum.unwrap_or_default()),
        };
        collector.drop_value(key, format!("{number} is out of range"), remedy);
    }
    inside
}

fn found(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "a table",
    }
}

fn required(node: Node<'_>) -> &'static str {
    match (node.format(), node.shape()) {
        (Some("time-span"), _) => "a duration with a unit",
        (Some("byte-size"), _) => "a size with a unit",
        (Some("deny-or-list"), _) => "\"deny\" or a list of hashes",
        (Some("word-or-list"), _) => "\"any\", \"none\" or a list of ids",
        (_, Shape::Table) => "a table",
        (_, Shape::List) => "a list",
        (_, Shape::Text) => "a string",
        (_, Shape::Integer) => "a whole number",
        (_, Shape::Number) => "a number",
        (_, Shape::Boolean) => "true or false",
        (_, Shape::Any) => "any value",
    }
}

fn expected(shape: Shape) -> &'static str {
    match shape {
        Shape::Table => "write a table: [name] with keys below it, or { key = \"value\" }",
        Shape::List => "write a list: [\"one\", \"two\"]",
        Shape::Text | Shape::Any => "write a string in quotes",
        Shape::Integer => "write a whole number without quotes and units",
        Shape::Number => "write a number without quotes",
        Shape::Boolean => "write true or false without quotes",
    }
}
