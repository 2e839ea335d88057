//! A proxied request: plan, token, provider, classification, hygiene. One straight function.

mod answer;
mod bodies;
mod documents;
pub(crate) mod hygiene;
mod inspect;
mod instructions;
mod json;
mod links;
mod members;
mod outbound;
mod profile;
mod redirect;
mod scopes;
mod search;
mod send;
mod spans;
mod unfolded;

use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;
use http::{Method, Response};
use http_body::Body as _;

pub(crate) use self::instructions::account_selector;
pub(crate) use self::members::check_json;
pub(crate) use self::profile::profile;
pub(crate) use self::search::in_target;

use self::answer::Answered;
use self::bodies::Payload;
use self::hygiene::EndToEnd;
use self::instructions::MethodReading;
use self::outbound::{CallerRequest, Outbound};
use self::send::{Sending, app_secret, find_token};
use crate::body::{self, Body, ReadError, RequestBodyFault};
use crate::call_error::CallError;
use crate::error_table;
use crate::problem::Problem;
use crate::provider::plan::ProviderCall;
use crate::provider::policy::Permit;
use crate::provider::{ProviderRuntime, path};
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
    let reading = instructions::read_method(parts, &**provider.plan.adapter())?;
    let headers = EndToEnd::of(&parts.headers)?;
    let method = if reading == MethodReading::FormAsGet { &Method::GET } else { &parts.method };
    let asked =
        ProviderCall { host: route.host, query, ..ProviderCall::new(verified.caller(), method, route.path) };
    let plan = calls.access.permit(&verified, &provider, asked, record)?;
    let mode = instructions::error_mode(&parts.headers)?;
    let account = account_selector(&parts.headers)?;
    let mut call = calls.access.admit_call(verified, &provider, account, plan, record).await?;
    let body = match call.plan().permit() {
        Permit::Document(rule) => {
            let caller = Arc::clone(call.admitted().caller());
            let asked =
                ProviderCall { host: route.host, query, ..ProviderCall::new(&caller, method, route.path) };
            let checking = documents::checked(calls, &mut call, asked, (rule, &headers, body), record);
            Box::pin(checking).await?
        }
        _ => body,
    };
    let sent =
        CallerRequest { method: &parts.method, headers: &headers, request_id: context.id.as_str(), reading };
    let outbound = Outbound::new(sent, &call);
    search::in_head(outbound.target(), &outbound.headers(), &headers, call.admitted().token())?;
    let token = find_token(calls, &call, record).await?;
    let missing = scopes::check(calls, &provider, (&call, method), &token)?;
    // Last of all: until here a refusal has cost no memory.
    let sent = (&parts.method, &headers, body);
    let payload = payload(calls, &provider, sent, call.admitted().token(), reading).await?;
    let app_secret = app_secret(calls, &provider).await;
    let mut sending =
        Sending { calls, call, provider: &provider, outbound, mode, app_secret, token, payload };
    let received = sending.exchange(record).await?;
    let slot = sending.call.take_slot();
    let delivery = answer::Delivery {
        calls,
        context,
        provider: &provider,
        route,
        headers: &headers,
        outbound: &sending.outbound,
        token: &sending.token,
        mode,
    };
    let mut answer = match delivery.answer(received, slot, record)? {
        Answered::Now(answer) => answer,
        Answered::Elsewhere(url, slot) => Box::pin(delivery.download(url, slot, record)).await?,
    };
    if let Some(missing) = missing {
        answer.headers_mut().insert(scopes::MISSING, missing);
    }
    Ok(answer)
}

/// Longest form that stands for a query.
const LONGEST_FORM: usize = 64 * 1024;

/// A form that stands for a query is checked as one.
async fn checked_form(provider: &ProviderRuntime, body: Body, timeout: Duration) -> Result<Body, Problem> {
    let form = match body::read(body, LONGEST_FORM, timeout).await {
        Ok(form) => form,
        Err(ReadError::TooLong) => return Err(CallError::OverriddenForm.into()),
        Err(error) => return Err(error_table::request_body(error.fault())),
    };
    let allowed = std::str::from_utf8(&form).is_ok_and(|text| {
        provider.plan.check_query(&Method::GET, text).is_ok() && !path::holds_token_member(text)
    });
    if allowed { Ok(body::full(form)) } else { Err(CallError::OverriddenForm.into()) }
}

/// The body, as it is sent.
async fn payload(
    calls: &Calls,
    provider: &ProviderRuntime,
    (method, headers, body): (&Method, &EndToEnd<'_>, Body),
    caller_token: Option<&str>,
    reading: MethodReading,
) -> Result<Payload, Problem> {
    if reading == MethodReading::AsSent && body.is_end_stream() {
        return Ok(Payload::none());
    }
    // Boxed, as is whatever else most calls do not need: a call has no room for it, and moves less.
    Box::pin(read_ahead(calls, provider, (method, headers, body), caller_token, reading)).await
}

/// Reads as much of the body as must be seen before the provider is asked, within a deadline for the whole.
async fn read_ahead(
    calls: &Calls,
    provider: &ProviderRuntime,
    (method, headers, body): (&Method, &EndToEnd<'_>, Body),
    caller_token: Option<&str>,
    reading: MethodReading,
) -> Result<Payload, Problem> {
    let timeout = calls.read_ahead_timeout;
    let payload = async {
        let body = search::search(headers, body, caller_token).await?;
        let adapter = &**provider.plan.adapter();
        let body = members::check(adapter, method, headers, body).await.map_err(error_table::request_body)?;
        let body = match reading {
            MethodReading::AsSent => body,
            MethodReading::FormAsGet => checked_form(provider, body, timeout).await?,
        };
        Payload::prepare(body, calls.replay_limit).await.map_err(error_table::request_body)
    };
    let slow = || Err(error_table::request_body(RequestBodyFault::Slow));
    tokio::time::timeout(timeout, payload).await.unwrap_or_else(|_| slow())
}
