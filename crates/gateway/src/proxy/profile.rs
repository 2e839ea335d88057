//! The one typed call of the gateway: the user's profile at the provider.

use http::{HeaderMap, Method};
use http_body_util::BodyExt as _;
use idp_adapters::{Outcome, Profile};
use token_broker::TokenRequest;
use url::Url;

use super::bodies::Payload;
use super::instructions::ErrorMode;
use super::outbound::Outbound;
use super::send::{AnswerBody, Sending, find_token, place};
use crate::body;
use crate::error_table;
use crate::outcome::Code;
use crate::problem::Problem;
use crate::provider::ProviderRuntime;
use crate::provider::plan::{Plan, Upstream};
use crate::provider::policy::Permit;
use crate::state::{App, RequestContext, Trail};

/// No profile is longer.
const LONGEST: usize = 256 * 1024;

/// Asks the provider for the profile of one account.
///
/// # Errors
/// As for a proxied call with `Idp-Errors: problem`; `provider-misconfigured` where no profile URL is known.
pub(crate) async fn profile(
    app: &App,
    context: &RequestContext<'_>,
    provider: &ProviderRuntime,
    ask: &TokenRequest<'_>,
    trail: &mut Trail,
) -> Result<Profile, Problem> {
    let url = provider.profile_url.as_ref().ok_or_else(|| {
        Problem::new(Code::ProviderMisconfigured).cause(format!(
            "providers.{}.profile_url is not set and cannot be derived from base_url",
            provider.name
        ))
    })?;
    let plan = plan(provider, url).ok_or_else(|| Problem::new(Code::ProviderMisconfigured))?;
    let token = find_token(app, ask, trail).await?;
    app.stores.fleet.check(ask.user_id, Some(ask.provider), Some(token.account().connection()))?;
    let place = place(app, provider).await?;
    let adapter = provider.plan.adapter();
    let outbound = Outbound::new(&Method::GET, plan, &HeaderMap::new(), &**adapter, context.id.as_str());
    let mut sending =
        Sending { app, provider, outbound, mode: ErrorMode::Problem, place: Some(place), refused: None };
    let payload = Payload::Whole(bytes::Bytes::new());
    let received = sending.exchange(ask, token, payload, trail).await?;
    if received.classified.outcome != Outcome::Ok || !received.head.status.is_success() {
        let (token, classified) = (&received.token, &received.classified);
        let guard = sending.guard(token);
        let connect = app.connect_to(Some(provider));
        let may_ask = app.may_ask(ask.user_id, token, classified);
        let answer = (received.head.status, classified);
        return Err(error_table::provider_answer(connect, token, answer, &guard, may_ask));
    }
    let body = match received.body {
        AnswerBody::Straight(timed) => timed.boxed_unsync(),
        AnswerBody::Read(read) => read,
    };
    let malformed = || Problem::new(Code::ProviderError).detail("the provider's profile cannot be read");
    let bytes = body::read(body, LONGEST).await.map_err(|_| malformed())?;
    adapter.profile(&bytes).map_err(|_| malformed())
}

/// The profile's address as a plan of its own: it comes from the adapter or the operator, never from a caller.
fn plan(provider: &ProviderRuntime, url: &Url) -> Option<Plan> {
    let host = url.host_str()?;
    let upstream = match provider.plan.mirror(host) {
        Some(mirror) => std::sync::Arc::clone(mirror),
        None => {
            let mut origin = url.clone();
            origin.set_path("");
            origin.set_query(None);
            std::sync::Arc::new(Upstream::from_url(&origin)?)
        }
    };
    let target = format!("{}{}", upstream.base(), &url[url::Position::BeforePath..url::Position::AfterQuery]);
    Some(Plan { host: host.into(), target: target.parse().ok()?, permit: Permit::Read, upstream })
}
