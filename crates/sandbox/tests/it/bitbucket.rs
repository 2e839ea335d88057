use sandbox::ProviderKind;
use serde_json::{Value, json};

use crate::helpers::{BEN, client, get, json, start, text};

const BITBUCKET: ProviderKind = ProviderKind::Bitbucket;

#[tokio::test]
async fn the_user_and_workspaces_are_shown() {
    let sandbox = start().await;
    let (status, user) = json(get(&sandbox, BITBUCKET, BEN, "bitbucket", "2.0/user")).await;
    assert_eq!((status, text(&user, "/uuid")), (200, "{6f1c9b0e-2d0e-4b53-9d5a-1f3c5a7e9b02}"));
    assert_eq!(user.get("has_2fa_enabled"), Some(&Value::Null));
    let (_, workspaces) = json(get(&sandbox, BITBUCKET, BEN, "bitbucket", "2.0/user/workspaces")).await;
    assert_eq!(text(&workspaces, "/values/0/workspace/slug"), "ben");
    assert_eq!(json(get(&sandbox, BITBUCKET, BEN, "bitbucket", "2.0/repositories")).await.0, 410);
    assert_eq!(json(get(&sandbox, BITBUCKET, BEN, "bitbucket", "2.0/repositories/other")).await.0, 404);
}

#[tokio::test]
async fn lists_page_by_next_and_keep_parameters() {
    let sandbox = start().await;
    let token = sandbox.world().access_token(BEN, "bitbucket").expect("a token");
    for (path, total) in [
        ("2.0/repositories/ben?role=member&sort=-name", 13),
        ("2.0/repositories/ben/anvil/pullrequests?state=OPEN&state=MERGED&pagelen=7", 27),
        ("2.0/repositories/ben/anvil/pullrequests", 22),
        ("2.0/repositories/ben/anvil/commits", 35),
    ] {
        let mut next = Some(sandbox.provider_url(BITBUCKET).join(path).expect("a path").to_string());
        let mut ids = std::collections::BTreeSet::new();
        while let Some(url) = next {
            let (status, body) = json(client().get(&url).bearer_auth(&token)).await;
            assert_eq!(status, 200, "{url}");
            for value in body["values"].as_array().expect("values") {
                ids.insert(value.pointer("/links/self/href").expect("a link").to_string());
            }
            next = body.get("next").and_then(Value::as_str).map(str::to_owned);
            assert!(next.iter().all(|next| !path.contains("sort") || next.contains("sort=-name")));
        }
        assert_eq!(ids.len(), total, "{path}");
    }
}

#[tokio::test]
async fn a_missing_scope_is_named_and_the_query_is_no_place_for_a_token() {
    let sandbox = start().await;
    sandbox.world().set_scopes(BEN, "bitbucket", &["account"]);
    let url =
        sandbox.provider_url(BITBUCKET).join("2.0/repositories/ben/anvil/pullrequests").expect("a path");
    let token = sandbox.world().access_token(BEN, "bitbucket").expect("a token");
    let (status, body) = json(client().post(url).bearer_auth(&token).json(&json!({}))).await;
    assert_eq!(status, 403);
    let detail = json!({ "required": ["pullrequest:write"], "granted": ["account"] });
    assert_eq!(body.pointer("/error/detail"), Some(&detail));
    let url = sandbox.provider_url(BITBUCKET).join("2.0/user").expect("a path");
    assert_eq!(json(client().get(url).query(&[("access_token", &token)])).await.0, 401);
    sandbox.world().expire(BEN, "bitbucket");
    let (status, body) = json(get(&sandbox, BITBUCKET, BEN, "bitbucket", "2.0/user")).await;
    assert_eq!(status, 401);
    assert!(text(&body, "/error/message").starts_with("Access token expired."));
}

#[tokio::test]
async fn pull_requests_are_made_and_sources_read() {
    let sandbox = start().await;
    let token = sandbox.world().access_token(BEN, "bitbucket").expect("a token");
    let url =
        sandbox.provider_url(BITBUCKET).join("2.0/repositories/ben/anvil/pullrequests").expect("a path");
    let body = json!({ "title": "Mine", "source": { "branch": { "name": "topic" } } });
    let (status, made) = json(client().post(url.clone()).bearer_auth(&token).json(&body)).await;
    assert_eq!((status, made.get("id")), (201, Some(&json!(28))));
    assert_eq!(json(client().post(url).bearer_auth(&token).json(&json!({}))).await.0, 400);
    for path in ["src/main/docs/guide.md", "src/main/docs%2Fguide.md"] {
        let path = format!("2.0/repositories/ben/anvil/{path}");
        let answer = get(&sandbox, BITBUCKET, BEN, "bitbucket", &path).send().await.expect("an answer");
        assert!(answer.text().await.expect("text").starts_with("# Guide"));
    }
}
