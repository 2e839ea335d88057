//! Readiness: not ready before the first keys and the first management token, then ready through outages.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use super::{Check, CheckStatus, Readiness, ReadyStatus};
use crate::fleet::RecordStatus;
use crate::state::App;

impl App {
    /// Whether requests can be served, and why not. Once ready it stays ready: an outage of the tenant must not
    /// take every replica out of service (threat L05).
    pub fn readiness(&self) -> Readiness {
        let checks = BTreeMap::from([
            ("keys", self.check_keys()),
            ("management_token", self.check_management_token()),
            ("store", self.check_store()),
        ]);
        let mut readiness = Readiness::from_checks(checks);
        match readiness.status {
            ReadyStatus::Ready => self.tenant.was_ready.store(true, Ordering::Relaxed),
            _ if self.tenant.was_ready.load(Ordering::Relaxed) => {
                readiness.status = ReadyStatus::Ready;
                for check in readiness.checks.values_mut().filter(|check| check.status == CheckStatus::Fail) {
                    check.status = CheckStatus::Warn;
                }
            }
            _ => {}
        }
        readiness
    }

    fn check_keys(&self) -> Check {
        if self.tenant.tenant.keys().is_empty() {
            fail("the tenant's signing keys could not be fetched yet; check tenant.base_url and the network")
        } else {
            fine()
        }
    }

    fn check_management_token(&self) -> Check {
        let Some(token) = self.tenant.tenant.current_management_token() else {
            return fail(
                "no management token could be had yet; check tenant.client_id, its secret and its grant, or run \
                 `gateway doctor`",
            );
        };
        let missing = token.missing_scopes();
        let excess = token.excess_scopes();
        if !missing.is_empty() {
            return warn(format!(
                "the management token lacks {}; add the scopes to the grant",
                missing.join(" ")
            ));
        }
        if !excess.is_empty() && !self.tenant.allow_excess_scopes {
            return warn(format!(
                "the management token holds more than it needs ({}); remove the scopes from the grant, or set \
                 tenant.allow_excess_scopes",
                excess.join(" ")
            ));
        }
        fine()
    }

    fn check_store(&self) -> Check {
        match self.stores.fleet.status() {
            RecordStatus::Unread(cause) => fail(&format!(
                "the store was never read ({cause}): blocks and logouts are not known; check store.url, or run \
                 `gateway doctor`"
            )),
            RecordStatus::Old(cause) => warn(format!(
                "the store does not answer ({cause}); the last copy of blocks and logouts serves"
            )),
            RecordStatus::Current => match self.stores.missing_guarantees() {
                missing if missing.is_empty() => fine(),
                missing => warn(missing.join("; ")),
            },
        }
    }

    /// Fetches keys and management token ahead of the first request. Failures show in [`App::readiness`].
    pub async fn warm(&self) {
        let keys = self.tenant.tenant.keys().load();
        let token = self.tenant.tenant.management_token();
        let (keys, token) = futures_util::join!(keys, token);
        if let Err(error) = keys {
            tracing::warn!(event = "keys_unavailable", cause = %error);
        }
        match token {
            Err(error) => tracing::warn!(event = "management_token_unavailable", cause = %error),
            Ok(token) => self.report_scopes(&token),
        }
    }

    /// Notices at once that the operator granted a missing scope; otherwise it takes up to a minute.
    pub(crate) async fn recheck_scopes(&self) {
        if let Err(error) = self.tenant.tenant.recheck_scopes().await {
            tracing::warn!(event = "management_token_unavailable", cause = %error);
        }
    }

    /// Too little breaks calls, too much is a risk (threat S08): both are said once, where an operator looks first.
    fn report_scopes(&self, token: &mgmt_auth::ManagementToken) {
        let (missing, excess) = (token.missing_scopes(), token.excess_scopes());
        if !missing.is_empty() {
            tracing::warn!(
                event = "management_token_missing_scopes",
                scopes = missing.join(" "),
                remedy = "add the scopes to the application's grant for the Management API",
            );
        }
        if !excess.is_empty() && !self.tenant.allow_excess_scopes {
            tracing::warn!(
                event = "management_token_excess_scopes",
                scopes = excess.join(" "),
                remedy = "remove the scopes from the grant, or set tenant.allow_excess_scopes",
            );
        }
    }

    /// Keeps keys and management token fresh and follows the control state; never returns. The binary spawns it.
    pub async fn keep(&self) -> std::convert::Infallible {
        let refuse = |revoked: &[token_broker::RevokedGrant]| self.calls.tokens.apply_revocations(revoked);
        let following = self.stores.fleet.follow(|invalidation| Box::pin(self.apply(invalidation)), refuse);
        let keys = self.tenant.tenant.keep_keys();
        let token = self.tenant.tenant.keep_management_token();
        let (keys, ..) = futures_util::join!(keys, token, following, self.stores.keep_checking());
        keys
    }
}

fn fine() -> Check {
    Check { status: CheckStatus::Ok, detail: None }
}

fn warn(detail: String) -> Check {
    Check { status: CheckStatus::Warn, detail: Some(detail) }
}

fn fail(detail: &str) -> Check {
    Check { status: CheckStatus::Fail, detail: Some(detail.to_owned()) }
}
