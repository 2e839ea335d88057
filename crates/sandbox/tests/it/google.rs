use sandbox::ProviderKind;
use serde_json::{Value, json};

use crate::helpers::{BEN, CLEO, client, get, json, start, text};

const GOOGLE: ProviderKind = ProviderKind::Google;
const CONNECTION: &str = "google-oauth2";

#[tokio::test]
async fn each_api_pages_by_token_and_ends_without_one() {
    let sandbox = start().await;
    let cases = [
        ("drive/v3/files?pageSize=10", "files", 23),
        ("calendar/v3/calendars/primary/events?maxResults=5", "items", 12),
        ("calendar/v3/users/me/calendarList?maxResults=2", "items", 3),
        ("v1/people/me/connections?personFields=names&pageSize=9", "connections", 23),
        ("gmail/v1/users/me/messages?maxResults=20", "messages", 42),
    ];
    for (path, member, total) in cases {
        let mut found = Vec::new();
        let mut token = String::new();
        loop {
            let page = format!("{path}{token}");
            let (status, body) = json(get(&sandbox, GOOGLE, BEN, CONNECTION, &page)).await;
            assert_eq!(status, 200, "{path}: {body}");
            found.extend(body[member].as_array().expect("items").clone());
            match body.get("nextPageToken").and_then(Value::as_str) {
                Some(next) => token = format!("&pageToken={next}"),
                None => break,
            }
        }
        assert_eq!(found.len(), total, "{path}");
        found.dedup();
        assert_eq!(found.len(), total, "{path} repeats itself");
    }
    let (_, page) = json(get(&sandbox, GOOGLE, BEN, CONNECTION, "drive/v3/files?pageSize=10")).await;
    let other = format!("drive/v3/files?pageSize=11&pageToken={}", text(&page, "/nextPageToken"));
    assert_eq!(json(get(&sandbox, GOOGLE, BEN, CONNECTION, &other)).await.0, 400);
}

#[tokio::test]
async fn a_path_lives_on_its_own_host() {
    let sandbox = start().await;
    for (host, path, status) in [
        ("people.googleapis.com", "v1/people/me?personFields=names", 200),
        ("openidconnect.googleapis.com", "v1/userinfo", 200),
        ("people.googleapis.com", "v1/userinfo", 404),
        ("gmail.googleapis.com", "drive/v3/files", 404),
    ] {
        let request = get(&sandbox, GOOGLE, BEN, CONNECTION, path).header("host", host);
        assert_eq!(request.send().await.expect("an answer").status(), status, "{host} {path}");
    }
}

#[tokio::test]
async fn refusals_come_in_both_envelopes() {
    let sandbox = start().await;
    let answer = get(&sandbox, GOOGLE, CLEO, CONNECTION, "drive/v3/files").send().await.expect("an answer");
    assert_eq!(answer.status(), 403);
    let challenge = answer.headers()["www-authenticate"].to_str().expect("text").to_owned();
    assert!(challenge.contains("insufficient_scope") && challenge.contains("auth/drive.readonly"));
    let body: Value = answer.json().await.expect("JSON");
    assert_eq!(text(&body, "/error/errors/0/reason"), "insufficientPermissions");
    assert_eq!(text(&body, "/error/details/0/reason"), "ACCESS_TOKEN_SCOPE_INSUFFICIENT");

    sandbox.world().revoke(BEN, CONNECTION);
    let (status, body) = json(get(&sandbox, GOOGLE, BEN, CONNECTION, "drive/v3/files")).await;
    assert_eq!((status, text(&body, "/error/errors/0/reason")), (401, "authError"));
    let (status, body) = json(get(&sandbox, GOOGLE, BEN, CONNECTION, "v1/userinfo")).await;
    assert_eq!((status, text(&body, "/error")), (401, "invalid_request"));
}

#[tokio::test]
async fn fields_media_and_sync_tokens_work() {
    let sandbox = start().await;
    let ask = async |path: &str| json(get(&sandbox, GOOGLE, BEN, CONNECTION, path)).await;
    let (_, list) = ask("drive/v3/files?pageSize=1&fields=files(id,owners/emailAddress)").await;
    let id = text(&list, "/files/0/id").to_owned();
    assert_eq!(list, json!({ "files": [{ "id": id, "owners": [{ "emailAddress": "ben@example.test" }] }] }));
    assert_eq!(ask("drive/v3/files?fields=files(").await.0, 400);
    let media = get(&sandbox, GOOGLE, BEN, CONNECTION, &format!("drive/v3/files/{id}?alt=media"));
    let media = media.send().await.expect("an answer").text().await.expect("text");
    assert!(media.starts_with("This is the text of"));

    let events = "calendar/v3/calendars/primary/events";
    let (_, all) = ask(events).await;
    let sync = format!("{events}?syncToken={}", text(&all, "/nextSyncToken"));
    assert_eq!(ask(&sync).await.1["items"], json!([]));
    let token = sandbox.world().access_token(BEN, CONNECTION).expect("a token");
    let url = sandbox.provider_url(GOOGLE).join(events).expect("a path");
    let event =
        json!({ "summary": "New", "start": { "date": "2026-05-01" }, "end": { "date": "2026-05-02" } });
    assert_eq!(json(client().post(url).bearer_auth(token).json(&event)).await.0, 200);
    assert_eq!(text(&ask(&sync).await.1, "/items/0/summary"), "New");
    assert_eq!(ask(&format!("{events}?syncToken=old")).await.0, 410);
}

#[tokio::test]
async fn an_upload_goes_on_at_its_location() {
    let sandbox = start().await;
    let drive = "https://www.googleapis.com/auth/drive.file";
    sandbox.world().set_scopes(BEN, CONNECTION, &[drive]);
    let token = sandbox.world().access_token(BEN, CONNECTION).expect("a token");
    let url =
        sandbox.provider_url(GOOGLE).join("upload/drive/v3/files?uploadType=resumable").expect("a path");
    let begun = client().post(url).bearer_auth(&token).json(&json!({ "name": "big.bin" })).send().await;
    let location = begun.expect("an answer").headers()["location"].to_str().expect("text").to_owned();
    let part = |range: &'static str, bytes: usize| {
        client().put(&location).bearer_auth(&token).header("content-range", range).body(vec![1_u8; bytes])
    };
    let first = part("bytes 0-99/150", 100).send().await.expect("an answer");
    assert_eq!(first.status(), 308);
    assert!(!first.headers().contains_key("location"));
    let (status, file) = json(part("bytes 100-149/150", 50)).await;
    assert_eq!((status, text(&file, "/name")), (200, "big.bin"));
}

#[tokio::test]
async fn a_multipart_upload_names_its_file() {
    let sandbox = start().await;
    sandbox.world().set_scopes(BEN, CONNECTION, &["https://www.googleapis.com/auth/drive.file"]);
    let token = sandbox.world().access_token(BEN, CONNECTION).expect("a token");
    let url = "upload/drive/v3/files?uploadType=multipart&fields=name,size";
    let url = sandbox.provider_url(GOOGLE).join(url).expect("a path");
    let send = |body: String| {
        let request = client().post(url.clone()).bearer_auth(&token);
        json(request.header("content-type", "multipart/related; boundary=\"b 1\"").body(body))
    };
    let metadata = "--b 1\r\nContent-Type: application/json\r\n\r\n{\"name\":\"notes.txt\"}\r\n";
    let content = "--b 1\r\nContent-Type: text/plain\r\n\r\nline\r\n\r\nline\r\n--b 1--\r\n";
    let (status, file) = send(format!("{metadata}{content}")).await;
    assert_eq!((status, text(&file, "/name"), text(&file, "/size")), (200, "notes.txt", "12"));
    // Google's own client for Python ends lines with LF alone.
    let (status, file) = send(format!("{metadata}{content}").replace("\r\n", "\n")).await;
    assert_eq!((status, text(&file, "/name"), text(&file, "/size")), (200, "notes.txt", "10"));
    assert_eq!(send(content.to_owned()).await.0, 400);
}
