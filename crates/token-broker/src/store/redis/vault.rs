//! Vault results of a fleet: one hash per user, gone with its youngest result.

use std::time::Duration;

use zeroize::Zeroizing;

use super::{RedisStore, hex, report};
use crate::{BoxFuture, SharedVaultStore, StoreError, crypto::sha256, store::places::vault_place};

fn field(place: &str) -> String {
    hex(&sha256(place.as_bytes()))
}

impl RedisStore {
    /// Deletes all keys of a kind: what is cached there costs a look-up each, and nothing else.
    pub(super) async fn clear(&self, kind: &str) -> Result<(), StoreError> {
        let mut manager = self.manager.clone();
        let mut cursor = "0".to_owned();
        loop {
            let mut scan = redis::cmd("SCAN");
            scan.arg(&cursor).arg("MATCH").arg(format!("{}{kind}:*", self.prefix)).arg("COUNT").arg(500);
            let (next, names): (String, Vec<String>) = self.ask(scan.query_async(&mut manager)).await?;
            if !names.is_empty() {
                let mut delete = redis::cmd("DEL");
                delete.arg(names);
                let _: i64 = self.ask(delete.query_async(&mut manager)).await?;
            }
            if next == "0" {
                return Ok(());
            }
            cursor = next;
        }
    }
}

impl SharedVaultStore for RedisStore {
    fn load<'a>(
        &'a self,
        tenant: &'a str,
        user: &'a str,
        place: &'a str,
    ) -> BoxFuture<'a, Option<Zeroizing<Vec<u8>>>> {
        Box::pin(async move {
            let mut manager = self.manager.clone();
            let mut command = redis::cmd("HGET");
            command.arg(self.name("vault", &vault_place(tenant, user))).arg(field(place));
            let sealed: Result<Option<Vec<u8>>, _> = self.ask(command.query_async(&mut manager)).await;
            let sealed = sealed.inspect_err(report).ok().flatten()?;
            self.keys.open(place.as_bytes(), &sealed).ok()
        })
    }

    fn store<'a>(
        &'a self,
        tenant: &'a str,
        user: &'a str,
        place: &'a str,
        bytes: Zeroizing<Vec<u8>>,
        ttl: Duration,
    ) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let Ok(sealed) = self.keys.seal(place.as_bytes(), &bytes) else { return };
            let key = self.name("vault", &vault_place(tenant, user));
            let millis = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).max(1);
            let mut manager = self.manager.clone();
            let mut both = redis::pipe();
            both.atomic();
            both.cmd("HSET").arg(&key).arg(field(place)).arg(sealed).ignore();
            both.cmd("PEXPIRE").arg(&key).arg(millis).ignore();
            let stored: Result<(), _> = self.ask(both.query_async(&mut manager)).await;
            let _ = stored.inspect_err(report);
        })
    }

    fn remove<'a>(&'a self, tenant: &'a str, user: Option<&'a str>) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let removed = match user {
                None => self.clear("vault").await,
                Some(user) => {
                    let mut manager = self.manager.clone();
                    let mut command = redis::cmd("DEL");
                    command.arg(self.name("vault", &vault_place(tenant, user)));
                    self.ask(command.query_async::<i64>(&mut manager)).await.map(|_| ())
                }
            };
            let _ = removed.inspect_err(report);
        })
    }
}
