//! What a fleet shares besides grants: user records and the management token.

use std::time::{Duration, SystemTime};

use mgmt_auth::{SharedToken, SharedTokenStore, StoreUnavailable, TokenName};
use user_store::SharedUserStore;
use zeroize::Zeroizing;

use super::{RedisStore, foreign, report};
use crate::{
    BoxFuture, StoreError,
    store::places::{decode_token, encode_token, token_place, user_place},
};

impl RedisStore {
    async fn load_token(&self, named: &TokenName) -> Result<Option<SharedToken>, StoreError> {
        let place = token_place(named);
        let mut manager = self.manager.clone();
        let mut command = redis::cmd("GET");
        command.arg(self.name("token", &place));
        let sealed: Option<Vec<u8>> = self.ask(command.query_async(&mut manager)).await?;
        let Some(plain) = sealed.and_then(|sealed| self.keys.open(place.as_bytes(), &sealed).ok()) else {
            return Ok(None);
        };
        Ok(decode_token(&plain))
    }

    async fn store_token(&self, named: &TokenName, token: &SharedToken) -> Result<(), StoreError> {
        let place = token_place(named);
        let plain = encode_token(token)?;
        let sealed = self.keys.seal(place.as_bytes(), &plain).map_err(|error| foreign(&error))?;
        let Ok(life) = token.expires_at.duration_since(SystemTime::now()) else { return Ok(()) };
        let mut manager = self.manager.clone();
        let mut command = redis::cmd("SET");
        let millis = u64::try_from(life.as_millis()).unwrap_or(u64::MAX).max(1);
        command.arg(self.name("token", &place)).arg(sealed).arg("PX").arg(millis);
        let _: String = self.ask(command.query_async(&mut manager)).await?;
        Ok(())
    }

    async fn lease_token(&self, named: &TokenName, lease_for: Duration) -> Result<bool, StoreError> {
        let mut manager = self.manager.clone();
        let mut command = redis::cmd("SET");
        let millis = u64::try_from(lease_for.as_millis()).unwrap_or(u64::MAX).max(1);
        command
            .arg(self.name("token-lease", &token_place(named)))
            .arg(&*self.holder)
            .arg("NX")
            .arg("PX")
            .arg(millis);
        let set: Option<String> = self.ask(command.query_async(&mut manager)).await?;
        Ok(set.is_some())
    }
}

/// One management token for the fleet. Redis down means that each process asks for its own.
impl SharedTokenStore for RedisStore {
    fn load<'a>(
        &'a self,
        name: &'a TokenName,
    ) -> BoxFuture<'a, Result<Option<SharedToken>, StoreUnavailable>> {
        Box::pin(async move { self.load_token(name).await.inspect_err(report).map_err(|_| StoreUnavailable) })
    }

    fn store<'a>(
        &'a self,
        name: &'a TokenName,
        token: &'a SharedToken,
    ) -> BoxFuture<'a, Result<(), StoreUnavailable>> {
        Box::pin(async move {
            self.store_token(name, token).await.inspect_err(report).map_err(|_| StoreUnavailable)
        })
    }

    fn lease<'a>(
        &'a self,
        name: &'a TokenName,
        lease_for: Duration,
    ) -> BoxFuture<'a, Result<bool, StoreUnavailable>> {
        Box::pin(async move {
            self.lease_token(name, lease_for).await.inspect_err(report).map_err(|_| StoreUnavailable)
        })
    }

    fn release<'a>(&'a self, named: &'a TokenName) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let mut manager = self.manager.clone();
            let mut call = self.release.key(self.name("token-lease", &token_place(named)));
            call.arg(&*self.holder);
            let released: Result<i64, _> = self.ask(call.invoke_async(&mut manager)).await;
            let _ = released.inspect_err(report);
        })
    }
}

impl SharedUserStore for RedisStore {
    fn load<'a>(&'a self, tenant: &'a str, user_id: &'a str) -> BoxFuture<'a, Option<Zeroizing<Vec<u8>>>> {
        Box::pin(async move {
            let place = user_place(tenant, user_id);
            let mut manager = self.manager.clone();
            let mut command = redis::cmd("GET");
            command.arg(self.name("user", &place));
            let sealed: Result<Option<Vec<u8>>, _> = self.ask(command.query_async(&mut manager)).await;
            let sealed = sealed.inspect_err(report).ok().flatten()?;
            self.keys.open(place.as_bytes(), &sealed).ok()
        })
    }

    fn store<'a>(
        &'a self,
        tenant: &'a str,
        user_id: &'a str,
        bytes: Zeroizing<Vec<u8>>,
        ttl: Duration,
    ) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let place = user_place(tenant, user_id);
            let Ok(sealed) = self.keys.seal(place.as_bytes(), &bytes) else { return };
            let mut manager = self.manager.clone();
            let mut command = redis::cmd("SET");
            let millis = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).max(1);
            command.arg(self.name("user", &place)).arg(sealed).arg("PX").arg(millis);
            let stored: Result<String, _> = self.ask(command.query_async(&mut manager)).await;
            let _ = stored.inspect_err(report);
        })
    }

    fn remove<'a>(&'a self, tenant: &'a str, user_id: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let mut manager = self.manager.clone();
            let mut command = redis::cmd("DEL");
            command.arg(self.name("user", &user_place(tenant, user_id)));
            let removed: Result<i64, _> = self.ask(command.query_async(&mut manager)).await;
            let _ = removed.inspect_err(report);
        })
    }

    fn remove_all<'a>(&'a self, _: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let _ = self.clear("user").await.inspect_err(report);
        })
    }
}
