//! The admin listener: probes, metrics, authorization, commands.

use crate::wire_support::{Answer, exchange};
use futures_util::future::BoxFuture;
use gateway::{
    admin::{
        Admin, AdminParts, BlockEntry, BlockRequest, Check, CheckStatus, Operations, Reach, Readiness,
        ReloadError, Selector,
    },
    outcome::Code,
    problem::Problem,
    server::{Lifecycle, Options, Server, Stage},
    telemetry::{Audit, Metrics},
};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

/// A domain that remembers what it was told.
#[derive(Clone, Default)]
struct Domain {
    broken: Arc<AtomicBool>,
    told: Arc<Mutex<Vec<String>>>,
}

impl Domain {
    fn tell(&self, what: String) {
        self.told.lock().unwrap().push(what);
    }
}

impl Operations for Domain {
    fn readiness(&self) -> Readiness {
        let broken = self.broken.load(Ordering::Relaxed);
        let (status, detail) = if broken {
            (CheckStatus::Fail, Some("no keys yet".to_owned()))
        } else {
            (CheckStatus::Ok, None)
        };
        Readiness::from_checks(BTreeMap::from([("keys", Check { status, detail })]))
    }

    fn forget(&self, selector: Selector) -> BoxFuture<'_, Result<u64, Problem>> {
        self.tell(format!("forget {selector:?}"));
        Box::pin(async { Ok(3) })
    }

    fn block(&self, block: BlockRequest) -> BoxFuture<'_, Result<Reach, Problem>> {
        self.tell(format!("block {block:?}"));
        Box::pin(async { Ok(Reach::Fleet) })
    }

    fn unblock(&self, selector: Selector) -> BoxFuture<'_, Result<Reach, Problem>> {
        self.tell(format!("unblock {selector:?}"));
        Box::pin(async { Err(Problem::new(Code::StoreUnavailable)) })
    }

    fn blocks(&self) -> BoxFuture<'_, Result<Vec<BlockEntry>, Problem>> {
        let selector = Selector { user: Some("auth0|1".to_owned()), ..Selector::default() };
        Box::pin(async { Ok(vec![BlockEntry { selector, reason: None, until: None }]) })
    }
}

struct Running {
    addr: SocketAddr,
    domain: Domain,
    lifecycle: Lifecycle,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.lifecycle.advance(Stage::Aborted);
    }
}

async fn start(token_file: Option<PathBuf>, loopback: bool) -> Running {
    let domain = Domain::default();
    let operations: Arc<dyn Operations> = Arc::new(domain.clone());
    let lifecycle = Lifecycle::default();
    let metrics = Metrics::new().unwrap();
    let admin = Admin::new(AdminParts {
        operations: Arc::new(arc_swap::ArcSwap::from_pointee(operations)),
        token_file,
        loopback,
        lifecycle: lifecycle.clone(),
        metrics: metrics.clone(),
        audit: Audit::default(),
        reload: Arc::new(|| Box::pin(async { Err(ReloadError(vec!["tenant.domain: missing".to_owned()])) })),
    });
    let server = Server::bind_admin(Options::default(), admin, metrics, lifecycle.clone()).await.unwrap();
    let addr = server.addr();
    tokio::spawn(server.run());
    Running { addr, domain, lifecycle }
}

async fn ask(server: &Running, line: &str, fields: &str, body: &str) -> Answer {
    let host = if fields.to_ascii_lowercase().contains("host:") { "" } else { "Host: localhost\r\n" };
    let text = format!(
        "{line} HTTP/1.1\r\n{host}Connection: close\r\nContent-Length: {}\r\n{fields}\r\n{body}",
        body.len()
    );
    exchange(server.addr, text.as_bytes()).await.remove(0)
}

const JSON: &str = "Content-Type: application/json\r\n";

#[tokio::test]
async fn probes_answer_in_every_stage() {
    let server = start(None, true).await;
    assert_eq!(ask(&server, "GET /livez", "Host: 10.0.0.7:9090\r\n", "").await.status, 200);
    let ready = ask(&server, "GET /readyz", "", "").await;
    assert_eq!(
        (ready.status, ready.body.as_str()),
        (200, r#"{"checks":{"keys":{"status":"ok"}},"status":"ready"}"#)
    );
    server.domain.broken.store(true, Ordering::Relaxed);
    let ready = ask(&server, "GET /readyz", "", "").await;
    assert_eq!(ready.status, 503);
    assert_eq!(
        ready.body,
        r#"{"checks":{"keys":{"detail":"no keys yet","status":"fail"}},"status":"not-ready"}"#
    );
    server.lifecycle.advance(Stage::Closing);
    let ready = ask(&server, "GET /readyz", "", "").await;
    assert!(ready.status == 503 && ready.body.contains("\"status\":\"draining\""), "{ready:?}");
    assert_eq!(ask(&server, "GET /livez", "", "").await.status, 200);
    let metrics = ask(&server, "GET /metrics", "", "").await;
    assert!(metrics.header("content-type").unwrap().starts_with("text/plain; version=0.0.4"));
    assert!(metrics.body.contains("idp_gateway_build_info"));
    assert!(ask(&server, "GET /version", "", "").await.body.contains(env!("CARGO_PKG_VERSION")));
    assert_eq!(ask(&server, "GET /proxy/github/user", "", "").await.status, 404);
    assert_eq!(ask(&server, "POST /livez", "", "").await.status, 405);
}

/// As HAProxy's `option httpchk` and older balancers ask.
#[tokio::test]
async fn probes_need_no_host_and_commands_do() {
    let server = start(None, true).await;
    for path in ["/readyz", "/livez", "/metrics"] {
        let answers = exchange(server.addr, format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).await;
        assert_eq!(answers.iter().map(|answer| answer.status).collect::<Vec<_>>(), [200], "{path}");
    }
    let command = "POST /admin/forget HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n{\"all\":true}";
    assert_eq!(exchange(server.addr, command.as_bytes()).await[0].status, 403);
    assert!(server.domain.told.lock().unwrap().is_empty());
    assert_eq!(exchange(server.addr, b"GET /readyz HTTP/1.1\r\n\r\n").await[0].status, 400);
}

#[tokio::test]
async fn tm_s05_without_a_token_only_a_local_program_may_command() {
    let server = start(None, true).await;
    let body = r#"{"all":true}"#;
    for (fields, status) in [
        (JSON.to_owned(), 200),
        ("Content-Type: application/json; charset=utf-8\r\nHost: 127.0.0.1:9090\r\n".to_owned(), 200),
        (format!("{JSON}Host: [::1]:9090\r\n"), 200),
        (String::new(), 403),
        ("Content-Type: text/plain\r\n".to_owned(), 403),
        (format!("{JSON}Host: evil.example.com\r\n"), 403),
        (format!("{JSON}Host: localhost.evil.example.com\r\n"), 403),
        (format!("{JSON}Origin: http://localhost\r\n"), 403),
        (format!("{JSON}Origin: null\r\n"), 403),
    ] {
        assert_eq!(ask(&server, "POST /admin/forget", &fields, body).await.status, status, "{fields:?}");
    }
    let open = start(None, false).await;
    assert_eq!(ask(&open, "POST /admin/forget", JSON, body).await.status, 403);
    assert!(open.domain.told.lock().unwrap().is_empty());
    assert_eq!(ask(&open, "GET /readyz", "", "").await.status, 200);
}

#[tokio::test]
async fn tm_s11_pages_of_other_names_read_nothing_on_a_loopback_address() {
    let server = start(None, true).await;
    for path in ["/metrics", "/readyz", "/version"] {
        for (fields, status) in [
            ("", 200),
            ("Host: 127.0.0.1:9090\r\n", 200),
            ("Host: localhost\r\n", 200),
            ("Host: evil.example.com\r\n", 403),
            ("Host: localhost.evil.example.com:9090\r\n", 403),
        ] {
            let answer = ask(&server, &format!("GET {path}"), fields, "").await;
            assert_eq!(answer.status, status, "{path} {fields:?}");
        }
    }
    assert_eq!(ask(&server, "GET /livez", "Host: probe.example.com\r\n", "").await.status, 200);
    let open = start(None, false).await;
    assert_eq!(ask(&open, "GET /metrics", "Host: pod.example.com\r\n", "").await.status, 200);
}

#[tokio::test]
async fn tm_s05_with_a_token_it_is_wanted_everywhere() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    std::fs::write(&file, "s3cret\n").unwrap();
    let server = start(Some(file.clone()), false).await;
    let body = r#"{"all":true}"#;
    for (fields, status) in [
        ("Authorization: Bearer s3cret\r\n", 200),
        ("authorization: bearer s3cret\r\nOrigin: http://x\r\n", 200),
        ("", 401),
        ("Authorization: Bearer wrong\r\n", 401),
        ("Authorization: Bearer s3cret2\r\n", 401),
        ("Authorization: Basic s3cret\r\n", 401),
        ("Authorization: Bearer \r\n", 401),
        ("Authorization: Bearer s3cret\r\nAuthorization: Bearer s3cret\r\n", 401),
        (JSON, 401),
    ] {
        let answer = ask(&server, "POST /admin/forget", fields, body).await;
        assert_eq!(answer.status, status, "{fields:?}");
        assert_eq!(answer.header("www-authenticate").is_some(), status == 401);
    }
    // Rotation needs no restart; an unreadable file keeps the last good value.
    std::fs::write(&file, "new").unwrap();
    assert_eq!(ask(&server, "POST /admin/forget", "Authorization: Bearer new\r\n", body).await.status, 200);
    std::fs::write(&file, "").unwrap();
    assert_eq!(ask(&server, "POST /admin/forget", "Authorization: Bearer new\r\n", body).await.status, 200);
    assert_eq!(ask(&server, "POST /admin/forget", "Authorization: Bearer \r\n", body).await.status, 401);
}

#[tokio::test]
async fn commands_reach_the_domain_and_mistakes_do_not() {
    let server = start(None, true).await;
    let answer = ask(&server, "POST /admin/forget", JSON, r#"{"user":"auth0|1","grants":true}"#).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"forgotten":3}"#));
    let answer =
        ask(&server, "POST /admin/block", JSON, r#"{"provider":"github","reason":"abuse","for":"1h"}"#).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"scope":"fleet"}"#));
    assert_eq!(
        ask(&server, "DELETE /admin/block", JSON, r#"{"user":"auth0|1"}"#).await.code(),
        "store-unavailable"
    );
    let list = ask(&server, "GET /admin/block", JSON, "").await;
    assert_eq!(list.body, r#"{"blocks":[{"until":null,"user":"auth0|1"}]}"#);
    assert_eq!(server.domain.told.lock().unwrap().len(), 3);
    for body in [
        "{}",
        "",
        "[]",
        r#"{"all":false}"#,
        r#"{"usr":"x"}"#,
        r#"{"all":true,"user":"x"}"#,
        r#"{"user":""}"#,
        r#"{"user":1}"#,
    ] {
        let answer = ask(&server, "POST /admin/forget", JSON, body).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "bad-request"), "{body}");
        assert_eq!(ask(&server, "POST /admin/block", JSON, body).await.status, 400, "{body}");
    }
    assert_eq!(ask(&server, "POST /admin/block", JSON, r#"{"user":"x","for":"soon"}"#).await.status, 400);
    assert_eq!(server.domain.told.lock().unwrap().len(), 3);
    let reload = ask(&server, "POST /admin/reload", JSON, "").await;
    assert!(reload.status == 409 && reload.body.contains("tenant.domain: missing"), "{reload:?}");
    assert_eq!(ask(&server, "GET /admin/forget", JSON, "").await.status, 405);
    assert_eq!(ask(&server, "POST /admin/shutdown", JSON, "").await.status, 404);
}
