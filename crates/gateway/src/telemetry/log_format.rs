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
mod tests;
