//! The endpoint for clients of the Model Context Protocol: tools over the same plan, policy, broker and leak guard as `/proxy`.
//!
//! Each request stands alone: there are no sessions and no streams. A tool that calls a provider builds the request that
//! `/proxy` would get, and has the proxy make it.

mod asked;
mod call;
mod challenge;
mod elicit;
mod invoke;
mod known;
mod message;
mod methods;
mod page;
mod result;
mod seal;
mod table;
mod tools;
mod transport;
mod typed;

#[cfg(test)]
mod tests;

use caller_auth::Schemes;
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode};

pub(crate) use self::known::suggestions;

use self::asked::{McpRequest, Refused};
use self::message::RpcError;
use crate::body::{Body, ReadError};
use crate::connect::HostedConnect;
use crate::error_table;
use crate::headers::IDP_OUTCOME;
use crate::outcome::Code;
use crate::problem::Problem;
use crate::state::{Calls, McpState, RequestContext, RequestRecord, VerifiedCaller};

/// What a message may hold besides the body of a call.
const ENVELOPE: usize = 64 * 1024;

/// Answers a request for the endpoint.
///
/// # Errors
/// The problem to answer with: the caller is refused, or the endpoint does not have the method of HTTP.
pub(crate) async fn answer(
    (calls, mcp, connect): (&Calls, &McpState, Option<&HostedConnect>),
    context: &RequestContext<'_>,
    (parts, body): (&Parts, Body),
    record: &mut RequestRecord,
) -> Result<Response<Body>, Problem> {
    (record.route, record.event) = (Some("/mcp"), "mcp");
    if let Err(error) = transport::check_origin(&parts.headers, &mcp.origins) {
        return refused(error, None, record);
    }
    let own = |problem| challenge::of_endpoint(problem, mcp);
    let verified = calls.access.verify(parts, Schemes::Standard, record).await.map_err(own)?;
    if parts.method != Method::POST {
        return Err(Problem::new(Code::MethodNotAllowed).allow("POST"));
    }
    let state = (calls, mcp, connect);
    let mut answer = message(state, (context, parts), body, verified, record).await.map_err(own)?;
    if let Some(code) = record.outcome {
        answer.headers_mut().insert(IDP_OUTCOME, HeaderValue::from_static(code.as_str()));
    }
    Ok(answer)
}

/// Reads the message and answers it.
async fn message(
    (calls, mcp, connect): (&Calls, &McpState, Option<&HostedConnect>),
    (context, parts): (&RequestContext<'_>, &Parts),
    body: Body,
    verified: VerifiedCaller,
    record: &mut RequestRecord,
) -> Result<Response<Body>, Problem> {
    let longest = calls.replay_limit + ENVELOPE;
    let bytes = match calls.bodies.read(body, longest).await {
        Ok(bytes) => bytes,
        Err(ReadError::TooLong) => {
            let error = RpcError::request(format!("the body is longer than {longest} bytes"));
            return refused(error.status(StatusCode::PAYLOAD_TOO_LARGE), None, record);
        }
        Err(error) => return Err(error_table::request_body(error.fault())),
    };
    let read = transport::check_type(&parts.headers).and_then(|()| message::read(&bytes));
    let message = match read {
        Ok(message) => message,
        Err(error) => return refused(error, None, record),
    };
    let Some(id) = message.id else {
        return notified((calls, mcp), (parts, &message), verified, record).await;
    };
    let client = match transport::client(&parts.headers, &message, mcp.legacy) {
        Ok(client) => client,
        Err(error) => return refused(error, Some(id), record),
    };
    let asked = McpRequest { calls, mcp, connect, context, parts, client };
    match asked.answer((&message, id), verified, record).await {
        Ok(answer) => Ok(answer),
        Err(Refused::Rpc(error)) => refused(error, Some(id), record),
        Err(Refused::Http(problem)) => Err(problem),
    }
}

/// Takes a notification. None has a meaning here: there is nothing to cancel and no session to begin.
async fn notified(
    (calls, mcp): (&Calls, &McpState),
    (parts, message): (&Parts, &message::Message<'_>),
    verified: VerifiedCaller,
    record: &mut RequestRecord,
) -> Result<Response<Body>, Problem> {
    if let Err(error) = transport::check_notification(&parts.headers, message, mcp.legacy) {
        return refused(error, None, record);
    }
    calls.access.question(verified, record).await?;
    let mut answer = crate::reply::done();
    *answer.status_mut() = StatusCode::ACCEPTED;
    Ok(answer)
}

fn refused(
    error: RpcError,
    id: Option<&serde_json::value::RawValue>,
    record: &mut RequestRecord,
) -> Result<Response<Body>, Problem> {
    record.outcome = Some(Code::BadRequest);
    error.respond(id)
}
