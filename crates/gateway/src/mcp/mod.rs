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
use crate::state::{Calls, McpState, RequestContext, RequestRecord};

/// What a message may hold besides the body of a call.
const ENVELOPE: usize = 64 * 1024;

/// Answers a request for the endpoint.
///
/// # Errors
/// The problem to answer with: the caller is refused, or the endpoint does not have the method of HTTP.
pub(crate) async fn answer(
    (calls, mcp, connect): (&Calls, &McpState, Option<&HostedConnect>),
    context: &RequestContext<'_>,
    request: (&Parts, Body),
    record: &mut RequestRecord,
) -> Result<Response<Body>, Problem> {
    (record.route, record.event) = (Some("/mcp"), "mcp");
    let mut answer = match message((calls, mcp, connect), context, request, record).await {
        Ok(answer) => answer,
        Err(Refused::Rpc(error)) => {
            record.outcome = Some(Code::BadRequest);
            error.respond()?
        }
        Err(Refused::Http(problem)) => return Err(challenge::of_endpoint(problem, mcp)),
    };
    if let Some(code) = record.outcome {
        answer.headers_mut().insert(IDP_OUTCOME, HeaderValue::from_static(code.as_str()));
    }
    Ok(answer)
}

/// Verifies the caller, reads the message and answers it.
async fn message(
    (calls, mcp, connect): (&Calls, &McpState, Option<&HostedConnect>),
    context: &RequestContext<'_>,
    (parts, body): (&Parts, Body),
    record: &mut RequestRecord,
) -> Result<Response<Body>, Refused> {
    transport::check_origin(&parts.headers, &mcp.origins)?;
    let verified = calls.access.verify(parts, Schemes::Standard, record).await?;
    if parts.method != Method::POST {
        return Err(Problem::new(Code::MethodNotAllowed).allow("POST").into());
    }
    let longest = calls.replay_limit + ENVELOPE;
    let bytes = calls.bodies.read(body, longest).await.map_err(|error| match error {
        ReadError::TooLong => {
            let error = RpcError::request(format!("the body is longer than {longest} bytes"));
            Refused::Rpc(error.status(StatusCode::PAYLOAD_TOO_LARGE))
        }
        error => Refused::Http(error_table::request_body(error.fault())),
    })?;
    transport::check_type(&parts.headers)?;
    let message = message::read(&bytes)?;
    let Some(id) = message.id else {
        // No notification has a meaning here: there is nothing to cancel and no session to begin.
        transport::check_notification(&parts.headers, &message, mcp.legacy)?;
        calls.access.question(verified, record).await?;
        let mut answer = crate::reply::done();
        *answer.status_mut() = StatusCode::ACCEPTED;
        return Ok(answer);
    };
    let client = transport::client(&parts.headers, &message, mcp.legacy).map_err(|error| error.of(id))?;
    let asked = McpRequest { calls, mcp, connect, context, parts, client };
    asked.answer((&message, id), verified, record).await.map_err(|refused| match refused {
        Refused::Rpc(error) => Refused::Rpc(error.of(id)),
        problem => problem,
    })
}
