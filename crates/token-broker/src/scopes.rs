//! Scopes as a token endpoint says them: shown to callers, so they may be nothing but scopes.

/// The scopes, if each is a scope-token (RFC 6749 section 3.3) and none holds a secret; else nothing is known of them.
pub(crate) fn checked<'a>(
    words: Option<Vec<String>>,
    secrets: impl IntoIterator<Item = &'a str, IntoIter: Clone>,
) -> Option<Vec<String>> {
    let legal = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    let secrets = secrets.into_iter().filter(|secret| !secret.is_empty());
    let is_scope =
        |word: &String| word.bytes().all(legal) && !secrets.clone().any(|secret| word.contains(secret));
    words.filter(|words| !words.is_empty() && words.iter().all(is_scope))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tm_o14_scopes_that_hold_a_secret_or_are_none_are_not_taken() {
        let of = |words: &[&str]| {
            checked(Some(words.iter().map(|word| (*word).to_owned()).collect()), ["", "r3fresh", "s3cret"])
        };
        let good = ["https://www.googleapis.com/auth/drive", "repo:write", "a~!"];
        assert_eq!(of(&good).as_deref().map(<[String]>::len), Some(3));
        for bad in ["r3fresh", "read:s3cret", "a\"b", "a\\b", "ü", "a b", "\u{7f}"] {
            assert_eq!(of(&["read", bad]), None, "{bad}");
        }
        assert_eq!(of(&[]), None);
    }
}
