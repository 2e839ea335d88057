use sandbox::{ProviderKind, Sandbox, Server};
use serde_json::{Value, json};

use crate::helpers::{BEN, client, get, json, start, text};

const MICROSOFT: ProviderKind = ProviderKind::Microsoft;
const CONNECTION: &str = "windowslive";

#[tokio::test]
async fn graph_ignores_case_and_lists_page_by_next_link() {
    let sandbox = start().await;
    let (status, me) = json(get(&sandbox, MICROSOFT, BEN, CONNECTION, "V1.0/Me")).await;
    assert_eq!((status, text(&me, "/displayName")), (200, "Ben Okafor"));
    assert_eq!(me.get("mobilePhone"), Some(&Value::Null));
    let token = sandbox.world().access_token(BEN, CONNECTION).expect("a token");
    for (path, total, pages) in [
        ("v1.0/me/messages?$top=10&$select=subject", 23, 3),
        // The second of the three is empty.
        ("v1.0/me/events", 14, 3),
        ("beta/me/drive/Root/children?$top=5", 12, 3),
    ] {
        let mut url = Some(sandbox.provider_url(MICROSOFT).join(path).expect("a path").to_string());
        let (mut items, mut seen) = (Vec::new(), 0);
        while let Some(next) = url {
            let (status, body) = json(client().get(&next).bearer_auth(&token)).await;
            assert_eq!(status, 200, "{next}");
            items.extend(body["value"].as_array().expect("values").clone());
            seen += 1;
            url = body.get("@odata.nextLink").and_then(Value::as_str).map(str::to_owned);
        }
        assert_eq!((items.len(), seen), (total, pages), "{path}");
        assert!(items.iter().all(|item| !path.contains("$select") || item.get("body").is_none()));
    }
}

#[tokio::test]
async fn content_redirects_to_a_host_that_needs_no_token() {
    let sandbox = Sandbox::builder().loopback_downloads(true).start().await.expect("the sandbox starts");
    let (_, list) = json(get(&sandbox, MICROSOFT, BEN, CONNECTION, "v1.0/me/drive/Root/children")).await;
    let path = format!("v1.0/me/drive/items/{}/content", text(&list, "/value/0/id"));
    let answer = get(&sandbox, MICROSOFT, BEN, CONNECTION, &path).send().await.expect("an answer");
    let location = answer.headers()["location"].to_str().expect("text").to_owned();
    assert_eq!(answer.status(), 302);
    assert!(location.starts_with(sandbox.url(Server::Downloads).as_str()));
    let direct = text(&list, "/value/0/@microsoft.graph.downloadUrl");
    for link in [location.as_str(), direct] {
        assert_eq!(client().get(link).send().await.expect("an answer").status(), 200);
    }
}

#[tokio::test]
async fn each_area_refuses_in_its_own_word() {
    let sandbox = start().await;
    sandbox.world().set_scopes(BEN, CONNECTION, &[]);
    for (path, code) in [
        ("v1.0/me", "Authorization_RequestDenied"),
        ("v1.0/me/messages", "ErrorAccessDenied"),
        ("v1.0/me/drive/Root/children", "accessDenied"),
    ] {
        let (status, body) = json(get(&sandbox, MICROSOFT, BEN, CONNECTION, path)).await;
        assert_eq!((status, text(&body, "/error/code")), (403, code), "{path}");
    }
    sandbox.world().set_scopes(BEN, CONNECTION, &["Mail.Send"]);
    let token = sandbox.world().access_token(BEN, CONNECTION).expect("a token");
    let url = sandbox.provider_url(MICROSOFT).join("v1.0/me/sendMail").expect("a path");
    let sent = client().post(url).bearer_auth(token).json(&json!({ "message": {} })).send().await;
    assert_eq!(sent.expect("an answer").status(), 202);
}
