//! What of a request is checked before its method is looked at: where it comes from, its type, its revision, and that headers
//! and body say the same.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, ORIGIN};
use http::{HeaderMap, StatusCode};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::message::{Message, RpcError};

/// The revision whose requests stand alone.
pub(super) const MODERN: &str = "2026-07-28";
/// Revisions whose clients begin with `initialize`, the newest first.
pub(super) const LEGACY: [&str; 2] = ["2025-11-25", "2025-06-18"];

const VERSION_HEADER: &str = "mcp-protocol-version";
const METHOD_HEADER: &str = "mcp-method";
const NAME_HEADER: &str = "mcp-name";
const VERSION_KEY: &str = "io.modelcontextprotocol/protocolVersion";
const CAPABILITIES_KEY: &str = "io.modelcontextprotocol/clientCapabilities";

/// Most members of `_meta`: the specification defines eight.
const MOST_META: usize = 64;

/// What a request says about its client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Client {
    /// Whether the request stands alone, as those of [`MODERN`] do.
    pub(super) modern: bool,
    /// Whether the client can ask its user to open an address.
    pub(super) opens_urls: bool,
}

/// Checks the origin of a web page; programs send none.
///
/// # Errors
/// The page is not one that may send requests.
pub(super) fn check_origin(headers: &HeaderMap, allowed: &[String]) -> Result<(), RpcError> {
    let mut origins = headers.get_all(ORIGIN).iter();
    let Some(origin) = origins.next() else { return Ok(()) };
    let known = origins.next().is_none() && allowed.iter().any(|one| origin == one.as_str());
    if known {
        return Ok(());
    }
    Err(RpcError::request("pages of this origin may not send requests; `mcp.origins` names those that may")
        .status(StatusCode::FORBIDDEN))
}

/// Checks that the body is said to be JSON, as it is.
///
/// # Errors
/// It is said to be something else.
pub(super) fn check_type(headers: &HeaderMap) -> Result<(), RpcError> {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let kind = types.next().and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut parts = kind.split(';').map(str::trim);
    let json = parts.next().is_some_and(|media| media.eq_ignore_ascii_case("application/json"));
    let plain = parts.all(|parameter| parameter.eq_ignore_ascii_case("charset=utf-8"));
    if json && plain && types.next().is_none() && !headers.contains_key(CONTENT_ENCODING) {
        return Ok(());
    }
    Err(RpcError::request("the body is sent as 'Content-Type: application/json', without a content coding")
        .status(StatusCode::UNSUPPORTED_MEDIA_TYPE))
}

/// The revisions served here.
pub(super) fn supported(legacy: bool) -> Vec<&'static str> {
    std::iter::once(MODERN).chain(LEGACY.into_iter().filter(|_| legacy)).collect()
}

/// Checks a notification, whose headers no revision asks for: what they say must be right.
///
/// # Errors
/// The revision is not served, or headers and body differ.
pub(super) fn check_notification(
    headers: &HeaderMap,
    message: &Message<'_>,
    legacy: bool,
) -> Result<(), RpcError> {
    let params = members(message.params)?;
    revision(headers, &meta(&params)?, legacy)?;
    agree(headers, message, &params, false)
}

/// The revision that the header names, which is served, and whether `_meta` names it too.
fn revision<'a>(
    headers: &'a HeaderMap,
    meta: &Members<'_>,
    legacy: bool,
) -> Result<(Option<&'a str>, bool), RpcError> {
    let header = single(headers, VERSION_HEADER)?;
    if let Some(version) = header.filter(|version| !supported(legacy).contains(version)) {
        return Err(unsupported(version, legacy));
    }
    let declared = meta.get(VERSION_KEY).map(|raw| text(raw).unwrap_or_default());
    if header.zip(declared.as_deref()).is_some_and(|(version, declared)| version != declared) {
        return Err(mismatch(format!("'MCP-Protocol-Version' and '{VERSION_KEY}' differ")));
    }
    Ok((header, declared.is_some()))
}

/// Reads what the request says about its revision and its client. `legacy`: whether the older ones are served.
///
/// # Errors
/// The revision is not served, or headers and body differ.
pub(super) fn client(headers: &HeaderMap, message: &Message<'_>, legacy: bool) -> Result<Client, RpcError> {
    let params = members(message.params)?;
    let meta = meta(&params)?;
    let (header, is_declared) = revision(headers, &meta, legacy)?;
    if message.method == "initialize" && !is_declared {
        let asked = params.get("protocolVersion").and_then(|raw| text(raw)).unwrap_or_default();
        return if legacy { Ok(Client::default()) } else { Err(unsupported(&asked, legacy)) };
    }
    let Some(version) = header else {
        return Err(mismatch("the header 'MCP-Protocol-Version' is missing"));
    };
    let modern = version == MODERN;
    if modern && !is_declared {
        return Err(RpcError::new(RpcError::PARAMS, format!("'_meta' lacks '{VERSION_KEY}'")));
    }
    agree(headers, message, &params, modern)?;
    if !modern {
        return Ok(Client::default());
    }
    let capabilities: Option<Value> = meta
        .get(CAPABILITIES_KEY)
        .and_then(|raw| serde_json::from_str(raw.get()).ok())
        .filter(Value::is_object);
    let Some(capabilities) = capabilities else {
        return Err(RpcError::new(
            RpcError::PARAMS,
            format!("'_meta' lacks the object '{CAPABILITIES_KEY}'"),
        ));
    };
    Ok(Client { modern, opens_urls: capabilities["elicitation"]["url"].is_object() })
}

/// `Mcp-Method` and `Mcp-Name` say what the body says. Older clients send neither.
fn agree(
    headers: &HeaderMap,
    message: &Message<'_>,
    params: &Members<'_>,
    required: bool,
) -> Result<(), RpcError> {
    match single(headers, METHOD_HEADER)? {
        Some(method) if method == message.method => {}
        None if !required => {}
        _ => return Err(mismatch("'Mcp-Method' is not the body's 'method'")),
    }
    if message.method != "tools/call" {
        return Ok(());
    }
    let Some(name) = params.get("name").and_then(|raw| text(raw)) else {
        return Err(RpcError::new(RpcError::PARAMS, "'name' is a text"));
    };
    match single(headers, NAME_HEADER)? {
        Some(header) if decoded(header).as_deref() == Some(&*name) => Ok(()),
        None if !required => Ok(()),
        _ => Err(mismatch("'Mcp-Name' is not the 'name' of the body's parameters")),
    }
}

/// A value as it is, or from its Base64 form (`=?base64?...?=`).
fn decoded(value: &str) -> Option<String> {
    match value.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?=")) {
        None => Some(value.to_owned()),
        Some(encoded) => String::from_utf8(STANDARD.decode(encoded).ok()?).ok(),
    }
}

fn mismatch(message: impl Into<String>) -> RpcError {
    RpcError::new(RpcError::MISMATCH, message)
}

fn unsupported(requested: &str, legacy: bool) -> RpcError {
    let supported = supported(legacy);
    RpcError::new(
        RpcError::VERSION,
        format!("Unsupported protocol version; served are {}", supported.join(", ")),
    )
    .data(json!({ "supported": supported, "requested": requested }))
}

/// The value of a header that may stand once, in visible ASCII.
fn single<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<Option<&'a str>, RpcError> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(mismatch(format!("the header '{name}' is sent more than once")));
    }
    first
        .map(|value| {
            value.to_str().map_err(|_| mismatch(format!("the header '{name}' is not visible ASCII")))
        })
        .transpose()
}

/// The members of an object, as they were sent.
pub(super) type Members<'a> = HashMap<String, &'a RawValue>;

/// The members of an object; of nothing, none.
pub(super) fn members(object: Option<&RawValue>) -> Result<Members<'_>, RpcError> {
    let Some(object) = object else { return Ok(Members::new()) };
    serde_json::from_str(object.get()).map_err(|_| RpcError::new(RpcError::PARAMS, "an object was expected"))
}

fn meta<'a>(params: &Members<'a>) -> Result<Members<'a>, RpcError> {
    let meta = members(params.get("_meta").copied())?;
    if meta.len() > MOST_META {
        return Err(RpcError::new(RpcError::PARAMS, format!("'_meta' has more than {MOST_META} members")));
    }
    Ok(meta)
}

/// A JSON text's value.
pub(super) fn text(raw: &RawValue) -> Option<String> {
    serde_json::from_str(raw.get()).ok()
}
