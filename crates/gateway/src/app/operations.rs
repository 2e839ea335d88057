//! What the admin listener's commands do.

use futures_util::future::BoxFuture;

use super::App;
use crate::error_table;
use crate::problem::Problem;
use crate::server::admin::{BlockEntry, BlockRequest, Operations, Reach, Readiness, Selector};

impl App {
    /// Forgets what is cached for a user (or more), and stored grants only where that is asked for.
    pub(crate) async fn forget(&self, selector: &Selector) -> Result<u64, Problem> {
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
        let forgotten = self.broker.forget(&wanted).await;
        let forgotten = forgotten.map_err(|error| error_table::broker(&error, self.connect_to(None)))?;
        Ok(forgotten + verified)
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
        Box::pin(async move {
            self.blocks.add(block);
            Ok(Reach::Replica)
        })
    }

    fn unblock(&self, selector: Selector) -> BoxFuture<'_, Result<Reach, Problem>> {
        Box::pin(async move {
            self.blocks.remove(&selector);
            Ok(Reach::Replica)
        })
    }

    fn blocks(&self) -> BoxFuture<'_, Result<Vec<BlockEntry>, Problem>> {
        Box::pin(async move { Ok(self.blocks.entries()) })
    }
}
