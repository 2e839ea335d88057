//! Accounts and how callers name them.

use std::{fmt, str::FromStr, sync::Arc};

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use user_store::Identity;

/// What cannot stand as it is in an account's written form: all but visible ASCII, and what separates.
const ESCAPED: &AsciiSet = &CONTROLS.add(b' ').add(b'%').add(b'|').add(b'"').add(b',').add(0x7f);
/// The same for the last part, in which a pipe separates nothing any more.
const ESCAPED_LAST: &AsciiSet = &CONTROLS.add(b' ').add(b'%').add(b'"').add(b',').add(0x7f);

/// The longest written form of a selector, in bytes: what callers name becomes part of keys.
const MAX_SELECTOR: usize = 256;

/// One identity at a provider: connection and provider-side user id.
///
/// Written `connection|user id`, percent-encoded where a part is not visible ASCII; an [`AccountSelector`] reads
/// it back.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Account {
    connection: Arc<str>,
    user_id: Option<Arc<str>>,
}

impl Account {
    /// An account. The provider-side id can be unknown for Token Vault grants.
    pub fn new(connection: impl Into<String>, user_id: Option<String>) -> Self {
        Self { connection: connection.into().into(), user_id: user_id.map(Arc::from) }
    }

    /// The account of an identity. It copies no text.
    pub(crate) fn of(identity: &Identity) -> Self {
        Self { connection: identity.shared_connection(), user_id: Some(identity.shared_user_id()) }
    }

    /// Auth0's name of the connection.
    #[must_use]
    pub fn connection(&self) -> &str {
        &self.connection
    }

    /// The user's id at the provider, where it is known.
    #[must_use]
    pub fn user_id(&self) -> Option<&str> {
        self.user_id.as_deref()
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_escaped(f, &self.connection, ESCAPED)?;
        let Some(user_id) = &self.user_id else { return Ok(()) };
        f.write_str("|")?;
        write_escaped(f, user_id, ESCAPED_LAST)
    }
}

/// Almost no text has something to escape.
fn write_escaped(f: &mut fmt::Formatter<'_>, text: &str, escaped: &'static AsciiSet) -> fmt::Result {
    if text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
        return f.write_str(text);
    }
    utf8_percent_encode(text, escaped).try_for_each(|part| f.write_str(part))
}

/// Which account a caller wants: a connection, or one account of it. The value of `Idp-Account`.
///
/// ```
/// use token_broker::AccountSelector;
///
/// let any: AccountSelector = "github".parse()?;
/// let one: AccountSelector = "github|10002".parse()?;
/// assert!(any.matches("github", "10002") && one.matches("github", "10002") && !one.matches("github", "7"));
/// # Ok::<(), token_broker::InvalidSelector>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct AccountSelector {
    /// Auth0's name of the connection.
    pub connection: String,
    /// The user's id at the provider; `None` takes the only account of the connection.
    pub user_id: Option<String>,
}

impl AccountSelector {
    /// A selector by its parts, not encoded.
    pub fn new(connection: impl Into<String>, user_id: Option<String>) -> Self {
        Self { connection: connection.into(), user_id }
    }

    /// Auth0's name of the connection.
    #[must_use]
    pub fn connection(&self) -> &str {
        &self.connection
    }

    /// Whether the account is meant.
    #[must_use]
    pub fn matches(&self, connection: &str, user_id: &str) -> bool {
        self.connection == connection && self.user_id.as_deref().is_none_or(|wanted| wanted == user_id)
    }
}

impl From<&Account> for AccountSelector {
    fn from(account: &Account) -> Self {
        Self { connection: account.connection().to_owned(), user_id: account.user_id().map(str::to_owned) }
    }
}

/// Text that names no account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "write the account as connection or connection|user-id, at most 256 bytes, percent-encoded where it is not visible \
     ASCII"
)]
pub struct InvalidSelector;

impl FromStr for AccountSelector {
    type Err = InvalidSelector;

    /// Splits at the first `|`, then percent-decodes both parts.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > MAX_SELECTOR || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(InvalidSelector);
        }
        let (connection, user_id) = match text.split_once('|') {
            Some((connection, user_id)) => (connection, Some(decoded(user_id)?)),
            None => (text, None),
        };
        Ok(Self { connection: decoded(connection)?, user_id })
    }
}

fn decoded(part: &str) -> Result<String, InvalidSelector> {
    let text = percent_decode_str(part).decode_utf8().map_err(|_| InvalidSelector)?;
    if text.is_empty() || !valid_escapes(part) { Err(InvalidSelector) } else { Ok(text.into_owned()) }
}

fn valid_escapes(part: &str) -> bool {
    let bytes = part.as_bytes();
    bytes.iter().enumerate().filter(|(_, byte)| **byte == b'%').all(|(at, _)| {
        bytes.get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<AccountSelector, InvalidSelector> {
        text.parse()
    }

    #[test]
    fn splits_at_the_first_pipe() {
        assert_eq!(parse("github"), Ok(AccountSelector::new("github", None)));
        assert_eq!(parse("github|583231"), Ok(AccountSelector::new("github", Some("583231".into()))));
        assert_eq!(parse("oauth2|NAME|7"), Ok(AccountSelector::new("oauth2", Some("NAME|7".into()))));
    }

    #[test]
    fn refuses_what_names_nothing() {
        for text in ["", "|", "|7", "github|", "a b", "a%zz", "a%2", "a|%ff", "\u{e4}"] {
            assert_eq!(parse(text), Err(InvalidSelector), "{text:?}");
        }
    }

    #[test]
    fn tm_c11_a_selector_has_256_bytes_at_most() {
        let of = |len: usize| format!("github|{}", "7".repeat(len - "github|".len()));
        assert!(parse(&of(256)).is_ok());
        assert_eq!(parse(&of(257)), Err(InvalidSelector));
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_is_read_back(connection in ".{1,8}", user_id in ".{1,12}") {
            let account = Account::new(connection, Some(user_id));
            proptest::prop_assert_eq!(parse(&account.to_string()), Ok(AccountSelector::from(&account)));
        }
    }
}
