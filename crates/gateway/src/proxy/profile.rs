//! The one typed call of the gateway: the user's profile at the provider.

use http::Method;
use http_body_util::BodyExt as _;
use idp_adapters::{Outcome, Profile};
use token_broker::AccountSelector;

use super::bodies::Payload;
use super::hygiene::EndToEnd;
use super::instructions::{ErrorMode, MethodReading};
use super::outbound::{CallerRequest, Outbound};
use super::send::{AnswerBody, Sending, app_secret, find_token};
use crate::body;
use crate::call_error::CallError;
use crate::error_table;
use crate::problem::Problem;
use crate::provider::ProviderRuntime;
use crate::state::{Calls, RequestContext, RequestRecord, VerifiedCaller};

/// No profile is longer.
const LONGEST: usize = 256 * 1024;

/// Asks the provider for the profile of one account.
///
/// # Errors
/// As for a proxied call with `Idp-Errors: problem`; `provider-misconfigured` where no profile URL is known.
pub(crate) async fn profile(
    calls: &Calls,
    context: &RequestContext<'_>,
    (verified, account): (VerifiedCaller, Option<AccountSelector>),
    provider: &ProviderRuntime,
    record: &mut RequestRecord,
) -> Result<Profile, Problem> {
    let url = provider.profile_url.as_ref();
    let url = url.ok_or_else(|| CallError::NoProfileUrl(provider.name.as_ref().to_owned()))?;
    let plan = calls.access.permit_profile(&verified, provider, url, record)?;
    let call = calls.access.admit_call(verified, provider, account, plan, record).await?;
    let token = find_token(calls, &call, record).await?;
    let adapter = provider.plan.adapter();
    let (request_id, headers) = (context.id.as_str(), &EndToEnd::none());
    let sent = CallerRequest { method: &Method::GET, headers, request_id, reading: MethodReading::AsSent };
    let outbound = Outbound::new(sent, &call);
    let app_secret = app_secret(calls, provider).await;
    let (mode, payload) = (ErrorMode::Problem, Payload::none());
    let mut sending = Sending { calls, call, provider, outbound, mode, app_secret, token, payload };
    let received = sending.exchange(record).await?;
    if received.classified.outcome != Outcome::Ok || !received.head.status.is_success() {
        let (token, classified) = (&sending.token, &received.classified);
        let connect = &provider.connect;
        let may_ask = calls.may_ask(sending.call.admitted().caller().subject(), token, classified);
        let answer = (received.head.status, classified);
        return Err(error_table::provider_answer(connect, token, answer, may_ask));
    }
    let body = match received.body {
        AnswerBody::Straight(timed) => timed.boxed_unsync(),
        AnswerBody::Read(read) => read,
    };
    let bytes =
        body::read(body, LONGEST, provider.client.idle()).await.map_err(|_| CallError::UnreadableProfile)?;
    adapter.profile(&bytes).map_err(|_| CallError::UnreadableProfile.into())
}
