//! A Bitbucket token that the provider no longer takes is replaced by a refresh, and the new refresh token is stored
//! before the new token is used. Tenant and provider are a sandbox on loopback.
//!
//! For the real thing: the tenant's domain and client, the connection's own OAuth client at Bitbucket, no URLs, and a file
//! that lasts, or a `RedisStore` for a fleet.

use std::{error::Error, sync::Arc};

use mgmt_auth::{ClientCredentials, Tenant};
use sandbox::{ProviderKind, Sandbox};
use token_broker::{Broker, FileStore, GrantFilter, GrantStore, KeyRing, Provider, TokenRequest};
use user_store::UserStore;

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, reason = "what the example is for")]
async fn main() -> Result<(), Box<dyn Error>> {
    let sandbox = Sandbox::builder().start().await?;
    let tenant = Tenant::builder(sandbox.domain())
        .base_url(sandbox.tenant_url())
        .credentials(ClientCredentials::secret(sandbox.client_id(), sandbox.client_secret()))
        .build()?;
    let users = UserStore::builder(tenant.clone()).build();

    let (client, secret) = sandbox.provider_client(ProviderKind::Bitbucket);
    let bitbucket = Provider::new("bitbucket", idp_adapters::shared(idp_adapters::Kind::Bitbucket))
        .credentials(ClientCredentials::secret(client, secret))
        .base_url(sandbox.provider_url(ProviderKind::Bitbucket))
        .token_url(sandbox.provider_token_url(ProviderKind::Bitbucket));

    let folder = tempfile::tempdir()?;
    let keys = KeyRing::parse(&KeyRing::generate_line()?)?;
    let store = Arc::new(FileStore::open(folder.path().join("grants"), keys).await?);
    let broker = Broker::builder(tenant, users).provider(bitbucket).store(store.clone()).build()?;

    let ask = TokenRequest::new("google-oauth2|100000000000000000002", "bitbucket");
    let token = broker.token(&ask).await?;
    println!("{}: Auth0's copy, {:?}", token.account(), token.cache());
    // ... the provider answers 401:
    let token = broker.token_rejected(&ask, &token).await?;
    println!("{}: refreshed, ends {:?}", token.account(), token.expires_at());
    for grant in store.list(&GrantFilter::default()).await? {
        println!("stored for {}: {:?}, refreshable: {}", grant.key.user, grant.state, grant.refreshable);
    }
    Ok(())
}

#[cfg(test)]
#[test]
fn it_runs() {
    main().unwrap();
}
