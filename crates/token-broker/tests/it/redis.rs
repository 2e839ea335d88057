//! The Redis store against a real server, the program that `REDIS_SERVER` names; without it these tests are
//! skipped. `cargo xtask test` installs one and names it.

use std::{
    process::{Child, Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;
use token_broker::{GrantFilter, GrantStore, KeyRing, RecordStore, RedisStore};

use crate::fleet_store::{self, PASSWORD, Server, free_port, key, part, record, ring};

/// A server of its own, gone with the test.
struct Redis {
    child: Child,
    port: u16,
    _folder: TempDir,
}

impl Redis {
    async fn start() -> Option<Self> {
        let program = part("REDIS_SERVER")?;
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let child = Command::new(program)
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
            .args(["--appendonly", "yes", "--requirepass", PASSWORD, "--dir"])
            .arg(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { child, port, _folder: folder };
        for _ in 0..200 {
            if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                return Some(server);
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("the Redis server did not start");
    }
}

impl Server for Redis {
    type Store = RedisStore;

    fn store(&self, keys: KeyRing) -> RedisStore {
        RedisStore::new(&format!("redis://default:{PASSWORD}@127.0.0.1:{}", self.port), keys).unwrap()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn records_are_swapped_by_version_across_processes() {
    let Some(server) = Redis::start().await else { return };
    fleet_store::records_are_swapped_by_version_across_processes(&server).await;
}

#[tokio::test]
async fn one_of_many_gets_the_lease_and_only_its_holder_gives_it_back() {
    let Some(server) = Redis::start().await else { return };
    fleet_store::one_of_many_gets_the_lease_and_only_its_holder_gives_it_back(&server).await;
}

#[tokio::test]
async fn a_fleet_asks_for_one_management_token() {
    let Some(server) = Redis::start().await else { return };
    fleet_store::a_fleet_asks_for_one_management_token(&server).await;
}

#[tokio::test]
async fn a_server_that_is_down_is_unavailable_and_never_damage() {
    let Some(server) = Redis::start().await else { return };
    fleet_store::a_server_that_is_down_is_unavailable_and_never_damage(server).await;
}

#[tokio::test]
async fn records_have_versions_and_their_readers_are_told() {
    let Some(server) = Redis::start().await else { return };
    fleet_store::records_have_versions_and_their_readers_are_told(&server).await;
}

#[tokio::test]
async fn ids_count_once_and_vault_results_go_with_their_user() {
    let Some(server) = Redis::start().await else { return };
    fleet_store::ids_count_once_and_vault_results_go_with_their_user(&server).await;
}

#[tokio::test]
async fn a_record_that_cannot_be_opened_hides_no_other_and_can_be_deleted() {
    let Some(server) = Redis::start().await else { return };
    fleet_store::a_record_that_cannot_be_opened_hides_no_other_and_can_be_deleted(&server).await;
}

/// Whoever can write to the server, without the key, puts old records back under higher versions.
#[tokio::test]
async fn tm_c12_an_old_record_under_a_higher_version_is_refused() {
    let Some(server) = Redis::start().await else { return };
    let store = server.store(ring());
    store.swap(&key("u"), None, &record("r0")).await.unwrap();
    store.write("control", None, b"blocks").await.unwrap();
    let url = format!("redis://default:{PASSWORD}@127.0.0.1:{}", server.port);
    let mut client = redis::Client::open(url).unwrap().get_multiplexed_async_connection().await.unwrap();
    for kind in ["grant", "record"] {
        let names: Vec<String> =
            redis::cmd("KEYS").arg(format!("idp-gateway:{kind}:*")).query_async(&mut client).await.unwrap();
        let mut set = redis::cmd("HSET");
        let _: i64 = set.arg(&names[0]).arg("v").arg(u64::MAX / 2).query_async(&mut client).await.unwrap();
    }
    assert!(GrantStore::load(&store, &key("u")).await.unwrap_err().is_damaged());
    assert!(store.read("control", None).await.unwrap_err().is_damaged());
}

#[tokio::test]
async fn stores_with_other_prefixes_know_nothing_of_each_other() {
    let Some(server) = Redis::start().await else { return };
    let client =
        || redis::Client::open(format!("redis://default:{PASSWORD}@127.0.0.1:{}", server.port)).unwrap();
    let (one, two) = ("one:", "two:");
    let store = |prefix| RedisStore::over(client(), prefix, ring()).unwrap();
    store(one).swap(&key("u"), None, &record("r0")).await.unwrap();
    store(one).write("control", None, b"blocks").await.unwrap();
    assert!(GrantStore::load(&store(one), &key("u")).await.unwrap().is_some());
    assert!(GrantStore::load(&store(two), &key("u")).await.unwrap().is_none());
    assert!(store(two).list(&GrantFilter::default()).await.unwrap().is_empty());
    assert_eq!(store(one).list(&GrantFilter::default()).await.unwrap().len(), 1);
    let mut connection = client().get_multiplexed_async_connection().await.unwrap();
    let names: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut connection).await.unwrap();
    assert!(names.len() == 2 && names.iter().all(|name| name.starts_with(one)), "{names:?}");
}
