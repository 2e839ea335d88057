//! Bytes of memory for each cached user, as the process takes them: `cargo bench -p user-store --bench memory`.
//!
//! Each user has one identity with a token of 732 bytes, which is what Google's are long at most, or of 40 (GitHub).

use std::{hint::black_box, time::SystemTime};

use mgmt_auth::{BoxFuture, Priority};
use user_store::{ConnectedAccount, Directory, Error, User, UserStore};

const USERS: usize = 50_000;

#[derive(Debug)]
struct Tokens(usize);

impl Directory for Tokens {
    fn user<'a>(&'a self, id: &'a str, _: Priority) -> BoxFuture<'a, Result<User, Error>> {
        let token = "t".repeat(self.0);
        let body = format!(
            r#"{{"user_id":"{id}","identities":[{{"connection":"google-oauth2","provider":"google-oauth2",
            "user_id":"100000000000000000001","isSocial":true,"access_token":"{token}","expires_in":3599}}]}}"#
        );
        Box::pin(async move { User::from_json(body.as_bytes(), id, SystemTime::now()) })
    }

    fn connected_accounts<'a>(
        &'a self,
        _: &'a str,
        _: Priority,
    ) -> BoxFuture<'a, Result<Vec<ConnectedAccount>, Error>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }
}

/// The process's memory in bytes; zero where the system does not state it.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or_default() * 1024
}

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, reason = "what the benchmark is for")]
async fn main() {
    // All stores stay: memory that one gave back would be counted as free for the next.
    let mut stores = Vec::new();
    for length in [0, 40, 732] {
        let capacity = 10 * USERS as u64;
        let builder = UserStore::over(Tokens(length), "acme.test").capacity(capacity);
        let users = builder.capacity_bytes(1 << 30).build();
        let before = resident();
        for number in 0..USERS {
            let user = users.get(&format!("google-oauth2|{number:021}")).await;
            assert!(black_box(user).is_ok());
        }
        let taken = resident().saturating_sub(before) / USERS as u64;
        println!("token of {length} bytes: {taken} bytes a user");
        stores.push(users);
    }
}
