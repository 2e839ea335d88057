//! Form bodies (`application/x-www-form-urlencoded`).

use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};
use secrecy::{SecretString, zeroize::Zeroizing};
use url::form_urlencoded;

/// What is not percent-encoded (RFC 3986 section 2.3).
pub(crate) const UNRESERVED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// A form body under construction; wiped when dropped.
pub(crate) struct Form(Zeroizing<String>);

impl Default for Form {
    fn default() -> Self {
        Self(Zeroizing::new(String::with_capacity(1024)))
    }
}

impl Form {
    pub(crate) fn add(&mut self, name: &str, value: &str) {
        // Three bytes for each byte at the most, and two separators. A buffer that grows would leave a copy behind.
        let needed = 3 * (name.len() + value.len()) + 2;
        if self.0.capacity() - self.0.len() < needed {
            let mut larger = Zeroizing::new(String::with_capacity(2 * self.0.capacity() + needed));
            larger.push_str(&self.0);
            self.0 = larger;
        }
        for (separator, text) in [("&", name), ("=", value)] {
            if !self.0.is_empty() {
                self.0.push_str(separator);
            }
            self.0.extend(form_urlencoded::byte_serialize(text.as_bytes()));
        }
    }

    pub(crate) fn bytes(&self) -> Bytes {
        Bytes::copy_from_slice(self.0.as_bytes())
    }

    pub(crate) fn secret(&self) -> SecretString {
        self.0.as_str().into()
    }
}
