//! What providers announce the end of: one warning for each host and rule.

use std::sync::Arc;

use quick_cache::sync::Cache;

use crate::provider::ProviderRuntime;
use crate::provider::plan::Plan;
use crate::provider::policy::Permit;

/// Hosts and rules that are remembered; callers choose hosts, so the least used go first.
const CAPACITY: usize = 1_000;

type Route = (Arc<str>, Box<str>, Permit);

/// What was warned of.
pub(crate) struct Deprecations(Cache<Route, ()>);

impl Default for Deprecations {
    fn default() -> Self {
        Self(Cache::new(CAPACITY))
    }
}

impl Deprecations {
    /// Warns of an answer that announces the end of what was called, unless that was done. Neither the path nor the
    /// provider's words are logged: they can hold names. True when it warned.
    pub(crate) fn warn(&self, provider: &ProviderRuntime, plan: &Plan) -> bool {
        let (host, rule) = (plan.host(), plan.permit());
        let route = (Arc::clone(&provider.name), host.into(), rule);
        if self.0.get(&route).is_some() {
            return false;
        }
        self.0.insert(route, ());
        tracing::warn!(
            event = "provider_deprecation",
            provider = &*provider.name,
            host,
            %rule,
            "the provider announces the end of something that is called; read its changelog"
        );
        true
    }
}
