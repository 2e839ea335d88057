//! Links: what an app, or a problem, asks for.

use std::time::{Duration, SystemTime};

use super::HostedConnect;
use super::parts::Offer;
use super::seal::{Purpose, random};
use super::ticket::Ticket;
use crate::fleet::Blocked;
use crate::time::{from_unix_seconds, unix_seconds};

/// Longest scope, and all of them together.
const LONGEST_SCOPE: usize = 255;
const LONGEST_SCOPES: usize = 1200;
const MOST_SCOPES: usize = 100;
/// A ticket is a part of each state, which has to fit into what Auth0 takes.
const LONGEST_TICKET: usize = 2600;

/// What a link is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Ask<'a> {
    /// The user whose account it is.
    pub(crate) user: &'a str,
    /// The app that asks.
    pub(crate) client: Option<&'a str>,
    /// The organisation that the user is logged in to.
    pub(crate) organization: Option<&'a str>,
    /// The provider's name in the configuration.
    pub(crate) provider: &'a str,
    /// The connection; the provider's first one where none is named.
    pub(crate) connection: Option<&'a str>,
    /// The user's id at the provider, where one account is meant.
    pub(crate) account: Option<&'a str>,
    /// Whether Token Vault keeps the account; where that is not known, as the provider is configured.
    pub(crate) vault: Option<bool>,
    /// Scopes to ask for.
    pub(crate) scopes: Vec<String>,
    /// Where the browser goes afterwards.
    pub(crate) return_to: Option<&'a str>,
}

/// A link that connects an account.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) url: String,
    /// Until then it can be opened.
    pub(crate) expires: SystemTime,
}

/// Why there is no link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadAsk {
    /// No provider of that name.
    #[error("there is no such provider")]
    Provider,
    /// An operator has blocked the user, or the user's use of the connection.
    #[error("an operator has blocked it")]
    Blocked(Blocked),
    /// The provider does not have the connection.
    #[error("the account's connection is not one of this provider's")]
    Connection,
    /// A scope that no provider would understand, or too many.
    #[error("a scope is empty, holds a blank, a comma or other characters, or there are too many")]
    Scopes,
    /// The return address is not below one of `connect.return_to`.
    #[error("'return_to' is not at or below an address that the operator allows")]
    ReturnTo,
    /// The link would be too long, or the system gives no randomness.
    #[error("the link would be too long: ask for fewer scopes, or for a shorter 'return_to'")]
    TooLong,
}

impl HostedConnect {
    /// Makes a link.
    ///
    /// # Errors
    /// What is asked for cannot be had here.
    pub(crate) fn link(&self, ask: &Ask<'_>, now: SystemTime) -> Result<Link, BadAsk> {
        let offer = self.providers.get(ask.provider).ok_or(BadAsk::Provider)?;
        let connection = match ask.connection {
            Some(named) => offer.connections.iter().find(|known| *known == named),
            None => offer.connections.first(),
        };
        let connection = connection.ok_or(BadAsk::Connection)?.clone();
        self.fleet.check(ask.user, Some(ask.provider), Some(&connection)).map_err(BadAsk::Blocked)?;
        let return_to = match ask.return_to {
            Some(text) => Some(self.return_to.check(text).ok_or(BadAsk::ReturnTo)?.into()),
            None => None,
        };
        let expires = unix_seconds(now + self.ticket_ttl);
        let ticket = Ticket {
            id: random().ok_or(BadAsk::TooLong)?,
            user: ask.user.to_owned(),
            client: ask.client.map(str::to_owned),
            organization: ask.organization.map(str::to_owned),
            provider: ask.provider.to_owned(),
            connection,
            vault: ask.vault.unwrap_or(offer.vault),
            account: ask.account.map(str::to_owned),
            scopes: scopes(&ask.scopes)?,
            return_to,
            expires,
        };
        let sealed = self.sealer.seal(Purpose::Ticket, &ticket);
        let sealed = sealed.filter(|text| text.len() <= LONGEST_TICKET).ok_or(BadAsk::TooLong)?;
        let mut url = self.page_address(ask.provider).ok_or(BadAsk::Provider)?;
        url.query_pairs_mut().append_pair("ticket", &sealed);
        Ok(Link { url: url.into(), expires: from_unix_seconds(expires) })
    }

    /// What is known of the provider that a ticket names, if it still has the connection.
    pub(super) fn offer(&self, ticket: &Ticket) -> Option<&Offer> {
        let offer = self.providers.get(&ticket.provider)?;
        offer.connections.contains(&ticket.connection).then_some(offer)
    }

    /// How long what was used must be remembered: until its ticket or state has expired for sure.
    pub(super) fn remember_for(expires: u64, now: SystemTime) -> Duration {
        Duration::from_secs(expires.saturating_sub(unix_seconds(now)) + 60)
    }
}

/// The scopes without repetition, in their order.
fn scopes(asked: &[String]) -> Result<Vec<String>, BadAsk> {
    let mut all: Vec<String> = Vec::new();
    for scope in asked {
        let plain = scope.bytes().all(|byte| byte.is_ascii_graphic() && !b",\"\\<>".contains(&byte));
        if !plain || scope.is_empty() || scope.len() > LONGEST_SCOPE {
            return Err(BadAsk::Scopes);
        }
        if !all.contains(scope) {
            all.push(scope.clone());
        }
    }
    let length: usize = all.iter().map(|scope| scope.len() + 1).sum();
    if all.len() > MOST_SCOPES || length > LONGEST_SCOPES { Err(BadAsk::Scopes) } else { Ok(all) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_plain_words() {
        let all = |list: &[&str]| scopes(&list.iter().map(|scope| (*scope).to_owned()).collect::<Vec<_>>());
        let calendar = "https://www.googleapis.com/auth/calendar.readonly";
        assert_eq!(all(&["repo", calendar, "repo"]), Ok(vec!["repo".to_owned(), calendar.to_owned()]));
        for bad in ["", "a b", "a,b", "a\tb", "é", "a\"b", "<script>"] {
            assert_eq!(all(&[bad]), Err(BadAsk::Scopes), "{bad:?}");
        }
        assert_eq!(all(&[&"x".repeat(256)]), Err(BadAsk::Scopes));
        let many: Vec<String> = (0..101).map(|number| format!("s{number}")).collect();
        assert_eq!(scopes(&many), Err(BadAsk::Scopes));
        let long: Vec<String> = (0..10).map(|number| format!("{number}{}", "x".repeat(200))).collect();
        assert_eq!(scopes(&long), Err(BadAsk::Scopes));
    }
}
