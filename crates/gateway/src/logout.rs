//! `POST /hooks/backchannel-logout` (OpenID Connect Back-Channel Logout 1.0).

use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{Method, Response};

use crate::body::{Body, ReadError, RequestBodyFault};
use crate::error_table;
use crate::outcome::Code;
use crate::problem::Problem;
use crate::reply;
use crate::selector::Selector;
use crate::state::Calls;
use crate::telemetry::Shed;

/// Longest form.
const LONGEST: usize = 16 * 1024;

/// Verifies the logout token, then drops what is cached for that user.
pub(crate) async fn answer(
    calls: &Calls,
    enabled: bool,
    parts: &Parts,
    body: Body,
) -> Result<Response<Body>, Problem> {
    if !enabled {
        return Err(Problem::new(Code::NotFound));
    }
    if parts.method != Method::POST {
        return Err(Problem::new(Code::MethodNotAllowed).allow("POST"));
    }
    let kind = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = kind.split(';').next().unwrap_or_default().trim();
    if !media.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(bad("send the token as 'logout_token' in application/x-www-form-urlencoded"));
    }
    let bytes = read(calls, body).await?;
    let mut tokens = url::form_urlencoded::parse(&bytes).filter(|(name, _)| name == "logout_token");
    let (Some((_, token)), None) = (tokens.next(), tokens.next()) else {
        return Err(bad("exactly one 'logout_token' is expected"));
    };
    let user = calls.access.log_out(&token).await?;
    calls.forget(&Selector { user: Some(user), ..Selector::default() }).await?;
    Ok(reply::done())
}

async fn read(calls: &Calls, body: Body) -> Result<Bytes, Problem> {
    calls.forms.read(body, LONGEST).await.map_err(|error| match error {
        ReadError::TooLong => Problem::new(Code::BodyTooLarge).detail("a logout token has at most 16 KiB"),
        ReadError::Broken(_) => bad("the body could not be read"),
        ReadError::TooSlow => error_table::request_body(RequestBodyFault::Slow),
        ReadError::Crowded => {
            calls.metrics.shed(Shed::InFlight);
            error_table::request_body(RequestBodyFault::Crowded).retry_after(Duration::from_secs(1))
        }
    })
}

fn bad(detail: &'static str) -> Problem {
    Problem::new(Code::BadRequest).detail(detail)
}
