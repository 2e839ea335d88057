use http::HeaderValue;
use std::fmt;

const SCHEME: &str = "Bearer ";

/// A bearer token (RFC 6750), held as the sensitive value of an `Authorization` header.
///
/// `Debug` prints a mask; there is no `Display`, no comparison and no serialisation. The token stays in memory after its
/// use, in HTTP buffers too: a header value cannot be wiped.
///
/// ```compile_fail,E0277
/// let token = token_keeper::BearerToken::new("gho_x").unwrap();
/// println!("{token}"); // there is no Display
/// ```
///
/// ```compile_fail,E0369
/// let token = token_keeper::BearerToken::new("gho_x").unwrap();
/// assert!(token == token.clone()); // and no comparison, which would not take constant time
/// ```
#[derive(Clone)]
pub struct BearerToken {
    header: HeaderValue,
}

impl BearerToken {
    /// Takes a token of visible ASCII characters.
    ///
    /// # Errors
    ///
    /// [`InvalidToken`] when it is empty or holds anything else: such a token cannot be sent in a header unchanged.
    pub fn new(token: impl AsRef<str>) -> Result<Self, InvalidToken> {
        let token = token.as_ref();
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(InvalidToken(()));
        }
        // Without spare capacity: tokens are cached in great numbers.
        let mut text = String::with_capacity(SCHEME.len() + token.len());
        text.extend([SCHEME, token]);
        let mut header = HeaderValue::try_from(text).map_err(|_| InvalidToken(()))?;
        header.set_sensitive(true);
        Ok(Self { header })
    }

    /// `Bearer <token>`, marked sensitive.
    #[must_use]
    pub fn header(&self) -> &HeaderValue {
        &self.header
    }

    /// The token itself. Each call site is a place to look at in a review.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.header.to_str().ok().and_then(|value| value.strip_prefix(SCHEME)).unwrap_or_default()
    }
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerToken(masked)")
    }
}

/// The text is not a token that fits into a header: empty, or with characters outside visible ASCII.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct InvalidToken(());

impl fmt::Display for InvalidToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a bearer token is one or more visible ASCII characters")
    }
}

impl std::error::Error for InvalidToken {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_exposed_only_on_demand() {
        let token = BearerToken::new("gho_secret").unwrap();
        assert_eq!(token.expose(), "gho_secret");
        assert_eq!(token.header(), "Bearer gho_secret");
        assert!(token.header().is_sensitive());
        assert!(!format!("{token:?} {:?}", token.header()).contains("gho_secret"));
    }

    #[test]
    fn what_would_not_survive_a_header_is_refused() {
        for wrong in ["", "a b", "a\nb", "ä", "a\u{7f}"] {
            assert!(BearerToken::new(wrong).is_err(), "{wrong:?}");
        }
    }
}
