//! `GET /v1/me` and `GET /v1/me/{provider}/profile`: the caller's own view. Never a token.

use http::Response;
use http::request::Parts;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::body::Body;
use crate::error_table;
use crate::problem::Problem;
use crate::proxy;
use crate::reply;
use crate::state::{Calls, RequestContext, RequestRecord, VerifiedCaller};
use crate::time::rfc3339;

#[derive(Serialize)]
struct Me<'a> {
    user_id: &'a str,
    accounts: Vec<Account>,
}

#[derive(Serialize)]
struct Account {
    account: String,
    provider: String,
    connection: String,
    user_id: Option<String>,
    source: &'static str,
    state: &'static str,
    expires_at: Option<String>,
    refreshable: bool,
    scopes: Option<Vec<String>>,
}

/// Which accounts the caller has, and in what state.
pub(crate) async fn accounts(
    calls: &Calls,
    verified: VerifiedCaller,
    record: &mut RequestRecord,
) -> Result<Response<Body>, Problem> {
    let admitted = calls.access.admit(verified, None, None, record).await?;
    let known = calls.tokens.accounts(&admitted).await;
    let known = known.map_err(|error| error_table::broker(&error, None))?;
    let accounts = known.into_iter().map(|status| Account {
        account: status.account.to_string(),
        connection: status.account.connection().to_owned(),
        user_id: status.account.user_id().map(str::to_owned),
        provider: status.provider,
        source: status.source.as_str(),
        state: status.state.as_str(),
        expires_at: status.expires_at.map(rfc3339),
        refreshable: status.refreshable,
        scopes: status.scopes,
    });
    reply::json(&Me { user_id: admitted.caller().subject(), accounts: accounts.collect() })
}

/// One profile shape for every provider.
pub(crate) async fn profile(
    calls: &Calls,
    context: &RequestContext<'_>,
    parts: &Parts,
    verified: VerifiedCaller,
    name: &str,
    record: &mut RequestRecord,
) -> Result<Response<Body>, Problem> {
    let provider = calls.named_provider(name, record)?;
    let selector = proxy::account_selector(&parts.headers)?;
    let profile = proxy::profile(calls, context, (verified, selector), &provider, record).await?;
    let mut members = Map::new();
    members.insert("provider".to_owned(), Value::from(&*provider.name));
    members.insert("account".to_owned(), record.account.as_ref().map(ToString::to_string).into());
    if let Ok(Value::Object(claims)) = serde_json::to_value(&profile) {
        members.extend(claims.into_iter().filter(|(_, value)| !value.is_null()));
    }
    reply::json(&members)
}
