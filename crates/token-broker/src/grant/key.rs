//! What a grant is filed under.

use serde::{Deserialize, Serialize};

use crate::{Account, Provider, Source};

/// Names one grant. Every part of it separates: tenant, user, source, connection, account and OAuth client (none is a value
/// too).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub struct GrantKey {
    /// The tenant's canonical domain.
    pub tenant: String,
    /// The full Auth0 user id.
    pub user: String,
    /// Where the grant comes from.
    pub source: Source,
    /// The connection.
    pub connection: String,
    /// The user's id at the provider.
    pub account: Option<String>,
    /// What its tokens depend on besides: adapter, OAuth client and token endpoint. `None` where nothing is refreshed, for
    /// revocations, and for grants that older versions stored.
    pub client: Option<String>,
}

impl GrantKey {
    /// The key of an account's grant, whatever client refreshes it.
    #[must_use]
    pub fn new(tenant: &str, user: &str, source: Source, account: &Account) -> Self {
        Self {
            tenant: tenant.to_owned(),
            user: user.to_owned(),
            source,
            connection: account.connection().to_owned(),
            account: account.user_id().map(str::to_owned),
            client: None,
        }
    }

    /// The key of an identity's grant, with the OAuth client that the provider's tokens depend on.
    pub(crate) fn of_identity(tenant: &str, user: &str, provider: &Provider, account: &Account) -> Self {
        let client = provider.client_key.as_deref().map(str::to_owned);
        Self::new(tenant, user, Source::Identities, account).with_client(client)
    }

    /// The same account's grant as it belongs to an OAuth client.
    #[must_use]
    pub fn with_client(self, client: Option<String>) -> Self {
        Self { client, ..self }
    }

    /// The key as unambiguous text: what stores file it under and what encryption binds the record to.
    #[must_use]
    pub fn encode(&self) -> String {
        let Self { tenant, user, source, connection, account, client } = self;
        match client {
            None => serde_json::json!(["grant/1", tenant, user, source, connection, account]),
            Some(client) => serde_json::json!(["grant/2", tenant, user, source, connection, account, client]),
        }
        .to_string()
    }

    /// Reads [`GrantKey::encode`]'s text.
    #[must_use]
    pub fn decode(text: &str) -> Option<Self> {
        type Old = (String, String, String, Source, String, Option<String>);
        type New = (String, String, String, Source, String, Option<String>, String);
        if let Ok((version, tenant, user, source, connection, account)) = serde_json::from_str::<Old>(text) {
            return (version == "grant/1").then_some(Self {
                tenant,
                user,
                source,
                connection,
                account,
                client: None,
            });
        }
        let (version, tenant, user, source, connection, account, client) =
            serde_json::from_str::<New>(text).ok()?;
        let client = Some(client);
        (version == "grant/2").then_some(Self { tenant, user, source, connection, account, client })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(user: &str, connection: &str, account: Option<&str>) -> GrantKey {
        let account = Account::new(connection, account.map(str::to_owned));
        GrantKey::new("acme.test", user, Source::Identities, &account)
    }

    #[test]
    fn c01_keys_that_look_alike_stay_apart() {
        let keys = [
            key("a|b", "c", Some("d")),
            key("a", "b|c", Some("d")),
            key("a|b|c", "d", None),
            key("a|b", "c", None),
            key("a|b", "c", Some("")),
            key("A|b", "c", Some("d")),
            key("a|b ", "c", Some("d")),
            key("a\",\"b", "c", Some("d")),
            key("a|b", "c", Some("d")).with_client(Some("x".into())),
            key("a|b", "c", Some("d")).with_client(Some(String::new())),
        ];
        let encoded: std::collections::BTreeSet<_> = keys.iter().map(GrantKey::encode).collect();
        assert_eq!(encoded.len(), keys.len());
        for key in keys {
            assert_eq!(GrantKey::decode(&key.encode()), Some(key));
        }
    }
}
