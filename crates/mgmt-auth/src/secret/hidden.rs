//! Characters that cannot be seen and that make an id or a secret another one.

/// What of an id or a secret cannot be seen: a byte order mark, a carriage return, blanks around it, other invisible
/// characters. `None` when there is nothing of the kind. Line breaks inside a PEM text are in order.
///
/// ```
/// assert_eq!(mgmt_auth::hidden_characters("client-1"), None);
/// assert_eq!(mgmt_auth::hidden_characters("client-1 "), Some("a blank at its beginning or end"));
/// ```
#[must_use]
pub fn hidden_characters(text: &str) -> Option<&'static str> {
    if text.starts_with('\u{feff}') {
        return Some("a byte order mark (BOM) at its beginning");
    }
    if text.trim_start().starts_with("-----BEGIN ") {
        return None;
    }
    if text.contains(['\r', '\n']) {
        return Some("a line break (CR or LF)");
    }
    if text.trim() != text {
        return Some("a blank at its beginning or end");
    }
    text.contains(is_invisible).then_some("an invisible character (control, zero width or no-break space)")
}

fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{a0}' | '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(character, '\u{2060}'..='\u{2064}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_named() {
        for (text, word) in [
            ("\u{feff}secret", "BOM"),
            ("secret\r", "CR"),
            ("sec\nret", "CR or LF"),
            (" secret", "blank"),
            ("secret\t", "blank"),
            ("sec\u{200b}ret", "invisible"),
            ("sec\u{a0}ret", "invisible"),
            ("sec\0ret", "invisible"),
        ] {
            assert!(hidden_characters(text).is_some_and(|found| found.contains(word)), "{text:?}");
        }
        for fine in ["secret", "a b", "pä$$wörd", "-----BEGIN PRIVATE KEY-----\r\nMII\r\n"] {
            assert_eq!(hidden_characters(fine), None, "{fine:?}");
        }
    }
}
