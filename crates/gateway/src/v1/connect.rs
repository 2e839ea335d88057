//! `POST /v1/me/{provider}/connect`: a link that connects, reconnects or widens an account of the caller.

use std::sync::Arc;
use std::time::SystemTime;

use http::request::Parts;
use http::{Response, StatusCode};
use serde::{Deserialize, Serialize};
use token_broker::{AccountSelector, AccountStatus};

use crate::body::Body;
use crate::call_error::CallError;
use crate::connect::{Ask, BadAsk, HostedConnect};
use crate::error_table;
use crate::outcome::Code;
use crate::problem::Problem;
use crate::provider::ConnectTo;
use crate::proxy;
use crate::reply;
use crate::state::{Calls, RequestRecord, VerifiedCaller, is_meant};
use crate::time::rfc3339;

/// Longest body.
const LONGEST: usize = 16 * 1024;

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ConnectRequest {
    scopes: Vec<String>,
    account: Option<String>,
    return_to: Option<String>,
}

#[derive(Serialize)]
struct Connecting {
    connect_url: String,
    expires_at: String,
}

/// Makes the link. Nothing happens before the user opens it and presses its button.
pub(super) async fn answer(
    (calls, hosted): (&Calls, &HostedConnect),
    (parts, body): (&Parts, Body),
    verified: VerifiedCaller,
    name: &str,
    record: &mut RequestRecord,
) -> Result<Response<Body>, Problem> {
    let provider = calls.named_provider(name, record)?;
    let header = proxy::account_selector(&parts.headers)?;
    if !provider.plan.opens_something(verified.caller()) {
        return Err(CallError::NothingOpen.into());
    }
    let admitted = calls.access.admit(verified, Some(&provider), None, record).await?;
    let asked = read(calls, body).await?;
    let named = asked.account.as_deref().map(str::parse::<AccountSelector>).transpose();
    let selector = named.map_err(CallError::Account)?.or(header);
    let accounts = calls.tokens.accounts(&admitted).await;
    let accounts = accounts.map_err(|error| error_table::broker(&error, Some(&provider.connect)))?;
    let known = the_one(&accounts, selector.as_ref(), &provider.connect)?;
    let caller = Arc::clone(admitted.caller());
    let held = known.and_then(|status| status.scopes.clone()).unwrap_or_default();
    let connection = known.map(|status| status.account.connection());
    let account = known.and_then(|status| status.account.user_id());
    let ask = Ask {
        user: caller.subject(),
        client: caller.client(),
        organization: caller.organization(),
        provider: &provider.name,
        connection: connection.or(selector.as_ref().map(AccountSelector::connection)),
        account: account.or(selector.as_ref().and_then(|selector| selector.user_id.as_deref())),
        vault: known.map(|status| status.source == token_broker::Source::Vault),
        scopes: held.into_iter().chain(asked.scopes).collect(),
        return_to: asked.return_to.as_deref(),
    };
    record.account = known.map(|status| status.account.clone());
    let link = hosted.link(&ask, SystemTime::now()).map_err(bad)?;
    let mut response = reply::json(&Connecting { connect_url: link.url, expires_at: rfc3339(link.expires) })?;
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

async fn read(calls: &Calls, body: Body) -> Result<ConnectRequest, Problem> {
    let bytes = calls.bodies.read(body, LONGEST).await;
    let bytes = bytes.map_err(|error| error_table::request_body(error.fault()))?;
    if bytes.is_empty() {
        return Ok(ConnectRequest::default());
    }
    // A list would be taken for the members in their order.
    let object = bytes.trim_ascii_start().starts_with(b"{").then(|| serde_json::from_slice(&bytes).ok());
    object.flatten().ok_or_else(|| {
        Problem::new(Code::BadRequest)
            .detail("the body does not say what to connect")
            .remedy("Send JSON: { \"scopes\"?: [..], \"account\"?, \"return_to\"? }, or no body.")
    })
}

/// The account that is meant, if the caller has it.
fn the_one<'a>(
    accounts: &'a [AccountStatus],
    selector: Option<&AccountSelector>,
    connect: &ConnectTo,
) -> Result<Option<&'a AccountStatus>, Problem> {
    let meant = |status: &&AccountStatus| selector.is_none_or(|selector| is_meant(selector, &status.account));
    let meant: Vec<&AccountStatus> = accounts.iter().filter(meant).collect();
    let mut names: Vec<&token_broker::Account> = meant.iter().map(|status| &status.account).collect();
    names.dedup();
    if names.len() > 1 {
        let list = names.iter().map(|account| ConnectTo::account(Some(connect), account)).collect();
        return Err(Problem::new(Code::AccountAmbiguous).accounts(list));
    }
    Ok(meant.first().copied())
}

fn bad(error: BadAsk) -> Problem {
    let problem = match error {
        BadAsk::Blocked(blocked) => return blocked.into(),
        BadAsk::Provider => Problem::new(Code::UnknownProvider),
        _ => Problem::new(Code::BadRequest),
    };
    let remedy = match error {
        BadAsk::ReturnTo => {
            "Use an https address below one of 'connect.return_to', or leave 'return_to' out."
        }
        BadAsk::Connection => "Name an account of this provider, or leave 'account' out.",
        BadAsk::Scopes => "List the provider's scopes, each as a text of its own.",
        _ => return problem.detail(error.to_string()),
    };
    problem.detail(error.to_string()).remedy(remedy)
}
