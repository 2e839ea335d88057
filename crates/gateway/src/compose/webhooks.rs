//! Webhooks from their settings.

use mgmt_auth::{SecretReader, SecretSource, Tenant};

use super::start_error::StartError;
use crate::config::{Settings, WebhookSettings};
use crate::upstream::{self, UpstreamClient, UpstreamTimeouts};
use crate::webhooks::{Receiver, Webhooks};

/// Requests to one receiver at a time; its task sends one after the other.
const IN_FLIGHT: usize = 2;

/// The configured receivers.
pub(super) fn webhooks(
    settings: &Settings,
    tenant: &Tenant,
    timeouts: UpstreamTimeouts,
    before: Option<&Webhooks>,
) -> Result<Webhooks, StartError> {
    let receivers = settings.webhooks.iter().map(|own| {
        let receiver = receiver(own, tenant.secrets().clone(), timeouts)?;
        Ok((own.events.clone(), receiver))
    });
    Ok(Webhooks::new(receivers.collect::<Result<_, StartError>>()?, before))
}

fn receiver(
    own: &WebhookSettings,
    secrets: SecretReader,
    timeouts: UpstreamTimeouts,
) -> Result<Receiver, StartError> {
    let uri = own.url[..url::Position::AfterQuery].parse();
    Ok(Receiver {
        uri: uri.map_err(|error: http::uri::InvalidUri| StartError::Webhook(error.to_string()))?,
        secret: SecretSource::File(own.secret_file.clone()),
        secrets,
        client: UpstreamClient::new(upstream::tls_config()?, timeouts, IN_FLIGHT, own.allow_private_network),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use url::Url;

    use super::*;
    use crate::body;
    use crate::config::WebhookEvent;
    use crate::upstream::{Progress, SendError};

    /// The configuration refuses such an address as it stands; a name can lead to it at any time.
    #[tokio::test]
    async fn tm_h10_an_internal_address_is_not_connected_to() {
        const SHORT: Duration = Duration::from_millis(200);
        let timeouts = UpstreamTimeouts { connect: SHORT, response: SHORT, idle: SHORT };
        for allow_private_network in [false, true] {
            let own = WebhookSettings {
                url: Url::parse("https://10.255.255.1/hook").unwrap(),
                secret_file: "secret".into(),
                events: vec![WebhookEvent::Connected],
                allow_private_network,
            };
            let Receiver { uri, client, .. } = receiver(&own, SecretReader::new(), timeouts).unwrap();
            let mut request = http::Request::new(body::empty());
            *request.uri_mut() = uri.clone();
            let stream = client.stream(&uri).await.unwrap();
            let sent = client.send(stream, request, &Progress::new()).await;
            let refused = matches!(
                sent.err(),
                Some(SendError::Unreachable { refused: Some("its address is internal"), .. })
            );
            assert_ne!(refused, allow_private_network);
        }
    }
}
