//! One JSON object a line, written straight into a buffer: log and audit lines are made for every request.

use std::{
    cell::RefCell,
    fmt::Write as _,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

thread_local! {
    /// The last second that was written, and how: `2026-01-31T23:59:59`.
    static SECOND: RefCell<(u64, String)> = const { RefCell::new((u64::MAX, String::new())) };
}

/// Begins an object with the present time, to the microsecond, as RFC 3339 has it.
pub(super) fn stamped(line: &mut String) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    line.push_str("{\"ts\":\"");
    SECOND.with_borrow_mut(|(second, text)| {
        if *second != now.as_secs() {
            *second = now.as_secs();
            *text = date(*second);
        }
        line.push_str(text);
    });
    line.push('.');
    six_digits(line, now.subsec_micros());
    line.push_str("Z\"");
}

/// A second since 1970 as RFC 3339 has it, without the zone.
#[cold]
fn date(second: u64) -> String {
    let date = i64::try_from(second).ok().and_then(|second| jiff::Timestamp::from_second(second).ok());
    let mut text = date.unwrap_or_default().to_string();
    text.truncate("1970-01-01T00:00:00".len());
    text
}

/// Appends a whole number.
pub(super) fn decimal(line: &mut String, number: u64) {
    line.push_str(itoa::Buffer::new().format(number));
}

/// Appends a number below a million with six digits.
fn six_digits(line: &mut String, number: u32) {
    line.push_str(itoa::Buffer::new().format(1_000_000 + number).split_at(1).1);
}

/// Appends thousandths as a number with three decimals.
fn thousandths(line: &mut String, number: u64) {
    decimal(line, number / 1000);
    line.push('.');
    line.push_str(itoa::Buffer::new().format(1000 + number % 1000).split_at(1).1);
}

/// Appends a time in milliseconds with three decimals.
pub(super) fn millis(line: &mut String, time: Duration) {
    let micros = u64::from((time.subsec_nanos() + 500) / 1000);
    thousandths(line, time.as_secs().saturating_mul(1_000_000).saturating_add(micros));
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

/// Appends a finite number with three decimals: what `{:.3}` says, without the cost of formatting a float.
fn rounded(line: &mut String, value: f64) {
    let scaled = (value * 1000.0).round();
    if (0.0..1e15).contains(&scaled) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the range")]
        thousandths(line, scaled as u64);
    } else {
        let _ = write!(line, "{value:.3}");
    }
}

/// An object under construction. Names are ours and need no escape.
pub(super) struct Object<'a>(&'a mut String);

impl<'a> Object<'a> {
    /// Begins with the time, as member `ts`.
    pub(super) fn stamped(line: &'a mut String) -> Self {
        stamped(line);
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

    /// Adds a text of ours, or another one that needs no escape.
    pub(super) fn word(&mut self, name: &str, value: &str) {
        self.0.extend([",\"", name, "\":\"", value, "\""]);
    }

    /// Adds such a text if there is one.
    pub(super) fn maybe_word(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.word(name, value);
        }
    }

    /// Adds what is JSON already, such as `true`.
    pub(super) fn plain(&mut self, name: &str, value: &str) {
        self.name(name);
        self.0.push_str(value);
    }

    /// Adds a whole number.
    pub(super) fn whole(&mut self, name: &str, value: u64) {
        self.name(name);
        decimal(self.0, value);
    }

    /// Adds a number with three decimals, if it is one.
    pub(super) fn number(&mut self, name: &str, value: f64) {
        if value.is_finite() {
            self.name(name);
            rounded(self.0, value);
        }
    }

    /// Ends object and line.
    pub(super) fn end(self) {
        self.0.push_str("}\n");
    }

    fn name(&mut self, name: &str) {
        self.0.extend([",\"", name, "\":"]);
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
        object.whole("whole", 7);
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
    fn fractions_of_a_second_have_six_digits() {
        for micros in [0, 7, 999_999] {
            let mut line = String::new();
            six_digits(&mut line, micros);
            assert_eq!(line, format!("{micros:06}"));
        }
    }

    #[test]
    fn thousandths_are_what_formatting_says() {
        for value in [0.0, 0.0004, 0.001, 0.25, 1.5, 12.345_678, 999.999_6, 1e14, 1e17, -3.25] {
            let mut line = String::new();
            rounded(&mut line, value);
            assert_eq!(line, format!("{value:.3}"));
        }
        for nanos in [0, 400, 600, 1_000, 250_000, 1_500_499, 999_999_600, 61_000_000_000] {
            let mut line = String::new();
            millis(&mut line, Duration::from_nanos(nanos));
            assert_eq!(line, format!("{:.3}", Duration::from_nanos(nanos).as_secs_f64() * 1000.0));
        }
    }
}
