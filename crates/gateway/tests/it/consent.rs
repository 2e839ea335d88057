//! Scopes that a grant lacks: what the user is asked for, and that it is not asked twice in a row.

use reqwest::Method;
use sandbox::{ProviderKind, Sandbox, Server};

use crate::harness::{Answer, BEN, Rig};

/// The provider itself says what is missing and what is held.
async fn pull_requests(rig: &Rig) -> Answer {
    let request = rig.request(Method::GET, "/proxy/bitbucket/2.0/repositories/ben/anvil/pullrequests", BEN);
    rig.send(request.header("idp-errors", "problem")).await
}

/// The user logs in again, and the grant has these scopes.
fn back_with(rig: &Rig, scopes: &[&str]) {
    let world = rig.sandbox.world();
    // The old token dies, so that the gateway reads the record again at the next call.
    assert!(world.revoke(BEN, "bitbucket") && world.sign_in_again(BEN, "bitbucket"));
    assert!(world.set_scopes(BEN, "bitbucket", scopes));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_scope_is_not_asked_for_twice_in_a_row() {
    let entry = |sandbox: &Sandbox| {
        format!("[providers.bitbucket]\nbase_url = \"{}\"", sandbox.provider_url(ProviderKind::Bitbucket))
    };
    let rig = Rig::with(Sandbox::builder(), entry).await;
    back_with(&rig, &["account"]);
    for _ in 0..2 {
        // Calls that were made before the user was back are one ask.
        let answer = pull_requests(&rig).await;
        assert_eq!(answer.outcome(), (403, "provider-scope-missing".into()));
        let problem = answer.json();
        assert_eq!(problem["missing_scopes"], serde_json::json!(["pullrequest"]));
        assert_eq!(problem["connection_scope"], "account,pullrequest", "what is held and what is needed");
        assert_eq!(problem["connect"]["connection_scope"], "account,pullrequest");
    }
    for _ in 0..2 {
        back_with(&rig, &["account"]);
        let answer = pull_requests(&rig).await;
        assert_eq!(answer.outcome(), (403, "provider-scope-missing".into()));
        let problem = answer.json();
        assert_eq!(problem["missing_scopes"], serde_json::json!(["pullrequest"]));
        assert!(problem.get("connection_scope").is_none() && problem.get("connect").is_none(), "{problem}");
        assert!(problem["remedy"].as_str().unwrap().starts_with("Do not start the login again"));
    }
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scope_that_the_grant_is_known_to_lack_is_ignored_noted_or_refused_by_check_scopes() {
    const LACKING: &str = r#"idp_gateway_scopes_missing_total{provider="bitbucket"} 1"#;
    for (setting, reached, noted, counted) in
        [("off", 1, "", false), ("observe", 1, "pullrequest", true), ("enforce", 0, "", true)]
    {
        let entry = |sandbox: &Sandbox| {
            let url = sandbox.provider_url(ProviderKind::Bitbucket);
            let token = sandbox.provider_token_url(ProviderKind::Bitbucket);
            let (id, secret) = sandbox.provider_client(ProviderKind::Bitbucket);
            format!(
                "[providers.bitbucket]\nbase_url = \"{url}\"\ncheck_scopes = \"{setting}\"\n\
                 token_url = \"{token}\"\nclient_id = \"{id}\"\nclient_secret = \"{secret}\"\nallow_rotation_in_memory = true"
            )
        };
        let rig = Rig::with(Sandbox::builder(), entry).await;
        let world = rig.sandbox.world();
        // The scopes are known of a token that a refresh brought.
        assert!(world.set_scopes(BEN, "bitbucket", &["account"]) && world.expire(BEN, "bitbucket"));
        assert_eq!(rig.get("/proxy/bitbucket/2.0/user", BEN).await.status, 200, "{setting}");
        rig.sandbox.journal().clear();
        let path = "/proxy/bitbucket/2.0/repositories/ben/anvil/pullrequests";
        let answer = rig.get(path, BEN).await;
        assert_eq!(answer.outcome(), (403, "provider-scope-missing".into()), "{setting}");
        assert_eq!(rig.sandbox.journal().count_of(Server::Bitbucket, "/"), reached, "{setting}");
        assert_eq!(answer.header("idp-missing-scopes"), noted, "{setting}");
        if reached == 0 {
            assert_eq!(answer.json()["missing_scopes"], serde_json::json!(["pullrequest"]));
        }
        assert_eq!(rig.metrics.render_prometheus().contains(LACKING), counted, "{setting}");
        // The dry run says the same, and counts nothing.
        let path = path.strip_prefix("/proxy/bitbucket").unwrap();
        let question = serde_json::json!({ "provider": "bitbucket", "method": "GET", "path": path });
        let said = rig.send(rig.request(Method::POST, "/v1/check", BEN).json(&question)).await.json();
        let outcome = if reached == 1 { "ok" } else { "provider-scope-missing" };
        assert_eq!(
            (&said["allowed"], said["outcome"].as_str()),
            (&(reached == 1).into(), Some(outcome)),
            "{setting}"
        );
        for member in ["required_scopes", "missing_scopes"] {
            assert_eq!(said[member], serde_json::json!(["pullrequest"]), "{setting}: {member}");
        }
        assert_eq!(rig.metrics.render_prometheus().contains(LACKING), counted, "{setting}");
        rig.finish();
    }
}
