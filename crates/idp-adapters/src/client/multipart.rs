//! Multipart bodies (RFC 2046, RFC 7578).

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};

/// A multipart body, held in memory: `multipart/form-data` (Facebook's photos) or `multipart/related` (Google's uploads
/// with metadata).
///
/// ```
/// use idp_adapters::client::Multipart;
///
/// let photo = Multipart::form_data().text("message", "Atlas").file("source", "a.png", "image/png", &b"PNG"[..]);
/// let upload = Multipart::related().part("application/json", r#"{"name":"a.png"}"#).part("image/png", &b"PNG"[..]);
/// ```
#[derive(Clone)]
pub struct Multipart {
    subtype: &'static str,
    parts: Vec<(String, Bytes)>,
    invalid: bool,
}

impl Multipart {
    /// Starts a `multipart/form-data` body.
    #[must_use]
    pub fn form_data() -> Self {
        Self { subtype: "form-data", parts: Vec::new(), invalid: false }
    }

    /// Starts a `multipart/related` body.
    #[must_use]
    pub fn related() -> Self {
        Self { subtype: "related", parts: Vec::new(), invalid: false }
    }

    /// Adds a field of a form.
    #[must_use]
    pub fn text(self, name: &str, value: impl Into<String>) -> Self {
        let head = format!("Content-Disposition: form-data; name=\"{}\"\r\n", quoted(name));
        self.with(head, value.into().into())
    }

    /// Adds a file of a form.
    #[must_use]
    pub fn file(self, name: &str, file_name: &str, content_type: &str, bytes: impl Into<Bytes>) -> Self {
        let head = format!(
            "Content-Disposition: form-data; name=\"{}\"; filename=\"{}\"\r\nContent-Type: {content_type}\r\n",
            quoted(name),
            quoted(file_name)
        );
        self.checked(content_type).with(head, bytes.into())
    }

    /// Adds a part of a `multipart/related` body.
    #[must_use]
    pub fn part(self, content_type: &str, bytes: impl Into<Bytes>) -> Self {
        self.checked(content_type).with(format!("Content-Type: {content_type}\r\n"), bytes.into())
    }

    fn checked(mut self, content_type: &str) -> Self {
        self.invalid |= content_type.contains(|c: char| c.is_control());
        self
    }

    fn with(mut self, head: String, bytes: Bytes) -> Self {
        self.parts.push((head, bytes));
        self
    }

    /// Content type and body; `None` when a content type holds a control character.
    pub(super) fn encode(self) -> Option<(String, Bytes)> {
        if self.invalid {
            return None;
        }
        let boundary = self.boundary();
        let mut body = BytesMut::new();
        for (head, bytes) in &self.parts {
            body.put_slice(format!("--{boundary}\r\n{head}\r\n").as_bytes());
            body.put_slice(bytes);
            body.put_slice(b"\r\n");
        }
        body.put_slice(format!("--{boundary}--\r\n").as_bytes());
        Some((format!("multipart/{}; boundary={boundary}", self.subtype), body.freeze()))
    }

    /// A boundary that stands in none of the parts: chance is not needed where one can look.
    fn boundary(&self) -> String {
        let held = |candidate: &str| {
            self.parts
                .iter()
                .any(|(_, bytes)| bytes.windows(candidate.len()).any(|window| window == candidate.as_bytes()))
        };
        (0u64..)
            .map(|number| format!("part-boundary-{number:08}"))
            .find(|candidate| !held(candidate))
            .unwrap_or_default()
    }
}

impl fmt::Debug for Multipart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Multipart").field("parts", &self.parts.len()).finish_non_exhaustive()
    }
}

/// A name inside quotes, as browsers write it (HTML, "multipart/form-data encoding algorithm").
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_written_as_browsers_do() {
        let form = Multipart::form_data().text("caption", "a\r\nb").file(
            "source",
            "x\"\r\n.png",
            "image/png",
            &b"\x00png"[..],
        );
        let (content_type, body) = form.encode().unwrap();
        assert_eq!(content_type, "multipart/form-data; boundary=part-boundary-00000000");
        let expected = b"--part-boundary-00000000\r\nContent-Disposition: form-data; name=\"caption\"\r\n\r\na\r\nb\r\n--part-boundary-00000000\r\nContent-Disposition: form-data; name=\"source\"; filename=\"x%22%0D%0A.png\"\r\nContent-Type: image/png\r\n\r\n\x00png\r\n--part-boundary-00000000--\r\n";
        assert_eq!(&body[..], expected);
    }

    #[test]
    fn a_boundary_stands_in_no_part() {
        let body = Multipart::related().part("text/plain", "--part-boundary-00000000--");
        assert!(body.encode().unwrap().0.ends_with("part-boundary-00000001"));
        assert!(Multipart::related().part("text/plain\r\nX: y", "").encode().is_none());
    }
}
