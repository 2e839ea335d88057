//! `/v1`: the caller's own view.

mod check;
mod connect;
mod disconnect;
mod explain;
mod me;

pub(crate) use self::me::accounts;

use http::Response;
use http::request::Parts;

use crate::body::Body;
use crate::connect::HostedConnect;
use crate::outcome::Code;
use crate::problem::Problem;
use crate::state::{Calls, ExplainRing, RequestContext, RequestRecord, VerifiedCaller};

/// One of our own routes.
enum Own<'a> {
    Me,
    Check,
    Disconnect(&'a str),
    Connect(&'a str),
    Profile(&'a str),
    Explain(&'a str),
}

/// Answers a verified caller.
///
/// # Errors
/// The problem to answer with.
pub(crate) async fn answer(
    (calls, explained, hosted): (&Calls, &ExplainRing, Option<&HostedConnect>),
    context: &RequestContext<'_>,
    path: &str,
    (parts, body): (&Parts, Body),
    verified: VerifiedCaller,
    record: &mut RequestRecord,
) -> Result<Response<Body>, Problem> {
    let route = own_route(path).ok_or_else(|| Problem::new(Code::NotFound))?;
    let (name, event, allowed): (_, _, &'static str) = match &route {
        Own::Me => ("/v1/me", "me", "GET, HEAD"),
        Own::Check => ("/v1/check", "check", "POST"),
        Own::Disconnect(_) => ("/v1/me/{provider}", "revoke", "DELETE"),
        Own::Connect(_) if hosted.is_none() => return Err(Problem::new(Code::NotFound)),
        Own::Connect(_) => ("/v1/me/{provider}/connect", "connect_link", "POST"),
        Own::Profile(_) => ("/v1/me/{provider}/profile", "profile", "GET, HEAD"),
        Own::Explain(_) => ("/v1/explain/{request-id}", "explain", "GET, HEAD"),
    };
    (record.route, record.event) = (Some(name), event);
    if !allowed.split(", ").any(|method| method == parts.method.as_str()) {
        return Err(Problem::new(Code::MethodNotAllowed).allow(allowed));
    }
    match route {
        Own::Check => check::answer(calls, body, verified, record).await,
        Own::Me => me::accounts(calls, verified, record).await,
        Own::Profile(provider) => me::profile(calls, context, parts, verified, provider, record).await,
        Own::Disconnect(provider) => {
            disconnect::answer((calls, hosted), parts, verified, provider, record).await
        }
        Own::Connect(provider) => {
            let hosted = hosted.ok_or_else(|| Problem::new(Code::NotFound))?;
            connect::answer((calls, hosted), (parts, body), verified, provider, record).await
        }
        Own::Explain(id) => explain::answer((&calls.access, explained), verified, id, record).await,
    }
}

fn own_route(path: &str) -> Option<Own<'_>> {
    let rest = path.strip_prefix("/v1/")?;
    let mut segments = rest.split('/');
    let route = match (segments.next()?, segments.next(), segments.next()) {
        ("me", None, _) => Own::Me,
        ("check", None, _) => Own::Check,
        ("me", Some(provider), None) if !provider.is_empty() => Own::Disconnect(provider),
        ("me", Some(provider), Some("connect")) if !provider.is_empty() => Own::Connect(provider),
        ("me", Some(provider), Some("profile")) if !provider.is_empty() => Own::Profile(provider),
        ("explain", Some(id), None) if !id.is_empty() => Own::Explain(id),
        _ => return None,
    };
    segments.next().is_none().then_some(route)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exact_routes_exist() {
        let name = |path| match own_route(path) {
            Some(Own::Me) => "me",
            Some(Own::Check) => "check",
            Some(Own::Disconnect(_)) => "disconnect",
            Some(Own::Connect(_)) => "connect",
            Some(Own::Profile(_)) => "profile",
            Some(Own::Explain(_)) => "explain",
            None => "none",
        };
        for (path, want) in [
            ("/v1/me", "me"),
            ("/v1/me/", "none"),
            ("/v1/check", "check"),
            ("/v1/check/x", "none"),
            ("/v1/me/github", "disconnect"),
            ("/v1/me/github/connect", "connect"),
            ("/v1/me/github/connect/", "none"),
            ("/v1/me//connect", "none"),
            ("/v1/me/github/profile", "profile"),
            ("/v1/me/github/profile/x", "none"),
            ("/v1/me//profile", "none"),
            ("/v1/explain/0af", "explain"),
            ("/v1/explain", "none"),
            ("/v1", "none"),
        ] {
            assert_eq!(name(path), want, "{path}");
        }
    }
}
