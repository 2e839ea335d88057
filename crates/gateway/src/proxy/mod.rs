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

use std::sync::Arc;

use http::Response;
use http::request::Parts;

pub(crate) use self::instructions::account_selector;
pub(crate) use self::profile::profile;

use self::bodies::Payload;
use self::outbound::Outbound;
use self::send::{Sending, find_token, place};
use crate::body::Body;
use crate::error_table;
use crate::outcome::Code;
use crate::problem::Problem;
use crate::provider::plan::Asked;
use crate::route::ProxyRoute;
use crate::state::{App, RequestContext, Trail};
use caller_auth::{CallerToken, Checked};

/// Proxies one call of a verified caller.
///
/// # Errors
/// The problem to answer with, in the contract's order of refusals.
pub(crate) async fn proxy(
    app: &App,
    context: &RequestContext<'_>,
    checked: Checked,
    route: ProxyRoute<'_>,
    (parts, body): (&Parts, Body),
    trail: &mut Trail,
) -> Result<Response<Body>, Problem> {
    let provider = app.provider(route.provider).ok_or_else(|| Problem::new(Code::UnknownProvider))?;
    trail.provider = Some(provider.label.clone());
    let caller = &Arc::clone(checked.caller());
    let query = parts.uri.query();
    let asked = Asked { method: &parts.method, host: route.host, path: route.path, query };
    let plan = provider
        .plan
        .plan(asked, &|scope| caller.has(scope))
        .map_err(|problem| app.challenge_scope(caller, problem))?;
    trail.permit = Some(plan.permit);
    let mode = instructions::error_mode(&parts.headers)?;
    let selector = account_selector(&parts.headers)?;
    let verified = &app.admit(checked, Some(&provider.name), trail).await?;
    let body = search::search(&parts.headers, body, verified.token.as_ref().map(CallerToken::expose)).await?;

    let question = app.question(verified, Some(&provider), selector);
    let ask = question.ask().endpoint(route.path);
    let token = find_token(app, &ask, trail).await?;
    app.stores.fleet.check(caller.subject(), Some(&provider.name), Some(token.account().connection()))?;

    let place = place(app, &provider).await?;
    let adapter = provider.plan.adapter();
    let outbound = Outbound::new(&parts.method, plan, &parts.headers, &**adapter, context.id.as_str());
    let payload = Payload::prepare(body, app.replay_limit).await.map_err(error_table::request_body)?;
    let mut sending = Sending { app, provider: &provider, outbound, mode, place: Some(place), refused: None };
    let received = sending.exchange(&ask, token, payload, trail).await?;
    let guard = sending.guard(&received.token);
    let delivery = answer::Delivery {
        guard: &guard,
        app,
        context,
        provider: &provider,
        route,
        parts,
        outbound: &sending.outbound,
        mode,
    };
    delivery.answer(received, sending.place.take(), trail).await
}
