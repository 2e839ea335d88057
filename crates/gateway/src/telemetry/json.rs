//! One JSON object a line, written straight into a buffer: log and audit lines are made for every request.

use std::{
    cell::RefCell,
    fmt::Write as _,
    net::IpAddr,
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
    six_digits(line, now.subsec_micros().into());
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

/// Two digits each.
const PAIRS: &str = "0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849\
                     5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";

/// Appends a number below a hundred with two digits.
fn pair(line: &mut String, number: u64) {
    let at = usize::try_from(number % 100).unwrap_or_default() * 2;
    line.push_str(&PAIRS[at..at + 2]);
}

/// Appends a number below a million with six digits.
fn six_digits(line: &mut String, number: u64) {
    pair(line, number / 10_000);
    pair(line, number / 100);
    pair(line, number);
}

/// Appends a whole number: what `{}` says, at a fraction of its cost.
pub(super) fn decimal(line: &mut String, number: u64) {
    match number {
        0..10 => line.push_str(&PAIRS[usize::try_from(number).unwrap_or_default() * 2 + 1..][..1]),
        10..100 => pair(line, number),
        _ => {
            decimal(line, number / 100);
            pair(line, number);
        }
    }
}

/// Appends thousandths as a number with three decimals.
fn thousandths(line: &mut String, number: u64) {
    decimal(line, number / 1000);
    let rest = number % 1000;
    line.push('.');
    decimal(line, rest / 100);
    pair(line, rest);
}

/// Appends a time in milliseconds with three decimals.
pub(super) fn millis(line: &mut String, time: Duration) {
    let micros = u64::from((time.subsec_nanos() + 500) / 1000);
    thousandths(line, time.as_secs().saturating_mul(1_000_000).saturating_add(micros));
}

/// Appends an address as `{}` shows it.
pub(super) fn address(line: &mut String, address: IpAddr) {
    let IpAddr::V4(address) = address else {
        let _ = write!(line, "{address}");
        return;
    };
    let [first, rest @ ..] = address.octets();
    decimal(line, first.into());
    for octet in rest {
        line.push('.');
        decimal(line, octet.into());
    }
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
    fn numbers_and_addresses_are_what_formatting_says() {
        for value in [0, 7, 10, 99, 100, 65_535, 1_000_000, u64::MAX] {
            let mut line = String::new();
            decimal(&mut line, value);
            line.push(' ');
            six_digits(&mut line, value % 1_000_000);
            assert_eq!(line, format!("{value} {:06}", value % 1_000_000));
        }
        for text in ["0.0.0.0", "127.0.0.1", "255.10.9.200", "::1", "2001:db8::7"] {
            let mut line = String::new();
            address(&mut line, text.parse().expect("an address"));
            assert_eq!(line, text);
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
