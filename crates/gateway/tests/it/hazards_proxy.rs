//! What crosses between caller and provider, byte by byte: framing, redirects, echoed secrets, foreign content.

use std::time::Duration;

use reqwest::Method;
use sandbox::{Fault, Sandbox, Server};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::harness::{BEN, Rig};
use crate::raw_provider::{RawProvider, json_answer, with_body};

/// A rig whose provider `google` is the raw one.
async fn rig(provider: &RawProvider, more: &str) -> Rig {
    let extra =
        format!("[providers.google]\nbase_url = \"http://{}\"\naccess = \"full\"\n{more}", provider.addr);
    Rig::start(&extra).await
}

/// Sends raw bytes and reads until the gateway closes.
async fn raw(rig: &Rig, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(rig.addr).await.unwrap();
    let _ = stream.write_all(bytes).await;
    let mut read = Vec::new();
    let _ =
        tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut read)).await.expect("no end");
    rig.note(&http::HeaderMap::new(), &read);
    read
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_f02_both_directions_are_framed_anew() {
    let provider = RawProvider::start().await;
    provider.answer(
        "/chunks",
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\nX-Kept: 1\r\n\
         Trailer: x-late\r\n\r\n2;secret=extension\r\nab\r\n1\r\nc\r\n0\r\nX-Late: trailer\r\n\r\n",
    );
    provider.answer("/late", "HTTP/1.0 200 OK\r\nX-Kept: 1\r\n\r\nuntil the end");
    let rig = rig(&provider, "").await;
    let token = rig.sandbox.caller_token(BEN);
    let post = |path: &str, fields: &str, body: &str| {
        format!(
            "POST /proxy/google{path} HTTP/1.1\r\nHost: gw\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n{fields}\r\n{body}"
        )
    };
    let chunked = post(
        "/chunks",
        "Transfer-Encoding: chunked\r\nContent-Type: text/plain\r\nTrailer: x-up\r\n",
        "3;client=extension\r\nabc\r\n0;last\r\nX-Up: trailer\r\nAuthorization: Bearer up\r\n\r\n",
    );
    let answer = text(&raw(&rig, chunked.as_bytes()).await);
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("x-kept: 1"), "{answer}");
    for gone in ["extension", "trailer", "Trailer", "x-late"] {
        assert!(!answer.contains(gone), "{gone} came back: {answer}");
    }
    let [sent] = provider.take().try_into().unwrap();
    let all = format!("{}{}", sent.head, text(&sent.body));
    for gone in ["extension", "trailer", "x-up", "Bearer up"] {
        assert!(!all.to_ascii_lowercase().contains(gone), "{gone} went up: {all}");
    }
    assert_eq!(sent.fields("transfer-encoding").len() + sent.fields("content-length").len(), 1, "{all}");
    // A declared length stays one; an answer that only ends with its connection is framed for the caller.
    let counted = post("/late", "Content-Length: 3\r\n", "abc");
    let answer = text(&raw(&rig, counted.as_bytes()).await);
    assert!(answer.contains("until the end"), "{answer}");
    assert_eq!(
        usize::from(answer.contains("content-length:"))
            + usize::from(answer.contains("transfer-encoding: chunked")),
        1,
        "{answer}"
    );
    let [sent] = provider.take().try_into().unwrap();
    assert_eq!((sent.fields("content-length"), sent.body.as_slice()), (vec!["3"], b"abc".as_slice()));
    rig.finish();
}

/// What is judged of a body by its type must not be sent without one.
#[tokio::test(flavor = "multi_thread")]
async fn tm_f03_what_describes_a_body_is_not_taken_away_after_it_was_judged() {
    let provider = RawProvider::start().await;
    provider.answer("/", json_answer("{}"));
    let extra = format!(
        "[providers.facebook]\nbase_url = \"http://{0}\"\naccess = \"full\"\n\
         [providers.google]\nbase_url = \"http://{0}\"\naccess = \"full\"\n\
         [[providers.github.rules]]\nmethods = [\"POST\"]\npaths = [\"/graphql\"]\n\
         graphql = {{ operations = [\"query\"], fields = [\"viewer\"] }}",
        provider.addr
    );
    let rig = Rig::start(&extra).await;
    let token = rig.sandbox.caller_token(BEN);
    let query = r#"{"query":"{viewer{login}}"}"#;
    for (path, field, body) in [
        ("facebook/v22.0/1_2", "Content-Type: image/png", "method=delete".to_owned()),
        ("google/x", "Content-Type: application/json", format!("access_token={token}")),
        ("google/x", "Content-Encoding: gzip", format!("access_token={token}")),
        ("github/graphql", "Content-Type: application/json", query.to_owned()),
    ] {
        let name = field.split(':').next().unwrap();
        for nominated in
            [name.to_owned(), format!("close , {}", name.to_ascii_lowercase()), format!("\u{e9},{name}")]
        {
            let request = format!(
                "POST /proxy/{path} HTTP/1.1\r\nHost: gw\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\
                 Connection: {nominated}\r\n{field}\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            let answer = text(&raw(&rig, request.as_bytes()).await);
            assert!(answer.starts_with("HTTP/1.1 400"), "{path} {nominated}: {answer}");
            assert_eq!(provider.take().len(), 0, "{path} {nominated}");
        }
    }
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_f02_a_providers_broken_framing_reaches_nobody() {
    let provider = RawProvider::start().await;
    let smuggled = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nEVIL!";
    for (path, answer) in [
        (
            "/both",
            format!(
                "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}"
            ),
        ),
        ("/two", format!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 80\r\n\r\nok{smuggled}")),
        ("/extra", format!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok{smuggled}")),
        (
            "/switch",
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nEVIL!".to_owned(),
        ),
        ("/no-http", "EVIL!\r\n\r\n".to_owned()),
        ("/line", "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\nok".to_owned()),
    ] {
        provider.answer(path, answer);
    }
    let rig = rig(&provider, "").await;
    for path in ["/both", "/two", "/extra", "/switch", "/no-http", "/line"] {
        let answer = rig.get(&format!("/proxy/google{path}"), BEN).await;
        assert!(!text(&answer.body).contains("EVIL"), "{path}: {answer:?}");
        // Whoever comes next gets their own answer.
        let next = rig.get("/proxy/google/next", BEN).await;
        assert_eq!((next.status.as_u16(), next.json()["seen"].as_str()), (200, Some("/next")), "{path}");
    }
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_f12_compressed_bytes_pass_as_they_are_and_are_never_unpacked() {
    // A thousand zero bytes as a raw deflate block; what it says does not matter to us.
    let packed =
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x63\x60\x18\x05\xa3\x60\x14\x0c\x77\x00\x00\x2f\x55"
            .to_vec();
    let provider = RawProvider::start().await;
    provider.answer(
        "/zip",
        with_body("200 OK", "Content-Type: application/json\r\nContent-Encoding: gzip", &packed),
    );
    let rig = rig(&provider, "").await;
    let request = rig
        .request(Method::POST, "/proxy/google/zip", BEN)
        .header("accept-encoding", "gzip, br")
        .header("content-encoding", "gzip")
        .body(packed.clone());
    let answer = rig.send(request).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-encoding")), (200, "gzip"));
    assert_eq!(answer.body, packed);
    let [sent] = provider.take().try_into().unwrap();
    assert_eq!(sent.fields("accept-encoding"), ["identity"]);
    assert_eq!((sent.fields("content-encoding"), &sent.body), (vec!["gzip"], &packed));
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_r04_no_form_of_a_redirect_makes_a_connection() {
    let trap = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = trap.local_addr().unwrap();
    let port = at.port();
    let provider = RawProvider::start().await;
    let forms = [
        format!("http://{at}/x"),
        format!("https://{at}/x"),
        format!("//{at}/x"),
        format!("http:\\\\{at}\\x"),
        format!("///{at}/x"),
        format!("/\\{at}/x"),
        format!("\\\\{at}/x"),
        format!("http:/{at}/x"),
        format!("http:{at}/x"),
        format!("HTTP://{at}/x"),
        format!("http://{}@{at}/x", provider.addr),
        format!("http://{}#@{at}/x", provider.addr.ip()),
        format!("http://{}:{port}/x", "localhost"),
        format!("http://0x7f000001:{port}/x"),
        format!("http://2130706433:{port}/x"),
        format!("http://127.1:{port}/x"),
        format!("http://[::ffff:127.0.0.1]:{port}/x"),
        format!("http://codeload.github.com@{at}/x"),
        format!("http://{at}\t/x"),
        format!("ftp://{at}/x"),
        "javascript:alert(1)".to_owned(),
        "data:text/html,x".to_owned(),
        "https://169.254.169.254/latest/meta-data".to_owned(),
        "https://storage.googleapis.com/x".to_owned(),
        "https://www.googleapis.com.evil.example/x".to_owned(),
    ];
    for status in ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"] {
        for (number, form) in forms.iter().enumerate() {
            let path = format!("/r{}/{number}", &status[..3]);
            provider.answer(&path, with_body(status, &format!("Location: {form}"), b""));
        }
    }
    for policy in ["follow", "block"] {
        let rig = rig(&provider, &format!("redirects = \"{policy}\"")).await;
        for status in [301, 302, 303, 307, 308] {
            for (number, form) in forms.iter().enumerate() {
                let answer = rig.get(&format!("/proxy/google/r{status}/{number}"), BEN).await;
                let location = answer.header("location");
                assert!(
                    answer.outcome() == (502, "redirect-blocked".into())
                        || (location.starts_with("/proxy/google/") && answer.status.is_redirection()),
                    "{policy} {status} {form}: {:?} {location}",
                    answer.outcome()
                );
            }
        }
        rig.finish();
    }
    let seen = tokio::time::timeout(Duration::from_millis(200), trap.accept()).await;
    assert!(seen.is_err(), "somebody connected to the redirect's target");
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_r09_a_providers_token_goes_to_its_own_host_alone() {
    let provider = RawProvider::start().await;
    let rig = rig(&provider, "").await;
    let calls = (0..60).map(|number| {
        let path = if number % 2 == 0 { "/proxy/github/user" } else { "/proxy/google/calls" };
        rig.get(path, BEN)
    });
    for answer in futures_util::future::join_all(calls).await {
        assert_eq!(answer.status, 200);
    }
    let world = rig.sandbox.world();
    let google = format!("Bearer {}", world.access_token(BEN, "google-oauth2").unwrap());
    let github = world.access_token(BEN, "github").unwrap();
    for sent in provider.take() {
        assert_eq!(sent.fields("authorization"), [google.as_str()]);
    }
    for sent in rig.sandbox.journal().of(Server::GitHub) {
        assert_eq!(sent.bearer(), Some(github.as_str()));
    }
    // Naming another provider's account does not move its token.
    let foreign = rig.request(Method::GET, "/proxy/google/x", BEN).header("idp-account", "github");
    assert_eq!(rig.send(foreign).await.outcome(), (403, "account-not-connected".into()));
    let foreign = rig.request(Method::GET, "/proxy/github/user", BEN).header("idp-account", "google-oauth2");
    assert_eq!(rig.send(foreign).await.outcome(), (403, "account-not-connected".into()));
    assert!(provider.take().is_empty());
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_c02_linked_accounts_are_never_mixed_up_under_load() {
    let users = 40;
    let world = sandbox::World::many_users(users);
    let rig = Rig::over(Sandbox::builder().world(world), "", "max_in_flight = 400").await;
    let ids = rig.sandbox.world().user_ids();
    let world = rig.sandbox.world();
    let with_github: Vec<_> = ids.iter().filter(|id| world.access_token(id, "github").is_some()).collect();
    assert!(with_github.len() >= 2, "the world has {} users with GitHub", with_github.len());
    let calls = (0..400).map(|number| {
        let user = with_github[number * 7 % with_github.len()];
        let marked = rig.request(Method::GET, &format!("/proxy/github/user?n={user}"), user);
        rig.send(marked)
    });
    for answer in futures_util::future::join_all(calls).await {
        assert_eq!(answer.status, 200, "{:?}", answer.json());
    }
    for sent in rig.sandbox.journal().of(Server::GitHub) {
        let user = sent.param("n").unwrap();
        assert_eq!(sent.bearer(), world.access_token(&user, "github").as_deref(), "{user}");
    }
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_o02_other_tokens_in_bodies_go_where_the_adapter_says_so() {
    let facebook = RawProvider::start().await;
    let microsoft = RawProvider::start().await;
    let page = "{\"data\":[{\"name\":\"p\",\"access_token\":\"EAAPAGETOKEN12345\",\"x\":{\"access_token\":\"EAANESTED678\"}}]}";
    facebook.answer("/v22.0/me/accounts", json_answer(page));
    let link = "https://acme.sharepoint.com/download?tempauth=CAPABILITY99";
    microsoft.answer(
        "/v1.0/me/drive",
        json_answer(&format!("{{\"id\":\"1\",\"@microsoft.graph.downloadUrl\":\"{link}\"}}")),
    );
    let extra = format!(
        "[providers.facebook]\nbase_url = \"http://{}\"\n[providers.microsoft]\nbase_url = \"http://{}\"\n\
         capability_urls = \"drop\"",
        facebook.addr, microsoft.addr
    );
    let rig = Rig::start(&extra).await;
    let answer = rig.get("/proxy/facebook/v22.0/me/accounts", BEN).await;
    assert_eq!(answer.status, 200, "{:?}", answer.json());
    assert_eq!(answer.json()["data"][0]["access_token"], "[removed]");
    assert_eq!(answer.json()["data"][0]["x"]["access_token"], "[removed]");
    let answer = rig.get("/proxy/microsoft/v1.0/me/drive", BEN).await;
    assert_eq!(answer.json()["id"], "1", "{:?}", answer.json());
    assert!(!text(&answer.body).contains("CAPABILITY99"));
    // Longer than what is collected, in a coding that is not read, or a part of a document: none gets out.
    let long = json_answer(&format!(
        "{{\"id\":\"1\",\"@microsoft.graph.downloadUrl\":\"{link}{}\"}}",
        "x".repeat(40_000)
    ));
    microsoft.answer("/v1.0/me/long", long);
    let answer = rig.get("/proxy/microsoft/v1.0/me/long", BEN).await;
    assert_eq!(answer.json(), json!({"id": "1", "@microsoft.graph.downloadUrl": null}));
    let body = format!("\"@microsoft.graph.downloadUrl\":\"{link}\"");
    for (path, status, field) in [
        ("/v1.0/me/encoded", "200 OK", "Content-Encoding: gzip"),
        ("/v1.0/me/part", "206 Partial Content", "Content-Range: bytes 8-99/100"),
    ] {
        let fields = format!("Content-Type: application/json\r\n{field}");
        microsoft.answer(path, with_body(status, &fields, body.as_bytes()));
        let answer = rig.get(&format!("/proxy/microsoft{path}"), BEN).await;
        assert_eq!(answer.outcome(), (502, "response-uninspectable".into()), "{path}");
        assert!(!text(&answer.body).contains("CAPABILITY99"), "{path}");
    }
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_o04_content_of_the_provider_is_never_a_page_of_ours() {
    let provider = RawProvider::start().await;
    for (path, kind) in [
        ("/html", "text/html"),
        ("/svg", "image/svg+xml"),
        ("/js", "text/javascript"),
        ("/xml", "application/xhtml+xml"),
        ("/none", ""),
    ] {
        let kind = if kind.is_empty() { String::new() } else { format!("Content-Type: {kind}\r\n") };
        let fields = format!(
            "{kind}Content-Security-Policy: default-src *\r\nX-Content-Type-Options: none\r\nRefresh: 0;url=//evil\r\n\
             Set-Cookie: a=b\r\nContent-Disposition: attachment; filename=x\r\nCross-Origin-Resource-Policy: cross-origin\r\n\
             Access-Control-Allow-Origin: *\r\nService-Worker-Allowed: /\r\nSourceMap: /x"
        );
        provider.answer(path, with_body("200 OK", &fields, b"<script>alert(document.domain)</script>"));
        provider.answer(&format!("{path}-err"), with_body("404 Not Found", &fields, b"<script>1</script>"));
    }
    let rig = rig(&provider, "").await;
    for path in ["/html", "/svg", "/js", "/xml", "/none", "/html-err", "/svg-err"] {
        let answer = rig.get(&format!("/proxy/google{path}"), BEN).await;
        let one = |name: &str| {
            let values: Vec<_> =
                answer.headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect();
            values.join("|")
        };
        assert_eq!(one("content-security-policy"), "default-src 'none'; sandbox", "{path}");
        assert_eq!(one("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(one("cross-origin-resource-policy"), "same-origin", "{path}");
        assert_eq!(one("content-disposition"), "attachment; filename=x", "{path}");
        for gone in
            ["refresh", "set-cookie", "access-control-allow-origin", "service-worker-allowed", "sourcemap"]
        {
            assert!(!answer.headers.contains_key(gone), "{path}: {gone}");
        }
    }
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_o06_errors_have_one_shape_and_tell_nothing_of_the_inside() {
    let provider = RawProvider::start().await;
    let rig = rig(&provider, "").await;
    let token = rig.sandbox.world().access_token(BEN, "google-oauth2").unwrap();
    let long = "w".repeat(5_000);
    let body = json!({"error": {"code": 400, "message": format!("bad {token} {long}"), "stack": "at Main.java:7",
        "errors": [{"reason": "invalid", "debugInfo": "internal-detail"}]}});
    provider.answer(
        "/bad",
        with_body("400 Bad Request", "Content-Type: application/json", body.to_string().as_bytes()),
    );
    let answer =
        rig.send(rig.request(Method::GET, "/proxy/google/bad", BEN).header("idp-errors", "problem")).await;
    let problem = answer.json();
    for member in ["type", "title", "status", "detail", "code", "request_id", "remedy", "message", "error"] {
        assert!(!problem[member].is_null(), "{member} is missing: {problem}");
    }
    let detail = problem["provider_detail"].as_str().unwrap();
    assert!(detail.starts_with("bad ****") && detail.len() <= 1024, "{} bytes: {detail}", detail.len());
    assert!(!text(&answer.body).contains("Main.java") && !text(&answer.body).contains("internal-detail"));
    rig.finish();
    // The tenant's own words stay inside, whatever it answers.
    for status in [400, 401, 403, 404, 429, 500, 503] {
        let rig = Rig::start("").await;
        let words = json!({"error": "tenant-sentinel-word", "error_description": "tenant-sentinel-text",
            "message": "tenant-sentinel-text", "errorCode": "tenant_sentinel"});
        let answer = sandbox::Answer::json(status, &words);
        rig.sandbox.faults().add(Fault::on(Server::Tenant).path("/api/v2/users").answer(answer));
        let answer = rig.get("/proxy/github/user", BEN).await;
        assert!(answer.status.is_client_error() || answer.status.is_server_error());
        assert!(!text(&answer.body).contains("sentinel"), "{status}: {}", text(&answer.body));
        assert!(!format!("{:?}", answer.headers).contains("sentinel"), "{status}");
        assert!(!text(&answer.body).contains("127.0.0.1"), "{status}: {}", text(&answer.body));
        rig.finish();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_o01_every_encoding_in_every_place_is_overwritten() {
    use base64::Engine as _;
    let provider = RawProvider::start().await;
    let rig = rig(&provider, "").await;
    let token = rig.sandbox.world().access_token(BEN, "google-oauth2").unwrap();
    let hex = |upper: bool| {
        token
            .bytes()
            .map(|b| if upper { format!("%{b:02X}") } else { format!("%{b:02x}") })
            .collect::<String>()
    };
    let unicode: String = token.chars().map(|c| format!("\\u{:04x}", c as u32)).collect();
    let mut forms = vec![token.clone(), hex(true), hex(false), unicode, token.replace('/', "\\/")];
    for before in ["", "a", "ab"] {
        let text = format!("{before}{token}zz");
        forms.push(base64::engine::general_purpose::STANDARD.encode(&text));
        forms.push(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&text));
    }
    for (number, form) in forms.iter().enumerate() {
        let fields = format!(
            "X-Echo: {form}\r\nLocation: /x?access_token={form}\r\nETag: \"{form}\"\r\nWarning: 199 - {form}\r\nContent-Type: text/plain"
        );
        provider.answer(
            &format!("/e{number}"),
            with_body("201 Created", &fields, format!("start {form} end").as_bytes()),
        );
        // Over chunk borders, one byte each.
        let chunks: String = format!("start {form} end").chars().map(|c| format!("1\r\n{c}\r\n")).collect();
        provider.answer(
            &format!("/c{number}"),
            format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n"),
        );
    }
    for (number, form) in forms.iter().enumerate() {
        for kind in ["e", "c"] {
            let answer = rig.get(&format!("/proxy/google/{kind}{number}"), BEN).await;
            let all = format!("{:?} {}", answer.headers, text(&answer.body));
            // The alignment's first and last characters may hold bits of neighbours; the middle must be gone.
            let middle = &form[8..form.len() - 8];
            assert!(!all.contains(middle), "{kind}{number}: {all}");
            assert_eq!(answer.body.len(), form.len() + "start  end".len(), "equal length");
        }
    }
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_s03_addresses_and_capabilities_stay_out_of_errors_and_logs() {
    // A port that is taken and refuses every connection.
    let refusing = TcpSocket::new_v4().unwrap();
    refusing.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let closed = refusing.local_addr().unwrap();
    let rig = Rig::with(Sandbox::builder(), |_| {
        format!(
            "[providers.github.upstreams]\n\"uploads.github.com\" = \"http://{closed}\"\n\
             \"codeload.github.com\" = \"http://{closed}\"\n[providers.google]\nbase_url = \"http://{closed}/secret-base\""
        )
    })
    .await;
    let capability = "https://codeload.github.com/x?token=CAPABILITY-SENTINEL-1";
    let redirect =
        Fault::on(Server::GitHub).path("/repos/a/b/tarball").status(302).header("location", capability);
    rig.sandbox.faults().add(redirect);
    for path in [
        "/proxy/google/x?secret=QUERY-SENTINEL-2",
        "/proxy/github/~uploads.github.com/x",
        "/proxy/github/repos/a/b/tarball",
    ] {
        let answer = rig.get(path, BEN).await;
        assert_eq!(answer.outcome(), (502, "provider-unreachable".into()), "{path}");
        let all = format!("{:?}{}", answer.headers, text(&answer.body));
        for inside in ["127.0.0.1", &closed.port().to_string(), "secret-base", "SENTINEL", "os error"] {
            assert!(!all.contains(inside), "{path} tells {inside}: {all}");
        }
    }
    let logs = crate::harness::logged();
    for inside in ["QUERY-SENTINEL-2", "CAPABILITY-SENTINEL-1", "secret-base"] {
        assert!(!logs.contains(inside), "{inside} was logged");
    }
    rig.finish();
}
