//! What comes back from a provider that is hostile, old or strange, and what of it reaches the caller.

use reqwest::Method;
use sandbox::{Fault, ProviderKind, Server};

use crate::harness::{BEN, Rig};
use crate::raw_provider::{RawProvider, json_answer, with_body};

/// A rig whose providers `google` and `facebook` are the raw one.
async fn rig(provider: &RawProvider, google: &str, facebook: &str) -> Rig {
    let at = provider.addr;
    let extra = format!(
        "[providers.google]\nbase_url = \"http://{at}\"\nprofile_url = \"http://{at}/userinfo\"\naccess = \"full\"\n{google}\n\
         [providers.facebook]\nbase_url = \"http://{at}\"\nprofile_url = \"http://{at}/me\"\naccess = \"full\"\n{facebook}"
    );
    Rig::start(&extra).await
}

fn token(rig: &Rig, connection: &str) -> String {
    rig.sandbox.world().access_token(BEN, connection).unwrap()
}

fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_o07_own_answers_hold_no_token_whatever_the_provider_says() {
    let provider = RawProvider::start().await;
    let rig = rig(&provider, "", "").await;
    for (name, connection, path) in
        [("google", "google-oauth2", "/userinfo"), ("facebook", "facebook", "/me")]
    {
        let token = token(&rig, connection);
        for echo in [token.clone(), percent(&token)] {
            provider.answer(
                path,
                json_answer(&format!(
                    "{{\"sub\":\"1\",\"id\":\"1\",\"name\":\"{echo}\",\"email\":\"a@b.test\",\
                     \"picture\":{}}}",
                    if name == "facebook" {
                        format!("{{\"data\":{{\"url\":\"https://p.test/{echo}\"}}}}")
                    } else {
                        format!("\"https://p.test/{echo}\"")
                    }
                )),
            );
            let answer = rig.get(&format!("/v1/me/{name}/profile"), BEN).await;
            assert_eq!(answer.status, 200, "{:?}", answer.json());
            assert_eq!(answer.json()["name"], "*".repeat(echo.len()), "{name}");
            assert_eq!(
                answer.json()["picture"],
                format!("https://p.test/{}", "*".repeat(echo.len())),
                "{name}"
            );
        }
    }
    // Members of problems, made from what headers say.
    let token = token(&rig, "google-oauth2");
    for echo in [token.clone(), percent(&token)] {
        let fields = format!(
            "WWW-Authenticate: Bearer error=\"insufficient_scope\", scope=\"{echo}\"\r\nContent-Type: application/json"
        );
        provider.answer("/scoped", with_body("403 Forbidden", &fields, b"{}"));
        for mode in ["problem", "passthrough"] {
            let request = rig.request(Method::GET, "/proxy/google/scoped", BEN).header("idp-errors", mode);
            let answer = rig.send(request).await;
            assert_eq!(answer.status, 403);
            let all = format!("{:?} {}", answer.headers, String::from_utf8_lossy(&answer.body));
            assert!(!all.contains(&echo), "{mode}: {all}");
        }
    }
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_o07_scopes_of_a_github_answer_hold_no_token() {
    let rig = Rig::start("").await;
    let token = token(&rig, "github");
    for echo in [token.clone(), percent(&token)] {
        let fault = Fault::on(Server::GitHub).path("/user/repos").times(1).status(404);
        let fault = fault.header("x-oauth-scopes", "read:user");
        rig.sandbox.faults().add(fault.header("x-accepted-oauth-scopes", format!("repo, {echo}")));
        let request =
            rig.request(Method::GET, "/proxy/github/user/repos", BEN).header("idp-errors", "problem");
        let answer = rig.send(request).await;
        assert!(answer.status.is_client_error(), "{:?}", answer.outcome());
        let all = format!("{:?} {}", answer.headers, String::from_utf8_lossy(&answer.body));
        assert!(!all.contains(&echo), "{all}");
    }
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_o07_an_operators_call_gives_no_token_away() {
    let provider = RawProvider::start().await;
    let rig = rig(&provider, "", "").await;
    let token = token(&rig, "google-oauth2");
    provider.answer("/echo", with_body("200 OK", &format!("X-Echo: {token}"), token.as_bytes()));
    let request = axum::http::Request::get("/proxy/google/echo").body(gateway::body::empty()).unwrap();
    let (head, body) = rig.app.operate(request, BEN).await.into_parts();
    let body = http_body_util::BodyExt::collect(body).await.unwrap().to_bytes();
    assert_eq!((head.status.as_u16(), body.len()), (200, token.len()));
    let all = format!("{:?} {}", head.headers, String::from_utf8_lossy(&body));
    assert!(!all.contains(&token), "{all}");
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_o07_the_proof_that_was_sent_is_scrubbed_too() {
    let provider = RawProvider::start().await;
    let rig = rig(&provider, "", "client_id = \"app\"\nclient_secret = \"app-secret-of-the-test\"").await;
    assert_eq!(rig.get("/proxy/facebook/first", BEN).await.status, 200);
    let [sent] = provider.take().try_into().unwrap();
    let proof = sent.target().split("appsecret_proof=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    assert_eq!(proof.len(), 64);
    provider.answer(
        "/echo",
        with_body("200 OK", &format!("X-Echo: {proof}\r\nContent-Type: text/plain"), proof.as_bytes()),
    );
    let answer = rig.get("/proxy/facebook/echo", BEN).await;
    let all = format!("{:?} {}", answer.headers, String::from_utf8_lossy(&answer.body));
    assert!(!all.contains(&proof), "{all}");
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_o08_addresses_lead_back_or_are_taken_out() {
    let provider = RawProvider::start().await;
    let rig = rig(&provider, "", "").await;
    let at = provider.addr;
    let names = [
        "Location",
        "Content-Location",
        "X-Goog-Upload-URL",
        "X-Goog-Upload-Control-URL",
        "Operation-Location",
        "Azure-AsyncOperation",
        "OData-EntityId",
    ];
    let lines: Vec<String> =
        names.iter().map(|name| format!("{name}: http://{at}/up?id=1&access_token=x")).collect();
    provider.answer("/up", with_body("201 Created", &lines.join("\r\n"), b""));
    let answer = rig.get("/proxy/google/up", BEN).await;
    for name in names {
        assert_eq!(answer.header(name), "/proxy/google/up?id=1", "{name}");
    }
    // Bytes that are no UTF-8 cannot be judged; those that are can.
    let mut raw = with_body("302 Found", "Location: http://evil.test/", b"");
    let place = memchr::memmem::find(&raw, b"evil.test/").unwrap() + 10;
    raw.splice(place..place, *b"\xff\xfe?access_token=x");
    provider.answer("/bytes", raw.clone());
    assert_eq!(rig.get("/proxy/google/bytes", BEN).await.outcome(), (502, "redirect-blocked".into()));
    raw.splice(place..place + 2, "ü".bytes());
    provider.answer("/utf8", raw);
    assert_eq!(rig.get("/proxy/google/utf8", BEN).await.outcome(), (502, "redirect-blocked".into()));
    let own = with_body("302 Found", &format!("Location: http://{at}/ü?x=1"), b"");
    provider.answer("/own", own);
    assert_eq!(rig.get("/proxy/google/own", BEN).await.header("location"), "/proxy/google/%C3%BC?x=1");
    let mut link = with_body("200 OK", &format!("Link: <http://{at}/a?access_token=x>; rel=\"next\""), b"");
    let place = memchr::memmem::find(&link, b"rel=").unwrap();
    link.splice(place..place, *b"\xff");
    provider.answer("/link", link);
    assert!(!rig.get("/proxy/google/link", BEN).await.headers.contains_key("link"));
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_r10_a_method_override_is_judged_as_what_it_means_or_refused() {
    let provider = RawProvider::start().await;
    let rig = rig(&provider, "", "").await;
    let post = |name: &str, method: &str| {
        rig.request(Method::POST, "/proxy/google/list", BEN).header(name.to_owned(), method.to_owned())
    };
    for (name, method) in [
        ("x-http-method-override", "DELETE"),
        ("x-http-method", "MERGE"),
        ("x-method-override", "PATCH"),
        ("x-original-method", "DELETE"),
        ("x-rest-method", "PUT"),
        ("x-method", "DELETE"),
        ("x-http-verb", "DELETE"),
        ("x-verb", "DELETE"),
        // No form, so no query.
        ("x-http-method-override", "GET"),
        ("x-http-method", "GET"),
    ] {
        let answer = rig.send(post(name, method)).await;
        assert_eq!(answer.outcome(), (400, "bad-request".into()), "{name}: {method}");
        assert!(answer.json()["remedy"].as_str().unwrap().contains("method"), "{:?}", answer.json());
    }
    assert!(provider.take().is_empty());
    assert_eq!(rig.send(post("x-http-method-override", "post")).await.status, 200);
    assert!(provider.take()[0].fields("x-http-method-override").is_empty());
    let form = |body: &'static str| {
        post("x-http-method-override", "GET")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body)
    };
    for hostile in ["q=1&$httpMethod=DELETE", "%61ccess_token=x", "callback=x"] {
        assert_eq!(rig.send(form(hostile)).await.outcome(), (400, "bad-request".into()), "{hostile}");
    }
    // Nobody can say what the provider would read in these.
    for (name, value) in [
        ("content-encoding", "gzip"),
        ("content-type", "application/x-www-form-urlencoded; charset=utf-16"),
        ("content-type", "application/x-www-form-urlencoded; boundary=x"),
    ] {
        let (client, request) = form("q=1").build_split();
        let mut request = request.unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
        let answer = rig.send(reqwest::RequestBuilder::from_parts(client, request)).await;
        assert_eq!(answer.outcome(), (400, "bad-request".into()), "{name}: {value}");
    }
    assert!(provider.take().is_empty());
    assert_eq!(rig.send(form("q=1&pageSize=2")).await.status, 200);
    let [sent] = provider.take().try_into().unwrap();
    assert_eq!(sent.fields("x-http-method-override"), ["GET"]);
    assert!(sent.head.starts_with("POST /list ") && sent.body == b"q=1&pageSize=2");
    // The servers for uploads may execute the POST; an id with an escape is no such path.
    for (path, status) in [
        ("/upload/drive/v3/files", 400),
        ("/resumable/upload/drive/v3/files", 400),
        ("/%75pload/drive/v3/files", 400),
        ("/x%2Fupload/y", 400),
        ("/calendar/v3/calendars/team%40group.example/events", 200),
    ] {
        let request = rig.request(Method::POST, &format!("/proxy/google{path}"), BEN);
        let form = request.header("x-http-method-override", "GET").form(&[("q", "1")]);
        assert_eq!(rig.send(form).await.status, status, "{path}");
    }
    rig.finish();
    // Judged as the GET that it means.
    let read = Rig::start(&format!("[providers.google]\nbase_url = \"http://{}\"", provider.addr)).await;
    let request = |method: &'static str| {
        read.request(Method::POST, "/proxy/google/list", BEN)
            .header("x-http-method-override", method)
            .header("content-type", "application/x-www-form-urlencoded")
            .body("q=1")
    };
    assert_eq!(read.send(request("GET")).await.status, 200);
    assert_eq!(read.send(request("POST")).await.outcome(), (403, "policy-denied".into()));
    read.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_r11_a_downloads_answer_is_classified_and_its_address_never_holds_the_token() {
    let (provider, downloads) = (RawProvider::start().await, RawProvider::start().await);
    let google = format!(
        "download_hosts = [\"files*.acme.test\"]\n[providers.google.upstreams]\n\"files1.acme.test\" = \"http://{}\"",
        downloads.addr
    );
    let rig = rig(&provider, &google, "").await;
    let signed = "sig=SIGNATURE-0123456789abcdef&exp=1";
    let mut number = 0;
    for (status, fields, want) in [
        ("200 OK", "", (200, "ok")),
        ("404 Not Found", "", (404, "provider-rejected")),
        ("401 Unauthorized", "WWW-Authenticate: Basic", (502, "provider-error")),
        ("403 Forbidden", "", (502, "provider-error")),
        ("429 Too Many Requests", "Retry-After: 7", (429, "provider-rate-limited")),
        ("429 Too Many Requests", "", (429, "provider-rate-limited")),
        ("503 Service Unavailable", "", (503, "provider-error")),
    ] {
        number += 1;
        let path = format!("/d{number}");
        let to = format!("http://{}{path}?{signed}", downloads.addr);
        provider.answer(&path, with_body("302 Found", &format!("Location: {to}"), b""));
        downloads.answer(&path, with_body(status, fields, format!("<Error>{to}</Error>").as_bytes()));
        for mode in ["passthrough", "problem"] {
            let request =
                rig.request(Method::GET, &format!("/proxy/google{path}"), BEN).header("idp-errors", mode);
            let answer = rig.send(request).await;
            assert_eq!(answer.outcome(), (want.0, want.1.to_owned()), "{status} {mode}");
            assert!(!answer.headers.contains_key("www-authenticate"));
            if want.0 == 429 {
                let wait = if fields.is_empty() { "60" } else { "7" };
                assert_eq!(answer.header("retry-after"), wait);
            }
            if want.0 >= 400 {
                assert!(!String::from_utf8_lossy(&answer.body).contains("SIGNATURE"), "{status} {mode}");
                assert!(mode == "passthrough" || answer.json()["provider_status"].is_u64());
            }
        }
    }
    assert!(downloads.take().iter().all(|sent| sent.fields("authorization").is_empty()));
    // Nobody asked for another protocol.
    let switched = with_body("101 Switching Protocols", "Upgrade: x\r\nConnection: upgrade", b"EVIL");
    downloads.answer("/switched", switched);
    let to = format!("Location: http://{}/switched", downloads.addr);
    provider.answer("/switched", with_body("302 Found", &to, b""));
    let answer = rig.get("/proxy/google/switched", BEN).await;
    assert_eq!(answer.outcome(), (502, "provider-error".into()));
    downloads.take();
    // An address that holds the token is not called.
    let token = token(&rig, "google-oauth2");
    for (number, echo) in [token.clone(), percent(&token)].iter().enumerate() {
        let to = format!("http://{}/t?state={echo}", downloads.addr);
        let path = format!("/t{number}");
        provider.answer(&path, with_body("302 Found", &format!("Location: {to}"), b""));
        let answer = rig.get(&format!("/proxy/google{path}"), BEN).await;
        assert_eq!(answer.outcome(), (502, "redirect-blocked".into()));
    }
    assert!(downloads.take().is_empty());
    rig.finish();
}

/// Bitbucket's site sends a browser without a session to its sign-in page, which is a 200.
#[tokio::test(flavor = "multi_thread")]
async fn tm_r11_a_page_where_a_browser_signs_in_is_no_download() {
    let (provider, downloads) = (RawProvider::start().await, RawProvider::start().await);
    let (api, files) = (provider.addr, downloads.addr);
    let rig = Rig::start(&format!(
        "[providers.bitbucket]\nbase_url = \"http://{api}\"\n[providers.bitbucket.upstreams]\n\"bitbucket.org\" = \"http://{files}\""
    ))
    .await;
    downloads.answer(
        "/account/signin/?next=/f",
        with_body("200 OK", "Content-Type: text/html", b"<html>Log in</html>"),
    );
    let onward = |to: &str| with_body("302 Found", &format!("Location: {to}"), b"");
    downloads.answer("/w/r/get/f.zip", onward("/account/signin/?next=/f"));
    downloads.answer("/w/r/get/g.zip", onward("https://bitbucket.org/account/signin/?next=/f"));
    downloads.answer("/w/r/get/h.zip", with_body("200 OK", "", b"PK"));
    let site = "https://bitbucket.org";
    for to in [
        format!("{site}/account/signin/?next=/f"),
        format!("http://{files}/account/signin/?next=/f"),
        format!("{site}/w/r/get/f.zip"),
        format!("{site}/w/r/get/g.zip"),
    ] {
        provider.answer("/2.0/f", onward(&to));
        let request = rig.request(Method::GET, "/proxy/bitbucket/2.0/f", BEN);
        let answer = rig.send(request).await;
        assert_eq!(answer.outcome(), (502, "redirect-blocked".into()), "{to}");
        assert!(answer.json()["detail"].as_str().unwrap().contains("signs in"), "{to}");
    }
    let asked: Vec<_> = downloads.take().iter().map(|sent| sent.target().to_owned()).collect();
    assert_eq!(asked, ["/w/r/get/f.zip", "/w/r/get/g.zip"]);
    provider.answer("/2.0/f", onward(&format!("{site}/w/r/get/h.zip")));
    assert_eq!(rig.get("/proxy/bitbucket/2.0/f", BEN).await.body, b"PK".as_slice());
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_o09_what_cannot_be_searched_is_not_passed_on() {
    let provider = RawProvider::start().await;
    let rig = rig(&provider, "", "").await;
    let page = b"{\"access_token\":\"EAAPAGE\"}";
    let json = "Content-Type: application/json";
    provider.answer("/gzip", with_body("200 OK", &format!("{json}\r\nContent-Encoding: gzip"), page));
    provider.answer(
        "/part",
        with_body("206 Partial Content", &format!("{json}\r\nContent-Range: bytes 9-34/35"), page),
    );
    let body = "5\r\nEAAPA\r\n0\r\n\r\n";
    provider.answer(
        "/coded",
        format!("HTTP/1.1 200 OK\r\n{json}\r\nTransfer-Encoding: gzip, chunked\r\n\r\n{body}"),
    );
    for path in ["/gzip", "/part", "/coded"] {
        let answer = rig.get(&format!("/proxy/facebook{path}"), BEN).await;
        assert!(!String::from_utf8_lossy(&answer.body).contains("EAAPA"), "{path}");
        assert_eq!(answer.status, 502, "{path}: {:?}", answer.outcome());
    }
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_version_of_the_api_is_asked_for_where_the_caller_names_none() {
    const NAME: &str = "x-github-api-version";
    for (setting, version) in [
        ("", Some("2022-11-28")),
        ("api_version = \"2030-01-01\"", Some("2030-01-01")),
        ("api_version = \"\"", None),
    ] {
        let rig = Rig::start(setting).await;
        let seen = || {
            let sent = rig.sandbox.journal().last(Server::GitHub).unwrap();
            sent.headers().get(NAME).map(|value| value.to_str().unwrap().to_owned())
        };
        // The sandbox knows only versions that there are; whether it does plays no part here.
        rig.get("/proxy/github/user", BEN).await;
        assert_eq!(seen().as_deref(), version, "{setting}");
        let own = rig.request(Method::GET, "/proxy/github/user", BEN).header(NAME, "2021-01-01");
        rig.send(own).await;
        assert_eq!(seen().as_deref(), Some("2021-01-01"));
        rig.finish();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_of_resources_lead_back_where_the_operator_asks_for_it() {
    for (setting, rewritten) in [("", false), ("rewrite_urls = true", true)] {
        let rig = Rig::start(setting).await;
        let url = rig.sandbox.provider_url(ProviderKind::GitHub).join("/repos/a/b").unwrap().to_string();
        let want = if rewritten { "/proxy/github/repos/a/b" } else { url.as_str() };
        let body = serde_json::json!({ "url": url, "html_url": "https://github.com/a/b",
            "owner": { "repos_url": format!("{url}{{?page}}") } });
        let answer = sandbox::Answer::json(200, &body);
        rig.sandbox.faults().add(Fault::on(Server::GitHub).path("/repos/a/b").answer(answer));
        let body = rig.get("/proxy/github/repos/a/b", BEN).await.json();
        assert_eq!(body["url"], want);
        assert_eq!(body["owner"]["repos_url"], format!("{want}{{?page}}"));
        assert_eq!(body["html_url"], "https://github.com/a/b");
        rig.finish();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_provider_announces_the_end_of_is_counted_and_passes() {
    let provider = RawProvider::start().await;
    provider.answer(
        "/old",
        with_body("200 OK", "Deprecation: @1688169599\r\nSunset: Sun, 30 Jun 2030 23:59:59 GMT", b""),
    );
    let rig = rig(&provider, "", "").await;
    for _ in 0..2 {
        assert_eq!(rig.get("/proxy/google/old", BEN).await.header("deprecation"), "@1688169599");
    }
    let metrics = rig.metrics.render_prometheus();
    assert!(metrics.contains("idp_gateway_upstream_deprecated_total{provider=\"google\"} 2"), "{metrics}");
    rig.finish();
}
