use sandbox::{Fault, ProviderKind, Server, Trouble};
use serde_json::Value;

use crate::helpers::{BEN, client, get, json, start, text};

const OAUTH2: ProviderKind = ProviderKind::OAuth2;

#[tokio::test]
async fn every_style_of_paging_is_served() {
    let sandbox = start().await;
    let ask = async |path: &str| json(get(&sandbox, OAUTH2, BEN, "acme-crm", path)).await.1;
    assert_eq!(text(&ask("userinfo").await, "/sub"), "crm-2");
    let size = |body: &Value| body["data"].as_array().map_or(0, Vec::len);
    let first = ask("things").await;
    let next = text(&first, "/next").to_owned();
    assert_eq!((size(&first), size(&ask(&next).await)), (10, 10));
    let third = ask("things?page=3").await;
    assert_eq!((size(&third), third.get("next")), (3, Some(&Value::Null)));
    let cursor = ask("things/cursor?limit=20").await;
    assert_eq!(size(&ask(&format!("things/cursor?cursor={}", text(&cursor, "/next_cursor"))).await), 3);
    assert_eq!(ask("things/pages").await.get("total_pages"), Some(&3.into()));
    assert_eq!(size(&ask("things/offset?offset=20").await), 3);
    let linked = get(&sandbox, OAUTH2, BEN, "acme-crm", "things/linked").send().await.expect("an answer");
    assert!(linked.headers()["link"].to_str().expect("text").ends_with("rel=\"next\""));
}

#[tokio::test]
async fn refusals_follow_rfc_6750() {
    let sandbox = start().await;
    let challenge = async |request: reqwest::RequestBuilder| {
        let answer = request.send().await.expect("an answer");
        let text = answer.headers()["www-authenticate"].to_str().expect("text").to_owned();
        (answer.status().as_u16(), text)
    };
    let things = sandbox.provider_url(OAUTH2).join("things").expect("a path");
    assert_eq!(challenge(client().get(things.clone())).await, (401, "Bearer realm=\"acme\"".to_owned()));
    let token = sandbox.world().access_token(BEN, "acme-crm").expect("a token");
    let (status, text) = challenge(client().post(things.clone()).bearer_auth(&token)).await;
    assert!(status == 403 && text.contains("insufficient_scope") && text.contains("scope=\"things:write\""));
    let twice = client().get(things).bearer_auth(&token).query(&[("access_token", &token)]);
    assert!(challenge(twice).await.1.contains("invalid_request"));
}

#[tokio::test]
async fn every_trouble_can_be_ordered_and_asked_for() {
    let sandbox = start().await;
    let cases = [
        (ProviderKind::Google, "google-oauth2"),
        (ProviderKind::GitHub, "github"),
        (ProviderKind::Facebook, "facebook"),
        (ProviderKind::Bitbucket, "bitbucket"),
        (ProviderKind::Microsoft, "windowslive"),
        (OAUTH2, "acme-crm"),
    ];
    for (kind, connection) in cases {
        let troubles = Trouble::all(kind);
        assert!(troubles.len() >= 10, "{kind}");
        for trouble in troubles {
            let status = trouble.answer().status();
            let path = format!("sandbox/trouble/{}", trouble.name());
            let answer = get(&sandbox, kind, BEN, connection, &path).send().await.expect("an answer");
            assert_eq!(answer.status(), status, "{kind} {path}");
            assert!(!answer.bytes().await.expect("a body").is_empty(), "{kind} {path}");
        }
    }
    sandbox.faults().add(Fault::on(Server::Bitbucket).trouble("rate-limit-text").times(1));
    let limited = get(&sandbox, ProviderKind::Bitbucket, BEN, "bitbucket", "2.0/user");
    let limited = limited.send().await.expect("an answer");
    assert_eq!(
        (limited.status().as_u16(), limited.headers()["content-type"].as_bytes()),
        (429, b"text/plain; charset=utf-8".as_slice())
    );
    assert_eq!(json(get(&sandbox, ProviderKind::Bitbucket, BEN, "bitbucket", "2.0/user")).await.0, 200);
}
