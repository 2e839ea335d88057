//! Log lines: JSON for machines, text for people. Values of headers, queries and bodies are never fields of an event.

use super::sink::LineSink;
use std::fmt::{self, Write as _};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id},
};
use tracing_subscriber::{Layer, layer::Context, registry::LookupSpan};

/// Formats events and hands them to the sink.
pub(super) struct LogLayer {
    pub(super) sink: LineSink,
    pub(super) json: bool,
    pub(super) color: bool,
}

/// Room for a usual line.
const USUAL: usize = 384;

/// The request a span belongs to.
struct OfRequest(String);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for LogLayer {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        struct Find(Option<String>);
        impl Visit for Find {
            fn record_str(&mut self, field: &Field, value: &str) {
                if field.name() == "request_id" {
                    self.0 = Some(value.to_owned());
                }
            }
            fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
        }
        let mut find = Find(None);
        attributes.record(&mut find);
        if let (Some(request), Some(span)) = (find.0, context.span(id)) {
            span.extensions_mut().insert(OfRequest(request));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        // The `listening` line is for programs; it is JSON on a terminal too.
        let json = self.json || event.metadata().target() == super::ALWAYS;
        let mut fields = Fields { json, ..Fields::default() };
        event.record(&mut fields);
        if fields.request.is_none() {
            fields.request = context.event_scope(event).and_then(|mut scope| {
                scope.find_map(|span| {
                    span.extensions().get::<OfRequest>().map(|OfRequest(request)| request.clone())
                })
            });
        }
        let level = *event.metadata().level();
        let line = if json { fields.json_line(level, event) } else { fields.text_line(level, self.color) };
        self.sink.write(&line);
    }
}

/// An event's fields, taken apart.
#[derive(Default)]
struct Fields {
    json: bool,
    event: Option<String>,
    message: Option<String>,
    request: Option<String>,
    rest: String,
}

impl Fields {
    fn put(&mut self, name: &str, value: fmt::Arguments<'_>) {
        self.name(name);
        let _ = self.rest.write_fmt(value);
    }

    fn name(&mut self, name: &str) {
        if self.rest.capacity() == 0 {
            self.rest.reserve(USUAL);
        }
        if self.json {
            self.rest.push(',');
            quote(&mut self.rest, name);
            self.rest.push(':');
        } else {
            self.rest.push(' ');
            self.rest.push_str(name);
            self.rest.push('=');
        }
    }

    fn put_text(&mut self, name: &str, value: &str) {
        match name {
            "event" => self.event = Some(value.to_owned()),
            "message" => self.message = Some(value.to_owned()),
            "request_id" => self.request = Some(value.to_owned()),
            _ if self.json || value.contains([' ', '"']) || value.chars().any(char::is_control) => {
                self.name(name);
                quote(&mut self.rest, value);
            }
            _ => {
                self.name(name);
                self.rest.push_str(value);
            }
        }
    }

    fn json_line(self, level: Level, event: &Event<'_>) -> String {
        let ts = jiff::Timestamp::now();
        let name = self.event.as_deref().unwrap_or("log");
        let mut line = String::with_capacity(self.rest.len() + USUAL);
        let _ = write!(line, "{{\"ts\":\"{ts:.6}\",\"level\":\"{}\",\"event\":", word(level));
        quote(&mut line, name);
        if let Some(request) = &self.request {
            line.push_str(",\"request_id\":");
            quote(&mut line, request);
        }
        line.push_str(&self.rest);
        if let Some(message) = &self.message {
            line.push_str(",\"message\":");
            quote(&mut line, message);
        }
        line.push_str(",\"target\":");
        quote(&mut line, event.metadata().target());
        line.push_str("}\n");
        line
    }

    fn text_line(self, level: Level, color: bool) -> String {
        let now = jiff::Timestamp::now();
        let (on, off) = match (color, level) {
            (false, _) => ("", ""),
            (true, Level::ERROR) => ("\x1b[31m", "\x1b[0m"),
            (true, Level::WARN) => ("\x1b[33m", "\x1b[0m"),
            (true, Level::INFO) => ("\x1b[32m", "\x1b[0m"),
            (true, _) => ("\x1b[2m", "\x1b[0m"),
        };
        let mut line =
            format!("{now:.3} {on}{:<5}{off} {}", word(level), self.event.as_deref().unwrap_or("log"));
        if let Some(message) = &self.message {
            let _ = write!(line, ": {}", message.replace(['\n', '\r'], " "));
        }
        line.push_str(&self.rest);
        if let Some(request) = &self.request {
            let _ = write!(line, " request_id={request}");
        }
        line.push('\n');
        line
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put_text(field.name(), value);
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
            self.put(field.name(), format_args!("{:.3}", value));
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.put_text(field.name(), &value.to_string());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put_text(field.name(), &format!("{value:?}"));
    }
}

/// Appends `text` as a JSON string; most need no escape.
fn quote(line: &mut String, text: &str) {
    if text.bytes().any(|byte| byte < b' ' || byte == b'"' || byte == b'\\') {
        line.push_str(&serde_json::to_string(text).unwrap_or_default());
    } else {
        line.push('"');
        line.push_str(text);
        line.push('"');
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
    use crate::telemetry::sink::Target;
    use std::sync::Arc;
    use tracing_subscriber::layer::SubscriberExt as _;

    fn written(json: bool, emit: impl FnOnce()) -> String {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("log");
        let sink = LineSink::open(Target::File(path.clone()), "test", Arc::new(|| {})).expect("opened");
        let layer = LogLayer { sink: sink.clone(), json, color: false };
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), emit);
        sink.flush();
        std::fs::read_to_string(path).expect("written")
    }

    #[test]
    fn json_lines_have_the_members_and_the_spans_request_id() {
        let text = written(true, || {
            let span = tracing::info_span!("request", request_id = "r1", other = "x");
            span.in_scope(|| {
                tracing::warn!(event = "oops", count = 3, what = "a \"b\"\n", none = None::<u64>, "said\nso")
            });
            tracing::info!("plain");
        });
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(lines.len(), 2, "one line an event: {text}");
        assert_eq!((&lines[0]["level"], &lines[0]["event"]), (&"warn".into(), &"oops".into()));
        assert_eq!((&lines[0]["request_id"], &lines[0]["count"]), (&"r1".into(), &3.into()));
        assert_eq!(lines[0]["message"], "said\nso");
        assert!(lines[0].get("none").is_none());
        assert_eq!((&lines[1]["event"], &lines[1]["message"]), (&"log".into(), &"plain".into()));
        assert!(lines[1].get("request_id").is_none());
    }

    #[test]
    fn text_lines_stay_on_one_line() {
        let text = written(false, || tracing::info!(event = "a", path = "x\ny", "b\nc"));
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.contains("info  a: b c path=\"x\\ny\""), "{text}");
    }
}
