use super::*;
use crate::{
    request_id::RequestId,
    telemetry::{access::AccessLine, sink::Target},
};
use std::sync::Arc;
use tracing_subscriber::layer::SubscriberExt as _;

fn written(json: bool, emit: impl FnOnce()) -> String {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("log");
    let sink = LineSink::open(Target::File(path.clone()), "test", Arc::new(|| {})).expect("opened");
    let layer = LogLayer { sink: sink.clone(), json, terminal: false, color: false };
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), emit);
    sink.flush();
    std::fs::read_to_string(path).expect("written")
}

fn current_thread<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(work)
}

#[test]
fn json_lines_have_the_members_and_the_running_requests_id() {
    let id = RequestId::random();
    let text = written(true, || {
        let _other = tracing::info_span!("other", request_id = "r0").entered();
        let work = async {
            tracing::warn!(event = "oops", count = 3, what = "a \"b\"\n", none = None::<u64>, "said\nso");
            tracing::info!(event = "own", request_id = "r1", share = 0.25, on = true);
        };
        let worked = current_thread(current::within(id, &tracing::Span::none(), work));
        assert!(worked.is_ok());
        tracing::info!("plain");
    });
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.len(), 3, "one line an event: {text}");
    assert_eq!((&lines[0]["level"], &lines[0]["event"]), (&"warn".into(), &"oops".into()));
    assert_eq!((&lines[0]["request_id"], &lines[0]["count"]), (&id.as_str().into(), &3.into()));
    assert_eq!(lines[0]["message"], "said\nso");
    assert!(lines[0].get("none").is_none());
    assert_eq!((&lines[0]["what"], &lines[0]["target"]), (&"a \"b\"\n".into(), &module_path!().into()));
    assert_eq!((&lines[1]["request_id"], &lines[1]["share"]), (&"r1".into(), &0.25.into()));
    assert_eq!(lines[1]["on"], true);
    assert_eq!((&lines[2]["event"], &lines[2]["message"]), (&"log".into(), &"plain".into()));
    assert!(lines[2].get("request_id").is_none());
}

#[test]
fn the_access_line_is_the_same_with_and_without_an_event() {
    let ids = ("0af7651916cd43dd8448eb211c80319c".to_owned(), "b7ad6b7169203331".to_owned());
    let short = AccessLine {
        request_id: "r1",
        method: "GET",
        route: "/v1",
        provider: None,
        status: 0,
        outcome: None,
        duration: std::time::Duration::ZERO,
        upstream: None,
        tenant: None,
        cache: None,
        error: None,
        remedy: None,
        mismatch: None,
        bytes: 0,
        client: [192, 0, 2, 1].into(),
        ids: None,
    };
    let full = AccessLine {
        request_id: "r2",
        provider: Some("github"),
        status: 401,
        outcome: Some("caller-token-invalid"),
        duration: std::time::Duration::from_micros(1_500),
        upstream: Some(std::time::Duration::from_micros(250)),
        tenant: Some(std::time::Duration::from_micros(1)),
        cache: Some("hit"),
        error: Some("caller-token-invalid"),
        remedy: Some("https://example.test/"),
        mismatch: Some(["aud", "a \"b\"", "c"]),
        bytes: 7,
        client: "2001:db8::7".parse().expect("an address"),
        ids: Some(&ids),
        ..short
    };
    for line in [short, full] {
        let mut straight = String::new();
        line.json(&mut straight);
        let told = written(true, || line.tell(&tracing::Span::none()));
        let after_time = |text: &str| text.split_once("\"level\"").map(|(_, rest)| rest.to_owned());
        assert!(after_time(&told).is_some());
        assert_eq!(after_time(&straight), after_time(&told));
    }
}

#[test]
fn text_lines_stay_on_one_line() {
    let text = written(false, || tracing::info!(event = "a", path = "x\ny", "b\nc"));
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.contains("info  a: b c path=\"x\\ny\""), "{text}");
}

#[test]
fn the_access_line_is_short_for_people() {
    let text = written(false, || {
        tracing::info!(
            event = "request",
            method = "GET",
            route = "/v1/me",
            status = 401,
            outcome = "caller-token-missing",
            error_code = "caller-token-missing",
            remedy_url = "https://example.test",
            duration_ms = 0.8461,
        );
    });
    assert!(text.ends_with(" request GET /v1/me 401 caller-token-missing duration_ms=0.846\n"), "{text}");
}
