//! What the admin listener's commands do.

use futures_util::future::BoxFuture;

use super::{GrantEntry, Operations, Readiness};
use crate::error_table;
use crate::fleet::{BlockEntry, Forget, Past, Reach};
use crate::outcome::Code;
use crate::problem::Problem;
use crate::selector::{BlockRequest, Selector};
use crate::state::App;

impl App {
    /// Forgets what is cached for a user (or more), here and in all replicas, and stored grants only where that is asked
    /// for.
    pub(crate) async fn forget(&self, selector: &Selector) -> Result<u64, Problem> {
        let forgotten = self.forget_here(selector).await?;
        self.stores.fleet.forget(selector.clone()).await;
        Ok(forgotten)
    }

    /// The same in this replica alone.
    pub(crate) async fn forget_here(&self, selector: &Selector) -> Result<u64, Problem> {
        let verified = match (&selector.user, selector.all) {
            (Some(user), _) if selector.provider.is_none() && selector.connection.is_none() => {
                self.verifier.forget(user)
            }
            (_, true) => self.verifier.forget_all(),
            _ => 0,
        };
        let wanted = token_broker::Selector {
            user: selector.user.clone(),
            connection: selector.connection.clone(),
            provider: selector.provider.clone(),
            grants: selector.grants,
        };
        let forgotten = self.tokens.forget(&wanted).await;
        let forgotten = forgotten.map_err(|error| error_table::broker(&error, None))?;
        Ok(forgotten + verified)
    }

    /// Forgets what another replica was told to forget.
    pub(super) async fn obey(&self, past: Past) {
        match past.what {
            Forget::Doubted(user) => self.tokens.invalidate(&user),
            Forget::Cached(target) => {
                if let Err(problem) = self.forget_here(&target.selector()).await {
                    tracing::warn!(event = "forget_failed", cause = problem.log_text());
                }
            }
        }
    }
}

impl Operations for App {
    fn readiness(&self) -> Readiness {
        App::readiness(self)
    }

    fn forget(&self, selector: Selector) -> BoxFuture<'_, Result<u64, Problem>> {
        Box::pin(async move { App::forget(self, &selector).await })
    }

    fn block(&self, block: BlockRequest) -> BoxFuture<'_, Result<Reach, Problem>> {
        Box::pin(async move { Ok(self.stores.fleet.block(block).await) })
    }

    fn unblock(&self, selector: Selector) -> BoxFuture<'_, Result<Reach, Problem>> {
        Box::pin(async move { Ok(self.stores.fleet.lift(selector).await) })
    }

    fn blocks(&self) -> BoxFuture<'_, Result<Vec<BlockEntry>, Problem>> {
        Box::pin(async move { Ok(self.stores.fleet.entries()) })
    }

    fn grants(&self) -> BoxFuture<'_, Result<Vec<GrantEntry>, Problem>> {
        Box::pin(async move {
            let list = self
                .stores
                .grants
                .list(&token_broker::GrantFilter::default().of_tenant(self.tenant.domain()))
                .await;
            let list = list.map_err(|error| Problem::new(Code::StoreUnavailable).cause(error.to_string()))?;
            Ok(list.into_iter().map(GrantEntry::from).collect())
        })
    }
}
