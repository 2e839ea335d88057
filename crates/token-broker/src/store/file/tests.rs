use std::time::SystemTime;

use base64::{Engine, prelude::BASE64_STANDARD};
use secrecy::ExposeSecret;

use super::*;
use crate::{Account, Fingerprint, Source};

fn ring(id: &str, byte: u8) -> KeyRing {
    KeyRing::parse(&format!("{id}:{}", BASE64_STANDARD.encode([byte; 32])).into()).unwrap()
}

fn key(user: &str) -> GrantKey {
    GrantKey::new("acme.test", user, Source::Identities, &Account::new("bitbucket", Some("{b}".into())))
}

fn record(refresh: &str) -> GrantRecord {
    let refresh = Some(refresh.to_owned().into());
    GrantRecord::starting(Fingerprint("k:0".into()), refresh, SystemTime::UNIX_EPOCH)
}

async fn refresh_token(store: &FileStore, user: &str) -> Option<String> {
    let found = store.load(&key(user)).await.unwrap()?;
    Some(found.record.refresh_token?.expose_secret().to_owned())
}

#[tokio::test]
async fn what_was_written_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new folder").join("grants.redb");
    let store = FileStore::open(&path, ring("k", 1)).await.unwrap();
    assert_eq!(store.swap(&key("u"), None, &record("r-secret-0")).await.unwrap(), Swap::Done(1));
    assert_eq!(store.swap(&key("u"), None, &record("r-late")).await.unwrap(), Swap::Conflict);
    assert_eq!(store.swap(&key("u"), Some(1), &record("r-secret-1")).await.unwrap(), Swap::Done(2));
    assert!(
        matches!(FileStore::open(&path, ring("k", 1)).await, Err(error) if !error.is_damaged()),
        "in use"
    );
    drop(store);
    let bytes = fs::read(&path).unwrap();
    assert!(!bytes.windows(8).any(|window| window == b"r-secret"), "nothing in the clear");
    let store = FileStore::open(&path, ring("k", 1)).await.unwrap();
    assert_eq!(refresh_token(&store, "u").await.as_deref(), Some("r-secret-1"));
    // A version never comes back, also after a deletion.
    assert!(store.delete(&key("u")).await.unwrap());
    assert!(!store.delete(&key("u")).await.unwrap());
    assert_eq!(store.swap(&key("u"), None, &record("r2")).await.unwrap(), Swap::Done(3));
    let list = store.list(&GrantFilter::default()).await.unwrap();
    assert_eq!((list.len(), &list[0].key), (1, &key("u")));
    assert!(store.list(&GrantFilter::new(Some("v".into()), None)).await.unwrap().is_empty());
}

#[cfg(unix)]
#[tokio::test]
async fn only_its_owner_can_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("grants.redb");
    drop(FileStore::open(&path, ring("k", 1)).await.unwrap());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o077, 0);
}

#[tokio::test]
async fn keys_rotate_and_foreign_keys_are_a_clear_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("grants.redb");
    let store = FileStore::open(&path, ring("old", 1)).await.unwrap();
    store.swap(&key("u"), None, &record("r0")).await.unwrap();
    drop(store);
    for (foreign, names) in [(ring("new", 2), "`old`"), (ring("old", 9), "`old`")] {
        let error = FileStore::open(&path, foreign).await.unwrap_err();
        assert!(error.is_damaged() && error.to_string().contains(names), "{error}");
    }
    let both = format!("new:{}\nold:{}", BASE64_STANDARD.encode([2; 32]), BASE64_STANDARD.encode([1; 32]));
    let store = FileStore::open(&path, KeyRing::parse(&both.into()).unwrap()).await.unwrap();
    assert_eq!(refresh_token(&store, "u").await.as_deref(), Some("r0"));
    store.swap(&key("u"), Some(1), &record("r1")).await.unwrap();
    drop(store);
    let store = FileStore::open(&path, ring("new", 2)).await.unwrap();
    assert_eq!(refresh_token(&store, "u").await.as_deref(), Some("r1"));
}

#[tokio::test]
async fn a_torn_file_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("grants.redb");
    let store = FileStore::open(&path, ring("k", 1)).await.unwrap();
    for user in 0..50 {
        store.swap(&key(&format!("u{user}")), None, &record(&"r".repeat(200))).await.unwrap();
    }
    drop(store);
    let good = fs::read(&path).unwrap();
    let (half, flipped): (Vec<u8>, Vec<u8>) = (
        good[..good.len() / 2].to_vec(),
        good.iter().enumerate().map(|(at, byte)| if at % 97 == 5 { !byte } else { *byte }).collect(),
    );
    for torn in [Vec::new(), b"not a store".to_vec(), vec![0; good.len()], half, flipped] {
        fs::write(&path, &torn).unwrap();
        let error = FileStore::open(&path, ring("k", 1)).await.unwrap_err();
        assert!(error.is_damaged(), "{} bytes: {error}", torn.len());
        assert!(fs::metadata(&path).unwrap().len() >= torn.len() as u64, "never emptied");
    }
    fs::write(&path, &good).unwrap();
    assert!(refresh_token(&FileStore::open(&path, ring("k", 1)).await.unwrap(), "u7").await.is_some());
}

#[tokio::test]
async fn a_leftover_of_a_cut_off_start_is_no_obstacle() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("grants.redb");
    fs::write(folder.path().join(".new-store-0"), b"half made").unwrap();
    assert!(FileStore::open(&path, ring("k", 1)).await.is_ok());
}

/// A disk that can be full.
#[derive(Debug)]
struct Disk {
    file: redb::backends::FileBackend,
    full: Arc<std::sync::atomic::AtomicBool>,
}

impl Disk {
    fn room(&self) -> std::io::Result<()> {
        let full = self.full.load(std::sync::atomic::Ordering::SeqCst);
        if full { Err(std::io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

impl redb::StorageBackend for Disk {
    fn len(&self) -> std::io::Result<u64> {
        self.file.len()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
        self.file.read(offset, out)
    }
    fn set_len(&self, len: u64) -> std::io::Result<()> {
        self.room()?;
        self.file.set_len(len)
    }
    fn sync_data(&self) -> std::io::Result<()> {
        self.room()?;
        self.file.sync_data()
    }
    fn write(&self, offset: u64, data: &[u8]) -> std::io::Result<()> {
        self.room()?;
        self.file.write(offset, data)
    }
    fn close(&self) -> std::io::Result<()> {
        self.file.close()
    }
}

#[tokio::test]
async fn a_disk_that_was_full_serves_again_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("grants.redb");
    drop(FileStore::open(&path, ring("k", 1)).await.unwrap());
    let full = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let disk = full.clone();
    let open = move |path: &Path| {
        let file = fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
        let backend = Disk { file: redb::backends::FileBackend::new(file)?, full: disk.clone() };
        Database::builder().create_with_backend(backend)
    };
    let database = ReopenableDatabase::open_by(path, Box::new(open)).unwrap();
    let shared = Arc::new(Shared { database: Arc::new(database), keys: ring("k", 1) });
    let store = FileStore { shared, leases: Arc::default() };
    assert_eq!(store.swap(&key("u"), None, &record("r0")).await.unwrap(), Swap::Done(1));
    full.store(true, std::sync::atomic::Ordering::SeqCst);
    for _ in 0..3 {
        let error = store.swap(&key("u"), Some(1), &record("r1")).await.unwrap_err();
        assert!(!error.is_damaged(), "{error}");
    }
    full.store(false, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(refresh_token(&store, "u").await.as_deref(), Some("r0"), "nothing half written");
    let seen = store.load(&key("u")).await.unwrap().map(|found| found.version);
    assert!(matches!(store.swap(&key("u"), seen, &record("r1")).await.unwrap(), Swap::Done(_)));
    assert_eq!(refresh_token(&store, "u").await.as_deref(), Some("r1"));
}

#[tokio::test]
async fn whatever_is_cut_off_a_refused_file_is_left_as_it_was_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("grants.redb");
    let store = FileStore::open(&path, ring("k", 1)).await.unwrap();
    for n in 0..40 {
        store.swap(&key(&format!("u{n}")), None, &record("r")).await.unwrap();
    }
    // As a kill leaves it: open, and nothing tidied up.
    let whole = fs::read(&path).unwrap();
    drop(store);
    let mut refused = 0;
    for part in 0..60 {
        let torn = &whole[..whole.len() * part / 60];
        fs::write(&path, torn).unwrap();
        if let Err(error) = FileStore::open(&path, ring("k", 1)).await {
            refused += 1;
            assert!(error.is_damaged(), "{part}: {error}");
            assert!(fs::read(&path).unwrap() == torn, "{part} of 60 was changed");
        }
    }
    assert!(refused > 30, "{refused} refused");
    fs::write(&path, &whole).unwrap();
    let store = FileStore::open(&path, ring("k", 1)).await.unwrap();
    assert_eq!(store.list(&GrantFilter::default()).await.unwrap().len(), 40);
}

#[test]
fn an_overlay_reads_what_was_written_and_changes_no_file() {
    use redb::StorageBackend as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let mut model: Vec<u8> = (0..20_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    fs::write(&path, &model).unwrap();
    let file = fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
    let overlay = overlay::Overlay::new(redb::backends::FileBackend::new(file).unwrap()).unwrap();
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..300 {
        let (at, len) = (random.usize(..30_000), random.usize(..9_000));
        match random.u8(..3) {
            0 => {
                model.resize(at, 0);
                overlay.set_len(at as u64).unwrap();
            }
            1 if at <= model.len() => {
                let data: Vec<u8> = (0..len).map(|_| random.u8(..)).collect();
                model.resize(model.len().max(at + len), 0);
                model[at..at + len].copy_from_slice(&data);
                overlay.write(at as u64, &data).unwrap();
            }
            _ => {}
        }
        let mut seen = vec![0; model.len()];
        overlay.read(0, &mut seen).unwrap();
        assert!(seen == model && overlay.len().unwrap() == model.len() as u64);
        assert!(overlay.read(model.len() as u64, &mut [0]).is_err());
    }
    assert_eq!(fs::metadata(&path).unwrap().len(), 20_000);
}

/// Processes that start together for the first time: one of them gets the file, and the others are told so. `FIRST_OPENS` says
/// how many times; `cargo xtask test --full` makes it 400.
#[tokio::test(flavor = "multi_thread")]
async fn of_several_first_opens_one_owns_the_file_and_nothing_is_damaged() {
    let rounds = std::env::var("FIRST_OPENS").map_or(60, |text| text.parse().unwrap());
    for round in 0..rounds {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("grants.redb");
        let barrier = Arc::new(tokio::sync::Barrier::new(4));
        let opening = (0..4).map(|_| {
            let (path, barrier) = (path.clone(), barrier.clone());
            tokio::spawn(async move {
                barrier.wait().await;
                FileStore::open(path, ring("k", 1)).await
            })
        });
        let mut owners = Vec::new();
        for opened in opening.collect::<Vec<_>>() {
            match opened.await.unwrap() {
                Ok(store) => owners.push(store),
                Err(error) => assert!(error.is_in_use(), "round {round}: {error}"),
            }
        }
        assert_eq!(owners.len(), 1, "round {round}");
        owners[0].swap(&key("u"), None, &record("r0")).await.unwrap();
        drop(owners);
        let store = FileStore::open(&path, ring("k", 1)).await.unwrap();
        assert_eq!(refresh_token(&store, "u").await.as_deref(), Some("r0"), "round {round}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "round {round}: nothing is left over");
    }
}

#[tokio::test]
async fn what_lies_behind_an_error_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("no folder");
    fs::write(&file, "").unwrap();
    let error = FileStore::open(file.join("grants.redb"), ring("k", 1)).await.unwrap_err();
    assert!(std::error::Error::source(&error).is_some(), "{error}");
    let path = folder.path().join("grants.redb");
    let store = FileStore::open(&path, ring("k", 1)).await.unwrap();
    store.swap(&key("u"), None, &record("r0")).await.unwrap();
    drop(store);
    let error = FileStore::open(&path, ring("other", 1)).await.unwrap_err();
    let source = std::error::Error::source(&error).unwrap();
    assert_eq!(source.downcast_ref(), Some(&crate::Unsealable::UnknownKey("k".into())));
    assert!(std::error::Error::source(&crate::Error::from(error)).unwrap().is::<StoreError>());
}

#[tokio::test]
async fn a_record_of_an_older_format_is_read_and_written_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("grants.redb");
    let store = FileStore::open(&path, ring("k", 1)).await.unwrap();
    store.swap(&key("u"), None, &record("r0")).await.unwrap();
    let place = key("u").encode();
    let version = {
        let database = store.shared.database.get().unwrap();
        let write = database.begin_write().unwrap();
        let mut table = write.open_table(GRANTS).unwrap();
        let sealed = ring("k", 1).seal_old(place.as_bytes(), &record("r-old").encode()).unwrap();
        table.insert(&*place, &*[&1_u64.to_be_bytes()[..], &sealed].concat()).unwrap();
        drop(table);
        write.commit().unwrap();
        1
    };
    assert_eq!(refresh_token(&store, "u").await.as_deref(), Some("r-old"));
    store.swap(&key("u"), Some(version), &record("r1")).await.unwrap();
    assert_eq!(refresh_token(&store, "u").await.as_deref(), Some("r1"));
}

/// Whoever can write the file, without the key, puts an old record under a higher version.
#[tokio::test]
async fn tm_c12_a_record_under_another_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::open(folder.path().join("grants.redb"), ring("k", 1)).await.unwrap();
    store.swap(&key("u"), None, &record("r0")).await.unwrap();
    let place = key("u").encode();
    let database = store.shared.database.get().unwrap();
    let write = database.begin_write().unwrap();
    {
        let mut table = write.open_table(GRANTS).unwrap();
        let mut value = table.get(&*place).unwrap().unwrap().value().to_vec();
        value[..8].copy_from_slice(&99_u64.to_be_bytes());
        table.insert(&*place, &*value).unwrap();
    }
    write.commit().unwrap();
    assert!(store.load(&key("u")).await.unwrap_err().is_damaged());
}
