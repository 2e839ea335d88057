//! The few pages a browser sees.

use serde_json::Value;

use crate::http::Answer;
use crate::text;

const STYLE: &str = "body{font:1rem/1.5 system-ui,sans-serif;margin:0;display:grid;place-items:center;min-height:100vh;\
    background:#f4f5f7;color:#1b1f24}main{background:#fff;padding:2rem;border-radius:.75rem;width:min(22rem,90vw);\
    box-shadow:0 1px 4px #0003}h1{font-size:1.25rem;margin:0 0 .5rem}button{display:block;width:100%;margin:.5rem 0;\
    padding:.75rem;font:inherit;text-align:left;border:1px solid #c7ccd1;border-radius:.5rem;background:#fff;cursor:pointer}\
    button:hover,button:focus-visible{border-color:#0b57d0;outline:2px solid #0b57d0}small{color:#57606a}";

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn page(status: u16, title: &str, body: &str) -> Answer {
    let title = escape(title);
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>{title}</title><style>{STYLE}</style></head><body><main>\
         <h1>{title}</h1>{body}</main></body></html>"
    );
    Answer::html(status, html).header("cache-control", "no-store").header("x-robots-tag", "noindex")
}

/// What cannot be told to the application, for it is not known to be one.
pub(super) fn oops(status: u16, why: &str) -> Answer {
    page(status, "Oops!, something went wrong", &format!("<p>{}</p>", escape(why)))
}

/// One button a user, named like the user.
pub(super) fn login(query: &str, users: &[(String, String)]) -> Answer {
    let buttons: String = users
        .iter()
        .map(|(id, name)| {
            format!(
                "<button type=\"submit\" name=\"user\" value=\"{}\">{}</button>",
                escape(id),
                escape(name)
            )
        })
        .collect();
    let body = format!(
        "<p><small>The sandbox asks for no password.</small></p>\
         <form method=\"post\" action=\"/u/login?{}\">{buttons}</form>",
        escape(query)
    );
    page(200, "Sign in", &body)
}

/// The provider's consent, as far as the sandbox plays it.
pub(super) fn consent(connection: &str, ticket: &str) -> Answer {
    let action = format!("/connected-accounts/connect?ticket={}", text::encode(ticket));
    let body = format!(
        "<form method=\"post\" action=\"{}\"><button type=\"submit\">Allow</button></form>",
        escape(&action)
    );
    page(200, &format!("Connect {connection}"), &body)
}

/// `address` with members added to its query.
pub(super) fn with_members(address: &str, members: &[(&str, String)]) -> String {
    match url::Url::parse(address) {
        Ok(mut url) => {
            url.query_pairs_mut().extend_pairs(members);
            url.into()
        }
        Err(_) => address.to_owned(),
    }
}

/// An authorization response handed to the window that opened this one (`response_mode=web_message`).
pub(super) fn web_message(origin: &str, response: &Value) -> Answer {
    let message = serde_json::json!({ "type": "authorization_response", "response": response });
    let quote = |value: &Value| value.to_string().replace('<', "\\u003c");
    let script = format!(
        "<!doctype html><html><head><title>Authorization Response</title></head><body><script>\
         (function(w){{(w.opener||w.parent).postMessage({},{})}})(window)</script></body></html>",
        quote(&message),
        quote(&Value::from(origin))
    );
    Answer::html(200, script).header("cache-control", "no-store")
}

/// An authorization response as a form that submits itself (`response_mode=form_post`).
pub(super) fn form_post(address: &str, members: &[(&str, String)]) -> Answer {
    let fields: String = members
        .iter()
        .map(|(name, value)| format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">", escape(value)))
        .collect();
    let html = format!(
        "<!doctype html><html><head><title>Submit This Form</title></head><body onload=\"document.forms[0].submit()\">\
         <form method=\"post\" action=\"{}\">{fields}<noscript><button>Continue</button></noscript></form></body></html>",
        escape(address)
    );
    Answer::html(200, html).header("cache-control", "no-store")
}
