//! The list of tools as a whole, and what a client keeps between two requests.

use std::collections::BTreeSet;
use std::sync::Arc;

use caller_auth::Caller;
use serde_json::json;
use token_broker::MemoryStore;

use super::elicit::input_required;
use super::table::TOOLS;
use super::tools;
use crate::state::McpState;

fn endpoint() -> McpState {
    McpState {
        path: "/mcp".to_owned(),
        providers: vec!["github".into()],
        meta: true,
        typed: true,
        max_result: 1024,
        legacy: true,
        origins: Vec::new(),
        scopes: BTreeSet::new(),
        public: "https://idp.acme.com".to_owned(),
        metadata: "https://idp.acme.com/.well-known/oauth-protected-resource/mcp".to_owned(),
        store: Arc::new(MemoryStore::new().unwrap()),
    }
}

/// Four bytes are about one token of a model.
#[test]
fn the_whole_list_is_shorter_than_four_thousand_tokens() {
    let names = ["bitbucket", "crm", "facebook", "github", "google", "microsoft"];
    let mut list = tools::meta(&names, true).to_vec();
    list.push(tools::next());
    list.extend(TOOLS.iter().map(tools::typed));
    let bytes = serde_json::to_vec(&list).unwrap().len();
    assert!(bytes / 4 < 4000, "{} tokens", bytes / 4);
    let mut names = BTreeSet::new();
    for tool in &list {
        assert!(names.insert(tool["name"].as_str().unwrap()), "{} is there twice", tool["name"]);
        assert_eq!(tool["inputSchema"]["type"], "object");
        assert_eq!(tool["outputSchema"]["type"], "object");
        assert!(tool["annotations"]["readOnlyHint"].is_boolean());
    }
}

#[test]
fn tm_m09_a_user_is_asked_once_and_a_foreign_or_forged_state_begins_anew() {
    let mcp = endpoint();
    let (ana, ben) = (Caller::vouched("auth0|ana", "app"), Caller::vouched("auth0|ben", "app"));
    let problem = |scopes: &[&str]| {
        json!({ "code": "provider-scope-missing", "detail": "d", "missing_scopes": scopes,
            "connect": { "url": "https://idp.acme.com/connect/github?ticket=x" } })
    };
    let ask = |problem: &serde_json::Value, provider: &str, state: Option<&str>, caller: &Caller| {
        input_required(problem, (provider, None), state, (&mcp, caller))
    };
    let asked = ask(&problem(&["repo"]), "github", None, &ana).unwrap();
    assert_eq!(asked["resultType"], "input_required");
    let request = &asked["inputRequests"]["connect"];
    assert_eq!(
        (&request["method"], &request["params"]["mode"]),
        (&json!("elicitation/create"), &json!("url"))
    );
    assert_eq!(request["params"]["url"], "https://idp.acme.com/connect/github?ticket=x");
    let state = asked["requestState"].as_str().unwrap();
    assert!(!state.contains("github") && !state.contains("repo"));
    assert!(ask(&problem(&["repo"]), "github", Some(state), &ana).is_none(), "nothing has changed");
    for (what, other) in [
        ("another user", ask(&problem(&["repo"]), "github", Some(state), &ben)),
        ("another provider", ask(&problem(&["repo"]), "google", Some(state), &ana)),
        ("another scope", ask(&problem(&["gist"]), "github", Some(state), &ana)),
        ("forged", ask(&problem(&["repo"]), "github", Some(&state.chars().rev().collect::<String>()), &ana)),
        ("nonsense", ask(&problem(&["repo"]), "github", Some("x"), &ana)),
    ] {
        assert!(other.is_some(), "{what}");
    }
    let without = json!({ "code": "account-not-connected", "connect": { "connection": "github" } });
    assert!(ask(&without, "github", None, &ana).is_none(), "there is nowhere to send the user");
}
