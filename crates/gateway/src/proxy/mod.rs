//! A proxied request: plan, token, provider, classification, hygiene. One straight function.

mod answer;
mod bodies;
pub(crate) mod hygiene;
mod instructions;
mod json;
mod links;
mod outbound;
mod profile;
mod redirect;
mod search;
mod send;
mod spans;

use http::Response;
use http::request::Parts;

pub(crate) use self::instructions::account_selector;
pub(crate) use self::profile::profile;

use self::bodies::Payload;
use self::outbound::Outbound;
use self::send::{Sending, app_secret, find_token};
use crate::body::Body;
use crate::error_table;
use crate::problem::Problem;
use crate::provider::plan::ProviderCall;
use crate::route::ProxyRoute;
use crate::state::{Calls, RequestContext, RequestRecord, VerifiedCaller};

/// Proxies one call of a verified caller.
///
/// # Errors
/// The problem to answer with, in the contract's order of refusals.
pub(crate) async fn proxy(
    calls: &Calls,
    context: &RequestContext<'_>,
    verified: VerifiedCaller,
    route: ProxyRoute<'_>,
    (parts, body): (&Parts, Body),
    record: &mut RequestRecord,
) -> Result<Response<Body>, Problem> {
    let provider = calls.named_provider(route.provider, record)?;
    let query = parts.uri.query();
    let asked = ProviderCall { method: &parts.method, host: route.host, path: route.path, query };
    let plan = calls.access.permit(&verified, &provider, asked, record)?;
    let mode = instructions::error_mode(&parts.headers)?;
    let account = account_selector(&parts.headers)?;
    let call = calls.access.admit_call(verified, &provider, account, plan, record).await?;
    let body = search::search(&parts.headers, body, call.admitted().token()).await?;
    let token = find_token(calls, &call, record).await?;
    let outbound = Outbound::new(&parts.method, &call, &parts.headers, context.id.as_str());
    let payload = Payload::prepare(body, calls.replay_limit).await.map_err(error_table::request_body)?;
    let app_secret = app_secret(calls, &provider).await;
    let mut sending = Sending { calls, call, provider: &provider, outbound, mode, app_secret, refused: None };
    let received = sending.exchange(token, payload, record).await?;
    let guard = sending.guard(&received.token);
    let slot = sending.call.take_slot();
    let delivery = answer::Delivery {
        guard: &guard,
        calls,
        context,
        provider: &provider,
        route,
        parts,
        outbound: &sending.outbound,
        mode,
    };
    delivery.answer(received, slot, record).await
}
