//! Members of a JSON object.

use serde_json::Value;

use super::rules::{Checked, LONGEST_NAME, LONGEST_VALUE, Rules, Wanted};
use crate::body::RequestBodyFault;

/// Where in a JSON text its reader is.
#[derive(Debug, Default)]
pub(super) struct Json {
    depth: usize,
    /// The text is an object, not an array.
    object: bool,
    in_text: bool,
    escaped: bool,
    /// The next string of the object is a name.
    expects_name: bool,
    in_name: bool,
    name: Vec<u8>,
    wanted: Option<Wanted>,
    value: Vec<u8>,
}

impl Json {
    pub(super) fn push(&mut self, data: &[u8], rules: &Rules) -> Checked {
        for &byte in data {
            let outer = self.depth == 1 && !self.in_text && matches!(byte, b',' | b'}');
            if outer {
                self.end_value(rules)?;
            } else if let Some(wanted) = self.wanted {
                if self.value.len() >= LONGEST_VALUE {
                    return Err(Rules::too_long(wanted));
                }
                self.value.push(byte);
            }
            if self.in_text { self.text(byte, rules)? } else { self.between(byte) }
        }
        Ok(())
    }

    fn text(&mut self, byte: u8, rules: &Rules) -> Checked {
        let ends = byte == b'"' && !self.escaped;
        self.escaped = byte == b'\\' && !self.escaped;
        if !ends {
            if self.in_name && self.name.len() < LONGEST_NAME {
                self.name.push(byte);
            }
            return Ok(());
        }
        self.in_text = false;
        if std::mem::take(&mut self.in_name) {
            let raw = std::mem::take(&mut self.name);
            let quoted = [b"\"", &raw[..], b"\""].concat();
            let name = serde_json::from_slice::<String>(&quoted).map_or(raw, String::into_bytes);
            self.wanted = rules.named(&name)?;
        }
        Ok(())
    }

    fn between(&mut self, byte: u8) {
        match byte {
            b'{' | b'[' => {
                self.depth += 1;
                if self.depth == 1 {
                    self.object = byte == b'{';
                }
                self.expects_name = self.depth == 1 && self.object;
            }
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                self.expects_name = false;
            }
            b',' => self.expects_name = self.depth == 1 && self.object,
            b'"' => {
                self.in_text = true;
                self.in_name = std::mem::take(&mut self.expects_name);
            }
            _ => {}
        }
    }

    fn end_value(&mut self, rules: &Rules) -> Checked {
        let raw = std::mem::take(&mut self.value);
        let Some(wanted) = self.wanted.take() else { return Ok(()) };
        // Behind the colon; escapes are undone before the value is compared.
        let raw = raw.trim_ascii_start();
        let raw = raw.strip_prefix(b":").unwrap_or(raw);
        match serde_json::from_slice(raw) {
            Ok(Value::String(text)) => rules.check(wanted, text.as_bytes()),
            Ok(other) => rules.check(wanted, other.to_string().as_bytes()),
            Err(_) => Err(RequestBodyFault::Broken),
        }
    }

    pub(super) fn finish(&mut self, rules: &Rules) -> Checked {
        self.end_value(rules)
    }
}
