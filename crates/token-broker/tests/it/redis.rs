//! The Redis store against a real server, the program that `REDIS_SERVER` names; without it these tests are
//! skipped. `cargo xtask test` installs one and names it.

use std::{
    io::Write as _,
    net::{Ipv4Addr, TcpListener},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use secrecy::ExposeSecret;
use tempfile::TempDir;
use token_broker::{
    Account, Fingerprint, GrantFilter, GrantKey, GrantRecord, GrantState, GrantStore, KeyRing, Reading,
    RecordStore, RedisStore, SharedVaultStore, Source, Swap,
};
use user_store::SharedUserStore;
use zeroize::Zeroizing;

const PASSWORD: &str = "p4ss";

/// The program or folder that the variable `name` names. Without it the test that needs it is skipped, which `cargo xtask test`
/// counts; with `DATA_REQUIRED` set it fails.
fn part(name: &str) -> Option<String> {
    let part = std::env::var(name).ok();
    if part.is_none() {
        assert!(std::env::var_os("DATA_REQUIRED").is_none(), "DATA_REQUIRED is set, and {name} is not");
        // The test harness would hide what `eprintln!` writes.
        let _ = writeln!(std::io::stderr(), "skipped: {name} is not set");
    }
    part
}

/// A port below the range from which Linux takes the ports of connections, and of servers that ask for any port, so that no
/// other test is given it.
fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let number = std::process::id().wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % 10_000;
        let port = 10_000 + u16::try_from(number).unwrap();
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

/// A server of its own, gone with the test.
struct Server {
    child: Child,
    port: u16,
    _folder: TempDir,
}

impl Server {
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

    fn store(&self) -> RedisStore {
        let url = format!("redis://default:{PASSWORD}@127.0.0.1:{}", self.port);
        let ring = format!("k:{}", "A".repeat(43) + "=");
        RedisStore::new(&url, KeyRing::parse(&ring.into()).unwrap()).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn key(user: &str) -> GrantKey {
    GrantKey::new("acme.test", user, Source::Identities, &Account::new("bitbucket", Some("{b}".into())))
}

fn record(refresh: &str) -> GrantRecord {
    let origin: Fingerprint = serde_json::from_str("\"k:00\"").unwrap();
    GrantRecord::starting(origin, Some(refresh.to_owned().into()), std::time::SystemTime::now())
}

#[tokio::test]
async fn records_are_swapped_by_version_across_processes() {
    let Some(server) = Server::start().await else { return };
    let (one, two) = (server.store(), server.store());
    let Swap::Done(first) = one.swap(&key("u"), None, &record("r-secret-0")).await.unwrap() else { panic!() };
    assert_eq!(two.swap(&key("u"), None, &record("late")).await.unwrap(), Swap::Conflict);
    let found = GrantStore::load(&two, &key("u")).await.unwrap().unwrap();
    assert_eq!(found.version, first);
    assert_eq!(found.record.refresh_token.unwrap().expose_secret(), "r-secret-0");
    let Swap::Done(second) = two.swap(&key("u"), Some(first), &record("r1")).await.unwrap() else { panic!() };
    assert!(second > first);
    assert_eq!(one.swap(&key("u"), Some(first), &record("late")).await.unwrap(), Swap::Conflict);
    one.swap(&key("v"), None, &record("r0")).await.unwrap();
    let all = one.list(&GrantFilter::default()).await.unwrap();
    assert_eq!(all.iter().map(|summary| summary.key.user.as_str()).collect::<Vec<_>>(), ["u", "v"]);
    assert_eq!(one.list(&GrantFilter::new(Some("v".into()), None)).await.unwrap().len(), 1);
    assert!(one.delete(&key("u")).await.unwrap());
    assert!(!two.delete(&key("u")).await.unwrap());
    assert!(GrantStore::load(&two, &key("u")).await.unwrap().is_none());
    let Swap::Done(third) = two.swap(&key("u"), None, &record("r2")).await.unwrap() else { panic!() };
    assert!(third > second, "a version never comes back");
    assert_eq!(one.check().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn one_of_many_gets_the_lease_and_only_its_holder_gives_it_back() {
    let Some(server) = Server::start().await else { return };
    let stores: Vec<_> = (0..4).map(|_| Arc::new(server.store())).collect();
    let mut tries = Vec::new();
    for n in 0..40 {
        let store = stores[n % stores.len()].clone();
        tries.push(tokio::spawn(
            async move { store.acquire(&key("u"), Duration::from_secs(30)).await.unwrap() },
        ));
    }
    let mut leases = Vec::new();
    for attempt in tries {
        leases.extend(attempt.await.unwrap());
    }
    let [lease] = &leases[..] else { panic!("{} leases", leases.len()) };
    let mut foreign = lease.clone();
    foreign.id = "somebody else".into();
    stores[0].release(&key("u"), &foreign).await.unwrap();
    assert!(stores[1].acquire(&key("u"), Duration::from_secs(30)).await.unwrap().is_none());
    stores[2].release(&key("u"), lease).await.unwrap();
    let brief = stores[3].acquire(&key("u"), Duration::from_millis(50)).await.unwrap().unwrap();
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert!(brief.left().is_zero());
    assert!(
        stores[0].acquire(&key("u"), Duration::from_secs(30)).await.unwrap().is_some(),
        "it ends by itself"
    );
}

#[tokio::test]
async fn a_fleet_asks_for_one_management_token() {
    let Some(server) = Server::start().await else { return };
    let sandbox = sandbox::Sandbox::builder().world(sandbox::World::demo()).start().await.unwrap();
    let replica = || {
        let secret = sandbox.client_secret().to_owned();
        let store = Arc::new(server.store());
        let tenant = mgmt_auth::Tenant::builder(sandbox.domain())
            .base_url(sandbox.tenant_url())
            .credentials(mgmt_auth::ClientCredentials::secret(sandbox.client_id(), secret))
            .token_store(store.clone())
            .build()
            .unwrap();
        user_store::UserStore::builder(tenant).shared(store).build()
    };
    let crowd: Vec<_> = (0..10)
        .map(|_| {
            let users = replica();
            tokio::spawn(async move { users.get("google-oauth2|100000000000000000002").await.unwrap() })
        })
        .collect();
    for one in crowd {
        assert_eq!(one.await.unwrap().user.identities().len(), 6);
    }
    assert_eq!(sandbox.journal().count_of(sandbox::Server::Tenant, "/oauth/token"), 1);
    let before = sandbox.journal().count_of(sandbox::Server::Tenant, "/api/v2/users/");
    replica().get("google-oauth2|100000000000000000002").await.unwrap();
    let after = sandbox.journal().count_of(sandbox::Server::Tenant, "/api/v2/users/");
    assert_eq!(before, after, "a rollout costs a warm user no look-up");
}

#[tokio::test]
async fn a_server_that_is_down_is_unavailable_and_never_damage() {
    let Some(server) = Server::start().await else { return };
    let store = server.store();
    store.swap(&key("u"), None, &record("r0")).await.unwrap();
    SharedUserStore::store(
        &store,
        "acme.test",
        "u",
        Zeroizing::new(b"record".to_vec()),
        Duration::from_secs(60),
    )
    .await;
    let back = SharedUserStore::load(&store, "acme.test", "u").await.unwrap();
    assert_eq!(*back, b"record");
    assert!(SharedUserStore::load(&store, "other.test", "u").await.is_none());
    SharedUserStore::remove(&store, "acme.test", "u").await;
    assert!(SharedUserStore::load(&store, "acme.test", "u").await.is_none());
    drop(server);
    let error = GrantStore::load(&store, &key("u")).await.unwrap_err();
    assert!(!error.is_damaged() && !error.to_string().contains(PASSWORD), "{error}");
    assert!(SharedUserStore::load(&store, "acme.test", "u").await.is_none());
}

#[tokio::test]
async fn records_have_versions_and_their_readers_are_told() {
    let Some(server) = Server::start().await else { return };
    let (one, two) = (server.store(), server.store());
    assert!(matches!(one.read("control", None).await.unwrap(), Reading::Absent));
    let Swap::Done(first) = one.write("control", None, b"one").await.unwrap() else { panic!() };
    let Reading::Found { version, bytes } = two.read("control", None).await.unwrap() else { panic!() };
    assert_eq!((version, &**bytes), (first, &b"one"[..]));
    assert!(matches!(two.read("control", Some(first)).await.unwrap(), Reading::Unchanged));
    assert_eq!(two.write("control", None, b"late").await.unwrap(), Swap::Conflict);
    // The subscription stands once the first wait was polled for a while.
    assert!(tokio::time::timeout(Duration::from_millis(300), two.wait("control")).await.is_err());
    let (heard, written) = tokio::join!(
        tokio::time::timeout(Duration::from_secs(5), two.wait("control")),
        one.write("control", Some(first), b"two"),
    );
    heard.unwrap();
    let Swap::Done(second) = written.unwrap() else { panic!() };
    assert!(second > first);
    let Reading::Found { version, .. } = two.read("control", Some(first)).await.unwrap() else { panic!() };
    assert_eq!(version, second);
    let foreign = RedisStore::new(
        &format!("redis://default:{PASSWORD}@127.0.0.1:{}", server.port),
        KeyRing::ephemeral().unwrap(),
    );
    assert!(foreign.unwrap().read("control", None).await.unwrap_err().is_damaged());
}

#[tokio::test]
async fn ids_count_once_and_vault_results_go_with_their_user() {
    let Some(server) = Server::start().await else { return };
    let stores: Vec<_> = (0..3).map(|_| server.store()).collect();
    let mut firsts = 0;
    for store in stores.iter().cycle().take(9) {
        firsts += usize::from(store.first_use(b"a proof", Duration::from_secs(60)).await.unwrap());
    }
    assert_eq!(firsts, 1);
    assert!(stores[0].first_use(b"another", Duration::from_millis(50)).await.unwrap());
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert!(stores[1].first_use(b"another", Duration::from_secs(60)).await.unwrap(), "forgotten in time");
    let store = |user: &'static str, place: &'static str| {
        let bytes = Zeroizing::new(b"result".to_vec());
        SharedVaultStore::store(&stores[0], "t", user, place, bytes, Duration::from_secs(60))
    };
    let load = |user: &'static str, place: &'static str| SharedVaultStore::load(&stores[1], "t", user, place);
    for (user, place) in [("u", "a"), ("u", "b"), ("v", "a")] {
        store(user, place).await;
        assert_eq!(**load(user, place).await.unwrap(), *b"result");
    }
    assert!(load("u", "c").await.is_none());
    SharedVaultStore::remove(&stores[2], "t", Some("u")).await;
    assert!(
        load("u", "a").await.is_none() && load("u", "b").await.is_none() && load("v", "a").await.is_some()
    );
    SharedVaultStore::remove(&stores[2], "t", None).await;
    assert!(load("v", "a").await.is_none());
}

#[tokio::test]
async fn a_record_that_cannot_be_opened_hides_no_other_and_can_be_deleted() {
    let Some(server) = Server::start().await else { return };
    let store = server.store();
    let url = format!("redis://default:{PASSWORD}@127.0.0.1:{}", server.port);
    let foreign = RedisStore::new(&url, KeyRing::ephemeral().unwrap()).unwrap();
    foreign.swap(&key("v"), None, &record("r")).await.unwrap();
    store.swap(&key("u"), None, &record("r")).await.unwrap();
    assert!(GrantStore::load(&store, &key("v")).await.unwrap_err().is_damaged());
    let list = store.list(&GrantFilter::default()).await.unwrap();
    let states: Vec<_> = list.iter().map(|grant| (grant.key.user.as_str(), grant.state)).collect();
    assert_eq!(states, [("u", GrantState::Live), ("v", GrantState::Unreadable)]);
    assert!(store.delete(&key("v")).await.unwrap());
    assert!(GrantStore::load(&store, &key("v")).await.unwrap().is_none());
    let other = GrantFilter::default().of_tenant("other.test");
    assert!(store.list(&other).await.unwrap().is_empty(), "another tenant's grants are not ours");
}

/// Whoever can write to the server, without the key, puts old records back under higher versions.
#[tokio::test]
async fn tm_c12_an_old_record_under_a_higher_version_is_refused() {
    let Some(server) = Server::start().await else { return };
    let store = server.store();
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
