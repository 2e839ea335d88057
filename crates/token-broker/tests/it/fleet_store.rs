//! What every store of a fleet does, whatever server it keeps things on.

use std::{
    io::Write as _,
    net::TcpListener,
    sync::Arc,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use secrecy::ExposeSecret;
use token_broker::{
    Account, Fingerprint, FleetStore, GrantFilter, GrantKey, GrantRecord, GrantState, GrantStore, KeyRing,
    Reading, RecordStore, SharedVaultStore, Source, Swap,
};
use user_store::SharedUserStore;
use zeroize::Zeroizing;

/// Stands in every URL.
pub(crate) const PASSWORD: &str = "p4ss";

/// An empty server of its own, gone when it is dropped.
pub(crate) trait Server {
    type Store: FleetStore + Clone;

    /// A store of another process.
    fn store(&self, keys: KeyRing) -> Self::Store;
}

/// The ring of the fleet.
pub(crate) fn ring() -> KeyRing {
    KeyRing::parse(&format!("k:{}", "A".repeat(43) + "=").into()).unwrap()
}

/// The program or folder that the variable `name` names. Without it the test that needs it is skipped, which `cargo xtask test`
/// counts; with `DATA_REQUIRED` set it fails.
pub(crate) fn part(name: &str) -> Option<String> {
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
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let number = std::process::id().wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % 10_000;
        let port = 10_000 + u16::try_from(number).unwrap();
        if TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

pub(crate) fn key(user: &str) -> GrantKey {
    GrantKey::new("acme.test", user, Source::Identities, &Account::new("bitbucket", Some("{b}".into())))
}

pub(crate) fn record(refresh: &str) -> GrantRecord {
    let origin: Fingerprint = serde_json::from_str("\"k:00\"").unwrap();
    GrantRecord::starting(origin, Some(refresh.to_owned().into()), std::time::SystemTime::now())
}

pub(crate) async fn records_are_swapped_by_version_across_processes<S: Server>(server: &S) {
    let (one, two) = (server.store(ring()), server.store(ring()));
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

pub(crate) async fn one_of_many_gets_the_lease_and_only_its_holder_gives_it_back<S: Server>(server: &S) {
    let stores: Vec<_> = (0..4).map(|_| Arc::new(server.store(ring()))).collect();
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

pub(crate) async fn a_fleet_asks_for_one_management_token<S: Server>(server: &S) {
    let sandbox = sandbox::Sandbox::builder().world(sandbox::World::demo()).start().await.unwrap();
    let replica = || {
        let secret = sandbox.client_secret().to_owned();
        let store = Arc::new(server.store(ring()));
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

pub(crate) async fn a_server_that_is_down_is_unavailable_and_never_damage<S: Server>(server: S) {
    let store = server.store(ring());
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

pub(crate) async fn records_have_versions_and_their_readers_are_told<S: Server>(server: &S) {
    let (one, two) = (server.store(ring()), server.store(ring()));
    assert!(matches!(one.read("control", None).await.unwrap(), Reading::Absent));
    let Swap::Done(first) = one.write("control", None, b"one").await.unwrap() else { panic!() };
    let Reading::Found { version, bytes } = two.read("control", None).await.unwrap() else { panic!() };
    assert_eq!((version, &**bytes), (first, &b"one"[..]));
    assert!(matches!(two.read("control", Some(first)).await.unwrap(), Reading::Unchanged));
    assert_eq!(two.write("control", None, b"late").await.unwrap(), Swap::Conflict);
    assert!(tokio::time::timeout(Duration::from_millis(300), two.wait("control")).await.is_err());
    // What is written before the subscription stands is not heard.
    let (mut waiting, mut second) = (two.wait("control"), first);
    let heard = async {
        while tokio::time::timeout(Duration::from_millis(200), &mut waiting).await.is_err() {
            let Swap::Done(next) = one.write("control", Some(second), b"two").await.unwrap() else {
                panic!()
            };
            assert!(next > second);
            second = next;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), heard).await.unwrap();
    let Reading::Found { version, .. } = two.read("control", Some(first)).await.unwrap() else { panic!() };
    assert_eq!(version, second);
    let foreign = server.store(KeyRing::ephemeral().unwrap());
    assert!(foreign.read("control", None).await.unwrap_err().is_damaged());
}

pub(crate) async fn ids_count_once_and_vault_results_go_with_their_user<S: Server>(server: &S) {
    let stores: Vec<_> = (0..3).map(|_| server.store(ring())).collect();
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

pub(crate) async fn a_record_that_cannot_be_opened_hides_no_other_and_can_be_deleted<S: Server>(server: &S) {
    let store = server.store(ring());
    let foreign = server.store(KeyRing::ephemeral().unwrap());
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
