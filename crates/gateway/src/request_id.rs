//! The id of a request.

use http::HeaderValue;
use std::{cell::RefCell, fmt};

/// Random bytes fetched at once: a call of the generator costs as much for one id as for many.
const POOL: usize = 1024;

thread_local! {
    /// What is left of them, and how many.
    static LEFT: RefCell<([u8; POOL], usize)> = const { RefCell::new(([0; POOL], 0)) };
}

/// 128 random bits in hexadecimal. Always ours: what the client sends under this name is ignored.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId([u8; 32]);

impl RequestId {
    /// A new one.
    #[must_use]
    pub fn random() -> Self {
        let bits = LEFT.with_borrow_mut(|(pool, left)| {
            if *left == 0 {
                if aws_lc_rs::rand::fill(pool).is_err() {
                    // The random generator failed. A request must have an id to be found in the logs. The id is no
                    // secret and no permission (`GET /v1/explain` checks the caller too), so it only has to be
                    // unique: the standard library's hash keys are enough for that.
                    pool.fill_with(|| {
                        std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0).to_le_bytes()[0]
                    });
                }
                *left = POOL;
            }
            *left -= 16;
            let mut bits = [0_u8; 16];
            bits.copy_from_slice(&pool[*left..][..16]);
            bits
        });
        let mut text = [0_u8; 32];
        for (pair, byte) in text.chunks_exact_mut(2).zip(bits) {
            pair[0] = b"0123456789abcdef"[usize::from(byte >> 4)];
            pair[1] = b"0123456789abcdef"[usize::from(byte & 15)];
        }
        Self(text)
    }

    /// Reads the text of an id; `None` when it cannot be one of ours.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        text.as_bytes().try_into().ok().map(Self)
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The id as the value of `X-Request-Id`.
    #[must_use]
    pub fn header(&self) -> HeaderValue {
        HeaderValue::from_bytes(&self.0).unwrap_or(HeaderValue::from_static(""))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_32_hexadecimal_digits_and_differ() {
        // More than one pool of random bytes holds.
        let ids: std::collections::HashSet<_> = (0..200).map(|_| RequestId::random()).collect();
        assert_eq!(ids.len(), 200);
        let one = RequestId::random();
        assert!(one.as_str().len() == 32 && one.as_str().bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_eq!(one.header(), one.as_str());
    }
}
