//! The whole server as a process runs it: both listeners, reload, drain.

use crate::wire_support::{Answer, Seen, echo, exchange};
use arc_swap::ArcSwap;
use futures_util::future::BoxFuture;
use gateway::{
    admin::{BlockEntry, BlockRequest, Operations, Reach, Readiness, ReloadError, Selector},
    problem::Problem,
    serve::{Ending, Listening, ServeParts, serve},
    server::{AllowedHost, Drain, Lifecycle, Options, Server, Stage},
    telemetry::{Metrics, Telemetry},
};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::oneshot,
    time::timeout,
};

struct Nothing;

impl Operations for Nothing {
    fn readiness(&self) -> Readiness {
        Readiness::from_checks(BTreeMap::new())
    }
    fn forget(&self, _: Selector) -> BoxFuture<'_, Result<u64, Problem>> {
        Box::pin(async { Ok(0) })
    }
    fn block(&self, _: BlockRequest) -> BoxFuture<'_, Result<Reach, Problem>> {
        Box::pin(async { Ok(Reach::Replica) })
    }
    fn unblock(&self, _: Selector) -> BoxFuture<'_, Result<Reach, Problem>> {
        Box::pin(async { Ok(Reach::Replica) })
    }
    fn blocks(&self) -> BoxFuture<'_, Result<Vec<BlockEntry>, Problem>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

async fn ask(addr: SocketAddr, line: &str) -> Answer {
    let text = format!(
        "{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\r\n"
    );
    exchange(addr, text.as_bytes()).await.remove(0)
}

/// The kernel accepts connections before the server does: a request that arrives so is answered, however late the server sees it.
#[tokio::test]
async fn tm_l01_requests_that_wait_when_the_listener_closes_are_answered() {
    const CLIENTS: usize = 50;
    let (seen, lifecycle) = (Seen::default(), Lifecycle::default());
    let handler = move |request, info| echo(seen.clone(), request, info);
    let metrics = Metrics::new().unwrap();
    let server = Server::bind(Options::default(), handler, metrics, lifecycle.clone()).await.unwrap();
    let server = server.on_cores(Arc::new(gateway::cores::Cores::start().unwrap()));
    let addr = server.addr();
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let mut client = TcpStream::connect(addr).await.unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        clients.push(client);
    }
    lifecycle.advance(Stage::Closing);
    tokio::spawn(server.run());
    for mut client in clients {
        let mut answer = Vec::new();
        timeout(Duration::from_secs(10), client.read_to_end(&mut answer)).await.unwrap().unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"), "{}", String::from_utf8_lossy(&answer));
    }
}

#[tokio::test]
async fn tm_l01_tm_l03_reload_swaps_or_keeps_and_the_drain_keeps_its_order() {
    let drain = Drain { delay: Duration::from_millis(500), timeout: Duration::from_secs(5) };
    let options = Options { drain, ..Options::default() };
    let operations: Arc<dyn Operations> = Arc::new(Nothing);
    let telemetry = Telemetry::quiet().unwrap();
    let (seen, lifecycle, loads) = (Seen::default(), Lifecycle::default(), Arc::new(AtomicU64::new(0)));
    let (tell, told) = oneshot::channel();
    let (begin, mut begun) = oneshot::channel();
    let next = options.clone();
    let parts = ServeParts {
        cores: gateway::cores::Cores::start().unwrap(),
        options,
        handler: move |request, peer| echo(seen.clone(), request, peer),
        operations: Arc::new(ArcSwap::from_pointee(operations)),
        // The first reload narrows the hosts, the second is invalid.
        load: Arc::new(move || {
            let number = loads.fetch_add(1, Ordering::Relaxed);
            let options =
                Options { allowed_hosts: vec![AllowedHost::parse("gw.example.com")], ..next.clone() };
            Box::pin(async move {
                if number == 0 {
                    Ok(options)
                } else {
                    Err(ReloadError(vec!["server.listen: bad".to_owned()]))
                }
            })
        }),
        telemetry: telemetry.clone(),
        on_listening: Some(Box::new(move |listening| tell.send(listening).unwrap())),
        settle: Box::pin(std::future::ready(())),
        lifecycle: lifecycle.clone(),
        ending: Ending { begins: Some(Box::new(move || begin.send(()).unwrap())), ..Ending::default() },
    };
    let mut running = tokio::spawn(serve(parts));
    let Listening { listen, admin_listen } = told.await.unwrap();

    assert_eq!(ask(listen, "GET /x").await.status, 200);
    assert_eq!(ask(admin_listen, "GET /readyz").await.status, 200);
    assert_eq!(ask(admin_listen, "POST /admin/reload").await.status, 200);
    assert_eq!(ask(listen, "GET /x").await.status, 421);
    assert_eq!(ask(admin_listen, "POST /admin/reload").await.status, 409);
    assert_eq!(ask(listen, "GET /x").await.status, 421, "an invalid reload keeps what is in use");
    let text = telemetry.metrics().render_prometheus();
    assert!(
        text.contains("idp_gateway_config_reload_success 0")
            && text.contains("idp_gateway_config_reloads_total{outcome=\"failed\"} 1")
    );

    assert!(begun.try_recv().is_err());
    lifecycle.advance(Stage::Unready);
    (&mut begun).await.unwrap();
    let ready = ask(admin_listen, "GET /readyz").await;
    assert!(ready.status == 503 && ready.body.contains("draining"), "{ready:?}");
    assert_eq!(ask(listen, "GET /x").await.status, 421, "the listener is still open");
    timeout(Duration::from_secs(10), &mut running).await.expect("it ends").unwrap().unwrap();
    assert!(TcpStream::connect(listen).await.is_err() && TcpStream::connect(admin_listen).await.is_err());
}
