//! Reads a user twice and shows the identities, without their tokens; the tenant is a sandbox on loopback.
//!
//! For a real tenant: its domain, no base URL, and a client with read:users and read:user_idp_tokens.

use std::error::Error;

use mgmt_auth::{ClientCredentials, Tenant};
use sandbox::Sandbox;
use user_store::UserStore;

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, reason = "what the example is for")]
async fn main() -> Result<(), Box<dyn Error>> {
    let sandbox = Sandbox::builder().start().await?;
    let tenant = Tenant::builder(sandbox.domain())
        .base_url(sandbox.tenant_url())
        .credentials(ClientCredentials::secret(sandbox.client_id(), sandbox.client_secret()))
        .build()?;
    let users = UserStore::builder(tenant).build();

    let ben = "google-oauth2|100000000000000000002";
    for _ in 0..2 {
        let lookup = users.get(ben).await?;
        println!("{} ({:?})", lookup.user.user_id(), lookup.found);
        for identity in lookup.user.identities() {
            let token = if identity.bearer().is_some() { "a token" } else { "no token" };
            let refresh = if identity.refresh_token().is_some() { ", a refresh token" } else { "" };
            println!("  {}|{}: {token}{refresh}", identity.connection(), identity.user_id());
        }
    }
    Ok(())
}

#[cfg(test)]
#[test]
fn it_runs() {
    main().unwrap();
}
