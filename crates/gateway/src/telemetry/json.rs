//! One JSON object a line, written straight into a buffer: log and audit lines are made for every request.

use std::{
    cell::Cell,
    fmt::{Display, Write as _},
    time::{SystemTime, UNIX_EPOCH},
};

thread_local! {
    /// The last second that was written, and how: `2026-01-31T23:59:59`.
    static SECOND: Cell<(u64, [u8; 19])> = const { Cell::new((u64::MAX, [0; 19])) };
}

/// Appends the present time, to the microsecond, as RFC 3339 has it.
fn stamp(line: &mut String) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let (mut second, mut text) = SECOND.get();
    if second != now.as_secs() {
        second = now.as_secs();
        let date = i64::try_from(second).ok().and_then(|second| jiff::Timestamp::from_second(second).ok());
        let date = date.unwrap_or_default().to_string();
        text.copy_from_slice(date.as_bytes().first_chunk().unwrap_or(b"1970-01-01T00:00:00"));
        SECOND.set((second, text));
    }
    line.push_str(str::from_utf8(&text).unwrap_or_default());
    let _ = write!(line, ".{:06}Z", now.subsec_micros());
}

/// Appends `text` as a JSON string; most need no escape.
pub(super) fn quote(line: &mut String, text: &str) {
    // No early end: so the compiler looks at many bytes at once.
    if text.bytes().fold(false, |escape, byte| escape | (byte < b' ') | (byte == b'"') | (byte == b'\\')) {
        line.push_str(&serde_json::to_string(text).unwrap_or_default());
    } else {
        line.push('"');
        line.push_str(text);
        line.push('"');
    }
}

/// Appends a finite number with three decimals: what `{:.3}` says, at a fraction of its cost.
fn thousandths(line: &mut String, value: f64) {
    let scaled = (value * 1000.0).round();
    if (0.0..1e15).contains(&scaled) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the range")]
        let scaled = scaled as u64;
        let _ = write!(line, "{}.{:03}", scaled / 1000, scaled % 1000);
    } else {
        let _ = write!(line, "{value:.3}");
    }
}

/// An object under construction. Names are ours and need no escape.
pub(super) struct Object<'a>(&'a mut String);

impl<'a> Object<'a> {
    /// Begins with the time, as member `ts`.
    pub(super) fn stamped(line: &'a mut String) -> Self {
        line.push_str("{\"ts\":\"");
        stamp(line);
        line.push('"');
        Self(line)
    }

    /// Adds a text.
    pub(super) fn text(&mut self, name: &str, value: &str) {
        self.name(name);
        quote(self.0, value);
    }

    /// Adds a text if there is one.
    pub(super) fn maybe(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(name, value);
        }
    }

    /// Adds what displays as JSON, such as a whole number.
    pub(super) fn plain(&mut self, name: &str, value: impl Display) {
        self.name(name);
        let _ = write!(self.0, "{value}");
    }

    /// Adds a number with three decimals, if it is one.
    pub(super) fn number(&mut self, name: &str, value: f64) {
        if value.is_finite() {
            self.name(name);
            thousandths(self.0, value);
        }
    }

    /// Ends object and line.
    pub(super) fn end(self) {
        self.0.push_str("}\n");
    }

    fn name(&mut self, name: &str) {
        self.0.push_str(",\"");
        self.0.push_str(name);
        self.0.push_str("\":");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_json_and_its_time_is_now() {
        let mut line = String::new();
        let before = jiff::Timestamp::now();
        let mut object = Object::stamped(&mut line);
        object.text("text", "a \"b\"\\\n\u{1}ü");
        object.maybe("none", None);
        object.plain("whole", 7);
        object.number("part", 1.0005);
        object.number("nothing", f64::NAN);
        object.end();
        let value: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        let ts: jiff::Timestamp = value["ts"].as_str().and_then(|ts| ts.parse().ok()).expect("a time");
        let off = ts.duration_since(before).abs();
        assert!(off < std::time::Duration::from_secs(5).try_into().expect("seconds"), "{line}");
        assert_eq!(value["text"], "a \"b\"\\\n\u{1}ü");
        assert_eq!((&value["whole"], value.as_object().map(serde_json::Map::len)), (&7.into(), Some(4)));
        assert!(line.ends_with("}\n"));
    }

    #[test]
    fn thousandths_are_what_formatting_says() {
        for value in [0.0, 0.0004, 0.001, 0.25, 1.5, 12.345_678, 999.999_6, 1e14, 1e17, -3.25] {
            let mut line = String::new();
            thousandths(&mut line, value);
            assert_eq!(line, format!("{value:.3}"));
        }
    }
}
