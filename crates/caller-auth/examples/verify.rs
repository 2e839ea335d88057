//! Verifies the access token of a request, and refuses one that is for another API; the tenant is a sandbox on loopback.

use std::error::Error;
use std::sync::Arc;
use std::time::SystemTime;

use caller_auth::{Reason, Rules, Schemes, Verifier};
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
    let rules = Rules::new(sandbox.api_audience(), sandbox.tenant_url().as_str());
    let verifier = Verifier::with_rules(rules, Arc::new(tenant));

    let ben = "google-oauth2|100000000000000000002";
    for audience in [sandbox.api_audience(), "https://another.example"] {
        let token = sandbox.mint().user(ben).audience(audience).sign();
        let request = http::Request::get("https://api.acme.com/orders")
            .header("authorization", format!("Bearer {token}"))
            .body(())?;
        match verifier.verify(&request.into_parts().0, Schemes::Standard, SystemTime::now()).await {
            Ok(verified) => println!("{} may call", verified.caller.subject()),
            Err(refusal) => {
                assert_eq!(refusal.reason, Reason::TokenInvalid);
                println!("{}: {refusal} {:?}", refusal.reason.status(), refusal.challenge.values);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
#[test]
fn it_runs() {
    main().unwrap();
}
