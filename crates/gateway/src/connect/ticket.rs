//! A link's ticket and the state of a flow: all that is known of a flow travels with the browser, sealed.

use serde::{Deserialize, Serialize};

/// Seconds that one redirect to Auth0 and back may take.
pub(super) const LEG: u64 = 900;

/// What a link is good for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ticket {
    /// Random; a link works once.
    pub(super) id: String,
    /// The user whose account it is: `sub`.
    pub(super) user: String,
    /// The app that asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) client: Option<String>,
    /// The organisation that the user is logged in to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) organization: Option<String>,
    /// The provider's name in the configuration.
    pub(super) provider: String,
    /// Auth0's connection.
    pub(super) connection: String,
    /// Whether Token Vault keeps the account.
    pub(super) vault: bool,
    /// The user's id at the provider, where one account is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) account: Option<String>,
    /// Scopes to ask the provider for, besides what the connection always asks for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) scopes: Vec<String>,
    /// Where the browser goes afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) return_to: Option<String>,
    /// Seconds since 1970.
    pub(super) expires: u64,
}

/// A browser is on its way to Auth0.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Flow {
    /// Random; a state works once.
    pub(super) id: String,
    pub(super) ticket: Ticket,
    /// The digest of the browser's id.
    pub(super) browser: String,
    /// The PKCE verifier of this leg.
    pub(super) verifier: String,
    /// The nonce of the ID token that this leg brings.
    pub(super) nonce: String,
    /// Seconds since 1970.
    pub(super) expires: u64,
    pub(super) leg: Leg,
}

/// What the browser was sent to Auth0 for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Leg {
    /// To show who sits there, without a page if Auth0 knows.
    SignIn { silent: bool },
    /// To log in with the connection: Auth0 keeps the tokens in the user's identity.
    Account,
    /// To connect the account at the My Account API.
    Vault,
    /// For another access token of the My Account API, to complete the connection.
    Complete { silent: bool, session: String, code: String, verifier: String },
}

impl Leg {
    /// The same without `prompt=none`, where it was with it.
    pub(super) fn aloud(&self) -> Option<Self> {
        match self {
            Self::SignIn { silent: true } => Some(Self::SignIn { silent: false }),
            Self::Complete { silent: true, session, code, verifier } => Some(Self::Complete {
                silent: false,
                session: session.clone(),
                code: code.clone(),
                verifier: verifier.clone(),
            }),
            _ => None,
        }
    }
}
