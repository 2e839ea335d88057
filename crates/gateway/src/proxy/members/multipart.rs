//! Members of a multipart body, by the heads of its parts.
//!
//! A head is whatever stands between a line that begins with `--` and an empty line: then a boundary that is written in an odd
//! way hides none.

use super::rules::{Checked, LONGEST_VALUE, Rules, Wanted};
use crate::body::RequestBodyFault;

/// Longest line that is looked at; only in a file a line may be longer.
const LONGEST_LINE: usize = 4 * 1024;
const DISPOSITION: &[u8] = b"content-disposition";

/// The readers of a multipart body: some parsers end a line at a return alone, and others only at a newline.
#[derive(Debug, Default)]
pub(super) struct Multipart {
    by_returns: Lines<true>,
    by_newlines: Lines<false>,
}

impl Multipart {
    pub(super) fn push(&mut self, data: &[u8], rules: &Rules) -> Checked {
        self.by_returns.push(data, rules)?;
        self.by_newlines.push(data, rules)
    }

    pub(super) fn finish(&mut self, rules: &Rules) -> Checked {
        self.by_returns.finish(rules)?;
        self.by_newlines.finish(rules)
    }
}

/// Where in a multipart body a reader is. `RETURNS`: a return ends a line.
#[derive(Debug, Default)]
struct Lines<const RETURNS: bool> {
    line: Vec<u8>,
    /// A field of a part's head, with the lines that continue it.
    field: Vec<u8>,
    in_head: bool,
    after_return: bool,
    wanted: Option<Wanted>,
    value: Vec<u8>,
}

impl<const RETURNS: bool> Lines<RETURNS> {
    fn push(&mut self, data: &[u8], rules: &Rules) -> Checked {
        for &byte in data {
            let after_return = std::mem::replace(&mut self.after_return, byte == b'\r');
            match byte {
                b'\n' if after_return && RETURNS => {}
                b'\r' if RETURNS => self.end_line(rules)?,
                b'\n' => self.end_line(rules)?,
                _ if self.line.len() < LONGEST_LINE => self.line.push(byte),
                _ if self.in_head && is_disposition(&self.line) => {
                    return Err(RequestBodyFault::Member("Content-Disposition"));
                }
                _ => {
                    if let Some(wanted) = self.wanted {
                        return Err(Rules::too_long(wanted));
                    }
                }
            }
        }
        Ok(())
    }

    fn end_line(&mut self, rules: &Rules) -> Checked {
        let mut line = std::mem::take(&mut self.line);
        if !RETURNS && line.last() == Some(&b'\r') {
            line.pop();
        }
        if !self.in_head {
            if line.starts_with(b"--") {
                self.end_value(rules)?;
                self.in_head = true;
            } else if let Some(wanted) = self.wanted {
                if self.value.len() + line.len() > LONGEST_VALUE {
                    return Err(Rules::too_long(wanted));
                }
                self.value.extend_from_slice(&line);
                self.value.push(b'\n');
            }
        } else if line.is_empty() {
            self.end_field(rules)?;
            self.in_head = false;
        } else if line.iter().all(|byte| *byte == b'\r') {
            // Some parsers end the head here, and others go on.
            self.end_field(rules)?;
            if let Some(wanted) = self.wanted {
                return Err(Rules::too_long(wanted));
            }
        } else if matches!(line.first(), Some(b' ' | b'\t')) {
            if self.field.len() + line.len() > LONGEST_LINE && is_disposition(&self.field) {
                return Err(RequestBodyFault::Member("Content-Disposition"));
            }
            if self.field.len() <= LONGEST_LINE {
                self.field.extend_from_slice(&line);
            }
        } else {
            self.end_field(rules)?;
            self.field = line;
        }
        Ok(())
    }

    fn end_field(&mut self, rules: &Rules) -> Checked {
        let field = std::mem::take(&mut self.field);
        // Some parsers leave zeros out.
        let without: Vec<u8> = field.iter().copied().filter(|byte| *byte != 0).collect();
        for field in [&field, &without] {
            if !is_disposition(field) {
                continue;
            }
            for name in names(field)? {
                if let Some(wanted) = rules.named(&name)? {
                    self.wanted = Some(wanted);
                }
            }
        }
        Ok(())
    }

    fn end_value(&mut self, rules: &Rules) -> Checked {
        let value = std::mem::take(&mut self.value);
        self.wanted.take().map_or(Ok(()), |wanted| rules.check(wanted, value.trim_ascii()))
    }

    fn finish(&mut self, rules: &Rules) -> Checked {
        self.end_line(rules)?;
        self.end_value(rules)
    }
}

fn is_disposition(field: &[u8]) -> bool {
    field
        .trim_ascii_start()
        .get(..DISPOSITION.len())
        .is_some_and(|name| name.eq_ignore_ascii_case(DISPOSITION))
}

/// Every text that a parser may take for the part's name.
fn names(field: &[u8]) -> Result<Vec<Vec<u8>>, RequestBodyFault> {
    let mut found = Vec::new();
    for at in memchr::memmem::find_iter(&field.to_ascii_lowercase(), b"name") {
        let before = at.checked_sub(1).and_then(|before| field.get(before));
        let Some(rest) = field.get(at + 4..).filter(|_| !before.is_some_and(u8::is_ascii_alphanumeric))
        else {
            continue;
        };
        match rest.trim_ascii_start() {
            // RFC 7578 has neither encoded nor continued names (RFC 5987, RFC 2231), and no known client sends them.
            [b'*', ..] => return Err(RequestBodyFault::Member("name*")),
            [b'=', value @ ..] => found.push(unquoted(value.trim_ascii_start())),
            _ => {}
        }
    }
    Ok(found)
}

fn unquoted(value: &[u8]) -> Vec<u8> {
    let (quote, text) = match value {
        [quote @ (b'"' | b'\''), text @ ..] => (Some(*quote), text),
        text => (None, text),
    };
    let mut out = Vec::new();
    let mut bytes = text.iter();
    while let Some(&byte) = bytes.next() {
        match (byte, quote) {
            (b'\\', Some(_)) => out.extend(bytes.next()),
            (byte, Some(quote)) if byte == quote => break,
            (b';' | b' ' | b'\t', None) => break,
            _ => out.push(byte),
        }
    }
    out
}
