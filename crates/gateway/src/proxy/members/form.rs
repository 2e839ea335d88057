//! Members of a form.

use super::rules::{Checked, LONGEST_NAME, LONGEST_VALUE, Rules, Wanted};

/// Where in a form its reader is.
#[derive(Debug, Default)]
pub(super) struct Form {
    name: Vec<u8>,
    value: Vec<u8>,
    in_value: bool,
    wanted: Option<Wanted>,
}

impl Form {
    pub(super) fn push(&mut self, data: &[u8], rules: &Rules) -> Checked {
        for &byte in data {
            match byte {
                b'&' | b';' => self.end(rules)?,
                b'=' if !self.in_value => self.end_name(rules)?,
                // Blanks in front of a name do not count, so they need no room.
                b'+' | b' ' | b'\t' | b'\r' | b'\n' if !self.in_value && self.name.is_empty() => {}
                _ if !self.in_value => {
                    if self.name.len() < LONGEST_NAME {
                        self.name.push(byte);
                        if self.name == b"%20" {
                            self.name.clear();
                        }
                    }
                }
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
        Ok(())
    }

    fn end_name(&mut self, rules: &Rules) -> Checked {
        self.in_value = true;
        self.wanted = rules.named(&self.name)?;
        Ok(())
    }

    fn end(&mut self, rules: &Rules) -> Checked {
        if !self.in_value {
            self.end_name(rules)?;
        }
        if let Some(wanted) = self.wanted.take() {
            rules.check(wanted, &self.value)?;
        }
        self.name.clear();
        self.value.clear();
        self.in_value = false;
        Ok(())
    }

    pub(super) fn finish(&mut self, rules: &Rules) -> Checked {
        self.end(rules)
    }
}
