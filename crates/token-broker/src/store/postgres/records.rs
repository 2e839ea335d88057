//! Records of a fleet: one row each, and a channel that tells replicas to read again.

use std::time::Duration;

use tokio_postgres::types::Type;

use super::{
    Parameter, PostgresStore, bound, column, foreign, id,
    link::{CHANNEL, Listening},
    millis, next_version, open_bound, versioned,
};
use crate::{BoxFuture, Durability, FleetStore, Reading, RecordStore, StoreError, Swap};

/// What sealing binds a record to.
fn place(record: &str) -> String {
    serde_json::json!(["record/1", record]).to_string()
}

impl PostgresStore {
    async fn read_record(&self, record: &str, seen: Option<u64>) -> Result<Reading, StoreError> {
        let place = place(record);
        // Once a second in every replica: what is known is not sent again.
        let sql = "SELECT version, CASE WHEN version = $2 THEN NULL ELSE sealed END FROM idp_gateway_record WHERE id = $1";
        let known = seen.map_or(-1, column);
        let rows = self.durably(sql, &[(&id(&place), Type::BYTEA), (&known, Type::INT8)]).await?;
        let Some(row) = rows.first() else { return Ok(Reading::Absent) };
        if row.try_get::<_, i64>(0).is_ok_and(|version| version == known) {
            return Ok(Reading::Unchanged);
        }
        let (version, sealed) = versioned(row)?;
        let bytes = open_bound(&self.0.keys, &place, version, sealed).map_err(|error| foreign(&error))?;
        Ok(Reading::Found { version, bytes })
    }

    async fn write_record(&self, record: &str, seen: Option<u64>, bytes: &[u8]) -> Result<Swap, StoreError> {
        let place = place(record);
        let version = next_version(seen);
        let sealed = self.0.keys.seal(&bound(&place, version), bytes).map_err(|error| foreign(&error))?;
        let (id, new, old) = (id(&place), column(version), seen.map(column));
        let insert =
            "WITH written AS (INSERT INTO idp_gateway_record (id, version, sealed) VALUES ($1, $2, $3)
                      ON CONFLICT (id) DO NOTHING RETURNING 1)
                      SELECT pg_notify($4, $5) FROM written";
        let update = "WITH written AS (UPDATE idp_gateway_record SET version = $2, sealed = $3
                      WHERE id = $1 AND version = $6 RETURNING 1)
                      SELECT pg_notify($4, $5) FROM written";
        let mut parameters: Vec<Parameter<'_>> = vec![
            (&id, Type::BYTEA),
            (&new, Type::INT8),
            (&sealed, Type::BYTEA),
            (&CHANNEL, Type::TEXT),
            (&record, Type::TEXT),
        ];
        let sql = match &old {
            None => insert,
            Some(old) => {
                parameters.push((old, Type::INT8));
                update
            }
        };
        let written = self.durably(sql, &parameters).await?;
        Ok(if written.is_empty() { Swap::Conflict } else { Swap::Done(version) })
    }

    async fn wait_for_message(&self, record: &str) {
        let mut listening = self.0.listening.lock().await;
        if listening.is_none() {
            match Listening::start(&self.0.links).await {
                Ok(started) => *listening = Some(started),
                Err(error) => {
                    tracing::debug!(cause = %error, "no messages; records are read by the clock");
                    return std::future::pending().await;
                }
            }
        }
        let Some(open) = listening.as_mut() else { return };
        loop {
            match open.told.recv().await {
                Some(written) if written == record => return,
                Some(_) => {}
                // The connection ended, and messages may have been lost.
                None => {
                    *listening = None;
                    return;
                }
            }
        }
    }
}

impl FleetStore for PostgresStore {
    fn first_use<'a>(&'a self, used: &'a [u8], keep: Duration) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            let sql = "INSERT INTO idp_gateway_used AS known (id, expires)
                       VALUES ($1, now() + $2 * interval '1 millisecond')
                       ON CONFLICT (id) DO UPDATE SET expires = excluded.expires WHERE known.expires <= now()
                       RETURNING 1";
            self.sweep();
            let rows = self.relaxed(sql, &[(&used, Type::BYTEA), (&millis(keep), Type::INT8)]).await?;
            Ok(!rows.is_empty())
        })
    }
}

impl RecordStore for PostgresStore {
    fn durability(&self) -> Durability {
        Durability::Fleet
    }

    fn read<'a>(&'a self, name: &'a str, seen: Option<u64>) -> BoxFuture<'a, Result<Reading, StoreError>> {
        Box::pin(self.read_record(name, seen))
    }

    fn write<'a>(
        &'a self,
        name: &'a str,
        seen: Option<u64>,
        bytes: &'a [u8],
    ) -> BoxFuture<'a, Result<Swap, StoreError>> {
        Box::pin(self.write_record(name, seen, bytes))
    }

    fn wait<'a>(&'a self, name: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(self.wait_for_message(name))
    }
}
