//! A fleet on one Redis: what each replica does, the others know.

use std::time::Duration;

use reqwest::Method;
use sandbox::{DpopKey, ProviderKind, Sandbox, Server};
use serde_json::json;
use tokio::time::Instant;

use crate::{
    fleet_support::{Answer, Fleet, Redis, Replica, nothing_leaked},
    harness::{BEN, CLEO},
};

pub(crate) const USER: &str = "/proxy/bitbucket/2.0/user";

/// Polls until `done`, two seconds at most: that is how fast a fleet must follow.
pub(crate) async fn within_two_seconds(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(2);
    while !done().await {
        assert!(Instant::now() < until, "{what} did not reach the replica within two seconds");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub(crate) async fn three(redis: &Redis, sandbox: Sandbox) -> (Fleet, Vec<Replica>) {
    let fleet = Fleet::new(sandbox, &redis.store());
    let mut replicas = Vec::new();
    for _ in 0..3 {
        replicas.push(fleet.replica().await);
    }
    (fleet, replicas)
}

fn outcomes(answers: &[Answer]) -> Vec<(u16, &str)> {
    let mut all: Vec<_> = answers.iter().map(|answer| (answer.status, answer.outcome.as_str())).collect();
    all.sort_unstable();
    all.dedup();
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_three_gateways_refresh_an_expired_token_once() {
    let Some(redis) = Redis::start("three gateways").await else { return };
    let (fleet, replicas) = three(&redis, Sandbox::builder().start().await.unwrap()).await;
    let token = fleet.sandbox.caller_token(BEN);
    for replica in &replicas {
        assert_eq!(replica.get(USER, &token).await.status, 200);
    }
    assert_eq!(fleet.token_requests(), 1, "one management token for the fleet");
    fleet.sandbox.world().expire(BEN, "bitbucket");
    let calls = (0..200).map(|n| replicas[n % 3].get(USER, &token));
    let answers = futures_util::future::join_all(calls).await;
    assert_eq!(outcomes(&answers), [(200, "ok")]);
    assert_eq!(fleet.sandbox.world().refreshes(BEN, "bitbucket"), 1);
    assert_eq!(fleet.sandbox.journal().count_of(Server::Bitbucket, "/site/oauth2/access_token"), 1);
    assert_eq!(fleet.sandbox.world().family_revocations(), 0);
    let (code, stdout, stderr) = fleet.command(&["grants", "list", "--json"]).await;
    assert_eq!(code, 0, "{stderr}");
    let listed: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(listed["grants"][0]["user"], BEN);
    assert_eq!(listed["grants"][0]["state"], "live");
    assert!(fleet.sandbox.secrets().iter().all(|secret| !stdout.contains(secret)));
    nothing_leaked(&fleet, &replicas.iter().collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_blocks_and_logouts_reach_a_second_replica_and_rotated_grants_survive_both() {
    let Some(redis) = Redis::start("blocks and logouts").await else { return };
    let fleet = Fleet::new(Sandbox::builder().start().await.unwrap(), &redis.store());
    let (one, two) = (fleet.replica().await, fleet.replica().await);
    let stolen = fleet.sandbox.caller_token(BEN);
    fleet.sandbox.world().expire(BEN, "bitbucket");
    for replica in [&one, &two] {
        assert_eq!(replica.get(USER, &stolen).await.status, 200);
    }
    assert_eq!(fleet.sandbox.world().refreshes(BEN, "bitbucket"), 1);

    let block = json!({ "user": BEN, "reason": "drill" });
    assert_eq!(one.admin(Method::POST, "/admin/block", &block).await.json, json!({ "scope": "fleet" }));
    assert_eq!(one.get(USER, &stolen).await.outcome, "user-blocked");
    within_two_seconds("the block", async || two.get(USER, &stolen).await.outcome == "user-blocked").await;
    let listed = two.admin(Method::GET, "/admin/block", &json!({})).await.json;
    assert_eq!(listed["blocks"][0]["reason"], "drill", "{listed}");
    // A replica that starts now knows it as well.
    let three = fleet.replica().await;
    assert_eq!(three.get(USER, &stolen).await.outcome, "user-blocked");
    assert_eq!(two.admin(Method::DELETE, "/admin/block", &block).await.json, json!({ "scope": "fleet" }));
    within_two_seconds("the lift", async || one.get(USER, &stolen).await.status == 200).await;

    let logout = fleet.sandbox.mint().user(BEN).logout_token("spa").sign();
    let form = format!("logout_token={logout}");
    let hook = |replica: &Replica| {
        let request = replica.request(Method::POST, "/hooks/backchannel-logout");
        request.header("content-type", "application/x-www-form-urlencoded").body(form.clone())
    };
    assert_eq!(one.send(hook(&one)).await.unwrap().status, 200);
    assert_eq!(two.send(hook(&two)).await.unwrap().status, 400, "a logout token counts once in the fleet");
    within_two_seconds("the logout", async || two.get(USER, &stolen).await.status == 401).await;
    assert_eq!(one.get(USER, &stolen).await.outcome, "caller-token-invalid");
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let fresh = fleet.sandbox.caller_token(BEN);
    for replica in [&one, &two, &three] {
        assert_eq!(outcomes(&[replica.get(USER, &fresh).await]), [(200, "ok")]);
    }
    assert_eq!(fleet.sandbox.world().refreshes(BEN, "bitbucket"), 1, "the rotated grant survives both");
    assert_eq!(fleet.sandbox.world().family_revocations(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_a_rollout_costs_a_warm_user_no_management_call() {
    let Some(redis) = Redis::start("a rollout").await else { return };
    let (fleet, old) = three(&redis, Sandbox::builder().start().await.unwrap()).await;
    let token = fleet.sandbox.caller_token(BEN);
    assert_eq!(old[0].get(USER, &token).await.status, 200);
    // The caller token's own second may be younger than the record's; a later one certainly is not.
    let (lookups, tokens) = (fleet.lookups(), fleet.token_requests());
    drop(old);
    for _ in 0..3 {
        let new = fleet.replica().await;
        assert_eq!(outcomes(&[new.get(USER, &token).await]), [(200, "ok")]);
    }
    assert_eq!((fleet.lookups(), fleet.token_requests()), (lookups, tokens));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_a_disconnected_account_is_refused_by_every_replica() {
    let Some(redis) = Redis::start("a disconnected account").await else { return };
    let fleet = Fleet::new(Sandbox::builder().start().await.unwrap(), &redis.store());
    let (one, two) = (fleet.replica().await, fleet.replica().await);
    let token = fleet.sandbox.caller_token(BEN);
    for replica in [&one, &two] {
        assert_eq!(replica.get(USER, &token).await.status, 200);
    }
    let gone = one.send(one.request(Method::DELETE, "/v1/me/bitbucket").bearer_auth(&token)).await.unwrap();
    assert_eq!((gone.status, &gone.json["forgotten"]), (200, &json!(true)));
    assert_eq!(one.get(USER, &token).await.outcome, "reconnect-required");
    let refused = async || two.get(USER, &token).await.outcome == "reconnect-required";
    within_two_seconds("the disconnection", refused).await;
    let (code, stdout, stderr) = fleet.command(&["grants", "forget", "--user", BEN, "--json"]).await;
    // The grant of the client that refreshed it, and the mark that holds for every client.
    assert_eq!((code, stdout.contains("\"forgotten\": 2")), (0, true), "{stdout}{stderr}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tm_c10_a_disconnected_account_is_refused_by_a_replica_that_never_saw_it_while_redis_is_down() {
    let Some(redis) = Redis::start("a disconnected account in an outage").await else { return };
    let fleet = Fleet::new(Sandbox::builder().start().await.unwrap(), &redis.store());
    let (one, two) = (fleet.replica().await, fleet.replica().await);
    let ben = fleet.sandbox.caller_token(BEN);
    assert_eq!(one.get(USER, &ben).await.status, 200);
    // The second one tells when the other replica has read both: the disconnections of a user are in one record.
    for provider in ["bitbucket", "github"] {
        let gone = one.request(Method::DELETE, &format!("/v1/me/{provider}")).bearer_auth(&ben);
        assert_eq!(one.send(gone).await.unwrap().status, 200);
    }
    let refused = async || two.get("/proxy/github/user", &ben).await.outcome == "reconnect-required";
    within_two_seconds("the disconnections", refused).await;
    redis.stop();
    assert_eq!(two.get(USER, &ben).await.outcome, "reconnect-required");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_a_proof_counts_once_in_the_fleet() {
    let Some(redis) = Redis::start("DPoP").await else { return };
    let fleet = Fleet::new(Sandbox::builder().start().await.unwrap(), &redis.store());
    let (one, two) = (fleet.replica().await, fleet.replica().await);
    let key = DpopKey::generate().unwrap();
    let token = fleet.sandbox.mint().user(BEN).bound_to(&key).sign();
    let url = "http://gw.example/v1/me";
    let proof = key.proof("GET", url, Some(&token), json!({})).unwrap();
    let call = |replica: &Replica| {
        let request = replica.request(Method::GET, "/v1/me").header("host", "gw.example");
        request.header("authorization", format!("DPoP {token}")).header("dpop", &proof)
    };
    assert_eq!(one.send(call(&one)).await.unwrap().status, 200);
    let again = two.send(call(&two)).await.unwrap();
    assert_eq!((again.status, again.json["code"].as_str()), (401, Some("dpop-proof-invalid")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_down_keeps_what_is_known_and_refuses_only_what_would_do_harm() {
    let Some(redis) = Redis::start("an outage").await else { return };
    let fleet = Fleet::new(Sandbox::builder().start().await.unwrap(), &redis.store());
    let one = fleet.replica().await;
    let (ben, cleo) = (fleet.sandbox.caller_token(BEN), fleet.sandbox.caller_token(CLEO));
    assert_eq!(one.get(USER, &ben).await.status, 200);
    one.admin(Method::POST, "/admin/block", &json!({ "user": CLEO })).await;
    redis.stop();
    let late = fleet.replica_unready().await;
    assert_eq!(one.get(USER, &ben).await.status, 200);
    assert_eq!(one.get("/proxy/github/user", &cleo).await.outcome, "user-blocked", "the last copy serves");
    within_two_seconds("the outage", async || {
        one.readiness().await.json["checks"]["store"]["status"] == "warn"
    })
    .await;
    assert_eq!(one.readiness().await.status, 200, "once ready it stays ready");
    let blocked = one.admin(Method::POST, "/admin/block", &json!({ "provider": "github" })).await;
    assert_eq!(blocked.json, json!({ "scope": "replica" }));
    // A refresh that could lose the grant is refused, and nobody is sent to sign in again for it.
    fleet.sandbox.world().expire(BEN, "bitbucket");
    let refused = one.get(USER, &ben).await;
    assert_eq!((refused.status, refused.json["code"].as_str()), (503, Some("store-unavailable")));
    assert_eq!(fleet.sandbox.world().refreshes(BEN, "bitbucket"), 0);
    let readiness = late.readiness().await;
    assert_eq!(readiness.status, 503, "a replica that never read the record is not ready");
    assert_eq!(readiness.json["checks"]["store"]["status"], "fail");
    redis.start_again().await;
    late.until_ready().await;
    within_two_seconds("the block given meanwhile", async || {
        late.get("/proxy/github/user", &ben).await.outcome == "policy-denied"
    })
    .await;
    let until = Instant::now() + Duration::from_secs(20);
    while one.get(USER, &ben).await.status != 200 {
        assert!(Instant::now() < until, "the refresh works again once the store is back");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(fleet.sandbox.world().refreshes(BEN, "bitbucket"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_of_foreign_keys_is_a_clear_error_at_the_start() {
    let Some(redis) = Redis::start("foreign keys").await else { return };
    let fleet = Fleet::new(Sandbox::builder().start().await.unwrap(), &redis.store());
    let one = fleet.replica().await;
    let foreign = format!("k2:{}E=\n", "A".repeat(42));
    std::fs::write(fleet.folder.path().join("keys"), foreign).unwrap();
    let (code, _, stderr) = fleet.command(&["serve"]).await;
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("`k1`") && stderr.contains("encryption_keys_file"), "{stderr}");
    assert_eq!(one.readiness().await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_that_may_lose_grants_is_named_with_what_that_means() {
    let forgetful =
        ["--appendonly", "no", "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru", "--port"];
    let redis = Redis::start_with("promises", |_, port| {
        let arguments = forgetful.iter().map(|word| (*word).to_owned()).chain([port.to_string()]);
        (arguments.collect(), format!("redis://127.0.0.1:{port}"))
    });
    let Some(redis) = redis.await else { return };
    let fleet = Fleet::new(Sandbox::builder().start().await.unwrap(), &redis.store());
    let ready = fleet.replica().await.readiness().await;
    let store = &ready.json["checks"]["store"];
    assert_eq!((ready.status, store["status"].as_str()), (200, Some("warn")), "{store}");
    let (_, stdout, _) = fleet.command(&["doctor", "--json"]).await;
    for remedy in ["appendonly yes", "maxmemory-policy noeviction"] {
        assert!(store["detail"].as_str().unwrap().contains(remedy), "{store}");
        assert!(stdout.contains(&format!("\"remedy\": \"set {remedy}\"")), "{stdout}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_shares_vault_results_and_forgets_them_with_their_user() {
    let Some(redis) = Redis::start("vault results").await else { return };
    let sandbox = Sandbox::builder().start().await.unwrap();
    let vault = format!(
        "[vault]\nclient_id = \"{}\"\nclient_secret = \"{}\"\n[providers.google]\nbase_url = \"{}\"\n\
         source = [\"vault\"]\n",
        sandbox::VAULT_CLIENT,
        sandbox.vault_client_secret(),
        sandbox.provider_url(ProviderKind::Google),
    );
    let fleet = Fleet::new(sandbox, &(vault + &redis.store()));
    let (one, two) = (fleet.replica().await, fleet.replica().await);
    let userinfo = "/proxy/google/oauth2/v3/userinfo";
    let exchanges = || {
        fleet
            .sandbox
            .journal()
            .count(|entry| entry.server() == Server::Tenant && entry.field("subject_token").is_some())
    };
    for replica in [&one, &two, &one] {
        // A new caller token each time: it is no cold start.
        let token = fleet.sandbox.mint().user(BEN).claim("jti", exchanges()).sign();
        let answer = replica.get(userinfo, &token).await;
        assert_eq!((answer.status, answer.outcome.as_str()), (200, "ok"), "{answer:?}");
    }
    assert_eq!(exchanges(), 1, "one exchange for the fleet");
    one.admin(Method::POST, "/admin/forget", &json!({ "user": BEN })).await;
    let token = fleet.sandbox.caller_token(BEN);
    assert_eq!(one.get(userinfo, &token).await.status, 200);
    assert_eq!(exchanges(), 2, "what was forgotten is asked for anew");
    nothing_leaked(&fleet, &[&one, &two]);
}

/// What the documentation says an ACL user needs.
const ACL: &str = "user gateway on >p4ss ~idp-gateway:* &idp-gateway:* -@all +get +set +del +hget +hmget +hset \
    +pexpire +scan +eval +evalsha +script +multi +exec +publish +subscribe +ping +info +client\nuser default off\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_over_tls_with_a_user_of_few_rights_serves_a_fleet() {
    let redis = Redis::start_with("TLS and ACL", |folder, port| {
        let rcgen::CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        let file = |name: &str, text: &str| {
            std::fs::write(folder.join(name), text).unwrap();
            folder.join(name).display().to_string()
        };
        let (cert, key) = (file("cert.pem", &cert.pem()), file("key.pem", &signing_key.serialize_pem()));
        let (port_text, acl) = (port.to_string(), file("users.acl", ACL));
        let words = [
            "--port",
            "0",
            "--tls-port",
            &port_text,
            "--tls-cert-file",
            &cert,
            "--tls-key-file",
            &key,
            "--tls-ca-cert-file",
            &cert,
            "--tls-auth-clients",
            "no",
            "--appendonly",
            "yes",
            "--aclfile",
            &acl,
        ];
        (words.map(str::to_owned).to_vec(), format!("rediss://gateway:p4ss@localhost:{port}"))
    });
    let Some(redis) = redis.await else { return };
    let mut fleet = Fleet::new(Sandbox::builder().start().await.unwrap(), &redis.store());
    fleet.environment = vec![("SSL_CERT_FILE".to_owned(), redis.file("cert.pem"))];
    let (one, two) = (fleet.replica().await, fleet.replica().await);
    let token = fleet.sandbox.caller_token(BEN);
    fleet.sandbox.world().expire(BEN, "bitbucket");
    for replica in [&one, &two] {
        assert_eq!(replica.get(USER, &token).await.status, 200, "{}", replica.said());
    }
    assert_eq!(fleet.sandbox.world().refreshes(BEN, "bitbucket"), 1);
    let asked = Instant::now();
    let block = json!({ "user": BEN });
    assert_eq!(one.admin(Method::POST, "/admin/block", &block).await.json, json!({ "scope": "fleet" }));
    within_two_seconds("the block", async || two.get(USER, &token).await.outcome == "user-blocked").await;
    assert!(asked.elapsed() < Duration::from_secs(2));
    let forget = json!({ "all": true });
    assert_eq!(one.admin(Method::POST, "/admin/forget", &forget).await.status, 200);
    assert_eq!(one.readiness().await.json["checks"]["store"], json!({ "status": "ok" }));
    for word in ["NOPERM", "WARN", "store_unavailable", "shared_store_unavailable"] {
        assert!(!one.said().contains(word) && !two.said().contains(word), "{word}: {}", one.said());
    }
    // Without the certificate nothing is sent: the gateway starts, and is not ready.
    fleet.environment.clear();
    let doubtful = fleet.replica_unready().await;
    assert_eq!(doubtful.readiness().await.json["checks"]["store"]["status"], "fail");
}
