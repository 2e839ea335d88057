//! Webhooks (`[[webhooks]]`): what changed about an account, by the Standard Webhooks specification.
//!
//! The replica that saw the change sends it, at least once, and again only after the account has changed. No message holds a
//! token. What waits to be sent is kept in memory; a process that ends sends it once more, and says what was not taken.

mod delivery;
mod known;
mod sign;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::json;

pub(crate) use self::delivery::Receiver;

use self::delivery::{Message, Outbox, Tasks};
use self::known::Known;
use crate::config::WebhookEvent;
use crate::outcome::Code;
use crate::request_id::RequestId;
use crate::time::rfc3339;

/// What an answered request says about an account.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<'a> {
    /// The audit log's word for the request.
    pub(crate) request: &'static str,
    pub(crate) outcome: Code,
    pub(crate) user: &'a str,
    pub(crate) client: Option<&'a str>,
    pub(crate) provider: &'a str,
    pub(crate) connection: &'a str,
    /// The user's id at the provider, where it is known.
    pub(crate) id: Option<&'a str>,
    pub(crate) request_id: &'a str,
}

/// All receivers, and what they were told.
pub(crate) struct Webhooks {
    outboxes: Vec<(Vec<WebhookEvent>, Outbox)>,
    known: Arc<Known>,
    tasks: Arc<Tasks>,
}

/// How long a process that ends sends what waits: shorter than the wait for refreshed grants, which has the same bound.
const LAST: Duration = Duration::from_secs(5);

impl Webhooks {
    /// For these receivers and what each is told. What `before` has told is not told again.
    pub(crate) fn new(all: Vec<(Vec<WebhookEvent>, Receiver)>, before: Option<&Self>) -> Self {
        let tasks = before.map(|before| Arc::clone(&before.tasks)).unwrap_or_default();
        let outbox = |(events, receiver)| (events, Outbox::new(receiver, &tasks));
        Self {
            outboxes: all.into_iter().map(outbox).collect(),
            known: before.map(|before| Arc::clone(&before.known)).unwrap_or_default(),
            tasks,
        }
    }

    /// Sends what waits, for some seconds at most, when the process ends.
    pub(crate) async fn end(&self) {
        self.tasks.end(LAST).await;
    }

    /// Whether anybody is told anything.
    pub(crate) fn is_on(&self) -> bool {
        !self.outboxes.is_empty()
    }

    /// Tells the receivers what an answered request has changed.
    pub(crate) fn observe(&self, seen: &Seen<'_>) {
        let Some(event) = self.event(seen) else { return };
        let body = json!({
            "type": name(event),
            "timestamp": rfc3339(SystemTime::now()),
            "data": {
                "user_id": seen.user,
                "client_id": seen.client,
                "provider": seen.provider,
                "connection": seen.connection,
                "provider_user_id": seen.id,
                "request_id": seen.request_id,
            },
        });
        let id = format!("msg_{}", RequestId::random());
        let message = Message { id, user: seen.user.into(), body: body.to_string() };
        for (_, outbox) in self.outboxes.iter().filter(|(events, _)| events.contains(&event)) {
            outbox.put(message.clone());
        }
    }

    fn event(&self, seen: &Seen<'_>) -> Option<WebhookEvent> {
        match (seen.request, seen.outcome) {
            ("connected", Code::Ok) => Some(WebhookEvent::Connected),
            ("revoke", Code::Ok) => Some(WebhookEvent::Disconnected),
            (_, Code::ReconnectRequired) => {
                self.known.died(account(seen)).then_some(WebhookEvent::ReconnectRequired)
            }
            ("call" | "profile", Code::Ok) => {
                self.known.works(|| account(seen)).then_some(WebhookEvent::Recovered)
            }
            _ => None,
        }
    }
}

/// The event's name in messages, which is the one in the settings.
fn name(event: WebhookEvent) -> &'static str {
    match event {
        WebhookEvent::ReconnectRequired => "account.reconnect_required",
        WebhookEvent::Recovered => "account.recovered",
        WebhookEvent::Connected => "account.connected",
        WebhookEvent::Disconnected => "account.disconnected",
    }
}

/// What tells accounts apart.
fn account(seen: &Seen<'_>) -> [u8; 32] {
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    for part in [seen.user, seen.provider, seen.connection, seen.id.unwrap_or_default()] {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    }
    let mut bytes = [0; 32];
    bytes.copy_from_slice(context.finish().as_ref());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_the_same_name_in_messages_and_in_settings() {
        use WebhookEvent::{Connected, Disconnected, ReconnectRequired, Recovered};
        for event in [ReconnectRequired, Recovered, Connected, Disconnected] {
            assert_eq!(serde_json::from_value::<WebhookEvent>(name(event).into()).unwrap(), event);
        }
    }
}
