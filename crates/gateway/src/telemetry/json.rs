//! One JSON object a line, written straight into a buffer: log and audit lines are made for every request.

use std::{
    cell::Cell,
    fmt::Write as _,
    net::IpAddr,
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
    line.push('.');
    padded(line, u64::from(now.subsec_micros()), 6);
    line.push('Z');
}

/// Appends a whole number: what `{}` says, at a fraction of its cost.
fn decimal(line: &mut String, number: u64) {
    padded(line, number, 1);
}

/// Appends a whole number with zeros in front of it up to so many digits.
fn padded(line: &mut String, mut number: u64, width: usize) {
    let mut digits = [b'0'; 20];
    let mut first = digits.len();
    while number > 0 || digits.len() - first < width.min(digits.len()) {
        first -= 1;
        digits[first] = b"0123456789"[usize::try_from(number % 10).unwrap_or_default()];
        number /= 10;
    }
    line.push_str(str::from_utf8(&digits[first..]).unwrap_or_default());
}

/// An address as `{}` shows it.
pub(crate) fn address(address: IpAddr) -> String {
    let IpAddr::V4(address) = address else { return address.to_string() };
    let mut text = String::with_capacity(15);
    for (at, octet) in address.octets().into_iter().enumerate() {
        if at > 0 {
            text.push('.');
        }
        decimal(&mut text, u64::from(octet));
    }
    text
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
        decimal(line, scaled / 1000);
        line.push('.');
        padded(line, scaled % 1000, 3);
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

    /// Adds a text of ours, or another one that needs no escape.
    pub(super) fn word(&mut self, name: &str, value: &str) {
        self.name(name);
        self.0.push('"');
        self.0.push_str(value);
        self.0.push('"');
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
    fn numbers_and_addresses_are_what_formatting_says() {
        for value in [0, 7, 10, 99, 100, 65_535, 1_000_000, u64::MAX] {
            let mut line = String::new();
            decimal(&mut line, value);
            line.push(' ');
            padded(&mut line, value, 6);
            assert_eq!(line, format!("{value} {value:06}"));
        }
        for text in ["0.0.0.0", "127.0.0.1", "255.10.9.200", "::1", "2001:db8::7"] {
            assert_eq!(address(text.parse().expect("an address")), text);
        }
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
