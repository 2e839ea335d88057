//! Log lines: JSON for machines, text for people. Values of headers, queries and bodies are never fields of an event.

use super::{
    current,
    json::{Object, quote},
    sink::LineSink,
};
use std::{
    cell::RefCell,
    fmt::{self, Write as _},
};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{Layer, layer::Context};

/// Formats events and hands them to the sink.
pub(super) struct LogLayer {
    pub(super) sink: LineSink,
    pub(super) json: bool,
    /// People read the lines, and no program does.
    pub(super) terminal: bool,
    pub(super) color: bool,
}

/// Members of the access line that people know by their values.
const UNNAMED: [&str; 5] = ["method", "route", "provider", "status", "outcome"];

/// Members of the access line that repeat the outcome.
const FOR_PROGRAMS: [&str; 2] = ["error_code", "remedy_url"];

/// Room for a usual line.
const USUAL: usize = 512;

thread_local! {
    /// The line under construction: the next one needs no memory of its own.
    static LINE: RefCell<String> = RefCell::new(String::with_capacity(USUAL));
}

impl<S: Subscriber> Layer<S> for LogLayer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        // The `listening` line is for programs: it is text on a terminal alone.
        let json = self.json || (!self.terminal && event.metadata().target() == super::ALWAYS);
        // Something that formats itself may log while it does so; its line is another one.
        let mut line = LINE.take();
        line.clear();
        if json {
            json_line(&mut line, event);
        } else {
            text_line(&mut line, event, self.color);
        }
        self.sink.write(&line);
        LINE.set(line);
    }
}

fn json_line(line: &mut String, event: &Event<'_>) {
    let mut members = Members { object: Object::stamped(line), has_event: false, has_request: false };
    members.object.word("level", word(*event.metadata().level()));
    event.record(&mut members);
    let Members { mut object, has_event, has_request } = members;
    if !has_event {
        object.word("event", "log");
    }
    if !has_request && let Some(request) = current::request() {
        object.word("request_id", request.as_str());
    }
    object.word("target", event.metadata().target());
    object.end();
}

/// An event's fields as members of an object, as they come.
struct Members<'a> {
    object: Object<'a>,
    has_event: bool,
    has_request: bool,
}

impl Visit for Members<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.has_event |= field.name() == "event";
        self.has_request |= field.name() == "request_id";
        self.object.text(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.object.plain(field.name(), if value { "true" } else { "false" });
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        match u64::try_from(value) {
            Ok(value) => self.object.whole(field.name(), value),
            Err(_) => self.object.plain(field.name(), &value.to_string()),
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.object.whole(field.name(), value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.object.number(field.name(), value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.record_str(field, &value.to_string());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

fn text_line(line: &mut String, event: &Event<'_>, color: bool) {
    let mut fields = TextFields::default();
    event.record(&mut fields);
    let level = *event.metadata().level();
    let (on, off) = match (color, level) {
        (false, _) => ("", ""),
        (true, Level::ERROR) => ("\x1b[31m", "\x1b[0m"),
        (true, Level::WARN) => ("\x1b[33m", "\x1b[0m"),
        (true, Level::INFO) => ("\x1b[32m", "\x1b[0m"),
        (true, _) => ("\x1b[2m", "\x1b[0m"),
    };
    let now = jiff::Timestamp::now();
    let name = fields.event.as_deref().unwrap_or("log");
    let _ = write!(line, "{now:.3} {on}{:<5}{off} {name}", word(level));
    if let Some(message) = &fields.message {
        let _ = write!(line, ": {}", message.replace(['\n', '\r'], " "));
    }
    line.push_str(&fields.rest);
    match (fields.request, current::request()) {
        (Some(request), _) => drop(write!(line, " request_id={request}")),
        (None, Some(request)) => drop(write!(line, " request_id={request}")),
        (None, None) => {}
    }
    line.push('\n');
}

/// An event's fields for people: the most telling ones go first, whatever their order.
#[derive(Default)]
struct TextFields {
    event: Option<String>,
    message: Option<String>,
    request: Option<String>,
    rest: String,
}

impl TextFields {
    fn put(&mut self, name: &str, value: fmt::Arguments<'_>) {
        let is_access = self.event.as_deref() == Some("request");
        if is_access && FOR_PROGRAMS.contains(&name) {
            return;
        }
        let _ = if is_access && UNNAMED.contains(&name) {
            write!(self.rest, " {value}")
        } else {
            write!(self.rest, " {name}={value}")
        };
    }
}

impl Visit for TextFields {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "event" => self.event = Some(value.to_owned()),
            "message" => self.message = Some(value.to_owned()),
            "request_id" => self.request = Some(value.to_owned()),
            name if value.contains([' ', '"']) || value.chars().any(char::is_control) => {
                self.put(name, format_args!(""));
                quote(&mut self.rest, value);
            }
            name => self.put(name, format_args!("{value}")),
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field.name(), format_args!("{value}"));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field.name(), format_args!("{value}"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field.name(), format_args!("{value}"));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        if value.is_finite() {
            self.put(field.name(), format_args!("{value:.3}"));
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.record_str(field, &value.to_string());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

fn word(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

#[cfg(test)]
mod tests {
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
            current_thread(current::within(id, async {
                tracing::warn!(event = "oops", count = 3, what = "a \"b\"\n", none = None::<u64>, "said\nso");
                tracing::info!(event = "own", request_id = "r1", share = 0.25, on = true);
            }));
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
        let short = AccessLine { request_id: "r1", method: "GET", route: "/v1", ..AccessLine::default() };
        let full = AccessLine {
            request_id: "r2",
            method: "GET",
            route: "/v1",
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
            client: "192.0.2.1",
            ids: Some(&ids),
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
}
