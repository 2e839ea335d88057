//! The `fields` parameter: names, and edges that are expanded inside (`photos.limit(2){id}`).

use crate::http::Answer;
use crate::refusals::facebook::bad_fields;

/// One member of `fields`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field<'a> {
    pub(super) name: &'a str,
    /// The `limit` of an expanded edge.
    pub(super) limit: Option<usize>,
}

/// Splits at the commas outside of all brackets. Brackets that do not match are code 2500.
pub(super) fn parse(text: &str) -> Result<Vec<Field<'_>>, Answer> {
    let mut depth = 0_usize;
    let mut start = 0;
    let mut fields = Vec::new();
    for (index, c) in text.char_indices() {
        match c {
            '{' | '(' => depth += 1,
            '}' | ')' => depth = depth.checked_sub(1).ok_or_else(|| bad_fields(text))?,
            ',' if depth == 0 => {
                fields.push(field(text.get(start..index).unwrap_or_default()));
                start = index + 1;
            }
            _ => {}
        }
    }
    if depth > 0 {
        return Err(bad_fields(text));
    }
    fields.push(field(text.get(start..).unwrap_or_default()));
    Ok(fields)
}

fn field(text: &str) -> Field<'_> {
    let name = text.split(['{', '.', '(']).next().unwrap_or_default().trim();
    let limit = text.split_once(".limit(").and_then(|(_, rest)| rest.split(')').next()?.parse().ok());
    Field { name, limit }
}

#[cfg(test)]
mod tests {
    use super::{Field, parse};

    #[test]
    fn commas_inside_of_brackets_do_not_split() {
        let fields = parse("id, photos.limit(2){id,name},albums{photos{id}}").expect("fields");
        let names: Vec<&str> = fields.iter().map(|field| field.name).collect();
        assert_eq!(names, ["id", "photos", "albums"]);
        assert_eq!(fields.get(1), Some(&Field { name: "photos", limit: Some(2) }));
        for bad in ["photos{", "photos{id))", "id,)"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
