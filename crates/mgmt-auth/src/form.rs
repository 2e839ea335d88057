//! Form bodies (`application/x-www-form-urlencoded`).

use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};
use secrecy::zeroize::Zeroizing;
use url::form_urlencoded;

/// What is not percent-encoded (RFC 3986 section 2.3).
pub(crate) const UNRESERVED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// A form body under construction; wiped when dropped.
#[derive(Default)]
pub(crate) struct Form(Zeroizing<String>);

impl Form {
    pub(crate) fn add(&mut self, name: &str, value: &str) {
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
}
