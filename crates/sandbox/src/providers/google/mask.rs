//! Partial answers: the `fields` parameter, `nextPageToken,files(id,owners/emailAddress)`.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::Chars;

use serde_json::Value;

/// What to keep; empty means everything.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Mask(BTreeMap<String, Mask>);

impl Mask {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut chars = text.chars().peekable();
        let mask = list(&mut chars)?;
        chars.next().is_none().then_some(mask)
    }

    pub(super) fn apply(&self, value: &Value) -> Value {
        if self.0.is_empty() {
            return value.clone();
        }
        match value {
            Value::Array(items) => items.iter().map(|item| self.apply(item)).collect(),
            Value::Object(members) => {
                let kept = members.iter().filter_map(|(name, member)| {
                    let inner = self.0.get(name).or_else(|| self.0.get("*"))?;
                    Some((name.clone(), inner.apply(member)))
                });
                Value::Object(kept.collect())
            }
            other => other.clone(),
        }
    }
}

fn list(chars: &mut Peekable<Chars<'_>>) -> Option<Mask> {
    let mut mask = Mask::default();
    loop {
        let (name, inner) = field(chars)?;
        mask.0.insert(name, inner);
        if chars.next_if_eq(&',').is_none() {
            return Some(mask);
        }
    }
}

fn field(chars: &mut Peekable<Chars<'_>>) -> Option<(String, Mask)> {
    let mut name = String::new();
    while let Some(c) = chars.next_if(|c| c.is_ascii_alphanumeric() || matches!(c, '*' | '_' | '-' | ' ')) {
        name.push(c);
    }
    let name = name.trim().to_owned();
    if name.is_empty() {
        return None;
    }
    if chars.next_if_eq(&'/').is_some() {
        let (inner_name, inner) = field(chars)?;
        return Some((name, Mask(BTreeMap::from([(inner_name, inner)]))));
    }
    if chars.next_if_eq(&'(').is_some() {
        let inner = list(chars)?;
        chars.next_if_eq(&')')?;
        return Some((name, inner));
    }
    Some((name, Mask::default()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Mask;

    #[test]
    fn a_mask_keeps_what_it_names() {
        let body = json!({ "a": 1, "list": [{ "x": 1, "y": { "z": 2, "w": 3 } }], "c": 3 });
        let mask = Mask::parse("a,list(x,y/z)").expect("a mask");
        assert_eq!(mask.apply(&body), json!({ "a": 1, "list": [{ "x": 1, "y": { "z": 2 } }] }));
        assert_eq!(Mask::parse("*").expect("a mask").apply(&body), body);
        for bad in ["", "a,", "a(b", "a)b", "(a)"] {
            assert_eq!(Mask::parse(bad), None, "{bad}");
        }
    }
}
