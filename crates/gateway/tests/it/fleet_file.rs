//! One gateway with a store in a file, killed and started again; and a tenant that allows little.

use std::time::Duration;

use reqwest::Method;
use sandbox::{Fault, Sandbox, Server, User, World};
use serde_json::json;
use tokio::time::Instant;

use crate::{
    fleet_kill::world,
    fleet_support::{Fleet, Replica, nothing_leaked},
    harness::BEN,
};

const USER: &str = "/proxy/bitbucket/2.0/user";
const STORE: &str = "[store]\nkind = \"file\"\npath = \"grants.redb\"\nencryption_keys_file = \"keys\"\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_survives_kills_at_any_other_point() {
    // A user each: a grant is refreshed twice a minute at most.
    let (people, users) = world(5);
    let fleet = Fleet::new(Sandbox::builder().world(people).start().await.unwrap(), STORE);
    let world = fleet.sandbox.world();
    let mut gateway = fleet.replica().await;
    let (last, users) = users.split_last().unwrap();
    for user in users {
        let token = fleet.sandbox.caller_token(user);
        world.expire(user, "bitbucket");
        assert_eq!(gateway.get(USER, &token).await.status, 200);
        assert_eq!(world.refreshes(user, "bitbucket"), 1);
        // Killed with the new grant stored: it is what the next process goes on with.
        gateway.kill();
        gateway = fleet.replica().await;
        assert_eq!(gateway.get(USER, &token).await.status, 200);
        assert_eq!(world.refreshes(user, "bitbucket"), 1, "the stored token serves");
    }
    // Killed while the request is on its way: the provider has not seen it, and the intent is tried once more.
    let token = fleet.sandbox.caller_token(last);
    world.expire(last, "bitbucket");
    let hold = fleet.sandbox.hold("before");
    let held = fleet.sandbox.faults().add(Fault::on(Server::Bitbucket).path("/site/oauth2").hold(&hold));
    let asked = || fleet.sandbox.journal().count_of(Server::Bitbucket, "/site/oauth2");
    let before = asked();
    let call = gateway.try_get(USER, &token);
    let kill = async {
        let until = Instant::now() + Duration::from_secs(10);
        while asked() == before && Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        gateway.kill();
    };
    let (gone, ()) = futures_util::future::join(call, kill).await;
    assert!(gone.is_err());
    fleet.sandbox.faults().remove(held);
    gateway = fleet.replica().await;
    assert_eq!(gateway.get(USER, &token).await.status, 200);
    assert_eq!(world.refreshes(last, "bitbucket"), 1);
    assert_eq!(world.family_revocations(), 0);
    nothing_leaked(&fleet, &[&gateway]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_one_window_ends_in_reconnect_required_once() {
    let fleet = Fleet::new(Sandbox::builder().start().await.unwrap(), STORE);
    let world = fleet.sandbox.world();
    let token = fleet.sandbox.caller_token(BEN);
    let mut gateway = fleet.replica().await;
    assert_eq!(gateway.get(USER, &token).await.status, 200);
    world.expire(BEN, "bitbucket");
    // The provider has accepted, and its answer does not come.
    let hold = fleet.sandbox.hold("after");
    let held =
        fleet.sandbox.faults().add(Fault::on(Server::Bitbucket).path("/site/oauth2").hold_answer(&hold));
    let call = gateway.try_get(USER, &token);
    let kill = async {
        let until = Instant::now() + Duration::from_secs(10);
        while world.refreshes(BEN, "bitbucket") == 0 && Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        gateway.kill();
    };
    let (gone, ()) = futures_util::future::join(call, kill).await;
    assert!(gone.is_err());
    fleet.sandbox.faults().remove(held);
    gateway = fleet.replica().await;
    let asked = || fleet.sandbox.journal().count_of(Server::Bitbucket, "/site/oauth2");
    let before = asked();
    for _ in 0..3 {
        assert_eq!(gateway.get(USER, &token).await.outcome, "reconnect-required");
    }
    assert_eq!(asked(), before + 1, "the stored token is tried once, and never again");
    // Only the audit log's lines have a decision.
    let is_audited =
        |line: &str| line.contains("\"event\":\"refresh_lost\"") && line.contains("\"decision\":");
    let audited = || gateway.said().lines().any(is_audited);
    let until = Instant::now() + Duration::from_secs(5);
    while !audited() && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(audited(), "{}", gateway.said());
    world.sign_in_again(BEN, "bitbucket");
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let fresh = fleet.sandbox.caller_token(BEN);
    assert_eq!(gateway.get(USER, &fresh).await.status, 200, "signing in again is the remedy");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_orderly_end_waits_for_a_refresh_whose_caller_has_gone() {
    let fleet = Fleet::new(Sandbox::builder().start().await.unwrap(), STORE);
    let world = fleet.sandbox.world();
    let token = fleet.sandbox.caller_token(BEN);
    let gateway = fleet.replica().await;
    assert_eq!(gateway.get(USER, &token).await.status, 200);
    world.expire(BEN, "bitbucket");
    let hold = fleet.sandbox.hold("answer");
    let held =
        fleet.sandbox.faults().add(Fault::on(Server::Bitbucket).path("/site/oauth2").hold_answer(&hold));
    {
        let call = std::pin::pin!(gateway.try_get(USER, &token));
        let spent = async {
            while world.refreshes(BEN, "bitbucket") == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        // The caller hangs up once the provider has spent the token.
        futures_util::future::select(call, std::pin::pin!(spent)).await;
    }
    let ending = gateway.terminate();
    let answered = async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        hold.release();
    };
    let (ended, ()) = futures_util::future::join(ending, answered).await;
    assert!(ended.success(), "{}", gateway.said());
    fleet.sandbox.faults().remove(held);
    let gateway = fleet.replica().await;
    assert_eq!(gateway.get(USER, &token).await.status, 200, "{}", gateway.said());
    assert_eq!((world.refreshes(BEN, "bitbucket"), world.family_revocations()), (1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_keeps_blocks_and_has_one_owner() {
    let fleet = Fleet::new(Sandbox::builder().start().await.unwrap(), STORE);
    let token = fleet.sandbox.caller_token(BEN);
    let gateway = fleet.replica().await;
    let blocked = gateway.admin(Method::POST, "/admin/block", &json!({ "user": BEN })).await;
    assert_eq!(blocked.json, json!({ "scope": "replica" }));
    let (code, _, stderr) = fleet.command(&["serve"]).await;
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("in use by another process"), "{stderr}");
    assert_eq!(gateway.admin(Method::POST, "/admin/reload", &json!({})).await.status, 200);
    assert_eq!(gateway.get(USER, &token).await.outcome, "user-blocked", "a reload lifts nothing");
    gateway.kill();
    let gateway = fleet.replica().await;
    assert_eq!(gateway.get(USER, &token).await.outcome, "user-blocked", "nor does a restart");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grants_are_listed_and_forgotten_with_and_without_a_gateway() {
    let fleet = Fleet::new(Sandbox::builder().start().await.unwrap(), STORE);
    let token = fleet.sandbox.caller_token(BEN);
    let gateway = fleet.replica().await;
    fleet.sandbox.world().expire(BEN, "bitbucket");
    assert_eq!(gateway.get(USER, &token).await.status, 200);
    // The configuration names port 0, so the gateway that runs is named on the side.
    let text = std::fs::read_to_string(fleet.folder.path().join("gateway.toml")).unwrap();
    let named =
        text.replace("admin_listen = \"127.0.0.1:0\"", &format!("admin_listen = \"{}\"", gateway.admin));
    std::fs::write(fleet.folder.path().join("gateway.toml"), named).unwrap();
    let list = ["grants", "list", "--provider", "bitbucket", "--json"];
    let (code, running, stderr) = fleet.command(&list).await;
    assert_eq!(code, 0, "{stderr}");
    gateway.kill();
    let (_, stopped, _) = fleet.command(&list).await;
    assert_eq!(running, stopped, "the same with and without a gateway");
    assert!(running.contains(BEN) && running.contains("\"refreshable\": true"), "{running}");
    assert!(fleet.sandbox.secrets().iter().all(|secret| !running.contains(secret)));
    let (code, ..) = fleet.command(&["grants", "forget"]).await;
    assert_eq!(code, 2, "what is to be forgotten must be said");
    let (_, none, _) = fleet.command(&["grants", "forget", "--user", "nobody", "--json"]).await;
    assert!(none.contains("\"forgotten\": 0"), "{none}");
    let (_, one, _) = fleet.command(&["grants", "forget", "--all", "--json"]).await;
    assert!(one.contains("\"forgotten\": 1"), "{one}");
    let (_, stopped, _) = fleet.command(&list).await;
    assert!(!stopped.contains(BEN), "{stopped}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_command_forgets_is_disconnected_no_more() {
    let fleet = Fleet::new(Sandbox::builder().start().await.unwrap(), STORE);
    let token = fleet.sandbox.caller_token(BEN);
    let gateway = fleet.replica().await;
    let gone = gateway.request(Method::DELETE, "/v1/me/bitbucket").bearer_auth(&token);
    assert_eq!(gateway.send(gone).await.unwrap().status, 200);
    assert!(gateway.terminate().await.success());
    let gateway = fleet.replica().await;
    assert_eq!(gateway.get(USER, &token).await.outcome, "reconnect-required", "a restart lifts nothing");
    assert!(gateway.terminate().await.success());
    let (code, _, stderr) = fleet.command(&["grants", "forget", "--user", BEN]).await;
    assert_eq!(code, 0, "{stderr}");
    let gateway = fleet.replica().await;
    assert_eq!(gateway.get(USER, &token).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_rotate_by_reload_and_the_old_one_can_go() {
    let fleet = Fleet::new(Sandbox::builder().start().await.unwrap(), STORE);
    let world = fleet.sandbox.world();
    let token = fleet.sandbox.caller_token(BEN);
    let gateway = fleet.replica().await;
    let refreshed = async |gateway: &Replica| {
        world.expire(BEN, "bitbucket");
        let answer = gateway.get(USER, &token).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    };
    refreshed(&gateway).await;
    let blocked = json!({ "provider": "github" });
    gateway.admin(Method::POST, "/admin/block", &blocked).await;
    let keys = fleet.folder.path().join("keys");
    let (old, new) = (std::fs::read_to_string(&keys).unwrap(), format!("k2:{}E=\n", "A".repeat(42)));
    let reload = async |text: &str| {
        std::fs::write(&keys, text).unwrap();
        gateway.admin(Method::POST, "/admin/reload", &json!({})).await.status
    };
    assert_eq!(reload(&new).await, 409, "what the old key sealed is still there");
    assert_eq!(gateway.get(USER, &token).await.status, 200);
    assert_eq!(reload(&format!("{new}{old}")).await, 200);
    refreshed(&gateway).await;
    assert_eq!(reload(&new).await, 200, "grants and orders are sealed anew: {}", gateway.said());
    gateway.kill();
    let gateway = fleet.replica().await;
    assert_eq!(gateway.get(USER, &token).await.status, 200, "the new key opens the grant");
    assert_eq!(gateway.get("/proxy/github/user", &token).await.outcome, "policy-denied");
    assert_eq!((world.refreshes(BEN, "bitbucket"), world.family_revocations()), (2, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn torn_files_and_foreign_keys_are_clear_errors_and_nothing_is_emptied() {
    let fleet = Fleet::new(Sandbox::builder().start().await.unwrap(), STORE);
    drop(fleet.replica().await);
    let (keys, path) = (fleet.folder.path().join("keys"), fleet.folder.path().join("grants.redb"));
    let own = std::fs::read(&keys).unwrap();
    std::fs::write(&keys, format!("k2:{}E=\n", "A".repeat(42))).unwrap();
    let (code, _, stderr) = fleet.command(&["serve"]).await;
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("`k1`") && stderr.contains("encryption_keys_file"), "{stderr}");
    std::fs::write(&keys, own).unwrap();
    drop(fleet.replica().await);
    let whole = std::fs::read(&path).unwrap();
    for torn in [&whole[..whole.len() / 3], b"", &[7; 8192][..]] {
        std::fs::write(&path, torn).unwrap();
        let (code, _, stderr) = fleet.command(&["serve"]).await;
        assert_eq!(code, 2, "{stderr}");
        assert!(stderr.contains("damaged") && stderr.contains("backup"), "{stderr}");
        assert_eq!(std::fs::read(&path).unwrap(), torn, "it is left as it was found");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cold_start_of_500_users_stays_within_a_free_tenants_limit() {
    let ids: Vec<_> = (0..500).map(|n| format!("github|{}", 700_000 + n)).collect();
    let user = |id: &String| {
        let number = id.split_once('|').unwrap().1;
        User::new(id.clone()).identity(sandbox::Identity::github(number, &format!("u{number}")))
    };
    let world = ids.iter().map(user).fold(World::demo(), World::with);
    let fleet = Fleet::new(
        Sandbox::builder().world(world).start().await.unwrap(),
        "allow_rotation_in_memory = true\n",
    );
    fleet.sandbox.world().limit_management_api(10, 2);
    let gateway = fleet.replica().await;
    let warm = fleet.sandbox.caller_token(BEN);
    assert_eq!(gateway.get("/proxy/github/user", &warm).await.status, 200);
    let tokens: Vec<_> = ids.iter().map(|id| fleet.sandbox.caller_token(id)).collect();
    let crowd = futures_util::future::join_all(tokens.iter().map(|token| (token, &gateway)).map(
        |(token, gateway)| async move {
            let request = gateway.request(Method::GET, "/proxy/github/user").bearer_auth(token);
            let answer = request.send().await.unwrap();
            let retry =
                answer.headers().get("retry-after").map(|value| value.to_str().unwrap().parse::<u64>());
            (answer.status().as_u16(), retry)
        },
    ));
    // A warm user is served all the while the crowd waits, however long that is on a busy machine.
    let ben = async {
        loop {
            assert_eq!(gateway.get("/proxy/github/user", &warm).await.status, 200);
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let answers = tokio::select! {
        answers = crowd => answers,
        () = ben => unreachable!("it never ends"),
    };
    let served = answers.iter().filter(|(status, _)| *status == 200).count();
    let told = answers
        .iter()
        .filter(|(status, retry)| *status == 503 && matches!(retry, Some(Ok(seconds)) if *seconds >= 1))
        .count();
    assert_eq!(served + told, 500, "everybody is served or told when to come back");
    assert!(served > 10, "{served} served: more than the first burst");
    let refused = fleet.sandbox.journal().count(|entry| {
        entry.server() == Server::Tenant
            && entry.path().starts_with("/api/v2/")
            && entry.status() == Some(429)
    });
    assert!(refused <= 1, "{refused} refusals");
    assert_eq!(fleet.token_requests(), 1);
}
