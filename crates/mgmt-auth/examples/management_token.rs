//! Prints the scopes and the remaining life of a management token; the tenant is a sandbox on loopback.
//!
//! For a real tenant: its domain, no base URL, and a client of the Management API.

use std::{error::Error, time::SystemTime};

use mgmt_auth::{ClientCredentials, Tenant};
use sandbox::Sandbox;

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, reason = "what the example is for")]
async fn main() -> Result<(), Box<dyn Error>> {
    let sandbox = Sandbox::builder().start().await?;
    let tenant = Tenant::builder(sandbox.domain())
        .base_url(sandbox.tenant_url())
        .credentials(ClientCredentials::secret(sandbox.client_id(), sandbox.client_secret()))
        .build()?;

    let token = tenant.management_token().await?;
    let left = token.expires_at().duration_since(SystemTime::now())?;
    println!("audience      {}", tenant.audience());
    match token.scopes() {
        Some(scopes) => println!("scopes        {}", scopes.iter().cloned().collect::<Vec<_>>().join(" ")),
        None => println!("scopes        not said"),
    }
    println!("missing       {:?}", token.missing_scopes());
    println!("beyond need   {:?}", token.excess_scopes());
    println!("good for      {} s", left.as_secs());
    Ok(())
}

#[cfg(test)]
#[test]
fn it_runs() {
    main().unwrap();
}
