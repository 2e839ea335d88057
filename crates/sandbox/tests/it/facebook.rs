use sandbox::{ProviderKind, Sandbox};
use serde_json::{Value, json};

use crate::helpers::{BEN, client, get, json, start, text};

const FACEBOOK: ProviderKind = ProviderKind::Facebook;

fn token(sandbox: &Sandbox) -> String {
    sandbox.world().access_token(BEN, "facebook").expect("a token")
}

#[tokio::test]
async fn the_user_has_what_was_asked_for_with_and_without_a_version() {
    let sandbox = start().await;
    for path in ["me", "v22.0/me", "v22.0/ME"] {
        let (status, body) = json(get(&sandbox, FACEBOOK, BEN, "facebook", path)).await;
        assert_eq!((status, body), (200, json!({ "id": "10158000000000002", "name": "Ben Okafor" })));
    }
    let (_, body) =
        json(get(&sandbox, FACEBOOK, BEN, "facebook", "v22.0/me?fields=id,email,picture{url}")).await;
    assert_eq!(text(&body, "/email"), "ben@example.test");
    let (status, body) = json(get(&sandbox, FACEBOOK, BEN, "facebook", "me?fields=shoe")).await;
    assert_eq!((status, body.pointer("/error/code")), (400, Some(&json!(100))));
}

#[tokio::test]
async fn every_paging_form_leads_through_all_items_with_the_token_in_the_link() {
    let sandbox = start().await;
    let token = token(&sandbox);
    for (path, total) in [("v22.0/me/photos", 60), ("me/albums?limit=20", 30), ("v22.0/me/posts", 30)] {
        let mut items = Vec::new();
        let mut url = sandbox.provider_url(FACEBOOK).join(path).expect("a path").to_string();
        let mut request = client().get(&url).bearer_auth(&token);
        loop {
            let (status, body) = json(request).await;
            assert_eq!(status, 200, "{url}: {body}");
            items.extend(body["data"].as_array().expect("data").clone());
            let Some(next) = body.pointer("/paging/next").and_then(Value::as_str) else { break };
            assert!(next.contains(&format!("access_token={token}")) && next.contains("/v22.0/10158"));
            next.clone_into(&mut url);
            request = client().get(&url);
        }
        items.dedup();
        assert_eq!(items.len(), total, "{path}");
    }
}

#[tokio::test]
async fn pages_have_tokens_of_their_own() {
    let sandbox = start().await;
    let (_, body) = json(get(&sandbox, FACEBOOK, BEN, "facebook", "me/accounts")).await;
    let (id, page_token) = (text(&body, "/data/0/id"), text(&body, "/data/0/access_token"));
    assert!(sandbox.secrets().iter().any(|secret| secret == page_token));
    let feed = sandbox.provider_url(FACEBOOK).join(&format!("v22.0/{id}/feed")).expect("a path");
    let form = [("message", "hello")];
    assert_eq!(json(client().post(feed.clone()).bearer_auth(token(&sandbox)).form(&form)).await.0, 403);
    assert_eq!(json(client().post(feed.clone()).bearer_auth(page_token).form(&form)).await.0, 200);
    let (_, list) = json(client().get(feed).bearer_auth(page_token)).await;
    assert_eq!(text(&list, "/data/0/message"), "hello");
}

#[tokio::test]
async fn a_picture_is_a_redirect_and_photos_are_published_by_pages_alone() {
    let sandbox = start().await;
    let picture = get(&sandbox, FACEBOOK, BEN, "facebook", "me/picture").send().await.expect("an answer");
    assert_eq!(picture.status(), 302);
    let to = picture.headers()["location"].to_str().expect("text");
    assert!(
        to.starts_with("https://platform-lookaside.fbsbx.com/") && !to.contains(&token(&sandbox)),
        "{to}"
    );
    let photos = sandbox.provider_url(FACEBOOK).join("me/photos").expect("a path");
    let (status, body) = json(client().post(photos).bearer_auth(token(&sandbox)).form(&[("url", "x")])).await;
    assert_eq!((status, body.pointer("/error/code")), (403, Some(&json!(200))));
}

#[tokio::test]
async fn dead_tokens_are_400_with_code_190_and_bad_ones_are_quoted() {
    let sandbox = start().await;
    let me = sandbox.provider_url(FACEBOOK).join("me").expect("a path");
    let answer = client().get(me).bearer_auth("EAAnonsense").send().await.expect("an answer");
    assert_eq!(answer.status(), 400);
    assert!(
        answer.headers()["www-authenticate"]
            .to_str()
            .expect("text")
            .starts_with("OAuth \"Facebook Platform\"")
    );
    let body: Value = answer.json().await.expect("JSON");
    assert_eq!(text(&body, "/error/message"), "Malformed access token EAAnonsense");
    sandbox.world().expire(BEN, "facebook");
    let (status, body) = json(get(&sandbox, FACEBOOK, BEN, "facebook", "me")).await;
    assert_eq!((status, body.pointer("/error/error_subcode")), (400, Some(&json!(463))));
}

#[tokio::test]
async fn proofs_are_checked_and_permissions_revoked() {
    let sandbox = Sandbox::builder().require_appsecret_proof(true).start().await.expect("the sandbox starts");
    let (_, secret) = sandbox.provider_client(FACEBOOK);
    let token = token(&sandbox);
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret.as_bytes());
    let tag = aws_lc_rs::hmac::sign(&key, token.as_bytes());
    let proof = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    for (query, status) in [
        (format!("?appsecret_proof={proof}"), 200),
        ("?appsecret_proof=0".to_owned(), 400),
        (String::new(), 400),
    ] {
        let path = format!("v22.0/me/permissions{query}");
        assert_eq!(json(get(&sandbox, FACEBOOK, BEN, "facebook", &path)).await.0, status, "{query}");
    }
    let url = sandbox.provider_revoke_url(FACEBOOK).expect("an address");
    let gone = client().delete(url).query(&[("appsecret_proof", &proof)]).bearer_auth(token);
    assert_eq!(json(gone).await, (200, json!({ "success": true })));
    assert!(!sandbox.world().is_granted(BEN, "facebook"));
}
