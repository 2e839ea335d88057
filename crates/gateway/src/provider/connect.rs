//! How an account of a provider is connected, for the problems that ask for it.

use idp_adapters::Kind;
use token_broker::{Account, Source};
use url::Url;

use crate::problem::{AccountRef, Connect};

/// What an app needs to send the user through a connection again.
#[derive(Clone, Debug)]
pub(crate) struct ConnectTo {
    tenant: String,
    provider: String,
    /// The entry's first connection, where none is named.
    connection: Option<String>,
    kind: Kind,
}

impl ConnectTo {
    /// For accounts of `provider`; `tenant` is the tenant's base URL.
    pub(crate) fn new(tenant: &Url, provider: &str, connections: &[String], kind: Kind) -> Self {
        Self {
            tenant: tenant.as_str().trim_end_matches('/').to_owned(),
            provider: provider.to_owned(),
            connection: connections.first().cloned(),
            kind,
        }
    }

    /// The parameters to connect an account of `connection`, asking for `scope` (comma-joined).
    pub(crate) fn parameters(
        &self,
        connection: Option<&str>,
        source: Source,
        scope: Option<String>,
    ) -> Option<Connect> {
        let connection = connection.or(self.connection.as_deref())?.to_owned();
        let endpoint = |path: &str| format!("{}{path}", self.tenant);
        if source == Source::Vault {
            let scopes = scope.map(|text| text.split(',').map(str::to_owned).collect()).unwrap_or_default();
            let my_account_endpoint = endpoint("/me/v1/connected-accounts/connect");
            return Some(Connect::MyAccount { my_account_endpoint, connection, scopes, url: None });
        }
        let google = self.kind == Kind::Google;
        Some(Connect::Authorize {
            authorization_endpoint: endpoint("/authorize"),
            connection,
            connection_scope: scope,
            access_type: google.then_some("offline"),
            prompt: google.then_some("consent"),
            url: None,
        })
    }

    /// An account as a problem names it; without a provider its member stays empty.
    pub(crate) fn account(this: Option<&Self>, account: &Account) -> AccountRef {
        AccountRef {
            account: account.to_string(),
            connection: account.connection().to_owned(),
            user_id: account.user_id().unwrap_or_default().to_owned(),
            provider: this.map(|connect| connect.provider.clone()).unwrap_or_default(),
        }
    }
}
