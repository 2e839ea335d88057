//! Where a browser may be sent afterwards (`connect.return_to`).

use url::Url;

/// Longest return address.
const LONGEST: usize = 1024;

/// The configured addresses.
#[derive(Clone, Debug)]
pub(super) struct ReturnAddresses(Vec<Url>);

impl ReturnAddresses {
    pub(super) fn new(allowed: &[Url]) -> Self {
        Self(allowed.to_vec())
    }

    /// The address, if a browser may be sent there: its origin is that of a configured address, and its path is that
    /// address's path or one below it.
    pub(super) fn check(&self, text: &str) -> Option<Url> {
        // What parsers disagree on (browsers take `\` for `/` and leave out tabs and line ends) is not parsed at all.
        let plain = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        if !plain || text.len() > LONGEST {
            return None;
        }
        let url = Url::parse(text).ok()?;
        let rest = text.get(url.scheme().len()..)?.strip_prefix("://")?;
        let has_user = !url.username().is_empty() || url.password().is_some();
        if rest.starts_with('/') || has_user || rest.split(['/', '?', '#']).next()?.contains('@') {
            return None;
        }
        let before_query = rest.split(['?', '#']).next()?;
        if !before_query.split_once('/').is_none_or(|(_, path)| is_plain(path)) {
            return None;
        }
        self.0.iter().any(|allowed| covers(allowed, &url)).then_some(url)
    }

    /// The origins that are not https: a page's policy must name them.
    pub(super) fn plain_origins(&self) -> impl Iterator<Item = String> {
        self.0.iter().filter(|url| url.scheme() != "https").map(|url| url.origin().ascii_serialization())
    }
}

/// Whether every reader finds the same segments in a path as it was written: no dots that climb, also beside `;` parameters, and
/// no escape that stands for a separator, a dot, another escape, a control character, or nothing.
fn is_plain(path: &str) -> bool {
    let escapes = path.split('%').skip(1);
    let mut decoded = escapes.map(|rest| rest.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok()));
    let harmless =
        |byte: Option<u8>| byte.is_some_and(|byte| !byte.is_ascii_control() && !b"/\\.%;".contains(&byte));
    let climbs = |segment: &str| matches!(segment.split(';').next(), Some("." | ".."));
    decoded.all(harmless)
        && percent_encoding::percent_decode_str(path).decode_utf8().is_ok()
        && !path.split('/').any(climbs)
}

fn covers(allowed: &Url, url: &Url) -> bool {
    let below = url.path().strip_prefix(allowed.path());
    allowed.origin().is_tuple()
        && allowed.origin() == url.origin()
        && below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || allowed.path().ends_with('/'))
}

/// `address` with what became of the connection.
pub(super) fn answer(address: &Url, result: &str, request_id: &str) -> Url {
    let ours = |name: &str| matches!(name, "idp_connect" | "request_id");
    let kept: Vec<(String, String)> =
        address.query_pairs().into_owned().filter(|(name, _)| !ours(name)).collect();
    let mut url = address.clone();
    let members = [("idp_connect", result), ("request_id", request_id)];
    url.query_pairs_mut().clear().extend_pairs(kept).extend_pairs(members);
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(list: &[&str]) -> ReturnAddresses {
        ReturnAddresses::new(&list.iter().map(|text| Url::parse(text).unwrap()).collect::<Vec<_>>())
    }

    #[test]
    fn tm_h04_only_addresses_at_or_below_a_configured_one_are_taken() {
        let all = allowed(&["https://app.acme.com/", "https://acme.com/app", "http://localhost:3000/"]);
        for good in [
            "https://app.acme.com/",
            "https://app.acme.com",
            "https://APP.acme.com/x?y=https://evil.example#z",
            "https://app.acme.com:443/settings",
            "https://acme.com/app",
            "https://acme.com/app/settings?tab=1",
            "http://localhost:3000/x",
            "https://acme.com/app/gr%C3%B6sse;v=1/a%20b/..x/v1.0?next=%2e%2e%2f#%2e",
        ] {
            assert!(all.check(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "/settings",
            "//app.acme.com/",
            "https://app.acme.com.evil.example/",
            "https://app.acme.comevil.example/",
            "https://evil.example/app.acme.com",
            "https://app.acme.com@evil.example/",
            "https://user@app.acme.com/",
            "https://:pass@app.acme.com/",
            "https://@app.acme.com/",
            "https://app.acme.com:8443/",
            "http://app.acme.com/",
            "https:app.acme.com/",
            "https:/app.acme.com/",
            "https:///app.acme.com/",
            "https:\\\\app.acme.com/",
            "https://evil.example\\@app.acme.com/",
            "https://app.acme.com\\.evil.example/",
            "https://app.acme.com/\nx",
            "https://app.acme.com/ x",
            "\thttps://app.acme.com/",
            "https://acme.com/",
            "https://acme.com/apple",
            "https://acme.com/app/../admin",
            "https://acme.com/app/%2e%2e/admin",
            "https://acme.com/app/..%2fadmin",
            "https://acme.com/app%5cadmin",
            "https://acme.com/app/..;/admin",
            "https://acme.com/app/..;x=1/admin",
            "https://acme.com/app/.;/admin",
            "https://acme.com/app/x/../y",
            "https://acme.com/app/x/.",
            "https://acme.com/app/%252e%252e/admin",
            "https://acme.com/app/%252E%252e%252fadmin",
            "https://acme.com/app/..%3b/admin",
            "https://acme.com/app/%2E./admin",
            "https://acme.com/app/%c0%ae%c0%ae/admin",
            "https://acme.com/app/%u002e%u002e/admin",
            "https://acme.com/app/..%00/admin",
            "https://acme.com/app/..%0a/admin",
            "https://acme.com/app/%+e/admin",
            "https://acme.com/app/%",
            "https://acme.com/app\\..\\admin",
            "https://app.acme.com/.%2e/",
            "http://localhost:3001/",
            "javascript:alert(1)",
            "data:text/html,x",
            "https://app.acme.com/\u{202e}",
        ] {
            assert!(all.check(bad).is_none(), "{bad:?}");
        }
        assert!(all.check(&format!("https://app.acme.com/{}", "x".repeat(1024))).is_none());
        assert!(allowed(&[]).check("https://app.acme.com/").is_none());
    }

    #[test]
    fn the_answer_keeps_the_apps_own_query() {
        let url = Url::parse("https://app.acme.com/x?a=1&idp_connect=ok&a=2&request_id=z#f").unwrap();
        let answered = answer(&url, "denied", "r-1");
        assert_eq!(answered.as_str(), "https://app.acme.com/x?a=1&a=2&idp_connect=denied&request_id=r-1#f");
    }
}
