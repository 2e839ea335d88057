//! The wire's refusals: what the HTTP/1 guard found, and the same rules for HTTP/2, whose framing h2 checks itself.

use super::{exchange::Exchange, refusal::Refusal};
use crate::{
    outcome::Code,
    problem::Problem,
    server::{
        Options,
        wire::{
            BODY_ON_GET, Fault,
            names::{asks_for_tunnel, check_method, check_target, is_authority, parse_length, takes_body},
        },
    },
};
use http::{HeaderValue, Uri, Version, header, request::Parts, uri::PathAndQuery};

/// See the module. After it the target is in origin form and there is exactly one valid `Host`.
pub(super) fn check(exchange: &Exchange, parts: &mut Parts) -> Result<(), Refusal> {
    let fault = match &exchange.refused {
        Some(refused) => Err(refused.fault),
        None if parts.version == Version::HTTP_2 => check_http2(&exchange.options, parts),
        None => Ok(()),
    };
    fault.map_err(refusal)?;
    originate(parts);
    Ok(())
}

/// The same for requests that another server has read, of any version: no guard has seen their heads.
pub(super) fn check_unguarded(exchange: &Exchange, parts: &mut Parts) -> Result<(), Refusal> {
    // What a field takes on the wire of HTTP/1: its name, a colon, a blank, its value, the end of the line.
    let bytes = |(name, value): (&http::HeaderName, &HeaderValue)| name.as_str().len() + value.len() + 4;
    let fields: usize = parts.headers.iter().map(bytes).sum();
    if fields > exchange.options.limits.headers {
        return Err(refusal(Fault::HeadersTooLarge));
    }
    check_http2(&exchange.options, parts).map_err(refusal)?;
    originate(parts);
    Ok(())
}

/// Leaves the target in origin form: its authority stands in `Host`.
fn originate(parts: &mut Parts) {
    if parts.uri.authority().is_some() {
        let path = parts.uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        parts.uri = Uri::from(path);
    }
}

fn refusal(fault: Fault) -> Refusal {
    Refusal::last(problem(fault))
}

/// Checks method and target of a request that another part of the gateway makes or asks about, as the listener would.
/// `longest` is `server.limits.uri`.
///
/// # Errors
/// The answer of the listener to such a request.
pub(crate) fn check_request(
    method: &str,
    target: &str,
    has_body: bool,
    longest: usize,
) -> Result<(), Problem> {
    let bodiless = has_body && !takes_body(method.as_bytes());
    let body = if bodiless { Err(BODY_ON_GET) } else { Ok(()) };
    check_line(method, target, longest).and(body).map_err(problem)
}

/// What a request line holds, in any version.
fn check_line(method: &str, target: &str, longest: usize) -> Result<(), Fault> {
    if target.len() > longest {
        return Err(Fault::UriTooLong);
    }
    check_method(method.as_bytes())?;
    if !target.starts_with('/') {
        return Err(Fault::Framing("the target does not begin with a slash"));
    }
    check_target(target.as_bytes())
}

/// The answer to a refused request.
pub(super) fn problem(fault: Fault) -> Problem {
    let mut problem = Problem::new(fault.code()).detail(fault.detail());
    if fault.code() == Code::MethodNotAllowed {
        problem = problem.allow("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
    }
    problem
}

/// What HTTP/2 does not rule out by itself; it holds for every version.
fn check_http2(options: &Options, parts: &mut Parts) -> Result<(), Fault> {
    let limits = options.limits;
    let target = parts.uri.path_and_query().map_or("", PathAndQuery::as_str);
    check_line(parts.method.as_str(), target, limits.uri)?;
    if parts.headers.len() > limits.header_count {
        return Err(Fault::HeadersTooLarge);
    }
    check_fields(parts)?;
    check_host(parts)
}

fn check_fields(parts: &Parts) -> Result<(), Fault> {
    if parts.headers.keys().any(|name| name.as_str().contains('_')) {
        return Err(Fault::Framing("a header field name holds an underscore"));
    }
    // HTTP/1 has no blanks around a value, and HTTP/2 must have none (RFC 9113, 8.2.1).
    let is_blank = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    if parts
        .headers
        .values()
        .any(|value| is_blank(value.as_bytes().first()) || is_blank(value.as_bytes().last()))
    {
        return Err(Fault::Framing("a header field value has blanks around it"));
    }
    if parts.headers.get_all(header::UPGRADE).iter().any(|value| asks_for_tunnel(value.as_bytes())) {
        return Err(Fault::Tunnel);
    }
    let mut expectations = parts.headers.get_all(header::EXPECT).iter();
    let expected =
        expectations.next().is_none_or(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"));
    if !expected || expectations.next().is_some() {
        return Err(Fault::Framing("Expect is not exactly 100-continue"));
    }
    let mut lengths = parts.headers.get_all(header::CONTENT_LENGTH).iter();
    if let Some(length) = lengths.next() {
        let length = parse_length(length.as_bytes())?;
        if length > 0 && !takes_body(parts.method.as_str().as_bytes()) {
            return Err(BODY_ON_GET);
        }
    }
    if lengths.next().is_some() {
        return Err(Fault::Framing("there is more than one Content-Length"));
    }
    Ok(())
}

/// `:authority` and `Host` name the same valid host; `Host` holds it afterwards.
fn check_host(parts: &mut Parts) -> Result<(), Fault> {
    let mut hosts = parts.headers.get_all(header::HOST).iter();
    let host = hosts.next().map(HeaderValue::as_bytes);
    if hosts.next().is_some() {
        return Err(Fault::Framing("there is more than one Host"));
    }
    let authority = parts.uri.authority().map(|authority| authority.as_str().as_bytes());
    let named = match (authority, host) {
        (Some(authority), Some(host)) if !authority.eq_ignore_ascii_case(host) => {
            return Err(Fault::Framing(":authority names another host than Host"));
        }
        (Some(named), _) | (None, Some(named)) => named,
        (None, None) => return Err(Fault::Framing("there is no :authority")),
    };
    if !is_authority(named) {
        return Err(Fault::Framing(":authority is not a host with an optional port"));
    }
    let named = HeaderValue::from_bytes(named).map_err(|_| Fault::Framing(":authority is not a host"))?;
    parts.headers.insert(header::HOST, named);
    Ok(())
}
