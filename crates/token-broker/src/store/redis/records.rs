//! Records of a fleet: one hash each, and a channel that tells replicas to read again.

use std::time::Duration;

use futures_util::StreamExt as _;
use redis::aio::PubSub;

use super::{RedisStore, bound, foreign, next_version, open_bound};
use crate::{BoxFuture, Durability, FleetStore, KeyRing, Reading, RecordStore, StoreError, Swap};

/// What sealing binds a record to.
fn place(record: &str) -> String {
    serde_json::json!(["record/1", record]).to_string()
}

impl RedisStore {
    fn channel(&self, record: &str) -> String {
        format!("{}changed:{record}", self.prefix)
    }

    async fn read_record(&self, record: &str, seen: Option<u64>) -> Result<Reading, StoreError> {
        let place = place(record);
        let mut manager = self.manager.clone();
        if seen.is_some() {
            // Once a second in every replica: the version alone first.
            let mut command = redis::cmd("HGET");
            command.arg(self.name("record", &place)).arg("v");
            let version: Option<String> = self.ask(command.query_async(&mut manager)).await?;
            if version.is_some_and(|version| version.parse().ok() == seen) {
                return Ok(Reading::Unchanged);
            }
        }
        let mut command = redis::cmd("HMGET");
        command.arg(self.name("record", &place)).arg("v").arg("d");
        let found: (Option<String>, Option<Vec<u8>>) = self.ask(command.query_async(&mut manager)).await?;
        let (Some(version), Some(sealed)) = found else { return Ok(Reading::Absent) };
        let damaged = |_| StoreError::damaged("a record in Redis is damaged: its version is no number");
        let version = version.parse().map_err(damaged)?;
        let bytes = open_bound(&self.keys, &place, version, &sealed).map_err(|error| foreign(&error))?;
        if KeyRing::is_old(&sealed)
            && let Ok(Swap::Done(version)) = self.write_record(record, Some(version), &bytes).await
        {
            return Ok(Reading::Found { version, bytes });
        }
        Ok(Reading::Found { version, bytes })
    }

    async fn write_record(&self, record: &str, seen: Option<u64>, bytes: &[u8]) -> Result<Swap, StoreError> {
        let place = place(record);
        let version = next_version(seen);
        let sealed = self.keys.seal(&bound(&place, version), bytes).map_err(|error| foreign(&error))?;
        let mut manager = self.manager.clone();
        let mut call = self.swap_script.key(self.name("record", &place));
        call.arg(seen.map_or_else(String::new, |seen| seen.to_string()));
        call.arg(version.to_string()).arg(&place).arg(sealed);
        let done: i64 = self.ask(call.invoke_async(&mut manager)).await?;
        if done != 1 {
            return Ok(Swap::Conflict);
        }
        let mut publish = redis::cmd("PUBLISH");
        publish.arg(self.channel(record)).arg(version);
        let told: Result<i64, _> = self.ask(publish.query_async(&mut manager)).await;
        if let Err(error) = told {
            tracing::debug!(%error, "replicas were not told; they read again by the clock");
        }
        Ok(Swap::Done(version))
    }

    async fn wait_for_message(&self, record: &str) {
        let mut subscription = self.subscription.lock().await;
        if subscription.as_ref().is_none_or(|(of, _)| of != record) {
            let subscribed: Result<PubSub, redis::RedisError> = async {
                let mut pubsub = self.client.get_async_pubsub().await?;
                pubsub.subscribe(self.channel(record)).await?;
                Ok(pubsub)
            }
            .await;
            match subscribed {
                Ok(pubsub) => *subscription = Some((record.to_owned(), pubsub)),
                Err(error) => {
                    tracing::debug!(
                        cause = super::words(&error),
                        "no messages; records are read by the clock"
                    );
                    return std::future::pending().await;
                }
            }
        }
        if let Some((_, pubsub)) = subscription.as_mut()
            && pubsub.on_message().next().await.is_none()
        {
            // The connection ended, and messages may have been lost.
            *subscription = None;
        }
    }
}

impl FleetStore for RedisStore {
    fn first_use<'a>(&'a self, id: &'a [u8], keep: Duration) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            let mut manager = self.manager.clone();
            let mut command = redis::cmd("SET");
            let millis = u64::try_from(keep.as_millis()).unwrap_or(u64::MAX).max(1);
            let name = format!("{}used:{}", self.prefix, super::hex(id));
            command.arg(name).arg(1).arg("NX").arg("PX").arg(millis);
            let set: Option<String> = self.ask(command.query_async(&mut manager)).await?;
            Ok(set.is_some())
        })
    }
}

impl RecordStore for RedisStore {
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
