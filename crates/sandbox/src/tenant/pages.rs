//! The pages that a browser sees: without scripts, except where Auth0's own response modes need one.

use serde_json::Value;

use crate::http::Answer;

const STYLE: &str = include_str!("style.css");

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The style sheet of all pages.
pub(super) fn style() -> Answer {
    Answer::new(200)
        .header("content-type", "text/css; charset=utf-8")
        .header("cache-control", "public, max-age=3600")
        .body(STYLE)
}

fn page(status: u16, title: &str, body: &str) -> Answer {
    let title = escape(title);
    let html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title>\
         <link rel=\"stylesheet\" href=\"/u/style.css\"></head>\
         <body><main><h1>{title}</h1>{body}</main></body></html>\n"
    );
    // No `form-action`: browsers apply it to the redirect after the form too, and that leads to the app.
    let policy = "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'";
    Answer::html(status, html)
        .header("cache-control", "no-store")
        .header("x-robots-tag", "noindex")
        .header("content-security-policy", policy)
        .header("referrer-policy", "no-referrer")
}

/// A refusal that cannot be sent to the application, because the request does not name a known one.
pub(super) fn error_page(status: u16, why: &str) -> Answer {
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
        "<p><small>This page stands in for the login page of your Auth0 tenant. Choose a user. There is no password.</small></p>\
         <form method=\"post\" action=\"/u/login?{}\">{buttons}</form>",
        escape(query)
    );
    page(200, "Sign in", &body)
}

/// What a consent page says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Consent<'a> {
    /// The provider's name for people.
    pub(super) provider: &'a str,
    /// The application that asks.
    pub(super) application: &'a str,
    /// The account at the provider.
    pub(super) account: &'a str,
    /// What is asked for.
    pub(super) scopes: &'a [String],
    /// Where the form goes.
    pub(super) action: &'a str,
}

/// The provider's consent page, as far as the sandbox plays it: who asks, for what, and two buttons.
pub(super) fn consent(consent: &Consent<'_>) -> Answer {
    let scopes: String =
        consent.scopes.iter().map(|scope| format!("<li><code>{}</code></li>", escape(scope))).collect();
    let asked = if scopes.is_empty() {
        "<p>It asks for your public profile.</p>".to_owned()
    } else {
        format!("<h2>It asks for</h2><ul>{scopes}</ul>")
    };
    let body = format!(
        "<p><strong>{}</strong> wants to use your account <strong>{}</strong>.</p>{asked}\
         <form method=\"post\" action=\"{}\">\
         <button type=\"submit\" class=\"primary\" name=\"decision\" value=\"allow\">Allow</button>\
         <button type=\"submit\" name=\"decision\" value=\"deny\">Deny</button></form>\
         <p><small>This page of the sandbox replaces the provider's own consent page.</small></p>",
        escape(consent.application),
        escape(consent.account),
        escape(consent.action)
    );
    page(200, &format!("Connect {}", consent.provider), &body)
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
