//! Members of a multipart body (RFC 7578).
//!
//! It is accepted only in the form in which every parser finds the same parts: delimiters on lines of their own, nothing before
//! the first and behind the last of them, and their text in no part.

use memchr::memmem;

use super::head;
use super::name::Name;
use super::rules::{Checked, LONGEST_VALUE, Rules, Wanted};
use crate::body::RequestBodyFault;

/// Longest head of a part. Some servers read no longer line as one.
const LONGEST_HEAD: usize = 4 * 1024;

/// Where in a multipart body its reader is.
#[derive(Debug)]
pub(super) struct Multipart {
    /// Two hyphens and the boundary.
    delimiter: Vec<u8>,
    /// What came and was not read yet.
    waiting: Vec<u8>,
    place: Place,
    wanted: Option<Wanted>,
    value: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Start,
    AfterDelimiter,
    Head,
    Content,
    End,
}

impl Multipart {
    pub(super) fn new(boundary: &str) -> Self {
        let delimiter = format!("--{boundary}").into_bytes();
        Self { delimiter, waiting: Vec::new(), place: Place::Start, wanted: None, value: Vec::new() }
    }

    pub(super) fn push(&mut self, data: &[u8], rules: &Rules) -> Checked {
        self.waiting.extend_from_slice(data);
        while self.step(rules)? {}
        Ok(())
    }

    pub(super) fn finish(&self) -> Checked {
        match (self.place, &self.waiting[..]) {
            // A body of no bytes is no body.
            (Place::Start, b"") | (Place::End, b"" | b"\r\n") => Ok(()),
            _ => Err(RequestBodyFault::Ambiguous("its last boundary is missing")),
        }
    }

    /// Reads on; false when more of the body is needed.
    fn step(&mut self, rules: &Rules) -> Result<bool, RequestBodyFault> {
        match self.place {
            Place::Start => self.start(),
            Place::AfterDelimiter => self.after_delimiter(),
            Place::Head => self.head(rules),
            Place::Content => self.content(rules),
            Place::End if b"\r\n".starts_with(&self.waiting) => Ok(false),
            Place::End => Err(RequestBodyFault::Ambiguous("something follows its last boundary")),
        }
    }

    fn start(&mut self) -> Result<bool, RequestBodyFault> {
        if self.waiting.starts_with(&self.delimiter) {
            return Ok(self.go_on(self.delimiter.len(), Place::AfterDelimiter));
        }
        if self.delimiter.starts_with(&self.waiting) {
            return Ok(false);
        }
        Err(RequestBodyFault::Ambiguous("it does not begin with the boundary that its Content-Type declares"))
    }

    fn after_delimiter(&mut self) -> Result<bool, RequestBodyFault> {
        match &self.waiting[..] {
            [b'\r', b'\n', ..] => Ok(self.go_on(2, Place::Head)),
            [b'-', b'-', ..] => Ok(self.go_on(2, Place::End)),
            [] | [b'\r' | b'-'] => Ok(false),
            _ => Err(RequestBodyFault::Ambiguous(
                "its boundary stands in a part, or is followed by something else than a line end (CRLF)",
            )),
        }
    }

    fn head(&mut self, rules: &Rules) -> Result<bool, RequestBodyFault> {
        let end = memmem::find(&self.waiting, b"\r\n\r\n");
        let length = end.unwrap_or(self.waiting.len());
        if length > LONGEST_HEAD {
            return Err(RequestBodyFault::Ambiguous("the head of a part is longer than 4 KiB"));
        }
        let Some(end) = end else { return Ok(false) };
        let name = self.waiting.get(..end).and_then(head::name).ok_or(RequestBodyFault::Ambiguous(
            "the head of a part is read in more than one way; send lines that end with CRLF, and one \
             Content-Disposition: form-data; name=\"…\" without backslashes and semicolons in its values",
        ))?;
        self.wanted = rules.named(&Name::of(name.as_bytes()))?;
        Ok(self.go_on(end + 4, Place::Content))
    }

    fn content(&mut self, rules: &Rules) -> Result<bool, RequestBodyFault> {
        let found = memmem::find(&self.waiting, &self.delimiter);
        let end = match found {
            Some(at) => self
                .waiting
                .get(..at)
                .and_then(|content| content.strip_suffix(b"\r\n"))
                .map(<[u8]>::len)
                .ok_or(RequestBodyFault::Ambiguous(
                    "its boundary stands in a part, or does not begin a line after CRLF",
                ))?,
            // The beginning of a delimiter may have come, with the line end in front of it.
            None => self.waiting.len().saturating_sub(self.delimiter.len() + 1),
        };
        if let Some(wanted) = self.wanted {
            if self.value.len() + end > LONGEST_VALUE {
                return Err(Rules::too_long(wanted));
            }
            self.value.extend(self.waiting.iter().take(end));
        }
        let Some(at) = found else {
            self.waiting.drain(..end);
            return Ok(false);
        };
        let value = std::mem::take(&mut self.value);
        self.wanted.take().map_or(Ok(()), |wanted| rules.check(wanted, value.trim_ascii()))?;
        Ok(self.go_on(at + self.delimiter.len(), Place::AfterDelimiter))
    }

    fn go_on(&mut self, read: usize, place: Place) -> bool {
        self.waiting.drain(..read);
        self.place = place;
        true
    }
}
