//! The pages: without scripts, under a policy that allows nothing but their own style and form.

use http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use url::Url;

use super::seal::random;
use crate::body::Body;
use crate::headers::IDP_OUTCOME;
use crate::outcome::Code;
use crate::reply;

const STYLE: &str = "\
:root{color-scheme:light dark;--back:#fff;--text:#172033;--line:#d5dbe6;--soft:#eef2f9;--accent:#1f4fbf;--on:#fff}\
@media (prefers-color-scheme:dark){:root{--back:#0f141d;--text:#e6ebf5;--line:#2c3647;--soft:#1e2736;--accent:#9ab8ff;--on:#0f141d}}\
body{background:var(--back);color:var(--text);font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:0 auto;padding:2rem 1rem;overflow-wrap:anywhere}\
code{background:var(--soft);padding:.1em .3em;border-radius:.3em}ul{padding-left:1.2rem}\
h1{font-size:1.6rem;line-height:1.25}h2{font-size:1.1rem}\
button{font:inherit;font-weight:600;background:var(--accent);color:var(--on);border:0;border-radius:.5rem;padding:.7rem 1.4rem;cursor:pointer}\
button:focus-visible{outline:3px solid var(--text);outline-offset:2px}\
footer{margin-top:2rem;border-top:1px solid var(--line);padding-top:.8rem;font-size:.875rem}";

const FRAME_OPTIONS: HeaderName = HeaderName::from_static("x-frame-options");
const ROBOTS: HeaderName = HeaderName::from_static("x-robots-tag");

/// What a page says.
pub(super) struct Page<'a> {
    pub(super) status: StatusCode,
    pub(super) outcome: Code,
    pub(super) title: &'a str,
    /// HTML; what is not ours in it went through [`escape`].
    pub(super) body: String,
    /// Where its form may lead, redirects included, as the policy writes it; none without a form.
    pub(super) form_action: Option<&'a str>,
    /// What support may be told.
    pub(super) request_id: &'a str,
}

/// Text as HTML shows it.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

impl Page<'_> {
    pub(super) fn respond(self) -> Response<Body> {
        // Without randomness the page has no style, and is as safe.
        let nonce = random().unwrap_or_default();
        let title = escape(self.title);
        let html = format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{title}</title>\
             <style nonce=\"{nonce}\">{STYLE}</style></head><body><main><h1>{title}</h1>{}</main>\
             <footer>Request <code>{}</code></footer></body></html>\n",
            self.body,
            escape(self.request_id),
        );
        let mut response = reply::document("text/html; charset=utf-8", html);
        *response.status_mut() = self.status;
        let form = self.form_action.unwrap_or("'none'");
        let policy = format!(
            "default-src 'none'; style-src 'nonce-{nonce}'; form-action {form}; base-uri 'none'; frame-ancestors 'none'"
        );
        let headers = response.headers_mut();
        if let Ok(policy) = HeaderValue::try_from(policy) {
            headers.insert(CONTENT_SECURITY_POLICY, policy);
        }
        // A form's `Origin` is `null` where the page gives no referrer; other origins get none.
        let referrer = if self.form_action.is_some() { "same-origin" } else { "no-referrer" };
        headers.insert(REFERRER_POLICY, HeaderValue::from_static(referrer));
        headers.insert(FRAME_OPTIONS, HeaderValue::from_static("DENY"));
        headers.insert(ROBOTS, HeaderValue::from_static("noindex"));
        headers.insert(IDP_OUTCOME, HeaderValue::from_static(self.outcome.as_str()));
        response
    }
}

/// A redirect that the browser follows with GET.
pub(super) fn redirect(to: &Url) -> Response<Body> {
    reply::redirect(StatusCode::SEE_OTHER, to.as_str())
}

/// The head of a page alone: HEAD does nothing.
pub(super) fn head() -> Response<Body> {
    reply::document("text/html; charset=utf-8", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_shown_is_taken_for_markup() {
        assert_eq!(escape("<a href='x\"'>&"), "&lt;a href=&#39;x&quot;&#39;&gt;&amp;");
    }
}
