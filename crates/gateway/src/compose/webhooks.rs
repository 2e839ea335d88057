//! Webhooks from their settings.

use mgmt_auth::Tenant;

use super::start_error::StartError;
use crate::config::{Settings, WebhookEvent};
use crate::upstream::{self, UpstreamClient, UpstreamTimeouts};
use crate::webhooks::{Event, Webhook, Webhooks};

/// Requests to one receiver at a time; its task sends one after the other.
const IN_FLIGHT: usize = 2;

/// The configured receivers.
pub(super) fn webhooks(
    settings: &Settings,
    tenant: &Tenant,
    timeouts: UpstreamTimeouts,
    before: Option<&Webhooks>,
) -> Result<Webhooks, StartError> {
    let receiver = |own: &crate::config::WebhookSettings| {
        let uri = own.url[..url::Position::AfterQuery].parse();
        Ok(Webhook {
            uri: uri.map_err(|error: http::uri::InvalidUri| StartError::Webhook(error.to_string()))?,
            secret: own.secret().into(),
            events: own.events.iter().copied().map(event).collect(),
            client: UpstreamClient::new(
                upstream::tls_config()?,
                timeouts,
                IN_FLIGHT,
                own.allow_private_network,
            ),
        })
    };
    let all: Result<Vec<_>, StartError> = settings.webhooks.iter().map(receiver).collect();
    Ok(Webhooks::new(all?, tenant.secrets(), before))
}

fn event(own: WebhookEvent) -> Event {
    match own {
        WebhookEvent::ReconnectRequired => Event::ReconnectRequired,
        WebhookEvent::Recovered => Event::Recovered,
        WebhookEvent::Connected => Event::Connected,
        WebhookEvent::Disconnected => Event::Disconnected,
    }
}
