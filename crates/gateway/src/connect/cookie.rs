//! The cookies that bind a flow to the browser that began it.

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use url::Url;

use super::seal::{digest_text, random};

/// Seconds that a browser keeps its id: longer than any flow takes.
const BROWSER_LIFE: u64 = 3600;
/// Seconds that it keeps the session of a flow at the My Account API, which itself lives for 300.
const SESSION_LIFE: u64 = 600;

/// How cookies are written at the gateway's public address.
///
/// Over https their names begin with `__Host-`: no other host of the domain can set them, and they go to this host alone.
/// Browsers take that prefix over https only, so over plain http, which is for loopback, the names have no prefix.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cookies {
    secure: bool,
}

/// The id of a browser: random, known to it alone.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Browser(String);

impl Cookies {
    pub(super) fn at(public: &Url) -> Self {
        Self { secure: public.scheme() == "https" }
    }

    fn name(self) -> &'static str {
        if self.secure { "__Host-idp-connect" } else { "idp-connect" }
    }

    /// The browser that sends these headers, if it was here before.
    pub(super) fn browser(self, headers: &HeaderMap) -> Option<Browser> {
        let value = only(headers, self.name())?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        (value.len() == 43 && value.bytes().all(plain)).then(|| Browser(value.to_owned()))
    }

    /// Tells a browser its id.
    pub(super) fn set_browser(self, browser: &Browser) -> Option<HeaderValue> {
        self.set(self.name(), &browser.0, BROWSER_LIFE)
    }

    fn session_name(self, flow: &str) -> String {
        let short = digest_text(&["session", flow]);
        format!("{}-{}", self.name(), short.get(..16).unwrap_or_default())
    }

    /// The sealed session of a flow.
    pub(super) fn session<'a>(self, headers: &'a HeaderMap, flow: &str) -> Option<&'a str> {
        only(headers, &self.session_name(flow))
    }

    /// Keeps the sealed session of a flow in the browser.
    pub(super) fn set_session(self, flow: &str, sealed: &str) -> Option<HeaderValue> {
        self.set(&self.session_name(flow), sealed, SESSION_LIFE)
    }

    /// Takes it away again.
    pub(super) fn drop_session(self, flow: &str) -> Option<HeaderValue> {
        self.set(&self.session_name(flow), "", 0)
    }

    fn set(self, name: &str, value: &str, seconds: u64) -> Option<HeaderValue> {
        let secure = if self.secure { "; Secure" } else { "" };
        let text = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
        let mut value = HeaderValue::try_from(text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

/// The value of a cookie that is there exactly once: of two, one may have been set by another host. Each pair is read for
/// itself, as bytes: a neighbour's cookie may hold anything.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let pairs = headers.get_all(COOKIE).iter().flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
    let mut values = pairs.filter_map(|pair| {
        let pair = pair.trim_ascii();
        let at = pair.iter().position(|byte| *byte == b'=')?;
        (&pair[..at] == name.as_bytes()).then(|| &pair[at + 1..])
    });
    let value = values.next().filter(|_| values.next().is_none())?;
    std::str::from_utf8(value).ok()
}

impl Browser {
    /// A new one. `None` where the system gives no randomness.
    pub(super) fn random() -> Option<Self> {
        random().map(Self)
    }

    /// What stands for it in a flow's state.
    pub(super) fn digest(&self) -> String {
        digest_text(&["browser", &self.0])
    }

    /// What the form of a ticket's page must send: only a page that this browser was shown can know it.
    pub(super) fn form_token(&self, ticket: &str) -> String {
        digest_text(&["form", &self.0, ticket])
    }
}

impl std::fmt::Debug for Browser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Browser")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[&str]) -> HeaderMap {
        lines.iter().map(|line| (COOKIE, HeaderValue::from_str(line).unwrap())).collect()
    }

    #[test]
    fn tm_h08_a_cookie_that_may_be_another_hosts_is_not_taken() {
        let cookies = Cookies::at(&Url::parse("https://gw.example").unwrap());
        let browser = Browser::random().unwrap();
        let set = cookies.set_browser(&browser).unwrap();
        let text = set.to_str().unwrap();
        assert!(
            text.starts_with("__Host-idp-connect=") && text.ends_with("; HttpOnly; SameSite=Lax; Secure")
        );
        assert!(text.contains("; Path=/;") && !text.contains("Domain") && set.is_sensitive());
        let pair = text.split(';').next().unwrap();
        assert_eq!(cookies.browser(&headers(&["a=b", &format!("x=y; {pair}")])), Some(browser));
        let (_, value) = pair.split_once('=').unwrap();
        for lines in [
            vec![format!("idp-connect={value}")],
            vec![format!("{pair}; {pair}")],
            vec![pair.to_owned(), pair.to_owned()],
            vec![format!("{pair}x")],
            vec![format!("__Host-idp-connect=\"{value}\"")],
            vec!["__Host-idp-connect=".to_owned()],
        ] {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            assert_eq!(cookies.browser(&headers(&lines)), None, "{lines:?}");
        }
    }

    #[test]
    fn tm_h08_a_neighbours_cookie_hides_none_of_ours() {
        let cookies = Cookies::at(&Url::parse("https://gw.example").unwrap());
        let browser = Browser::random().unwrap();
        let set = cookies.set_browser(&browser).unwrap();
        let pair = set.as_bytes().split(|byte| *byte == b';').next().unwrap();
        for other in [&b"theme=\xff\xfe"[..], b"\xe9=1", b"name=caf\xc3\xa9", b"flag", b"=x", b"a=\"b"] {
            for line in [[other, b"; ", pair].concat(), [pair, b";", other].concat()] {
                let headers = [(COOKIE, HeaderValue::from_bytes(&line).unwrap())].into_iter().collect();
                assert_eq!(cookies.browser(&headers).as_ref(), Some(&browser), "{other:?}");
            }
        }
        // One of ours that cannot be read is there all the same.
        let line = [pair, b"; __Host-idp-connect=\xff"].concat();
        let headers = [(COOKIE, HeaderValue::from_bytes(&line).unwrap())].into_iter().collect();
        assert_eq!(cookies.browser(&headers), None);
    }

    #[test]
    fn over_plain_http_there_is_no_prefix() {
        let cookies = Cookies::at(&Url::parse("http://127.0.0.1:8080").unwrap());
        let text = cookies.set_browser(&Browser::random().unwrap()).unwrap();
        let text = text.to_str().unwrap();
        assert!(text.starts_with("idp-connect=") && text.ends_with("; HttpOnly; SameSite=Lax"), "{text}");
    }
}
