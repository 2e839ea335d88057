//! How hosted connect is put together.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use caller_auth::{Algorithm, IdTokenVerifier, KeySource, ReplayStore};
use idp_adapters::Kind;
use mgmt_auth::{ClientCredentials, Tenant};
use token_broker::GrantStore;
use url::Url;

use super::HostedConnect;
use super::cookie::Cookies;
use super::my_account::MyAccount;
use super::return_to::ReturnAddresses;
use super::seal::Sealer;
use super::tenant::SignIn;
use crate::body::BodyReader;
use crate::fleet::Fleet;

/// What can be connected at one provider.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    /// Auth0's connections, the usual one first.
    pub(crate) connections: Vec<String>,
    /// Whose API it is.
    pub(crate) kind: Kind,
    /// Whether Token Vault keeps accounts that are new.
    pub(crate) vault: bool,
}

impl Offer {
    /// The provider's name for people.
    pub(super) fn title<'a>(&self, name: &'a str) -> &'a str {
        match self.kind {
            Kind::Google => "Google",
            Kind::GitHub => "GitHub",
            Kind::Facebook => "Facebook",
            Kind::Bitbucket => "Bitbucket",
            Kind::Microsoft => "Microsoft",
            _ => name,
        }
    }

    pub(super) fn is_google(&self) -> bool {
        self.kind == Kind::Google
    }
}

/// What hosted connect is made of.
pub(crate) struct ConnectParts {
    pub(crate) public_url: Url,
    /// The issuer where people sign in, with its slash.
    pub(crate) issuer: String,
    /// The canonical domain, which everything is sealed for.
    pub(crate) domain: String,
    /// The tenant at the issuer's address.
    pub(crate) sign_in: Tenant,
    pub(crate) credentials: ClientCredentials,
    /// The Custom API Client of Token Vault, where accounts are kept there.
    pub(crate) exchange: Option<ClientCredentials>,
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) keys: Arc<dyn KeySource>,
    pub(crate) my_account_audience: String,
    pub(crate) ticket_ttl: Duration,
    pub(crate) return_to: Vec<Url>,
    pub(crate) providers: BTreeMap<String, Offer>,
    pub(crate) store: Arc<dyn GrantStore>,
    pub(crate) replays: Arc<dyn ReplayStore>,
    pub(crate) fleet: Arc<Fleet>,
    pub(crate) connect_timeout: Duration,
    pub(crate) forms: BodyReader,
}

/// Hosted connect cannot be set up.
#[derive(Debug, thiserror::Error)]
#[error("hosted connect cannot be set up: {0}")]
pub(crate) struct ConnectError(String);

impl HostedConnect {
    /// # Errors
    /// TLS cannot be set up.
    pub(crate) fn new(parts: ConnectParts) -> Result<Self, ConnectError> {
        let address = parts.public_url.as_str().trim_end_matches('/').to_owned();
        let my_account = MyAccount::new(&parts.issuer, parts.connect_timeout);
        let return_to = ReturnAddresses::new(&parts.return_to);
        let issuer_url = Url::parse(&parts.issuer).map_err(|error| ConnectError(error.to_string()))?;
        // Browsers hold the policy of the page also against the redirects behind its form: those lead to the tenant, from
        // there to any provider, and in the end to the app.
        let mut form_action = vec!["'self'".to_owned(), "https:".to_owned()];
        let plain = (issuer_url.scheme() != "https").then(|| issuer_url.origin().ascii_serialization());
        form_action.extend(plain.into_iter().chain(return_to.plain_origins()));
        Ok(Self {
            origin: parts.public_url.origin().ascii_serialization(),
            form_action: form_action.join(" "),
            sealer: Sealer::new(parts.store, &parts.domain),
            cookies: Cookies::at(&parts.public_url),
            ticket_ttl: parts.ticket_ttl,
            return_to,
            sign_in: SignIn {
                ids: IdTokenVerifier::new(
                    &parts.issuer,
                    &parts.credentials.client_id,
                    &parts.algorithms,
                    parts.keys,
                ),
                issuer: parts.issuer,
                tenant: parts.sign_in,
                credentials: parts.credentials,
                my_account: my_account.map_err(|error| ConnectError(error.to_string()))?,
                my_account_audience: parts.my_account_audience,
                callback: format!("{address}/connect/callback"),
            },
            exchange: parts.exchange,
            address,
            providers: parts.providers,
            replays: parts.replays,
            fleet: parts.fleet,
            forms: parts.forms,
        })
    }
}
