//! What the gauges show: state that is read at each scrape.

use std::time::SystemTime;

use crate::state::App;
use crate::telemetry::{KeeperName, Observed};

/// The one API of the tenant whose answers name a limit.
const MANAGEMENT: &str = "management";

impl App {
    /// State for [`Metrics::observe`](crate::telemetry::Metrics::observe).
    pub fn observed(&self) -> Observed {
        let (keys, token) = (self.tenant.tenant.keys(), self.tenant.tenant.management_status());
        let keys_age = keys.status().loaded_ago;
        let allowance = self.tenant.tenant.allowance();
        let count =
            |calls: Option<u32>| calls.map(|calls| (MANAGEMENT, u64::from(calls))).into_iter().collect();
        Observed {
            management_token_expiry: self
                .tenant
                .tenant
                .current_management_token()
                .map(|token| token.expires_at()),
            ages: [(KeeperName::ManagementToken, token.loaded_ago), (KeeperName::Keys, keys_age)]
                .into_iter()
                .filter_map(|(keeper, age)| Some((keeper, age?)))
                .collect(),
            keys: keys.len() as u64,
            keys_last_success: keys_age.and_then(|age| SystemTime::now().checked_sub(age)),
            ratelimit_remaining: count(allowance.remaining()),
            ratelimit_limit: count(allowance.limit()),
            memory_bounds: self.memory.parts().to_vec(),
            upstream_in_flight: self
                .calls
                .providers
                .values()
                .map(|provider| (provider.label.clone(), provider.client.in_flight()))
                .collect(),
        }
    }
}
