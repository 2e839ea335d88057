//! Stored grants as the admin listener and the command line show them: never a secret.

use serde::{Deserialize, Serialize};
use token_broker::{Account, GrantState, GrantSummary};

/// One stored grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantEntry {
    /// Auth0 user id.
    pub user: String,
    /// `connection|user id at the provider`.
    pub account: String,
    /// Auth0 connection.
    pub connection: String,
    /// `identities` or `vault`.
    pub source: String,
    /// `live`, `revoked`, `dead`, or `unreadable` where no key opens it.
    pub state: String,
    /// When its IdP token ends (RFC 3339); `null`: not known.
    pub expires_at: Option<String>,
    /// Whether there is a refresh token.
    pub refreshable: bool,
    /// Whether a refresh was sent and its answer never stored.
    pub unanswered: bool,
    /// When it was last written (RFC 3339).
    pub updated_at: String,
}

impl From<GrantSummary> for GrantEntry {
    fn from(grant: GrantSummary) -> Self {
        let account = Account::new(&*grant.key.connection, grant.key.account.clone());
        Self {
            account: account.to_string(),
            state: match grant.state {
                GrantState::Live => "live",
                GrantState::Revoked => "revoked",
                GrantState::Unreadable => "unreadable",
                _ => "dead",
            }
            .to_owned(),
            source: grant.key.source.as_str().to_owned(),
            user: grant.key.user,
            connection: grant.key.connection,
            expires_at: grant.expires_at.map(crate::time::rfc3339),
            refreshable: grant.refreshable,
            unanswered: grant.unanswered,
            updated_at: crate::time::rfc3339(grant.updated_at),
        }
    }
}
