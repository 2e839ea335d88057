//! Writing token and revocation requests.

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

use super::{ClientProof, HttpRequest, OAuthClient};

/// What may stand unencoded in a path segment and in Basic credentials.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

pub(crate) fn segment(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}

/// Whether a secret may be sent to `url`: TLS, or plain HTTP to this very machine; no user in front of the host.
pub(crate) fn is_confidential(url: &Url) -> bool {
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => return false,
    };
    let scheme = url.scheme() == "https" || (url.scheme() == "http" && loopback);
    scheme && url.username().is_empty() && url.password().is_none()
}

/// A request with the headers that all our exchanges carry.
pub(crate) fn bare(method: Method, url: Url) -> HttpRequest {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(USER_AGENT, HeaderValue::from_static(crate::user_agent::USER_AGENT));
    HttpRequest { method, url, headers, body: None }
}

/// A form POST. `basic` moves the client's secret from the form into `Authorization: Basic`.
pub(crate) fn post_form(
    url: &Url,
    client: OAuthClient<'_>,
    use_basic: bool,
    form: &[(&str, &str)],
) -> HttpRequest {
    let mut request = bare(Method::POST, url.clone());
    request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    let mut body = url::form_urlencoded::Serializer::new(String::new());
    body.extend_pairs(form);
    match (client.proof, use_basic) {
        (ClientProof::Secret(secret), true) => {
            insert(&mut request.headers, AUTHORIZATION, basic(client.id, secret))
        }
        (ClientProof::Secret(secret), false) => {
            body.append_pair("client_id", client.id).append_pair("client_secret", secret.expose_secret());
        }
        (ClientProof::Assertion(assertion), _) => {
            body.append_pair("client_id", client.id)
                .append_pair(
                    "client_assertion_type",
                    "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                )
                .append_pair("client_assertion", assertion.expose_secret());
        }
        (ClientProof::None, _) => {
            body.append_pair("client_id", client.id);
        }
    }
    request.body = Some(SecretString::from(body.finish()));
    request
}

/// Makes `form` the request's body.
pub(crate) fn set_form(request: &mut HttpRequest, form: &[(&str, &str)]) {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    request.body = Some(SecretString::from(body));
}

/// A GET with more query members.
pub(crate) fn get(url: &Url, query: &[(&str, &str)]) -> HttpRequest {
    let mut url = url.clone();
    url.query_pairs_mut().extend_pairs(query);
    bare(Method::GET, url)
}

/// `Basic` credentials (RFC 6749, section 2.3.1: both parts form-encoded first), marked sensitive.
pub(crate) fn basic(id: &str, secret: &SecretString) -> Option<HeaderValue> {
    let pair = format!("{}:{}", segment(id), segment(secret.expose_secret()));
    let mut value = HeaderValue::try_from(format!("Basic {}", BASE64_STANDARD.encode(pair))).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: Option<HeaderValue>) {
    if let Some(value) = value {
        headers.insert(name, value);
    }
}
