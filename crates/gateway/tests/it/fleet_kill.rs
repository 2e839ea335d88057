//! Gateways that are killed in the middle of a refresh.

use std::time::Duration;

use reqwest::Method;
use sandbox::{Fault, Sandbox, Server, User, World};
use secrecy::SecretString;
use token_broker::{GrantFilter, GrantState, GrantStore, KeyRing, RedisStore};
use tokio::time::Instant;

use crate::{
    fleet_redis::{USER, three},
    fleet_support::{Answer, Fleet, Redis, Replica, nothing_leaked, say},
};

/// Users with a Bitbucket account each.
pub(crate) fn world(users: usize) -> (World, Vec<String>) {
    let ids: Vec<_> = (0..users).map(|n| format!("bitbucket|{{00000000-0000-4000-8000-{n:012}}}")).collect();
    let user = |id: &String| {
        let account = id.split_once('|').unwrap().1;
        User::new(id.clone())
            .identity(sandbox::Identity::bitbucket(account, &format!("u{}", &account[30..36])))
    };
    (ids.iter().map(user).fold(World::empty(), World::with), ids)
}

/// Asks until the answer is none of those that only say 'later'.
async fn settled(replica: &Replica, token: &str) -> Answer {
    let until = Instant::now() + Duration::from_secs(75);
    loop {
        match replica.try_get(USER, token).await {
            Ok(answer) if answer.status != 503 => return answer,
            other => assert!(Instant::now() < until, "{other:?}\n{}", replica.said()),
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// `FLEET_ROUNDS` rounds: two here, a hundred in the full test.
fn rounds() -> usize {
    std::env::var("FLEET_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(2)
}

/// The remedy of a lost grant: the user signs in again. All replicas know of it when this returns, however often they have
/// looked at the user lately.
async fn sign_in_again(fleet: &Fleet, replicas: &[Replica], user: &str, token: &str) {
    fleet.sandbox.world().sign_in_again(user, "bitbucket");
    let forget = serde_json::json!({ "user": user });
    assert_eq!(replicas[0].admin(Method::POST, "/admin/forget", &forget).await.status, 200);
    for replica in replicas {
        let until = Instant::now() + Duration::from_secs(10);
        while replica.get(USER, token).await.status != 200 {
            assert!(Instant::now() < until, "signing in again is no remedy: {}", tail(replica));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// The end of what it wrote.
fn tail(replica: &Replica) -> String {
    let said = replica.said();
    said.get(said.len().saturating_sub(3000)..).unwrap_or_default().to_owned()
}

/// A user's stored grant.
async fn state(store: &dyn GrantStore, user: &str) -> GrantState {
    store.list(&GrantFilter::new(Some(user.to_owned()), None)).await.unwrap().remove(0).state
}

fn ring() -> KeyRing {
    KeyRing::parse(&SecretString::from(format!("k1:{}=", "A".repeat(43)))).unwrap()
}

/// Each round with a loss is up to 30 s of waiting for a dead process' lease.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_no_kill_loses_a_grant_outside_the_one_window() {
    let Some(redis) = Redis::start("kill rounds").await else { return };
    let rounds = rounds();
    // Others in each round: a grant is refreshed twice a minute at most.
    let (world, everybody) = world(6 * rounds);
    let (fleet, mut replicas) = three(&redis, Sandbox::builder().world(world).start().await.unwrap()).await;
    let live = fleet.sandbox.world();
    let store = RedisStore::new(&redis.url(), ring()).unwrap();
    let mut lost = 0;
    for (round, users) in everybody.chunks(6).enumerate() {
        let tokens: Vec<_> = users.iter().map(|user| fleet.sandbox.caller_token(user)).collect();
        for user in users {
            live.expire(user, "bitbucket");
        }
        // Longer ways make for more places to be killed at.
        let pause = Duration::from_millis(fastrand::u64(..60));
        let slow = fleet.sandbox.faults().add(Fault::on(Server::Bitbucket).path("/site").delay(pause));
        let victim = fastrand::usize(..3);
        let calls = (0..users.len() * 6)
            .map(|n| replicas[(n / users.len()) % 3].try_get(USER, &tokens[n % users.len()]));
        let kill = async {
            tokio::time::sleep(Duration::from_millis(fastrand::u64(..200))).await;
            replicas[victim].kill();
        };
        let (answers, ()) = futures_util::future::join(futures_util::future::join_all(calls), kill).await;
        for answer in answers.into_iter().flatten() {
            let fine = matches!(answer.status, 200 | 503) || answer.outcome == "reconnect-required";
            assert!(fine, "round {round}: {answer:?}");
        }
        fleet.sandbox.faults().remove(slow);
        replicas[victim] = fleet.replica().await;
        for (user, token) in users.iter().zip(&tokens) {
            let answer = settled(&replicas[round % 3], token).await;
            if answer.status == 200 {
                assert!(live.is_granted(user, "bitbucket"));
                continue;
            }
            // Only the window ends like this: the provider had accepted, and the answer was never stored.
            assert_eq!(
                (answer.status, answer.outcome.as_str()),
                (403, "reconnect-required"),
                "round {round}"
            );
            let state = state(&store, user).await;
            let window = matches!(state, GrantState::Dead { lost: true, .. });
            assert!(window, "round {round}: {state:?}, {}\n{}", answer.json, tail(&replicas[round % 3]));
            lost += 1;
            let asked = || fleet.sandbox.journal().count_of(Server::Bitbucket, "/site/oauth2/access_token");
            let before = asked();
            for replica in &replicas {
                let outcome = replica.get(USER, token).await.outcome;
                assert_eq!(outcome, "reconnect-required", "round {round}: {}", tail(replica));
            }
            assert_eq!(asked(), before, "once, and never a loop");
            sign_in_again(&fleet, &replicas, user, token).await;
        }
        assert_eq!(live.family_revocations(), lost, "reuse is seen nowhere but in the window");
    }
    say(format_args!("{lost} of {} kills fell into the window", everybody.len()));
    nothing_leaked(&fleet, &replicas.iter().collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn file_no_kill_loses_a_grant_outside_the_one_window() {
    let rounds = rounds();
    // Others in each round: a grant is refreshed twice a minute at most.
    let (world, everybody) = world(6 * rounds);
    let fleet = Fleet::new(
        Sandbox::builder().world(world).start().await.unwrap(),
        "[store]\nkind = \"file\"\npath = \"grants.redb\"\nencryption_keys_file = \"keys\"\n",
    );
    let live = fleet.sandbox.world();
    let mut gateway = [fleet.replica().await];
    let mut lost = 0;
    for (round, users) in everybody.chunks(6).enumerate() {
        let tokens: Vec<_> = users.iter().map(|user| fleet.sandbox.caller_token(user)).collect();
        for user in users {
            live.expire(user, "bitbucket");
        }
        let pause = Duration::from_millis(fastrand::u64(..60));
        let slow = fleet.sandbox.faults().add(Fault::on(Server::Bitbucket).path("/site").delay(pause));
        let calls = (0..users.len() * 4).map(|n| gateway[0].try_get(USER, &tokens[n % users.len()]));
        let kill = async {
            tokio::time::sleep(Duration::from_millis(fastrand::u64(..200))).await;
            gateway[0].kill();
        };
        let (answers, ()) = futures_util::future::join(futures_util::future::join_all(calls), kill).await;
        for answer in answers.into_iter().flatten() {
            let fine = matches!(answer.status, 200 | 503) || answer.outcome == "reconnect-required";
            assert!(fine, "round {round}: {answer:?}");
        }
        fleet.sandbox.faults().remove(slow);
        gateway = [fleet.replica().await];
        for (user, token) in users.iter().zip(&tokens) {
            let answer = settled(&gateway[0], token).await;
            if answer.status == 200 {
                assert!(live.is_granted(user, "bitbucket"));
                continue;
            }
            assert_eq!(
                (answer.status, answer.outcome.as_str()),
                (403, "reconnect-required"),
                "round {round}"
            );
            lost += 1;
            let asked = || fleet.sandbox.journal().count_of(Server::Bitbucket, "/site/oauth2/access_token");
            let before = asked();
            assert_eq!(gateway[0].get(USER, token).await.outcome, "reconnect-required");
            assert_eq!(asked(), before, "once, and never a loop");
            sign_in_again(&fleet, &gateway, user, token).await;
        }
        // A grant that was lost for any other reason would be no reuse.
        assert_eq!(live.family_revocations(), lost, "reuse is seen nowhere but in the window");
    }
    say(format_args!("{lost} of {} kills fell into the window", everybody.len()));
    nothing_leaked(&fleet, &[&gateway[0]]);
}
