//! Hosted connect from its settings.

use std::sync::Arc;

use mgmt_auth::Tenant;
use url::Url;

use super::convert;
use super::start_error::StartError;
use crate::body::BodyReader;
use crate::config::{Settings, Source};
use crate::connect::{ConnectParts, HostedConnect, Offer};
use crate::stores::Stores;

/// Hosted connect, where there is a `[connect]` section.
pub(super) fn hosted(
    settings: &Settings,
    tenant: &Tenant,
    stores: &Stores,
) -> Result<Option<HostedConnect>, StartError> {
    let Some(own) = &settings.connect else { return Ok(None) };
    let missing = |what: &str| StartError::Connect(format!("{what} is missing"));
    let credentials = own.proof.credentials(&own.client_id).ok_or_else(|| missing("the client's proof"))?;
    let public_url = settings.server.public_url.clone().ok_or_else(|| missing("server.public_url"))?;
    // People sign in where the tokens say they come from: the custom domain, if there is one.
    let issuer = settings.callers.issuers.first().ok_or_else(|| missing("callers.issuers"))?;
    let address = Url::parse(issuer).map_err(|error| StartError::Connect(error.to_string()))?;
    let sign_in = Tenant::builder(&settings.tenant.domain)
        .base_url(address)
        .credentials(credentials.clone())
        .connect_timeout(settings.server.timeouts.connect)
        .build()
        .map_err(|error| StartError::Connect(error.to_string()))?;
    let providers = settings.providers.iter().map(|(name, entry)| {
        let offer = Offer {
            connections: entry.connections.clone(),
            kind: entry.adapter,
            vault: entry.source.contains(&Source::Vault),
        };
        (name.clone(), offer)
    });
    let mut return_to = own.return_to.clone();
    if settings.console.enabled
        && let Ok(console) = Url::parse(&format!("{}/console/", public_url.as_str().trim_end_matches('/')))
    {
        // The console is the gateway's own page.
        return_to.push(console);
    }
    let hosted = HostedConnect::new(ConnectParts {
        public_url,
        issuer: format!("{}/", issuer.trim_end_matches('/')),
        domain: settings.tenant.domain.clone(),
        sign_in,
        credentials,
        exchange: convert::vault_client(settings),
        algorithms: convert::rules(settings).algorithms,
        keys: Arc::new(tenant.clone()),
        my_account_audience: own.my_account_audience.clone(),
        ticket_ttl: own.ticket_ttl,
        return_to,
        providers: providers.collect(),
        store: Arc::clone(&stores.grants),
        replays: Arc::clone(&stores.links),
        fleet: Arc::clone(&stores.fleet),
        connect_timeout: settings.server.timeouts.connect,
        forms: BodyReader::of_forms(settings.server.limits.in_flight, settings.server.timeouts.header),
    });
    hosted.map(Some).map_err(|error| StartError::Connect(error.to_string()))
}
