//! The link of hosted connect in problems that say how an account is connected.

use std::time::SystemTime;

use token_broker::Account;

use super::Calls;
use super::record::RequestRecord;
use crate::connect::{Ask, HostedConnect};
use crate::problem::Problem;

/// Adds a link of hosted connect to a problem that says how an account is connected. Without `[connect]`, for other problems, and
/// for callers to whom the rules open nothing there, nothing changes.
pub(crate) fn with_connect_page(
    hosted: Option<&HostedConnect>,
    calls: &Calls,
    problem: Problem,
    record: &RequestRecord,
) -> Problem {
    let (Some(hosted), Some(caller), Some(provider)) = (hosted, &record.caller, &record.provider) else {
        return problem;
    };
    let runtime = calls.providers.get(provider.name());
    if !runtime.is_some_and(|runtime| runtime.plan.opens_something(caller)) {
        return problem;
    }
    let held = record.scopes.as_deref().unwrap_or_default();
    problem.connect_page(|connection, vault, scopes| {
        let ask = Ask {
            user: caller.subject(),
            client: caller.client(),
            organization: caller.organization(),
            provider: provider.name(),
            connection: Some(connection),
            account: record.account.as_ref().and_then(Account::user_id),
            vault: Some(vault),
            scopes: held.iter().cloned().chain(scopes).collect(),
            return_to: None,
        };
        hosted.link(&ask, SystemTime::now()).ok().map(|link| link.url)
    })
}
