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
        let path = url.path().to_ascii_lowercase();
        if ["%2f", "%5c", "%2e"].iter().any(|escape| path.contains(escape)) {
            return None;
        }
        self.0.iter().any(|allowed| covers(allowed, &url)).then_some(url)
    }

    /// The origins that are not https: a page's policy must name them.
    pub(super) fn plain_origins(&self) -> impl Iterator<Item = String> {
        self.0.iter().filter(|url| url.scheme() != "https").map(|url| url.origin().ascii_serialization())
    }
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
