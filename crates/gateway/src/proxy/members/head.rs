//! Heads of parts, and the fields in them and in the request whose values have parameters.

use crate::proxy::search::is_plain_type;

/// The name of a part, if its head is read in one way only: lines of a name, a colon and a value, one of them
/// `Content-Disposition`.
pub(super) fn name(head: &[u8]) -> Option<&str> {
    let head = std::str::from_utf8(head).ok()?;
    let mut found = None;
    let mut kind = None;
    for line in head.split("\r\n") {
        let (field, value) = line.split_once(':')?;
        if !is_token(field) || value.chars().any(ends_lines) {
            return None;
        }
        let value = value.trim_matches([' ', '\t']);
        match field.to_ascii_lowercase().as_str() {
            "content-disposition" if found.is_none() => found = Some(disposition(value)?),
            "content-disposition" => return None,
            // Some parsers give the parts in it to the outer form.
            "content-type" if kind.is_some() || begins_with(value, "multipart/") => return None,
            "content-type" => kind = Some(value),
            "content-transfer-encoding"
                if !["7bit", "8bit", "binary"].iter().any(|plain| value.eq_ignore_ascii_case(plain)) =>
            {
                return None;
            }
            _ => {}
        }
    }
    let found = found?;
    let is_read = found.is_file || kind.is_none_or(|kind| is_plain_type(kind.as_bytes()));
    is_read.then_some(found.name)
}

struct Disposition<'a> {
    name: &'a str,
    is_file: bool,
}

fn disposition(value: &str) -> Option<Disposition<'_>> {
    let (kind, rest) = value.split_at_checked("form-data".len())?;
    if !kind.eq_ignore_ascii_case("form-data") {
        return None;
    }
    let (mut name, mut is_file) = (None, false);
    for (key, value) in parameters(rest)? {
        match key.to_ascii_lowercase().as_str() {
            "name" => name = Some(value),
            "filename" | "filename*" => is_file = true,
            _ => return None,
        }
    }
    // An encoded word (RFC 2047) is decoded by some.
    let name = name.filter(|name| !name.is_empty() && !name.contains("=?"))?;
    Some(Disposition { name, is_file })
}

/// The parameters of a field's value (RFC 9110 section 5.6.6), from the first `;` on, if they are read in one way only: no blanks
/// but after a `;`, no parameter twice, and in quoted values no escapes and no `;`.
pub(super) fn parameters(mut rest: &str) -> Option<Vec<(&str, &str)>> {
    let mut found: Vec<(&str, &str)> = Vec::new();
    while !rest.is_empty() {
        let (key, value) = rest.strip_prefix(';')?.trim_start_matches([' ', '\t']).split_once('=')?;
        let (value, after) = match value.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').filter(|(value, _)| !value.contains([';', '\\']))?,
            None => {
                let (value, after) = value.split_at(value.find(';').unwrap_or(value.len()));
                // Two quotes are a part of every encoded value (RFC 8187).
                let is_encoded = key.ends_with('*') && value.matches('\'').count() == 2;
                let is_plain = is_token(value) || (is_encoded && is_token(&value.replace('\'', "")));
                is_plain.then_some((value, after))?
            }
        };
        let is_new = !found.iter().any(|(other, _)| other.eq_ignore_ascii_case(key));
        (is_token(key) && is_new).then(|| found.push((key, value)))?;
        rest = after;
    }
    Some(found)
}

fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&*+-.^_`|~".contains(&byte))
}

fn begins_with(value: &str, prefix: &str) -> bool {
    value.get(..prefix.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(prefix))
}

/// Control characters and whatever else ends a line for some parser.
fn ends_lines(character: char) -> bool {
    (character.is_control() && character != '\t') || matches!(character, '\u{2028}' | '\u{2029}')
}
