//! A fleet on one PostgreSQL server: what each replica does, the others know.

use std::{
    os::unix::{fs::chown, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Mutex,
    time::Duration,
};

use reqwest::Method;
use sandbox::{Sandbox, Server};
use serde_json::json;
use tempfile::TempDir;

use crate::{
    fleet_redis::{USER, within_two_seconds},
    fleet_support::{Fleet, nothing_leaked},
    harness::BEN,
};

/// PostgreSQL does not run as root; this is the user `nobody`.
const NOBODY: u32 = 65534;

/// A server of its own, gone with the test.
struct Postgres {
    program: PathBuf,
    folder: TempDir,
    port: u16,
    child: Mutex<Child>,
}

impl Postgres {
    /// Starts the program that `POSTGRES_SERVER` names. Without it the test has nothing to run against.
    async fn start(test: &str) -> Option<Self> {
        let program = PathBuf::from(crate::parts::part("POSTGRES_SERVER", test)?);
        let folder = tempfile::tempdir().unwrap();
        let port = crate::parts::free_port();
        std::fs::write(folder.path().join("password"), "p4ss").unwrap();
        let made = command(&program.with_file_name("initdb"), folder.path())
            .args(["--no-sync", "--no-locale", "--encoding=UTF8", "--username=gateway"])
            .args(["--auth=scram-sha-256", "--pwfile=password", "--pgdata=data"])
            .status();
        assert!(made.unwrap().success(), "initdb failed");
        let child = Mutex::new(serve(&program, folder.path(), port));
        let server = Self { program, folder, port, child };
        server.wait().await;
        Some(server)
    }

    async fn wait(&self) {
        for _ in 0..400 {
            if tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("the PostgreSQL server did not start");
    }

    /// Ends the server at once, as a crash does, but not without taking its shared memory along.
    fn stop(&self) {
        let mut child = self.child.lock().unwrap();
        let _ = Command::new("kill").args(["-QUIT", &child.id().to_string()]).status();
        let _ = child.wait();
    }

    async fn start_again(&self) {
        *self.child.lock().unwrap() = serve(&self.program, self.folder.path(), self.port);
        self.wait().await;
    }

    /// The `[store]` section.
    fn store(&self) -> String {
        let url = format!("postgres://gateway:p4ss@127.0.0.1:{}/postgres", self.port);
        format!("[store]\nkind = \"postgres\"\nurl = \"{url}\"\nencryption_keys_file = \"keys\"\n")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
    }
}

fn command(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    if chown(folder, Some(NOBODY), Some(NOBODY)).is_ok() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn serve(program: &Path, folder: &Path, port: u16) -> Child {
    command(program, folder)
        .args(["-D", "data", "-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1"])
        .args(["-c", "unix_socket_directories=", "-c", "shared_buffers=16MB"])
        .spawn()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_two_gateways_refresh_once_and_share_blocks_over_a_crash_of_the_server() {
    let Some(postgres) = Postgres::start("two gateways on PostgreSQL").await else { return };
    let fleet = Fleet::new(Sandbox::builder().start().await.unwrap(), &postgres.store());
    let (one, two) = (fleet.replica().await, fleet.replica().await);
    let token = fleet.sandbox.caller_token(BEN);
    fleet.sandbox.world().expire(BEN, "bitbucket");
    let calls = (0..40).map(|n| [&one, &two][n % 2].get(USER, &token));
    for answer in futures_util::future::join_all(calls).await {
        assert_eq!((answer.status, answer.outcome.as_str()), (200, "ok"));
    }
    assert_eq!(fleet.sandbox.journal().count_of(Server::Bitbucket, "/site/oauth2/access_token"), 1);
    assert_eq!(fleet.token_requests(), 1, "one management token for the fleet");

    let block = json!({ "user": BEN, "reason": "drill" });
    assert_eq!(one.admin(Method::POST, "/admin/block", &block).await.json, json!({ "scope": "fleet" }));
    within_two_seconds("the block", async || two.get(USER, &token).await.outcome == "user-blocked").await;

    // What was answered survives a crash; what is cached serves meanwhile, and the replicas come back by themselves.
    postgres.stop();
    assert_eq!(two.get(USER, &token).await.outcome, "user-blocked");
    postgres.start_again().await;
    let three = fleet.replica().await;
    assert_eq!(three.get(USER, &token).await.outcome, "user-blocked");
    let mut lifted = json!({});
    for _ in 0..200 {
        lifted = one.admin(Method::DELETE, "/admin/block", &block).await.json;
        if lifted == json!({ "scope": "fleet" }) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(lifted, json!({ "scope": "fleet" }));
    within_two_seconds("the lift", async || two.get(USER, &token).await.status == 200).await;
    assert_eq!(fleet.sandbox.world().refreshes(BEN, "bitbucket"), 1, "the grant survives");

    let (code, stdout, stderr) = fleet.command(&["grants", "list", "--json"]).await;
    assert_eq!(code, 0, "{stderr}");
    let listed: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(listed["grants"][0]["user"], BEN);
    let (_, doctor, _) = fleet.command(&["doctor"]).await;
    for line in [
        "PostgreSQL answers",
        "PostgreSQL is set up to keep what is stored",
        "the keys can decrypt all 1 grants",
    ] {
        assert!(doctor.contains(line), "{line}: {doctor}");
    }
    assert!(!doctor.contains("p4ss"));
    nothing_leaked(&fleet, &[&one, &two, &three]);
}
