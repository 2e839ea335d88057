//! `POST /v1/check`: whether a call would pass, and why, without making it.

use caller_auth::CallerToken;
use http::Response;
use serde::Deserialize;
use serde_json::value::RawValue;
use token_broker::AccountSelector;

use crate::body::{Body, RequestBodyFault};
use crate::call_error::CallError;
use crate::config::CheckScopes;
use crate::error_table;
use crate::outcome::Code;
use crate::problem::Problem;
use crate::provider::policy::Decider;
use crate::proxy;
use crate::reply;
use crate::route;
use crate::state::{Calls, Question, RequestRecord, TokenError, Verdict, VerifiedCaller};

/// What a question may hold besides the body of the call.
const LONGEST: usize = 32 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckRequest<'a> {
    method: String,
    path: String,
    provider: String,
    account: Option<String>,
    #[serde(borrow)]
    body: Option<&'a RawValue>,
}

/// Answers what the call would come to: plan, policy, blocks, and the account by the caches alone. Nothing is asked of the
/// tenant or a provider, nothing is refreshed, and no quota is spent.
pub(super) async fn answer(
    calls: &Calls,
    body: Body,
    verified: VerifiedCaller,
    record: &mut RequestRecord,
) -> Result<Response<Body>, Problem> {
    let verified = calls.access.question(verified, record).await?;
    let bad = || {
        Problem::new(Code::BadRequest)
            .detail("the body is no question")
            .remedy("Send JSON: { \"provider\", \"method\", \"path\", \"account\"?, \"body\"? }.")
    };
    let read = calls.bodies.read(body, calls.replay_limit + LONGEST).await;
    let bytes = read.map_err(|error| match error.fault() {
        RequestBodyFault::Crowded => error_table::request_body(RequestBodyFault::Crowded),
        _ => bad(),
    })?;
    let asked: CheckRequest<'_> = serde_json::from_slice(&bytes).map_err(|_| bad())?;
    let account: Option<AccountSelector> =
        asked.account.as_deref().map(str::parse).transpose().map_err(CallError::Account)?;
    let target = format!("/proxy/{}{}", asked.provider, asked.path);
    // Nothing of the path may be read as a part of the provider's name.
    let is_path = asked.path.is_empty() || asked.path.starts_with(['/', '?']);
    let of_route = |path| is_path.then(|| route::proxied(path)).flatten();
    let sent = asked.body.map_or(&[][..], |body| body.get().as_bytes());
    let request = (asked.method.as_str(), target.as_str());
    let question = match Question::new(request, of_route, sent, calls.target_limit) {
        Ok(question) => question,
        Err(problem) => return reply::json(&Verdict::refused((problem, None))),
    };
    let Some(provider) = calls.providers.get(asked.provider.as_str()) else {
        return reply::json(&Verdict::unknown_provider());
    };
    let unblocked = || calls.access.unblocked(verified.caller.subject(), &provider.name);
    let plan = match question.plan(&provider.plan, &verified.caller, calls.replay_limit, unblocked) {
        Ok(plan) => plan,
        Err(refused) => return reply::json(&Verdict::refused(refused)),
    };
    let permit = Decider::from(plan.permit());
    if let Err(error) = proxy::in_target(&target, verified.token.as_ref().map(CallerToken::expose)) {
        return reply::json(&Verdict::refused((error.into(), Some(permit))));
    }
    let enforced = provider.check_scopes == CheckScopes::Enforce;
    let asks_vault = calls.access.asks_vault();
    let known = calls.tokens.preview(verified, provider, account, asks_vault).await;
    reply::json(&match known {
        Ok(account) => {
            question.permitted(&provider.plan, (&plan, enforced), account.as_ref(), proxy::check_json)
        }
        Err(TokenError::Blocked(blocked)) => Verdict::refused((blocked.into(), Some(Decider::Block))),
        Err(TokenError::Broker(error)) => {
            let problem = error_table::broker(&error, Some(&provider.connect));
            Verdict::refused((problem, Some(permit)))
        }
    })
}
