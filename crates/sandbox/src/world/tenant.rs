//! What changes in the tenant besides its users.

use std::collections::{HashMap, HashSet};

use serde_json::Value;
use tokio::time::Instant;

use crate::text;

/// Mutable parts of the tenant.
#[derive(Debug)]
pub(crate) struct TenantState {
    pub(crate) machine_lifetime: u64,
    pub(crate) access_lifetime: u64,
    pub(crate) api_algorithm: String,
    /// Name and strategy of connections that no user has.
    pub(crate) connections: Vec<(String, String)>,
    pub(crate) expires_in_text: bool,
    pub(crate) publish_algorithm: bool,
    pub(crate) extra_keys: Vec<Value>,
    pub(crate) limit: Limit,
    pub(crate) management_generation: u64,
    pub(crate) management_tokens: HashMap<String, u64>,
    pub(crate) mfa_always: bool,
    pub(crate) assertion_ids: HashSet<String>,
    pub(crate) quota_used: HashMap<String, u64>,
    /// Authorization codes, to be redeemed once.
    pub(crate) codes: HashMap<String, Login>,
    /// Auth0's own refresh tokens.
    pub(crate) refresh_tokens: HashMap<String, Login>,
    /// Browser sessions by cookie value.
    pub(crate) sessions: HashMap<String, String>,
    /// Opaque access tokens, good for `/userinfo` alone.
    pub(crate) opaque: HashMap<String, Login>,
    /// Consent pages that were shown, by ticket.
    pub(crate) consents: HashMap<String, PendingConsent>,
    /// Connected Accounts flows by `auth_session`.
    pub(crate) connects: HashMap<String, Connect>,
    /// What DPoP proofs of public clients have to repeat.
    pub(crate) dpop_nonce: String,
}

/// What a user agreed to when signing in to an application.
#[derive(Clone, Debug)]
pub(crate) struct Login {
    pub(crate) user_id: String,
    pub(crate) client_id: String,
    pub(crate) redirect_uri: String,
    pub(crate) scope: String,
    pub(crate) audience: Option<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) challenge: Option<String>,
    /// Thumbprint of the key that the tokens are to be bound to.
    pub(crate) dpop: Option<String>,
    pub(crate) auth_time: i64,
    /// The host of the tenant that the sign-in went through.
    pub(crate) issuer: String,
}

/// A consent page that was shown and not answered yet.
#[derive(Clone, Debug)]
pub(crate) struct PendingConsent {
    /// The user of the browser's session.
    pub(crate) user_id: String,
    /// The query of the authorization request.
    pub(crate) query: String,
}

/// A Connected Accounts flow between its start and its completion.
#[derive(Clone, Debug)]
pub(crate) struct Connect {
    pub(crate) user_id: String,
    pub(crate) connection: String,
    /// Which account at the provider is meant.
    pub(crate) hint: Option<String>,
    pub(crate) redirect_uri: String,
    pub(crate) state: Option<String>,
    pub(crate) scopes: Vec<String>,
    pub(crate) challenge: Option<String>,
    pub(crate) ticket: String,
    pub(crate) code: Option<String>,
    /// When the flow is over.
    pub(crate) ends: Instant,
}

impl Default for TenantState {
    fn default() -> Self {
        Self {
            machine_lifetime: 86400,
            access_lifetime: 86400,
            api_algorithm: "RS256".to_owned(),
            connections: Vec::new(),
            expires_in_text: false,
            publish_algorithm: true,
            extra_keys: Vec::new(),
            limit: Limit::default(),
            management_generation: 0,
            management_tokens: HashMap::new(),
            mfa_always: false,
            assertion_ids: HashSet::new(),
            quota_used: HashMap::new(),
            codes: HashMap::new(),
            refresh_tokens: HashMap::new(),
            sessions: HashMap::new(),
            opaque: HashMap::new(),
            consents: HashMap::new(),
            connects: HashMap::new(),
            dpop_nonce: text::random(text::URL64, 32),
        }
    }
}

/// The Management API's bucket: `burst` big, refilled at the top of each second of the clock that its answers speak of, so
/// that what they promise is kept whatever that clock does.
#[derive(Debug)]
pub(crate) struct Limit {
    burst: u64,
    per_second: u64,
    left: u64,
    /// Seconds since 1970.
    refilled: i64,
}

impl Default for Limit {
    fn default() -> Self {
        // Wide enough that only tests which ask for it meet the limit.
        Self { burst: 1_000_000, per_second: 1_000_000, left: 1_000_000, refilled: text::epoch() }
    }
}

/// The bucket after one request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spent {
    pub(crate) allowed: bool,
    pub(crate) limit: u64,
    pub(crate) remaining: u64,
    pub(crate) reset: i64,
}

impl Limit {
    pub(crate) fn set(&mut self, burst: u64, per_second: u64) {
        *self = Self { burst, per_second, left: burst, refilled: text::epoch() };
    }

    pub(crate) fn spend(&mut self) -> Spent {
        let now = text::epoch();
        if let Ok(seconds @ 1..) = u64::try_from(now.saturating_sub(self.refilled)) {
            self.left = self.burst.min(self.left.saturating_add(seconds.saturating_mul(self.per_second)));
            self.refilled = now;
        }
        let allowed = self.left > 0;
        self.left = self.left.saturating_sub(1);
        Spent { allowed, limit: self.burst, remaining: self.left, reset: self.refilled.saturating_add(1) }
    }
}
