//! What the providers do that surprises their callers.

use sandbox::{Fault, ProviderKind, Quirk, Sandbox, Server, Trouble};
use serde_json::{Value, json};

use crate::helpers::{BEN, client, get, json, start, text};

const GITHUB: ProviderKind = ProviderKind::GitHub;
const FACEBOOK: ProviderKind = ProviderKind::Facebook;
const MICROSOFT: ProviderKind = ProviderKind::Microsoft;
const GOOGLE: ProviderKind = ProviderKind::Google;

fn token(sandbox: &Sandbox, connection: &str) -> String {
    sandbox.world().access_token(BEN, connection).expect("a token")
}

fn url(sandbox: &Sandbox, kind: ProviderKind, path: &str) -> reqwest::Url {
    sandbox.provider_url(kind).join(path).expect("a path")
}

#[tokio::test]
async fn github_pages_and_moves_to_addresses_by_number() {
    let sandbox = start().await;
    for (path, leads_to) in [
        ("repos/BEN/Atlas/issues?per_page=2", "/repositories/1296269/issues?per_page=2&page=2"),
        ("users/Ben/repos?per_page=2", "/user/583232/repos?per_page=2&page=2"),
        ("orgs/acme-corp/repos?per_page=2", "/organizations/21955855/repos?per_page=2&page=2"),
    ] {
        let first = get(&sandbox, GITHUB, BEN, "github", path).send().await.expect("an answer");
        let link = first.headers()["link"].to_str().expect("text").to_owned();
        let next = link.split("; rel=\"next\"").next().expect("a link").trim_start_matches('<');
        let next = next.trim_end_matches('>').to_owned();
        assert!(next.ends_with(leads_to), "{link}");
        let (status, page) = json(client().get(next).bearer_auth(token(&sandbox, "github"))).await;
        assert_eq!((status, page.as_array().map(Vec::len)), (200, Some(2)), "{path}");
    }
    let moved = get(&sandbox, GITHUB, BEN, "github", "repos/ben/old-atlas/issues?state=all");
    let moved = moved.send().await.expect("an answer");
    assert_eq!(moved.status(), 301);
    let to = moved.headers()["location"].to_str().expect("text").to_owned();
    assert!(to.ends_with("/repositories/1296269/issues?state=all"), "{to}");
    assert_eq!(json(client().get(to).bearer_auth(token(&sandbox, "github"))).await.0, 200);
}

#[tokio::test]
async fn github_has_tokens_and_limits_where_nobody_looks() {
    let sandbox = start().await;
    let (status, body) = json(get(&sandbox, GITHUB, BEN, "github", "app")).await;
    assert_eq!((status, text(&body, "/message")), (401, "A JSON web token could not be decoded"));
    let (_, private) = json(get(&sandbox, GITHUB, BEN, "github", "repos/ben/comet")).await;
    assert_eq!(text(&private, "/temp_clone_token").len(), 29);
    let graphql =
        || client().post(url(&sandbox, GITHUB, "graphql")).bearer_auth(token(&sandbox, "github")).body("{}");
    assert_eq!(text(&json(graphql()).await.1, "/data/viewer/login"), "ben");
    sandbox.faults().add(Fault::on(Server::GitHub).path("/graphql").trouble("graphql-limit").times(1));
    let (status, body) = json(graphql()).await;
    assert_eq!((status, text(&body, "/errors/0/type")), (200, "RATE_LIMITED"));
    sandbox.faults().add(Fault::on(Server::GitHub).deprecated().times(1));
    let answer = get(&sandbox, GITHUB, BEN, "github", "user").send().await.expect("an answer");
    assert!(answer.headers().contains_key("deprecation") && answer.headers().contains_key("sunset"));
    let seen = sandbox.journal().last(Server::GitHub).expect("a request");
    assert_eq!(seen.header("x-github-api-version"), None, "the journal tells what a caller left out");
}

#[tokio::test]
async fn downloads_may_be_refused_in_words_that_repeat_the_link() {
    let sandbox = Sandbox::builder().loopback_downloads(true).start().await.expect("the sandbox starts");
    let path = "repos/ben/atlas/actions/artifacts/11/zip";
    let answer = get(&sandbox, GITHUB, BEN, "github", path).send().await.expect("an answer");
    assert_eq!(answer.status(), 302);
    let link = answer.headers()["location"].to_str().expect("text").to_owned();
    let follow = async || client().get(&link).send().await.expect("an answer");
    assert_eq!(follow().await.status(), 200);
    sandbox.quirks().turn_on(Quirk::LinksOver);
    let over = follow().await;
    assert_eq!(over.status(), 403);
    let words = over.text().await.expect("text");
    assert!(words.contains(&link), "{words}");
    for (name, status) in [("link-refused", 401), ("link-limit", 429), ("link-gone", 410)] {
        sandbox.faults().add(Fault::on(Server::Downloads).trouble(name).times(1));
        assert_eq!(follow().await.status(), status, "{name}");
    }
}

#[tokio::test]
async fn facebook_pages_inside_of_objects_and_under_ids() {
    let sandbox = start().await;
    let token = token(&sandbox, "facebook");
    let with_photos = "v22.0/me?fields=id,photos.limit(2){id,name},albums.limit(3)";
    let (status, me) = json(get(&sandbox, FACEBOOK, BEN, "facebook", with_photos)).await;
    assert_eq!((status, me["photos"]["data"].as_array().map(Vec::len)), (200, Some(2)), "{me}");
    let next = text(&me, "/albums/paging/next");
    assert!(next.contains(&format!("access_token={token}")), "{next}");
    assert_eq!(json(client().get(next)).await.0, 200);
    let (status, both) = json(get(&sandbox, FACEBOOK, BEN, "facebook", "photos?ids=me&limit=2")).await;
    assert_eq!(status, 200, "{both}");
    assert!(text(&both, "/me/paging/next").contains("access_token="), "{both}");
    let (_, objects) = json(get(&sandbox, FACEBOOK, BEN, "facebook", "?ids=me,10158000000000002")).await;
    assert_eq!(text(&objects, "/me/name"), "Ben Okafor");
}

#[tokio::test]
async fn facebook_takes_the_code_of_a_dead_token_for_other_things() {
    let sandbox = start().await;
    for (path, code) in [("me?fields=id,photos{", 2500), ("10158000000000002/insights", 190)] {
        let (status, body) = json(get(&sandbox, FACEBOOK, BEN, "facebook", path)).await;
        assert_eq!((status, body.pointer("/error/code")), (400, Some(&json!(code))), "{path}");
        assert_eq!(json(get(&sandbox, FACEBOOK, BEN, "facebook", "me")).await.0, 200);
    }
    let troubles = Trouble::all(FACEBOOK);
    let page = troubles.iter().find(|trouble| trouble.name() == "page-token-needed").expect("a trouble");
    assert!(page.answer().headers()["www-authenticate"].to_str().expect("text").contains("invalid_token"));
}

#[tokio::test]
async fn graph_batches_tells_changes_and_nests_its_links() {
    let sandbox = start().await;
    let requests = json!({ "requests": [
        { "id": "1", "method": "GET", "url": "/me?$select=displayName" },
        { "id": "2", "method": "GET", "url": "/me/nothing" },
        { "id": "3", "method": "POST", "url": "/me/events", "body": { "subject": "x" }, "headers": { "content-type": "application/json" } },
        { "id": "4", "method": "GET", "url": "/users/somebody@example.test" },
    ] });
    let batch = client().post(url(&sandbox, MICROSOFT, "v1.0/$batch"));
    let (status, body) = json(batch.bearer_auth(token(&sandbox, "windowslive")).json(&requests)).await;
    let statuses: Vec<&Value> =
        body["responses"].as_array().expect("responses").iter().map(|one| &one["status"]).collect();
    assert_eq!(status, 200);
    assert_eq!(statuses, [&json!(200), &json!(404), &json!(400), &json!(403)], "{body}");
    assert_eq!(text(&body, "/responses/0/body/displayName"), "Ben Okafor");

    let changes = "v1.0/me/messages/delta?$select=subject";
    let mut next = url(&sandbox, MICROSOFT, changes).to_string();
    let mut pages = 0;
    let delta = loop {
        let (status, page) = json(client().get(&next).bearer_auth(token(&sandbox, "windowslive"))).await;
        assert_eq!(status, 200, "{page}");
        pages += 1;
        match page.get("@odata.nextLink").and_then(Value::as_str) {
            Some(link) => next = link.to_owned(),
            None => break text(&page, "/@odata.deltaLink").to_owned(),
        }
    };
    assert_eq!(pages, 3);
    let (_, since) = json(client().get(&delta).bearer_auth(token(&sandbox, "windowslive"))).await;
    assert_eq!(since["value"], json!([]));
    let old = delta.replace("=now", "=old");
    assert_eq!(json(client().get(old).bearer_auth(token(&sandbox, "windowslive"))).await.0, 410);

    let (_, root) =
        json(get(&sandbox, MICROSOFT, BEN, "windowslive", "v1.0/me/drive/root?$expand=children")).await;
    let nested = text(&root, "/children@odata.nextLink");
    assert_eq!(json(client().get(nested).bearer_auth(token(&sandbox, "windowslive"))).await.0, 200);
}

#[tokio::test]
async fn graph_names_addresses_in_several_headers() {
    let sandbox = start().await;
    let id = "01BYE5RZ6QN3ZWBTUFOFD3GSPGOHDJD001";
    let path = format!("v1.0/me/drive/items/{id}/workbook/createSession");
    let ask = async || {
        let request =
            client().post(url(&sandbox, MICROSOFT, &path)).bearer_auth(token(&sandbox, "windowslive"));
        request.send().await.expect("an answer")
    };
    let answer = ask().await;
    assert_eq!(answer.status(), 202);
    for name in ["location", "operation-location", "azure-asyncoperation"] {
        let to = answer.headers()[name].to_str().expect("text");
        assert_eq!(json(client().get(to).bearer_auth(token(&sandbox, "windowslive"))).await.0, 200, "{name}");
    }
    sandbox.quirks().turn_on(Quirk::RelativeLocations(MICROSOFT));
    assert!(ask().await.headers()["location"].as_bytes().starts_with(b"/v1.0/me/"));
}

#[tokio::test]
async fn graph_and_entra_tell_causes_apart() {
    let sandbox = start().await;
    let troubles = Trouble::all(MICROSOFT);
    let answer = |name: &str| troubles.iter().find(|trouble| trouble.name() == name).expect(name).answer();
    for (name, status) in [
        ("invalid-audience", 401),
        ("authentication-context", 401),
        ("no-mailbox-401", 401),
        ("no-licence", 403),
    ] {
        assert_eq!(answer(name).status(), status, "{name}");
    }
    let challenge = answer("authentication-context").headers()["www-authenticate"].to_str().expect("text");
    assert!(challenge.contains("insufficient_claims"), "{challenge}");
    for number in [
        50_194, 90_002, 50_196, 700_007, 65_001, 700_082, 7_000_215, 50_173, 53_003, 50_076, 700_016,
        7_000_222,
    ] {
        let body: Value = serde_json::from_slice(answer(&format!("aadsts-{number}")).bytes()).expect("JSON");
        assert_eq!(body["error_codes"], json!([number]));
        assert!(text(&body, "/error_description").starts_with(&format!("AADSTS{number}: ")));
    }
    sandbox.quirks().turn_on(Quirk::SingleTenant);
    let (id, secret) = sandbox.provider_client(MICROSOFT);
    let refresh = sandbox.world().refresh_token(BEN, "windowslive").expect("a refresh token");
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", &id),
        ("client_secret", &secret),
        ("refresh_token", &refresh),
    ];
    for (tenant, status) in [("common", 400), ("acme.example", 200)] {
        let to = url(&sandbox, MICROSOFT, &format!("{tenant}/oauth2/v2.0/token"));
        assert_eq!(json(client().post(to).form(&form)).await.0, status, "{tenant}");
    }
}

#[tokio::test]
async fn google_reads_a_long_query_from_a_form() {
    let sandbox = start().await;
    let query = "pageSize=3&fields=files(id)&q=name+contains+'Budget'";
    let ask = |meant: Option<&str>| {
        let request = client()
            .post(url(&sandbox, GOOGLE, "drive/v3/files"))
            .header("content-type", "application/x-www-form-urlencoded")
            .bearer_auth(token(&sandbox, "google-oauth2"));
        let request = match meant {
            Some(method) => request.header("x-http-method-override", method),
            None => request,
        };
        request.body(query)
    };
    let (status, body) = json(ask(Some("GET"))).await;
    assert_eq!((status, body["files"].as_array().map(Vec::len)), (200, Some(3)), "{body}");
    // Without the header it is a create.
    sandbox.world().set_scopes(BEN, "google-oauth2", &["https://www.googleapis.com/auth/drive"]);
    assert_eq!(text(&json(ask(None)).await.1, "/name"), "Untitled");
}

#[tokio::test]
async fn google_uploads_go_on_at_the_address_in_a_header() {
    let sandbox = start().await;
    sandbox.world().set_scopes(BEN, "google-oauth2", &["https://www.googleapis.com/auth/drive"]);
    let send = async |to: reqwest::Url, command: &str, body: &'static str| {
        let request = client().post(to).header("x-goog-upload-command", command).body(body);
        request.bearer_auth(token(&sandbox, "google-oauth2")).send().await.expect("an answer")
    };
    let start = url(&sandbox, GOOGLE, "upload/drive/v3/files");
    let answer = send(start, "start", "{\"name\":\"a.txt\"}").await;
    let to = answer.headers()["x-goog-upload-url"].to_str().expect("text").parse().expect("an address");
    assert!(answer.headers().contains_key("x-goog-upload-control-url"));
    let done = send(to, "upload, finalize", "bytes").await;
    assert_eq!(done.headers()["x-goog-upload-status"].as_bytes(), b"final");
    let troubles = Trouble::all(GOOGLE);
    let limit = troubles.iter().find(|trouble| trouble.name() == "retry-info").expect("a trouble");
    let body: Value = serde_json::from_slice(limit.answer().bytes()).expect("JSON");
    assert_eq!(text(&body, "/error/details/1/retryDelay"), "38.5s");
}

#[tokio::test]
async fn a_later_login_at_google_brings_no_refresh_token() {
    let sandbox = start().await;
    let world = sandbox.world();
    let (before, refresh) = (token(&sandbox, "google-oauth2"), world.refresh_token(BEN, "google-oauth2"));
    assert!(refresh.is_some() && world.log_in(BEN, "google-oauth2"));
    assert_ne!(token(&sandbox, "google-oauth2"), before);
    assert_eq!(world.refresh_token(BEN, "google-oauth2"), None);
    // The old one still works at Google.
    assert_eq!(world.newest_refresh_token(BEN, "google-oauth2"), refresh);
    // Entra's stays in Auth0's copy, and GitHub gives the token again that it gave before.
    let kept = token(&sandbox, "github");
    assert!(world.log_in(BEN, "windowslive") && world.log_in(BEN, "github"));
    assert!(world.refresh_token(BEN, "windowslive").is_some());
    assert_eq!(token(&sandbox, "github"), kept);
}

#[tokio::test]
async fn bitbucket_says_dead_for_not_supported_and_links_by_http() {
    let sandbox = start().await;
    let kind = ProviderKind::Bitbucket;
    let path = "2.0/workspaces/ben/permissions/repositories";
    let (status, body) = json(get(&sandbox, kind, BEN, "bitbucket", path)).await;
    assert_eq!(status, 401);
    assert!(text(&body, "/error/message").ends_with("not supported for this endpoint."), "{body}");
    assert_eq!(json(get(&sandbox, kind, BEN, "bitbucket", "2.0/user")).await.0, 200);
    sandbox.quirks().turn_on(Quirk::PlainHttpLinks(kind));
    let list = get(&sandbox, kind, BEN, "bitbucket", "2.0/repositories/ben?pagelen=2");
    let (_, page) = json(list.header("host", "api.bitbucket.org")).await;
    assert!(text(&page, "/next").starts_with("http://api.bitbucket.org/2.0/"), "{page}");
}

#[tokio::test]
async fn a_provider_may_refuse_everything_and_refresh_all_the_same() {
    let sandbox = start().await;
    let kind = ProviderKind::Bitbucket;
    sandbox.faults().add(Fault::on(Server::Bitbucket).api_only().trouble("token-dead"));
    let (id, secret) = sandbox.provider_client(kind);
    for _ in 0..3 {
        assert_eq!(json(get(&sandbox, kind, BEN, "bitbucket", "2.0/user")).await.0, 401);
        let refresh = sandbox.world().newest_refresh_token(BEN, "bitbucket").expect("a refresh token");
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
        let request = client().post(sandbox.provider_token_url(kind)).basic_auth(&id, Some(&secret));
        assert_eq!(json(request.form(&form)).await.0, 200);
    }
    assert_eq!(sandbox.world().refreshes(BEN, "bitbucket"), 3);
}

#[tokio::test]
async fn a_refresh_may_return_the_refused_token() {
    let sandbox =
        Sandbox::builder().quirk(Quirk::RefreshRepeatsToken(GOOGLE)).start().await.expect("a sandbox");
    let before = token(&sandbox, "google-oauth2");
    sandbox.world().expire(BEN, "google-oauth2");
    let (id, secret) = sandbox.provider_client(GOOGLE);
    let refresh = sandbox.world().refresh_token(BEN, "google-oauth2").expect("a refresh token");
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", &id),
        ("client_secret", &secret),
        ("refresh_token", &refresh),
    ];
    let (status, body) = json(client().post(sandbox.provider_token_url(GOOGLE)).form(&form)).await;
    assert_eq!((status, text(&body, "/access_token")), (200, before.as_str()));
    assert_eq!(json(get(&sandbox, GOOGLE, BEN, "google-oauth2", "drive/v3/files")).await.0, 401);
}
