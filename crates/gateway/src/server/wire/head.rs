//! One HTTP/1 request head, read strictly and incrementally.

use super::{
    BODY_ON_GET, Fault,
    framing::Framing,
    names::{
        MAX_METHOD, asks_for_tunnel, check_method, check_target, is_authority, is_token, parse_length,
        takes_body,
    },
};
use std::ops::Range;

#[cfg(test)]
mod tests;

/// What is wrong with the name of a field.
#[cold]
fn wrong_name(line: &[u8]) -> Fault {
    match line.iter().position(|byte| *byte == b':').map(|colon| &line[..colon]) {
        None => Fault::Framing("a header field has no colon"),
        Some(name) if name.is_empty() || !name.iter().copied().all(is_token) => {
            Fault::Framing("a header field name is not a token")
        }
        Some(_) => Fault::Framing("a header field name holds an underscore"),
    }
}

/// A value without the blanks around it, and how many were ahead of it. Blanks are space and tab; a CR is not one.
fn trim(value: &[u8]) -> (&[u8], usize) {
    let is_text = |byte: &u8| !matches!(byte, b' ' | b'\t');
    let from = value.iter().position(is_text).unwrap_or(value.len());
    let to = value.iter().rposition(is_text).map_or(from, |at| at + 1);
    (&value[from..to], from)
}

/// What a listener asks of a head: `server.limits`, and whether it may lack `Host`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeadRules {
    /// Bytes of the target.
    pub(crate) uri: usize,
    /// Bytes of all header fields.
    pub(crate) headers: usize,
    /// Number of header fields.
    pub(crate) header_count: usize,
    /// Whether HTTP/1.0 requests may lack `Host`, as those of simple probes do.
    pub(crate) host_may_lack: bool,
}

/// A head that may go on to hyper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// Bytes to skip ahead of it: one empty line is harmless (RFC 9112, 2.2).
    pub(crate) skip: usize,
    /// Its length after that, the empty line at its end included.
    pub(crate) len: usize,
    /// How the body that follows is delimited.
    pub(crate) framing: Framing,
}

/// `HTTP/1.1`, two spaces and the line end.
const LINE_EXTRA: usize = MAX_METHOD + 12;

/// The state between two reads. Feed it the same growing buffer until it has an answer.
#[derive(Debug, Default)]
pub(crate) struct Scanner {
    skip: usize,
    /// Start of the line being read.
    line: usize,
    /// How far that line has been searched for its end.
    seen: usize,
    started: bool,
    fields_from: usize,
    fields: usize,
    is_head: bool,
    bodyless: bool,
    old: bool,
    authority: Option<Range<usize>>,
    host: Option<Range<usize>>,
    length: Option<u64>,
    chunked: bool,
    expect: bool,
}

impl Scanner {
    /// Looks at the bytes that came since the last call.
    pub(crate) fn scan(&mut self, bytes: &[u8], rules: HeadRules) -> Result<Option<Head>, Fault> {
        while let Some(at) = memchr::memchr(b'\n', &bytes[self.seen..]) {
            let end = self.seen + at;
            if end == self.line || bytes[end - 1] != b'\r' {
                return Err(Fault::Framing("a line ends without CR LF"));
            }
            let range = self.line..end - 1;
            self.line = end + 1;
            self.seen = end + 1;
            if !self.started {
                if range.is_empty() && self.skip == 0 {
                    self.skip = 2;
                    continue;
                }
                self.request_line(bytes, range, rules)?;
                self.started = true;
                self.fields_from = self.line;
            } else if range.is_empty() {
                return self.finish(bytes, rules).map(Some);
            } else {
                self.field(bytes, range)?;
            }
            self.check_fields(self.line, rules)?;
        }
        self.seen = bytes.len();
        self.check_open_line(bytes, rules)?;
        Ok(None)
    }

    /// Whether the head was asking with HEAD: its refusal must not have a body.
    pub(crate) fn is_head(&self) -> bool {
        self.is_head
    }

    fn check_fields(&self, until: usize, rules: HeadRules) -> Result<(), Fault> {
        let over = until - self.fields_from > rules.headers || self.fields > rules.header_count;
        if self.started && over { Err(Fault::HeadersTooLarge) } else { Ok(()) }
    }

    /// Limits and obvious nonsense in a line that has not ended yet.
    fn check_open_line(&self, bytes: &[u8], rules: HeadRules) -> Result<(), Fault> {
        if self.started {
            return self.check_fields(bytes.len(), rules);
        }
        let line = &bytes[self.line..];
        // However much of the line has come, its beginning is checked alike.
        let too_long = line.get(..=MAX_METHOD).is_some_and(|start| !start.contains(&b' '));
        let first_is_wrong = line.first().is_some_and(|byte| !is_token(*byte) && *byte != b'\r');
        if too_long || first_is_wrong {
            Err(Fault::Framing("the request line does not begin with a method"))
        } else if line.len() > rules.uri + LINE_EXTRA {
            Err(Fault::UriTooLong)
        } else {
            Ok(())
        }
    }

    fn request_line(&mut self, bytes: &[u8], range: Range<usize>, rules: HeadRules) -> Result<(), Fault> {
        const SHAPE: Fault = Fault::Framing("the request line is not METHOD SP TARGET SP VERSION");
        let line = &bytes[range.clone()];
        let first = line.iter().position(|byte| *byte == b' ').ok_or(SHAPE)?;
        let last = line.iter().rposition(|byte| *byte == b' ').ok_or(SHAPE)?;
        let method = &line[..first];
        if method.is_empty()
            || method.len() > MAX_METHOD
            || !method.iter().copied().all(is_token)
            || first == last
        {
            return Err(SHAPE);
        }
        self.is_head = method == b"HEAD";
        self.bodyless = !takes_body(method);
        let target = &line[first + 1..last];
        if target.len() > rules.uri {
            return Err(Fault::UriTooLong);
        }
        self.old = match &line[last + 1..] {
            b"HTTP/1.1" => false,
            b"HTTP/1.0" => true,
            _ => return Err(Fault::Framing("the protocol version is not HTTP/1.1 or HTTP/1.0")),
        };
        if target.is_empty() || target.contains(&b' ') {
            return Err(SHAPE);
        }
        check_method(method)?;
        self.target(target, range.start + first + 1)
    }

    /// Origin form, or absolute form for a host that the `Host` field will have to name too.
    fn target(&mut self, target: &[u8], offset: usize) -> Result<(), Fault> {
        if target[0] == b'/' {
            return check_target(target);
        }
        let scheme = ["http://", "https://"].iter().find(|scheme| {
            target.len() > scheme.len() && target[..scheme.len()].eq_ignore_ascii_case(scheme.as_bytes())
        });
        let Some(scheme) = scheme else {
            return Err(Fault::Framing("the target does not begin with a slash"));
        };
        let rest = &target[scheme.len()..];
        let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(rest.len());
        if !is_authority(&rest[..end]) {
            return Err(Fault::Framing("the target names no valid host"));
        }
        if rest.get(end).is_some_and(|byte| *byte != b'/') {
            return Err(Fault::Framing("the target's path does not begin with a slash"));
        }
        let start = offset + scheme.len();
        self.authority = Some(start..start + end);
        check_target(&rest[end..])
    }

    fn field(&mut self, bytes: &[u8], range: Range<usize>) -> Result<(), Fault> {
        self.fields += 1;
        let line = &bytes[range.clone()];
        if matches!(line[0], b' ' | b'\t') {
            return Err(Fault::Framing("a header field is folded over two lines"));
        }
        // One pass over what is right; what is wrong is told apart when it is there.
        let colon = line.iter().position(|byte| !is_token(*byte) || *byte == b'_').unwrap_or_default();
        if colon == 0 || line[colon] != b':' {
            return Err(wrong_name(line));
        }
        let name = &line[..colon];
        let (value, blanks) = trim(&line[colon + 1..]);
        // No early end: so the compiler looks at many bytes at once, and tokens are long.
        if value.iter().fold(false, |bad, byte| bad | matches!(byte, 0..=8 | 10..=0x1F | 0x7F)) {
            return Err(Fault::Framing("a header field value holds a control byte"));
        }
        self.known_field(name, value, range.start + colon + 1 + blanks)
    }

    fn known_field(&mut self, name: &[u8], value: &[u8], start: usize) -> Result<(), Fault> {
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => {
                if self.host.is_some() {
                    return Err(Fault::Framing("there is more than one Host"));
                }
                if !is_authority(value) {
                    return Err(Fault::Framing("Host is not a host with an optional port"));
                }
                self.host = Some(start..start + value.len());
            }
            6 if name.eq_ignore_ascii_case(b"expect") => {
                if self.expect || !value.eq_ignore_ascii_case(b"100-continue") {
                    return Err(Fault::Framing("Expect is not exactly 100-continue"));
                }
                self.expect = true;
            }
            7 if name.eq_ignore_ascii_case(b"upgrade") && asks_for_tunnel(value) => {
                return Err(Fault::Tunnel);
            }
            10 if name.eq_ignore_ascii_case(b"connection") && !value.is_ascii() => {
                return Err(Fault::Framing("Connection holds a byte outside ASCII"));
            }
            14 if name.eq_ignore_ascii_case(b"content-length") => {
                if self.length.is_some() {
                    return Err(Fault::Framing("there is more than one Content-Length"));
                }
                self.length = Some(parse_length(value)?);
            }
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
                    return Err(Fault::Framing("Transfer-Encoding is not exactly one chunked"));
                }
                self.chunked = true;
            }
            _ => {}
        }
        Ok(())
    }

    fn finish(&self, bytes: &[u8], rules: HeadRules) -> Result<Head, Fault> {
        match (self.host.clone(), self.authority.clone()) {
            (None, None) if self.old && rules.host_may_lack => {}
            (None, _) => return Err(Fault::Framing("there is no Host")),
            (Some(host), Some(named)) if !bytes[named.clone()].eq_ignore_ascii_case(&bytes[host.clone()]) => {
                return Err(Fault::Framing("the target names another host than Host"));
            }
            _ => {}
        }
        let framing = match (self.chunked, self.length) {
            (true, Some(_)) => {
                return Err(Fault::Framing("both Content-Length and Transfer-Encoding are given"));
            }
            (true, None) if self.old => return Err(Fault::Framing("HTTP/1.0 knows no Transfer-Encoding")),
            (true, None) => Framing::Chunked,
            (false, None | Some(0)) => Framing::Empty,
            (false, Some(length)) => Framing::Length(length),
        };
        // Whether a chunked body is empty is seen when it is read.
        if matches!(framing, Framing::Length(_)) && self.bodyless {
            return Err(BODY_ON_GET);
        }
        Ok(Head { skip: self.skip, len: self.line - self.skip, framing })
    }
}
