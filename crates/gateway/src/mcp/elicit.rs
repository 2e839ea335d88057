//! Asking the user to connect an account, by a client that can open addresses (URL mode of elicitation).

use caller_auth::Caller;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::seal;
use crate::state::McpState;

const PURPOSE: &str = "mcp elicitation";

/// What the user was asked for. A client brings it back when it repeats the call.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct AskedFor {
    code: String,
    provider: String,
    account: Option<String>,
    scopes: Vec<String>,
}

/// The result that asks the client to open the problem's address, or `None`: the problem names none, or the client comes back
/// from it and nothing has changed. A state that was forged, is too old or another caller's counts as none.
pub(super) fn input_required(
    problem: &Value,
    (provider, account): (&str, Option<&str>),
    state: Option<&str>,
    (mcp, caller): (&McpState, &Caller),
) -> Option<Value> {
    let url = problem["connect"]["url"].as_str()?;
    let scopes = problem["missing_scopes"].as_array().into_iter().flatten();
    let asked = AskedFor {
        code: problem["code"].as_str().unwrap_or_default().to_owned(),
        provider: provider.to_owned(),
        account: account.map(str::to_owned),
        scopes: scopes.filter_map(Value::as_str).map(str::to_owned).collect(),
    };
    let before: Option<AskedFor> = state.and_then(|state| seal::open(mcp.keys(), (PURPOSE, caller), state));
    if before.as_ref() == Some(&asked) {
        return None;
    }
    let state = seal::seal(mcp.keys(), (PURPOSE, caller), &asked)?;
    let message = format!("{provider}: {}", problem["detail"].as_str().unwrap_or_default());
    Some(json!({
        "resultType": "input_required",
        "inputRequests": { "connect": {
            "method": "elicitation/create",
            "params": { "mode": "url", "message": message, "url": url }
        } },
        "requestState": state
    }))
}
