//! What a fleet shares besides grants: user records, vault results and the management token.

use std::time::{Duration, SystemTime};

use mgmt_auth::{SharedToken, SharedTokenStore, StoreUnavailable, TokenName};
use tokio_postgres::types::Type;
use user_store::SharedUserStore;
use zeroize::Zeroizing;

use super::{Parameter, PostgresStore, foreign, id, millis, report};
use crate::{
    BoxFuture, SharedVaultStore, StoreError,
    store::places::{decode_token, encode_token, token_place, user_place, vault_place},
};

const TOKEN: &str = "token";
const USER: &str = "user";
const VAULT: &str = "vault";

impl PostgresStore {
    async fn cached(&self, kind: &str, place: &str) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        let sql = "SELECT sealed FROM idp_gateway_cache WHERE kind = $1 AND id = $2 AND expires > now()";
        let rows = self.relaxed(sql, &[(&kind, Type::TEXT), (&id(place), Type::BYTEA)]).await?;
        let sealed = rows.first().and_then(|row| row.try_get::<_, &[u8]>(0).ok());
        Ok(sealed.and_then(|sealed| self.0.keys.open(place.as_bytes(), sealed).ok()))
    }

    async fn cache(
        &self,
        (kind, place): (&str, &str),
        owner: Option<&str>,
        bytes: &[u8],
        ttl: Duration,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO idp_gateway_cache (kind, id, owner, sealed, expires)
                   VALUES ($1, $2, $3, $4, now() + $5 * interval '1 millisecond')
                   ON CONFLICT (kind, id) DO UPDATE
                   SET owner = excluded.owner, sealed = excluded.sealed, expires = excluded.expires";
        let sealed = self.0.keys.seal(place.as_bytes(), bytes).map_err(|error| foreign(&error))?;
        let (id, owner, ttl) = (id(place), owner.map(id), millis(ttl));
        self.sweep();
        let parameters: [Parameter<'_>; 5] = [
            (&kind, Type::TEXT),
            (&id, Type::BYTEA),
            (&owner, Type::BYTEA),
            (&sealed, Type::BYTEA),
            (&ttl, Type::INT8),
        ];
        self.relaxed(sql, &parameters).await.map(|_| ())
    }

    async fn clear(&self, kind: &str) -> Result<(), StoreError> {
        let sql = "DELETE FROM idp_gateway_cache WHERE kind = $1";
        self.relaxed(sql, &[(&kind, Type::TEXT)]).await.map(|_| ())
    }
}

/// One management token for the fleet. PostgreSQL down means that each process asks for its own.
impl SharedTokenStore for PostgresStore {
    fn load<'a>(
        &'a self,
        name: &'a TokenName,
    ) -> BoxFuture<'a, Result<Option<SharedToken>, StoreUnavailable>> {
        Box::pin(async move {
            let found = self.cached(TOKEN, &token_place(name)).await;
            let found = found.inspect_err(report).map_err(|_| StoreUnavailable)?;
            Ok(found.and_then(|plain| decode_token(&plain)))
        })
    }

    fn store<'a>(
        &'a self,
        name: &'a TokenName,
        token: &'a SharedToken,
    ) -> BoxFuture<'a, Result<(), StoreUnavailable>> {
        Box::pin(async move {
            let Ok(life) = token.expires_at.duration_since(SystemTime::now()) else { return Ok(()) };
            let stored = match encode_token(token) {
                Ok(plain) => self.cache((TOKEN, &token_place(name)), None, &plain, life).await,
                Err(error) => Err(error),
            };
            stored.inspect_err(report).map_err(|_| StoreUnavailable)
        })
    }

    fn lease<'a>(
        &'a self,
        name: &'a TokenName,
        lease_for: Duration,
    ) -> BoxFuture<'a, Result<bool, StoreUnavailable>> {
        Box::pin(async move {
            let taken = self.take(&id(&token_place(name)), &self.0.holder, lease_for).await;
            taken.inspect_err(report).map_err(|_| StoreUnavailable)
        })
    }

    fn release<'a>(&'a self, name: &'a TokenName) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let released = self.give_back(&id(&token_place(name)), &self.0.holder).await;
            let _ = released.inspect_err(report);
        })
    }
}

impl SharedUserStore for PostgresStore {
    fn load<'a>(&'a self, tenant: &'a str, user_id: &'a str) -> BoxFuture<'a, Option<Zeroizing<Vec<u8>>>> {
        Box::pin(async move {
            let found = self.cached(USER, &user_place(tenant, user_id)).await;
            found.inspect_err(report).ok().flatten()
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
            let stored = self.cache((USER, &user_place(tenant, user_id)), None, &bytes, ttl).await;
            let _ = stored.inspect_err(report);
        })
    }

    fn remove<'a>(&'a self, tenant: &'a str, user_id: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let sql = "DELETE FROM idp_gateway_cache WHERE kind = $1 AND id = $2";
            let id = id(&user_place(tenant, user_id));
            let removed = self.relaxed(sql, &[(&USER, Type::TEXT), (&id, Type::BYTEA)]).await;
            let _ = removed.inspect_err(report);
        })
    }

    fn remove_all<'a>(&'a self, _: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let _ = self.clear(USER).await.inspect_err(report);
        })
    }
}

impl SharedVaultStore for PostgresStore {
    fn load<'a>(
        &'a self,
        tenant: &'a str,
        user: &'a str,
        place: &'a str,
    ) -> BoxFuture<'a, Option<Zeroizing<Vec<u8>>>> {
        Box::pin(async move {
            let whole = format!("{}\0{place}", vault_place(tenant, user));
            self.cached(VAULT, &whole).await.inspect_err(report).ok().flatten()
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
            let owner = vault_place(tenant, user);
            let whole = format!("{owner}\0{place}");
            let _ = self.cache((VAULT, &whole), Some(&owner), &bytes, ttl).await.inspect_err(report);
        })
    }

    fn remove<'a>(&'a self, tenant: &'a str, user: Option<&'a str>) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let removed = match user {
                None => self.clear(VAULT).await,
                Some(user) => {
                    let sql = "DELETE FROM idp_gateway_cache WHERE kind = $1 AND owner = $2";
                    let owner = id(&vault_place(tenant, user));
                    self.relaxed(sql, &[(&VAULT, Type::TEXT), (&owner, Type::BYTEA)]).await.map(|_| ())
                }
            };
            let _ = removed.inspect_err(report);
        })
    }
}
