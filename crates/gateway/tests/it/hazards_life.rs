//! Dead and slow providers, insecure conveniences, probes: what a gateway must not do when its surroundings fail it.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use rustls::pki_types::PrivateKeyDer;
use sandbox::{Fault, ProviderKind, Sandbox, Server};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::child::RunningGateway;
use crate::harness::{BEN, Rig};

const USER: &str = "/proxy/github/user";

#[tokio::test(flavor = "multi_thread")]
async fn tm_a03_a_hanging_provider_takes_its_own_places_alone() {
    let rig = Rig::with(Sandbox::builder(), |sandbox| {
        let google = sandbox.provider_url(ProviderKind::Google);
        format!("max_in_flight = 2\n[providers.google]\nbase_url = \"{google}\"")
    })
    .await;
    let google = "/proxy/google/oauth2/v3/userinfo";
    for path in [USER, google] {
        assert_eq!(rig.get(path, BEN).await.status, 200, "{path}");
    }
    rig.sandbox.faults().add(Fault::on(Server::GitHub).path("/user").times(2).hang());
    let mut stuck = Box::pin(join_all((0..2).map(|_| rig.get(USER, BEN))));
    let others = async {
        rig.sandbox.journal().wait_for(|entry| entry.path() == "/user", 3).await.unwrap();
        let shed = join_all((0..8).map(|_| rig.get(USER, BEN))).await;
        for answer in shed {
            assert_eq!(answer.outcome(), (503, "overloaded".into()));
            assert!(!answer.header("retry-after").is_empty());
        }
        let asked = Instant::now();
        for answer in join_all((0..20).map(|_| rig.get(google, BEN))).await {
            assert_eq!(answer.status, 200, "another provider's calls");
        }
        assert!(asked.elapsed() < Duration::from_secs(5));
    };
    tokio::select! {
        _ = &mut stuck => panic!("a hanging provider answered"),
        () = others => {}
    }
    // The two that hang end with the clients that wait for them, and their places are free again.
    drop(stuck);
    assert_eq!(rig.get(USER, BEN).await.outcome(), (200, "ok".into()));
    let places = rig.metrics.render_prometheus();
    assert!(places.contains("idp_gateway_shed_total{reason=\"provider\"} 8"), "{places}");
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_a16_one_user_does_not_take_all_places_of_a_provider() {
    let world = sandbox::World::many_users(2);
    let rig = Rig::over(Sandbox::builder().world(world), "", "max_in_flight = 36").await;
    let [one, other] = ["github|1000000", "github|1000001"];
    for user in [one, other] {
        assert_eq!(rig.get(USER, user).await.status, 200);
    }
    let share = 9;
    rig.sandbox.faults().add(Fault::on(Server::GitHub).path("/slow").hang());
    let mut slow = Box::pin(join_all((0..share).map(|_| rig.get("/proxy/github/slow", one))));
    let others = async {
        rig.sandbox.journal().wait_for(|entry| entry.path() == "/slow", share).await.unwrap();
        for answer in join_all((0..4).map(|_| rig.get(USER, one))).await {
            assert_eq!(answer.outcome(), (429, "rate-limited".into()));
            assert_eq!(answer.header("retry-after"), "1");
        }
        assert_eq!(rig.get(USER, other).await.outcome(), (200, "ok".into()), "another user's call");
    };
    tokio::select! {
        _ = &mut slow => panic!("a hanging provider answered"),
        () = others => {}
    }
    drop(slow);
    assert_eq!(rig.get(USER, one).await.outcome(), (200, "ok".into()));
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_a03_every_wait_for_a_provider_has_an_end() {
    // Takes connections and never says a word: neither the handshake nor an answer comes.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = silent.local_addr().unwrap();
    let held = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = silent.accept().await {
            held.push(stream);
        }
    });
    let timeouts = "timeouts = { connect = \"300ms\", response = \"400ms\", upstream_idle = \"300ms\" }";
    let extra = format!(
        "[providers.google]\nbase_url = \"https://{at}\"\n[providers.facebook]\nbase_url = \"http://{at}\""
    );
    let rig = Rig::over(Sandbox::builder(), timeouts, &extra).await;
    let asked = Instant::now();
    assert_eq!(rig.get("/proxy/google/x", BEN).await.outcome(), (502, "provider-unreachable".into()));
    assert_eq!(rig.get("/proxy/facebook/me", BEN).await.outcome(), (504, "provider-timeout".into()));
    assert!(asked.elapsed() < Duration::from_secs(10));
    held.abort();
    rig.finish();
}

/// A provider over TLS with a certificate that only those trust who were told so; answers everything.
async fn over_tls(name: &str) -> (std::net::SocketAddr, String) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let _ = stream.read(&mut [0; 4096]).await;
                let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").await;
                let _ = stream.shutdown().await;
            });
        }
    });
    (addr, made.cert.pem())
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_l04_certificates_are_verified_and_no_setting_says_otherwise() {
    let sandbox = Sandbox::builder().start().await.unwrap();
    let (addr, pem) = over_tls("localhost").await;
    let folder = tempfile::tempdir().unwrap();
    let roots = folder.path().join("roots.pem");
    std::fs::write(&roots, pem).unwrap();
    let roots = roots.to_str().unwrap();
    let token = sandbox.caller_token(BEN);
    // Trusted and of this name; trusted but of another name; not trusted, whatever the environment promises.
    for (host, environment, status) in [
        ("localhost", vec![("SSL_CERT_FILE", roots)], 204),
        ("127.0.0.1", vec![("SSL_CERT_FILE", roots)], 502),
        (
            "localhost",
            vec![("NODE_TLS_REJECT_UNAUTHORIZED", "0"), ("SSL_VERIFY", "0"), ("GIT_SSL_NO_VERIFY", "1")],
            502,
        ),
    ] {
        let google = format!("[providers.google]\nbase_url = \"https://{host}:{}\"", addr.port());
        let serving = RunningGateway::within(&sandbox, "", &google, &environment);
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = client.get(serving.url("/proxy/google/x")).bearer_auth(&token).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{host} {environment:?}");
    }
    let schema = std::fs::read_to_string(
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/config.schema.json"),
    );
    let schema: Value = serde_json::from_str(&schema.unwrap()).unwrap();
    let mut todo = vec![&schema];
    while let Some(value) = todo.pop() {
        if let Some(members) = value["properties"].as_object() {
            for name in members.keys() {
                let about = ["verify", "insecure", "skip", "accept_invalid", "danger"];
                assert!(!about.iter().any(|word| name.contains(word)), "there is a setting {name}");
            }
        }
        match value {
            Value::Object(members) => todo.extend(members.values()),
            Value::Array(items) => todo.extend(items),
            _ => {}
        }
    }
}

#[test]
fn tm_l04_the_demo_stays_on_this_machine_and_touches_no_real_tenant() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.toml");
    std::fs::write(&file, "[tenant]\ndomain = \"acme.eu.auth0.com\"\n").unwrap();
    let demo = |arguments: &[&str], environment: &[(&str, &str)]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
        command.arg("demo").args(arguments).env_clear().envs(environment.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    };
    for mut command in [
        demo(&["--config", file.to_str().unwrap()], &[]),
        demo(&[], &[("IDP_GATEWAY_CONFIG", file.to_str().unwrap())]),
        demo(&[], &[("IDP_GATEWAY_TENANT__DOMAIN", "acme.eu.auth0.com")]),
        demo(&[], &[("IDP_GATEWAY_TENANT__BASE_URL", "https://acme.eu.auth0.com")]),
    ] {
        let mut refusing = Killed(command.spawn().unwrap());
        let mut said = String::new();
        // A demo that ran would say something else on its first line, and never end.
        BufReader::new(refusing.0.stderr.take().unwrap()).read_line(&mut said).unwrap();
        assert!(said.starts_with("error: the demo"), "{command:?}: {said}");
        assert_eq!(refusing.0.wait().unwrap().code(), Some(2), "{command:?}");
    }
    let mut running =
        Killed(demo(&["--json"], &[("IDP_GATEWAY_SERVER__LISTEN", "0.0.0.0:0")]).spawn().unwrap());
    let mut line = String::new();
    BufReader::new(running.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let open = listening(running.0.id());
    let demo: Value = serde_json::from_str(&line).unwrap();
    for place in ["gateway", "admin", "app"] {
        let url: url::Url = demo[place].as_str().unwrap().parse().unwrap();
        assert_eq!(url.host_str(), Some("127.0.0.1"), "{place}");
    }
    assert!(open.len() >= 3, "{open:?}");
    for address in open {
        // Little-endian hexadecimal of 127.0.0.1.
        assert!(address.starts_with("0100007F:"), "the demo listens at {address}");
    }
}

/// A process that ends with the test, however that ends.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The addresses a process listens at, as the kernel writes them.
fn listening(id: u32) -> Vec<String> {
    let sockets: Vec<String> = std::fs::read_dir(format!("/proc/{id}/fd"))
        .map(|files| {
            let names = files.flatten().filter_map(|file| std::fs::read_link(file.path()).ok());
            names
                .filter_map(|name| {
                    Some(name.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned())
                })
                .collect()
        })
        .unwrap_or_default();
    let tables = ["tcp", "tcp6"]
        .map(|table| std::fs::read_to_string(format!("/proc/net/{table}")).unwrap_or_default());
    let rows = tables.iter().flat_map(|table| table.lines().skip(1));
    let fields = rows.map(|row| row.split_whitespace().collect::<Vec<_>>());
    // Column 3 is the state, 0A is LISTEN; column 9 is the inode.
    let ours = fields.filter(|row| row[3] == "0A" && sockets.iter().any(|socket| socket == row[9]));
    ours.map(|row| row[1].to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_l05_liveness_hangs_on_nothing_and_readiness_on_the_first_keys_alone() {
    let sandbox = Sandbox::builder().start().await.unwrap();
    sandbox.faults().take_down(Server::Tenant);
    let serving = RunningGateway::start(&sandbox, "");
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let probe = async |path: &str| {
        let answer = client.get(serving.admin_url(path)).send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json::<Value>().await.unwrap_or_default())
    };
    let token = sandbox.caller_token(BEN);
    let call = async || {
        let answer = client.get(serving.url(USER)).bearer_auth(&token).send().await.unwrap();
        answer.status().as_u16()
    };
    assert_eq!(probe("/livez").await.0, 200, "the tenant is down, the process is not");
    let (status, said) = probe("/readyz").await;
    assert_eq!((status, said["status"].as_str()), (503, Some("not-ready")));
    assert!(!said["checks"]["keys"]["detail"].as_str().unwrap().is_empty(), "the cause is named: {said}");
    assert_eq!(call().await, 503);

    sandbox.world().set_management_lifetime(3);
    sandbox.faults().bring_up(Server::Tenant);
    let patience = Instant::now() + Duration::from_secs(60);
    while probe("/readyz").await.0 != 200 {
        assert!(Instant::now() < patience, "it never got ready");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(call().await, 200);

    sandbox.faults().take_down(Server::Tenant);
    assert_eq!((probe("/livez").await.0, probe("/readyz").await.0, call().await), (200, 200, 200));
    // Even when the management token ends and no other can be had: every replica would go, and cached users with them.
    loop {
        let (status, said) = probe("/readyz").await;
        assert_eq!((status, said["status"].as_str()), (200, Some("ready")), "{said}");
        if said["checks"]["management_token"]["status"] == "warn" {
            break;
        }
        assert!(Instant::now() < patience, "the management token never ended");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!((probe("/livez").await.0, call().await), (200, 200));
    for server in [Server::GitHub, Server::Google] {
        sandbox.faults().take_down(server);
    }
    assert_eq!((probe("/livez").await.0, probe("/readyz").await.0), (200, 200));
}
