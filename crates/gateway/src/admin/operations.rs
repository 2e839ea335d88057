//! What the admin listener's commands do.

use futures_util::future::BoxFuture;

use super::{GrantEntry, Operations, Readiness};
use crate::fleet::{BlockEntry, Forget, Invalidation, Reach};
use crate::outcome::Code;
use crate::problem::Problem;
use crate::selector::{BlockRequest, Selector};
use crate::state::App;

impl App {
    /// Forgets what is cached for a user (or more), here and in all replicas, and stored grants only where that is asked
    /// for.
    pub(crate) async fn forget(&self, selector: &Selector) -> Result<u64, Problem> {
        let forgotten = self.calls.forget(selector).await?;
        self.stores.fleet.forget(selector.clone()).await;
        Ok(forgotten)
    }

    /// Applies what another replica was told to forget.
    pub(super) async fn apply(&self, invalidation: Invalidation) {
        match invalidation.what {
            Forget::Grants(user) => {
                self.calls.prepared.clear();
                self.calls.tokens.invalidate(&user);
            }
            Forget::Cached(target) => {
                if let Err(problem) = self.calls.forget(&target.selector()).await {
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
        Box::pin(async move { Ok(self.stores.fleet.unblock(selector).await) })
    }

    fn blocks(&self) -> BoxFuture<'_, Result<Vec<BlockEntry>, Problem>> {
        Box::pin(async move { Ok(self.stores.fleet.entries()) })
    }

    fn grants(&self) -> BoxFuture<'_, Result<Vec<GrantEntry>, Problem>> {
        Box::pin(async move {
            let list = self
                .stores
                .grants
                .list(&token_broker::GrantFilter::default().of_tenant(self.tenant.tenant.domain()))
                .await;
            let list = list.map_err(|error| Problem::new(Code::StoreUnavailable).cause(error.to_string()))?;
            Ok(list.into_iter().map(GrantEntry::from).collect())
        })
    }
}
