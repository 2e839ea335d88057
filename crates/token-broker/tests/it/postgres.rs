//! The PostgreSQL store against a real server, the program that `POSTGRES_SERVER` names; without it these tests are
//! skipped. `cargo xtask test` installs one and names it.

use std::{
    os::unix::{fs::chown, process::CommandExt as _},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;
use token_broker::{GrantStore, KeyRing, PostgresStore, RecordStore};

use crate::fleet_store::{self, PASSWORD, Server, free_port, key, part, record, ring};

/// PostgreSQL does not run as root; this is the user `nobody`.
const NOBODY: u32 = 65534;

/// A server of its own, gone with the test.
struct Postgres {
    child: Child,
    port: u16,
    _folder: TempDir,
}

impl Postgres {
    async fn start() -> Option<Self> {
        let program = part("POSTGRES_SERVER")?;
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let password = folder.path().join("password");
        std::fs::write(&password, PASSWORD).unwrap();
        let command = |program: &Path| {
            let mut command = Command::new(program);
            if chown(folder.path(), Some(NOBODY), Some(NOBODY)).is_ok() {
                command.uid(NOBODY).gid(NOBODY);
            }
            command
                .current_dir(folder.path())
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            command
        };
        let made = command(&Path::new(&program).with_file_name("initdb"))
            .args(["--no-sync", "--no-locale", "--encoding=UTF8", "--username=gateway", "--auth=password"])
            .arg("--pwfile")
            .arg(&password)
            .arg("--pgdata")
            .arg(&data)
            .status();
        assert!(made.unwrap().success(), "initdb failed");
        let port = free_port();
        let child = command(Path::new(&program))
            .args([
                "-p",
                &port.to_string(),
                "-c",
                "listen_addresses=127.0.0.1",
                "-c",
                "unix_socket_directories=",
            ])
            .args(["-c", "shared_buffers=16MB", "-D"])
            .arg(&data)
            .spawn()
            .unwrap();
        let server = Self { child, port, _folder: folder };
        for _ in 0..400 {
            if server.database("postgres").store(ring()).check().await.is_ok() {
                return Some(server);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the PostgreSQL server did not start");
    }

    fn database(&self, name: &str) -> Database {
        Database(format!("postgres://gateway:{PASSWORD}@127.0.0.1:{}/{name}", self.port))
    }

    /// A connection of its own, for what the store does not do.
    async fn connect(&self, database: &str) -> tokio_postgres::Client {
        let url = self.database(database).0;
        let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    async fn empty_database(&self, name: &str) -> Database {
        let made = self.connect("postgres").await.batch_execute(&format!("CREATE DATABASE {name}")).await;
        made.unwrap();
        self.database(name)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // At once, but not without taking its shared memory along.
        let _ = Command::new("kill").args(["-QUIT", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }
}

/// The URL of a database.
struct Database(String);

impl Server for Database {
    type Store = PostgresStore;

    fn store(&self, keys: KeyRing) -> PostgresStore {
        PostgresStore::new(&self.0, keys).unwrap()
    }
}

/// A database that goes with its server.
struct Only {
    database: Database,
    _server: Postgres,
}

impl Server for Only {
    type Store = PostgresStore;

    fn store(&self, keys: KeyRing) -> PostgresStore {
        self.database.store(keys)
    }
}

/// One server for all: it takes longer to start than all of this.
#[tokio::test]
async fn postgres_does_what_every_store_of_a_fleet_does() {
    let Some(server) = Postgres::start().await else { return };
    fleet_store::records_are_swapped_by_version_across_processes(&server.empty_database("d0").await).await;
    fleet_store::one_of_many_gets_the_lease_and_only_its_holder_gives_it_back(
        &server.empty_database("d1").await,
    )
    .await;
    fleet_store::a_fleet_asks_for_one_management_token(&server.empty_database("d2").await).await;
    fleet_store::records_have_versions_and_their_readers_are_told(&server.empty_database("d3").await).await;
    fleet_store::ids_count_once_and_vault_results_go_with_their_user(&server.empty_database("d4").await)
        .await;
    fleet_store::a_record_that_cannot_be_opened_hides_no_other_and_can_be_deleted(
        &server.empty_database("d5").await,
    )
    .await;
    old_records_under_higher_versions_are_refused(&server).await;
    replicas_that_start_together_make_the_tables_once(&server).await;
    a_user_without_rights_uses_tables_that_are_there(&server).await;
    expired_rows_are_deleted(&server).await;
    let last = server.empty_database("last").await;
    fleet_store::a_server_that_is_down_is_unavailable_and_never_damage(Only {
        database: last,
        _server: server,
    })
    .await;
}

/// A party that can write to the server, without the key, puts old records back under higher versions.
async fn old_records_under_higher_versions_are_refused(server: &Postgres) {
    let store = server.empty_database("tampered").await.store(ring());
    store.swap(&key("u"), None, &record("r0")).await.unwrap();
    store.write("control", None, b"blocks").await.unwrap();
    let client = server.connect("tampered").await;
    for table in ["grant", "record"] {
        let raise = format!("UPDATE idp_gateway_{table} SET version = version + 1000");
        client.batch_execute(&raise).await.unwrap();
    }
    assert!(GrantStore::load(&store, &key("u")).await.unwrap_err().is_damaged());
    assert!(store.read("control", None).await.unwrap_err().is_damaged());
}

async fn replicas_that_start_together_make_the_tables_once(server: &Postgres) {
    let database = server.empty_database("together").await;
    let starts: Vec<_> = (0..8)
        .map(|_| {
            let store = database.store(ring());
            tokio::spawn(async move { store.check().await.unwrap() })
        })
        .collect();
    for start in starts {
        assert_eq!(start.await.unwrap(), Vec::<String>::new());
    }
}

async fn a_user_without_rights_uses_tables_that_are_there(server: &Postgres) {
    let database = server.empty_database("narrow").await;
    let owner = server.connect("narrow").await;
    let user =
        format!("REVOKE CREATE ON SCHEMA public FROM PUBLIC; CREATE ROLE narrow LOGIN PASSWORD '{PASSWORD}'");
    owner.batch_execute(&user).await.unwrap();
    let narrow = Database(database.0.replace("gateway:", "narrow:"));
    let error = narrow.store(ring()).check().await.unwrap_err().to_string();
    assert!(
        error.contains("cannot be made") && error.contains("42501") && !error.contains(PASSWORD),
        "{error}"
    );
    owner.batch_execute(PostgresStore::SCHEMA).await.unwrap();
    let rights = "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO narrow";
    owner.batch_execute(rights).await.unwrap();
    let store = narrow.store(ring());
    store.swap(&key("u"), None, &record("r0")).await.unwrap();
    assert!(GrantStore::load(&store, &key("u")).await.unwrap().is_some());
    let wrong = Database(database.0.replace(PASSWORD, "wr0ng")).store(ring()).check().await.unwrap_err();
    assert!(wrong.to_string().contains("refuses the user or the password"), "{wrong}");
}

async fn expired_rows_are_deleted(server: &Postgres) {
    use token_broker::FleetStore as _;
    let store = server.empty_database("swept").await.store(ring());
    for id in 0..20_u8 {
        assert!(store.first_use(&[id], Duration::from_millis(1)).await.unwrap());
    }
    tokio::time::sleep(Duration::from_millis(20)).await;
    // Another process has swept nothing yet, and does so with its first use.
    let other = server.database("swept").store(ring());
    assert!(other.first_use(b"last", Duration::from_secs(60)).await.unwrap());
    let client = server.connect("swept").await;
    for _ in 0..200 {
        let rows = client.query_typed("SELECT count(*) FROM idp_gateway_used", &[]).await.unwrap();
        if rows[0].get::<_, i64>(0) == 1 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("what has expired is still there");
}
