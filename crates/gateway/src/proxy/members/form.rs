//! Members of a form, as which any body but a multipart one is read.

use memchr::{memchr2, memchr3};

use super::name::Name;
use super::rules::{Checked, LONGEST_VALUE, Rules, Wanted};

/// The two readings of a form: `;` separates members, or is a part of them.
#[derive(Debug, Default)]
pub(super) struct Form {
    with_semicolons: Members<true>,
    without: Members<false>,
}

impl Form {
    pub(super) fn push(&mut self, data: &[u8], rules: &Rules) -> Checked {
        self.with_semicolons.push(data, rules)?;
        self.without.push(data, rules)
    }

    pub(super) fn finish(&mut self, rules: &Rules) -> Checked {
        self.with_semicolons.end(rules)?;
        self.without.end(rules)
    }
}

/// Where in a form a reader is. `SEMICOLONS` separate too.
#[derive(Debug, Default)]
struct Members<const SEMICOLONS: bool> {
    name: Name,
    value: Vec<u8>,
    in_value: bool,
    wanted: Option<Wanted>,
}

impl<const SEMICOLONS: bool> Members<SEMICOLONS> {
    fn push(&mut self, mut data: &[u8], rules: &Rules) -> Checked {
        loop {
            data = self.skipped(data);
            let Some((&byte, rest)) = data.split_first() else { return Ok(()) };
            data = rest;
            match byte {
                b'&' => self.end(rules)?,
                b';' if SEMICOLONS => self.end(rules)?,
                b'=' if !self.in_value => self.end_name(rules)?,
                _ if !self.in_value => self.name.push(byte),
                _ => {
                    if let Some(wanted) = self.wanted {
                        if self.value.len() >= LONGEST_VALUE {
                            return Err(Rules::too_long(wanted));
                        }
                        self.value.push(byte);
                    }
                }
            }
        }
    }

    /// The data without what is kept of no name and no value: most of a file.
    fn skipped<'a>(&self, data: &'a [u8]) -> &'a [u8] {
        let separator = if SEMICOLONS { b';' } else { b'&' };
        let next = match (self.in_value, self.wanted) {
            (true, None) => memchr2(b'&', separator, data),
            (false, _) if self.name.is_full() => memchr3(b'&', separator, b'=', data),
            _ => Some(0),
        };
        data.get(next.unwrap_or(data.len())..).unwrap_or_default()
    }

    fn end_name(&mut self, rules: &Rules) -> Checked {
        self.in_value = true;
        self.wanted = rules.named(&self.name.take())?;
        Ok(())
    }

    fn end(&mut self, rules: &Rules) -> Checked {
        if !self.in_value {
            self.end_name(rules)?;
        }
        if let Some(wanted) = self.wanted.take() {
            rules.check(wanted, &self.value)?;
        }
        self.value.clear();
        self.in_value = false;
        Ok(())
    }
}
