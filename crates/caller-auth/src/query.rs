//! Members of a query that carry an access token, in every spelling that some form parser takes for one.

/// Query members that SDKs put tokens into (RFC 6750 section 2.3 and its relatives).
pub const TOKEN_MEMBERS: [&str; 3] = ["access_token", "oauth_token", "bearer_token"];

/// Whether a raw query (without `?`) holds a member that would carry an access token.
///
/// Names are percent-decoded and read as leniently as form parsers do; see [`named`]. `;` separates members too.
#[must_use]
pub fn holds_token(query: &str) -> bool {
    query.split(['&', ';']).any(|member| is_token_member(member.split('=').next().unwrap_or_default()))
}

/// Whether `name`, the raw name of a query member, is one that carries an access token.
#[must_use]
pub fn is_token_member(name: &str) -> bool {
    named(name, &TOKEN_MEMBERS).is_some()
}

/// Which of `names` (in lower case) the raw name of a query member means, which is percent-decoded once; see [`means`].
#[must_use]
pub fn named<'a>(raw: &str, names: &[&'a str]) -> Option<&'a str> {
    // No spelling is shorter than the name it means; this keeps the usual `page` and `q` free of allocation.
    if names.iter().all(|name| raw.len() < name.len()) {
        return None;
    }
    let decoded: Vec<u8> = percent_encoding::percent_decode_str(raw).collect();
    means(&decoded, names)
}

/// Which of `names` (in lower case) a member means whose name was decoded.
///
/// Leading blanks are ignored, blanks and dots count as underscores, and case does not count. Array brackets and zeros are read
/// in each way: they end the name, or a bracket that is not closed counts as an underscore, and a zero as nothing.
#[must_use]
pub fn means<'a>(decoded: &[u8], names: &[&'a str]) -> Option<&'a str> {
    let start = decoded.iter().position(|byte| !is_blank(*byte)).unwrap_or(decoded.len());
    let whole = decoded.get(start..).unwrap_or_default();
    let to_zero = whole.split(|byte| *byte == 0).next().unwrap_or_default();
    let cut = to_zero.split(|byte| *byte == b'[').next().unwrap_or_default();
    let is = |name: &str, given: &[u8]| {
        let given = given.iter().filter(|byte| **byte != 0).map(|byte| match byte {
            b'[' | b'.' => b'_',
            blank if is_blank(*blank) => b'_',
            other => other.to_ascii_lowercase(),
        });
        given.eq(name.bytes())
    };
    let is_one =
        |name: &str| is(name, cut) || (cut.len() < whole.len() && (is(name, to_zero) || is(name, whole)));
    names.iter().copied().find(|name| is_one(name))
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b'+' | b' ' | b'\t'..=b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tm_r07_tokens_in_the_query_are_recognised_in_any_spelling() {
        for query in [
            "access_token=x",
            "a=b&access_token",
            "a=b&oauth_token",
            "%61ccess_token=x",
            "bearer%5ftoken=x",
            "ACCESS_TOKEN=x",
            "a=1;access_token=x",
            "a=1;oauth_token=2",
            "BEARER_TOKEN=1",
            "+access_token=1",
            "%20%09access_token=1",
            "access_token[]=1",
            "access_token[0]=1",
            "access%5ftoken%5B%5D=1",
            "access.token=1",
            "access+token=1",
            "oauth%2etoken=1",
            "access_token%00x=1",
            "access[token=1",
            "access%5Btoken=1",
            "access_to%00ken=1",
            "access[token%00x=1",
        ] {
            assert!(holds_token(query), "{query}");
        }
        for query in [
            "",
            "a=access_token",
            "q=access_token=x",
            "my_access_token=1",
            "access_tokens=1",
            "page=2",
            "%2561ccess_token=1",
            "[access_token]=1",
            "access[token]=1",
            "access[0]token=1",
        ] {
            assert!(!holds_token(query), "{query}");
        }
    }
}
