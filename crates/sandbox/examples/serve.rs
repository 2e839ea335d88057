//! The demo world on loopback, until it is interrupted: for trying clients by hand.
//!
//! Writes the addresses and credentials as one line of JSON.

use std::io::Write as _;

use sandbox::{ProviderKind, SPA_CLIENT, Sandbox};
use serde_json::{Map, Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sandbox = Sandbox::builder().start().await?;
    let providers: Map<String, Value> = ProviderKind::ALL
        .into_iter()
        .map(|kind| (kind.name().to_owned(), sandbox.provider_url(kind).as_str().into()))
        .collect();
    let line = json!({
        "tenant": sandbox.tenant_url().as_str(), "domain": sandbox.domain(), "audience": sandbox.api_audience(),
        "spa_client": SPA_CLIENT, "client_id": sandbox.client_id(), "client_secret": sandbox.client_secret(),
        "users": sandbox.world().user_ids(), "providers": providers,
    });
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()?;
    drop(out);
    std::future::pending::<()>().await;
    Ok(())
}
