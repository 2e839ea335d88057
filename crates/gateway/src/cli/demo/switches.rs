//! Faults that the console of the demo switches on and off, so that people can watch what the gateway does about them.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use sandbox::{Fault, FaultId, Faults, LiveWorld, ProviderKind, Sandbox};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::configuration::name;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    /// The provider answers that there were too many requests.
    RateLimit,
    /// The provider's API answers no connection.
    Outage,
    /// The user's access token ends now.
    Expired,
    /// The user revokes the app's access at the provider.
    Revoked,
    /// The tenant signs with another key from now on.
    KeyRotation,
}

/// An order: JSON of the console.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Order {
    fault: Kind,
    #[serde(default)]
    provider: String,
    #[serde(default)]
    user: String,
    /// Off takes a lasting fault back.
    on: bool,
}

/// The switches and what they are set to.
pub(super) struct Switches {
    faults: Faults,
    world: LiveWorld,
    limits: Mutex<BTreeMap<&'static str, FaultId>>,
    outages: Mutex<BTreeMap<&'static str, ProviderKind>>,
}

impl Switches {
    /// All off.
    pub(super) fn new(sandbox: &Sandbox) -> Self {
        Self {
            faults: sandbox.faults(),
            world: sandbox.world(),
            limits: Mutex::default(),
            outages: Mutex::default(),
        }
    }

    /// Carries an order out; none where it names no provider or account of the sandbox.
    pub(super) fn set(&self, order: &Order) -> Option<()> {
        let kind = || ProviderKind::ALL.into_iter().find(|kind| name(*kind) == order.provider);
        match order.fault {
            Kind::RateLimit => self.limit(kind()?, order.on),
            Kind::Outage => self.outage(kind()?, order.on),
            Kind::Expired => return self.world.expire(&order.user, connection(kind()?)).then_some(()),
            Kind::Revoked => return self.world.revoke(&order.user, connection(kind()?)).then_some(()),
            Kind::KeyRotation => return self.world.rotate_keys().ok(),
        }
        Some(())
    }

    fn limit(&self, kind: ProviderKind, on: bool) {
        let mut limits = self.limits.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(id) = limits.remove(name(kind)) {
            self.faults.remove(id);
        }
        if on {
            let trouble = match kind {
                ProviderKind::GitHub => "primary-limit",
                ProviderKind::Facebook => "app-limit",
                _ => "rate-limit",
            };
            let fault = Fault::on(kind.server()).api_only().trouble(trouble).retry_after(5);
            limits.insert(name(kind), self.faults.add(fault));
        }
    }

    fn outage(&self, kind: ProviderKind, on: bool) {
        let mut outages = self.outages.lock().unwrap_or_else(PoisonError::into_inner);
        outages.remove(name(kind));
        self.faults.bring_up(kind.server());
        if on {
            outages.insert(name(kind), kind);
            self.faults.take_down(kind.server());
        }
    }

    /// The lasting faults that are on: `[{ "fault", "provider" }]`.
    pub(super) fn state(&self) -> Value {
        let limits = self.limits.lock().unwrap_or_else(PoisonError::into_inner);
        let outages = self.outages.lock().unwrap_or_else(PoisonError::into_inner);
        let limited = limits.keys().map(|provider| (Kind::RateLimit, provider));
        let down = outages.keys().map(|provider| (Kind::Outage, provider));
        let all =
            limited.chain(down).map(|(fault, provider)| json!({ "fault": fault, "provider": provider }));
        Value::Array(all.collect())
    }
}

/// The tenant's connection for a provider of the demo.
fn connection(kind: ProviderKind) -> &'static str {
    match kind {
        ProviderKind::OAuth2 => "acme-crm",
        other => other.strategy(),
    }
}
