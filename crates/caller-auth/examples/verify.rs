//! Verifies the access token of a request, refuses one that is for another API, and explains why; the tenant is a sandbox
//! on loopback.

use std::error::Error;
use std::time::SystemTime;

use caller_auth::{CheckOutcome, Reason, Schemes, Verifier};
use sandbox::Sandbox;

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, reason = "what the example is for")]
async fn main() -> Result<(), Box<dyn Error>> {
    let sandbox = Sandbox::builder().start().await?;
    let verifier =
        Verifier::builder(sandbox.tenant_url().as_str()).audience(sandbox.api_audience()).build()?;

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
                println!("{}: {refusal}", refusal.reason.status());
                let checks = verifier.explain(&token, SystemTime::now()).await;
                for check in checks.iter().filter(|check| check.outcome == CheckOutcome::Failed) {
                    println!("  {}: {:?}", check.step, check.mismatch);
                }
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
