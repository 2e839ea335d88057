//! The OpenAPI description as a page without scripts: routes, and the catalogue of codes.

use std::fmt::Write as _;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::outcome::Code;

use super::openapi;

/// What a fragment does not hold as it is.
const FRAGMENT: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'`').add(b'{').add(b'}').add(b'%');

const STYLE: &str = "\
:root{color-scheme:light dark;--back:#fff;--text:#172033;--line:#d5dbe6;--soft:#eef2f9;--accent:#1f4fbf}\
@media (prefers-color-scheme:dark){:root{--back:#0f141d;--text:#e6ebf5;--line:#2c3647;--soft:#1e2736;--accent:#9ab8ff}}\
body{background:var(--back);color:var(--text);font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem 1rem 3rem;overflow-wrap:anywhere}\
a{color:var(--accent)}dd a{white-space:nowrap}code{background:var(--soft);padding:.1em .3em;border-radius:.3em}\
dl{display:grid;grid-template-columns:minmax(12rem,22rem) 1fr}\
dt,dd{margin:0;padding:.5rem .8rem .5rem 0;border-top:1px solid var(--line)}dd p{margin:0}\
@media (max-width:40rem){dl{display:block}dd{border:0;padding-top:0}}";

/// A link to the console that fills in its form. The reader makes the call there, with an access token of their own.
fn try_link(method: &str, path: &str) -> String {
    let call = format!("{method} {path}");
    let fragment = utf8_percent_encode(&call, FRAGMENT);
    format!(" <a href=\"console/#{fragment}\" aria-label=\"Try it: {call}\">Try it</a>")
}

/// Whether the console's form can make calls of this route.
fn is_tried(path: &str) -> bool {
    path.starts_with("/proxy/") || path.starts_with("/v1/")
}

/// The page. `console`: whether this gateway has one.
pub(super) fn page(console: bool) -> String {
    let document = openapi::document("");
    let try_it =
        if console { "To try a call, open the <a href=\"console/\">console</a> and sign in. " } else { "" };
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>idp-gateway</title>\
         <link rel=\"icon\" href=\"favicon.ico\" type=\"image/svg+xml\"><style>{STYLE}</style></head>\
         <body><main><h1>idp-gateway</h1><p>Call a provider's API with your own Auth0 access token. {try_it}\
         The machine-readable form of this page is <a href=\"openapi.json\">openapi.json</a>.</p><h2>Routes</h2><dl>",
    );
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            if let Some(summary) = operation["summary"].as_str() {
                let method = method.to_uppercase();
                let link = if console && is_tried(path) { try_link(&method, path) } else { String::new() };
                // Writing to a text cannot fail.
                let _ = write!(page, "<dt><code>{method} {path}</code></dt><dd>{summary}{link}</dd>");
            }
        }
    }
    page.push_str("</dl><h2>Outcomes and problems</h2><p>The header <code>Idp-Outcome</code> and the member <code>code</code> of a problem hold one of these words.</p><dl>");
    for code in Code::ALL {
        let status = code.status().as_u16();
        let remedy = code.remedy().replace('<', "&lt;");
        let _ = write!(
            page,
            "<dt id=\"{code}\"><code>{code}</code> {status}</dt><dd><p>{}.</p><p>{remedy}</p></dd>",
            code.title()
        );
    }
    page.push_str("</dl></main></body></html>");
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_an_anchor_and_the_console_is_linked_where_there_is_one() {
        let with = page(true);
        for code in Code::ALL {
            assert!(with.contains(&format!("<dt id=\"{code}\">")), "{code}");
        }
        let proxy = "<code>GET /proxy/{provider}/{path}</code></dt><dd>";
        let (_, row) = with.split_once(proxy).unwrap();
        let link = "<a href=\"console/#GET%20/proxy/%7Bprovider%7D/%7Bpath%7D\" ";
        assert!(row.split("</dd>").next().unwrap().contains(link), "{row}");
        assert!(!page(false).contains("href=\"console/"));
    }
}
