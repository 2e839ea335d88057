mod users;

use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use token_broker::{MemoryStore, Reading, Swap};

use super::Forget;
use super::*;
use crate::outcome::Code;
use crate::problem::Problem;

fn selector(user: Option<&str>, connection: Option<&str>, provider: Option<&str>) -> Selector {
    let own = |text: Option<&str>| text.map(str::to_owned);
    Selector { user: own(user), connection: own(connection), provider: own(provider), ..Selector::default() }
}

fn request(selector: &Selector) -> BlockRequest {
    BlockRequest { selector: selector.clone(), reason: None, duration: None }
}

fn code(fleet: &Fleet, user: &str, provider: &str, connection: Option<&str>) -> Option<Code> {
    fleet.check(user, Some(provider), connection).err().map(|blocked| Problem::from(blocked).code())
}

#[tokio::test]
async fn blocks_hit_what_they_name_and_nothing_else() {
    let fleet = Fleet::alone();
    let user = selector(Some("auth0|1"), None, None);
    assert_eq!(fleet.block(request(&user)).await, Reach::Replica);
    assert_eq!(code(&fleet, "auth0|1", "github", None), Some(Code::UserBlocked));
    assert_eq!(code(&fleet, "auth0|2", "github", None), None);
    fleet.unblock(user).await;
    assert_eq!(code(&fleet, "auth0|1", "github", None), None);
    fleet.block(request(&selector(None, Some("github"), None))).await;
    assert_eq!(code(&fleet, "auth0|1", "github", None), None, "the connection is not known yet");
    assert_eq!(code(&fleet, "auth0|1", "github", Some("github")), Some(Code::PolicyDenied));
    fleet.block(request(&selector(Some("auth0|3"), None, Some("google")))).await;
    assert_eq!(code(&fleet, "auth0|3", "google", None), Some(Code::PolicyDenied));
    assert_eq!(code(&fleet, "auth0|3", "github", None), None);
    assert_eq!(fleet.entries().len(), 2);
}

#[tokio::test]
async fn blocks_end() {
    let fleet = Fleet::alone();
    let selector = Selector { all: true, ..Selector::default() };
    let drill = BlockRequest { selector, reason: Some("drill".into()), duration: Some(Duration::ZERO) };
    fleet.block(drill).await;
    assert_eq!(code(&fleet, "auth0|1", "github", None), None);
    assert!(fleet.entries().is_empty());
}

/// A revocation as the broker tells it.
fn revoked(user: &str, at: u64) -> RevokedGrant {
    let key = serde_json::json!({
        "tenant": "acme.test", "user": user, "source": "identities", "connection": "github", "account": "1", "client": null
    });
    serde_json::from_value(serde_json::json!({ "key": key, "at": at, "origin": "k:2:00" })).unwrap()
}

/// Two replicas over one store; the second one notes what it was to forget.
#[tokio::test(start_paused = true)]
async fn orders_of_one_replica_reach_the_other_within_two_seconds() {
    let store = Arc::new(MemoryStore::new().unwrap());
    let (one, two) = (Fleet::kept(store.clone(), "acme.test"), Arc::new(Fleet::kept(store, "acme.test")));
    one.read().await.unwrap();
    let forgotten = Arc::new(Mutex::new(Vec::new()));
    let refused = Arc::new(Mutex::new(Vec::new()));
    let following = {
        let (two, forgotten, refused) = (two.clone(), forgotten.clone(), refused.clone());
        tokio::spawn(async move {
            let note = |invalidation: Invalidation| -> BoxFuture<'static, ()> {
                forgotten.lock().unwrap().push(invalidation.what);
                Box::pin(std::future::ready(()))
            };
            two.follow(note, |revoked| *refused.lock().unwrap() = revoked.to_vec()).await;
        })
    };
    tokio::time::sleep(Duration::from_millis(1)).await;
    let moment = SystemTime::now();
    one.block(request(&selector(Some("auth0|1"), None, None))).await;
    one.log_out("auth0|2", moment).await;
    let (earlier, later) = (revoked("auth0|3", 1), revoked("auth0|3", 2));
    one.revoke(earlier).await;
    one.revoke(later.clone()).await;
    tokio::time::sleep(Duration::from_millis(1900)).await;
    assert_eq!(code(&two, "auth0|1", "github", None), Some(Code::UserBlocked));
    assert!(two.marks().refuses("auth0|2", moment - Duration::from_secs(1)));
    assert!(!two.marks().refuses("auth0|2", moment + Duration::from_secs(2)));
    let grants = || Forget::Grants("auth0|3".into());
    let expected = [Forget::Cached(blocks::Target::user("auth0|2")), grants(), grants()];
    assert_eq!(*forgotten.lock().unwrap(), expected);
    assert_eq!(*refused.lock().unwrap(), std::slice::from_ref(&later), "one for each account");
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(forgotten.lock().unwrap().len(), 3, "once is enough");
    let late = Fleet::kept(two.record.clone().unwrap(), "acme.test");
    late.read().await.unwrap();
    assert_eq!(late.revoked(), [later], "a new replica learns it too");
    two.unblock(selector(Some("auth0|1"), None, None)).await;
    one.read().await.unwrap();
    assert_eq!(code(&one, "auth0|1", "github", None), None);
    following.abort();
}

/// The broker that made a revocation may have been replaced by a reload.
#[tokio::test(start_paused = true)]
async fn a_revocation_that_is_made_here_reaches_the_broker_of_now() {
    let kept = Fleet::kept(Arc::new(MemoryStore::new().unwrap()), "acme.test");
    for fleet in [Fleet::alone(), kept].map(Arc::new) {
        let (told, following) = (Arc::new(Mutex::new(Vec::new())), fleet.clone());
        let note = told.clone();
        let following = tokio::spawn(async move {
            let refuse = |revoked: &[RevokedGrant]| note.lock().unwrap().extend_from_slice(revoked);
            following.follow(|_| Box::pin(std::future::ready(())), refuse).await;
        });
        tokio::time::sleep(Duration::from_millis(1)).await;
        for grant in [revoked("auth0|1", 1), revoked("auth0|1", 1).lift()] {
            fleet.revoke(grant.clone()).await;
            tokio::time::sleep(Duration::from_millis(1)).await;
            assert_eq!(*told.lock().unwrap(), [grant]);
            told.lock().unwrap().clear();
        }
        following.abort();
    }
}

/// A store that can be down, and can lose everything.
#[derive(Debug)]
struct Shaky {
    store: Mutex<Arc<MemoryStore>>,
    down: std::sync::atomic::AtomicBool,
    /// Bytes that were read and written.
    moved: std::sync::atomic::AtomicUsize,
}

impl Default for Shaky {
    fn default() -> Self {
        Self {
            store: Mutex::new(Arc::new(MemoryStore::new().unwrap())),
            down: Default::default(),
            moved: Default::default(),
        }
    }
}

impl Shaky {
    fn current(&self) -> Result<Arc<MemoryStore>, StoreError> {
        if self.down.load(std::sync::atomic::Ordering::SeqCst) {
            return Err(StoreError::unavailable("down"));
        }
        Ok(self.store.lock().unwrap().clone())
    }

    fn set_down(&self, down: bool) {
        self.down.store(down, std::sync::atomic::Ordering::SeqCst);
    }
}

impl RecordStore for Shaky {
    fn durability(&self) -> Durability {
        Durability::Fleet
    }

    fn read<'a>(
        &'a self,
        name: &'a str,
        seen: Option<u64>,
    ) -> token_broker::BoxFuture<'a, Result<Reading, StoreError>> {
        Box::pin(async move {
            let reading = self.current()?.read(name, seen).await?;
            if let Reading::Found { bytes, .. } = &reading {
                self.moved.fetch_add(bytes.len(), std::sync::atomic::Ordering::SeqCst);
            }
            Ok(reading)
        })
    }

    fn write<'a>(
        &'a self,
        name: &'a str,
        seen: Option<u64>,
        bytes: &'a [u8],
    ) -> token_broker::BoxFuture<'a, Result<Swap, StoreError>> {
        self.moved.fetch_add(bytes.len(), std::sync::atomic::Ordering::SeqCst);
        Box::pin(async move { self.current()?.write(name, seen, bytes).await })
    }
}

#[tokio::test]
async fn a_store_that_is_down_keeps_the_last_copy_and_gets_what_it_missed() {
    let store = Arc::new(Shaky::default());
    let (one, two) = (Fleet::kept(store.clone(), "acme.test"), Fleet::kept(store.clone(), "acme.test"));
    store.set_down(true);
    assert!(two.read().await.is_err());
    assert!(matches!(two.status(), RecordStatus::Unread(_)), "a replica that never read it is not ready");
    store.set_down(false);
    assert_eq!(one.block(request(&selector(Some("auth0|1"), None, None))).await, Reach::Fleet);
    two.read().await.unwrap();
    assert_eq!(two.status(), RecordStatus::Current);
    store.set_down(true);
    assert_eq!(one.block(request(&selector(Some("auth0|2"), None, None))).await, Reach::Replica);
    assert_eq!(code(&one, "auth0|2", "github", None), Some(Code::UserBlocked), "applied here at once");
    assert!(two.read().await.is_err());
    assert!(matches!(two.status(), RecordStatus::Old(_)));
    assert_eq!(code(&two, "auth0|1", "github", None), Some(Code::UserBlocked), "the last copy serves");
    store.set_down(false);
    one.read().await.unwrap();
    two.read().await.unwrap();
    assert_eq!(
        code(&two, "auth0|2", "github", None),
        Some(Code::UserBlocked),
        "the store got what it missed"
    );
}

#[tokio::test]
async fn commands_that_wait_for_the_store_are_one_for_each_target() {
    let store = Arc::new(Shaky::default());
    let fleet = Fleet::kept(store.clone(), "acme.test");
    fleet.read().await.unwrap();
    store.set_down(true);
    let (ana, ben) = (selector(Some("auth0|ana"), None, None), selector(Some("auth0|ben"), None, None));
    for _ in 0..100 {
        fleet.block(request(&ana)).await;
        fleet.block(request(&ben)).await;
        fleet.unblock(ben.clone()).await;
        fleet.forget(ana.clone()).await;
        fleet.log_out("auth0|cleo", SystemTime::now()).await;
        fleet.revoke(revoked("auth0|ana", 1)).await;
    }
    assert_eq!(fleet.state().pending.commands.len(), 5);
    assert!(code(&fleet, "auth0|ana", "github", None).is_some());
    assert!(code(&fleet, "auth0|ben", "github", None).is_none());
    store.set_down(false);
    fleet.read().await.unwrap();
    assert!(fleet.state().pending.commands.is_empty());
    let other = Fleet::kept(store, "acme.test");
    other.read().await.unwrap();
    assert!(code(&other, "auth0|ana", "github", None).is_some());
    assert_eq!(other.revoked().len(), 1);
}

#[tokio::test]
async fn a_store_that_lost_the_record_gets_it_back() {
    let store = Arc::new(Shaky::default());
    let (one, two) = (Fleet::kept(store.clone(), "acme.test"), Fleet::kept(store.clone(), "acme.test"));
    one.block(request(&selector(Some("auth0|1"), None, None))).await;
    *store.store.lock().unwrap() = Arc::new(MemoryStore::new().unwrap());
    one.read().await.unwrap();
    two.read().await.unwrap();
    assert_eq!(code(&two, "auth0|1", "github", None), Some(Code::UserBlocked));
    let heir = Fleet::alone();
    heir.inherit(&two);
    assert_eq!(code(&heir, "auth0|1", "github", None), Some(Code::UserBlocked));
}

/// Versions go with the clock in Redis, so a record that a new replica writes into an emptied store counts as the newer one.
#[tokio::test]
async fn a_new_record_in_an_emptied_store_gets_what_an_older_replica_knows() {
    let store = Arc::new(Shaky::default());
    let old = Fleet::kept(store.clone(), "acme.test");
    old.block(request(&selector(Some("auth0|1"), None, None))).await;
    let emptied = Arc::new(MemoryStore::new().unwrap());
    for user in ["auth0|other", "auth0|more", "auth0|last"] {
        // Versions above the old record's.
        let other = Fleet::kept(emptied.clone(), "acme.test");
        other.read().await.unwrap();
        other.block(request(&selector(Some(user), None, None))).await;
    }
    *store.store.lock().unwrap() = emptied;
    let fresh = Fleet::kept(store.clone(), "acme.test");
    fresh.read().await.unwrap();
    assert_eq!(code(&fresh, "auth0|1", "github", None), None, "it was lost");
    old.read().await.unwrap();
    fresh.read().await.unwrap();
    for fleet in [&old, &fresh] {
        for user in ["auth0|1", "auth0|other", "auth0|last"] {
            assert_eq!(code(fleet, user, "github", None), Some(Code::UserBlocked), "{user}");
        }
    }
}

#[test]
fn what_a_newer_version_wrote_is_kept_and_spoils_nothing() {
    let text = r#"{"serial":3,"blocks":[{"target":{"user":"auth0|1","client":"spa"}}],
        "lately":[{"serial":2,"at":1,"by":7,"newer":{"x":1}},{"serial":3,"at":1,"by":7,"cached":{"user":"auth0|2"}}]}"#;
    let record: ControlState = serde_json::from_str(text).unwrap();
    assert_eq!(record.pending_invalidations(0, None).len(), 1);
    let written: serde_json::Value = serde_json::to_value(&record).unwrap();
    assert_eq!(written["blocks"][0]["target"]["client"], "spa");
}

#[tokio::test]
async fn two_tenants_in_one_store_are_two_fleets() {
    let store = Arc::new(MemoryStore::new().unwrap());
    let (one, two) = (Fleet::kept(store.clone(), "one.test"), Fleet::kept(store, "two.test"));
    one.block(request(&selector(Some("auth0|1"), None, None))).await;
    two.read().await.unwrap();
    assert_eq!(code(&two, "auth0|1", "github", None), None);
}

#[tokio::test]
async fn tm_c05_a_logout_holds_as_long_as_a_token_can_live() {
    let (hour, now) = (Duration::from_secs(3600), SystemTime::now());
    for life in [caller_auth::MAX_LIFETIME, 7 * caller_auth::MAX_LIFETIME] {
        let store = Arc::new(MemoryStore::new().unwrap());
        let first = Fleet::kept(store.clone(), "acme.test");
        first.keep_logouts_for(life);
        let (kept, gone) = (now - life, now - life - 2 * hour);
        first.log_out("kept", kept).await;
        first.log_out("gone", gone).await;
        // Any command drops what is too old; a replica that starts later reads the rest.
        first.log_out("other", now).await;
        let second = Fleet::kept(store, "acme.test");
        second.read().await.unwrap();
        assert!(second.marks().refuses("kept", kept - Duration::from_secs(1)), "{life:?}");
        assert!(
            !second.marks().refuses("gone", gone - Duration::from_secs(1)),
            "{life:?}: it grows for ever"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn marks_that_only_came_with_the_record_end_too() {
    let store = Arc::new(MemoryStore::new().unwrap());
    let (one, two) = (Fleet::kept(store.clone(), "acme.test"), Arc::new(Fleet::kept(store, "acme.test")));
    let hour = Duration::from_secs(3600);
    one.log_out("auth0|1", SystemTime::now() - 10 * hour).await;
    two.keep_logouts_for(hour);
    let following = {
        let two = two.clone();
        tokio::spawn(async move { two.follow(|_| Box::pin(std::future::ready(())), |_| {}).await })
    };
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert!(matches!(two.status(), RecordStatus::Current));
    assert_eq!(two.marks().all(), []);
    following.abort();
}
