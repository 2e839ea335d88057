//! A tenant with many users, and a provider that answers those who send the token of one of them.

use std::collections::HashSet;
use std::convert::Infallible;
use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Either, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use sandbox::{Sandbox, World};
use serde_json::json;
use tokio::net::TcpListener;

use crate::bodies::Bodies;

/// The usual answer.
const SMALL: usize = 2 * 1024;
/// The answer below `/big`.
const BIG: usize = 1024 * 1024;
/// The answer below `/repos/endless`.
const ENDLESS: usize = 64 * BIG;
/// The answer at `/stream`: so many events, each so long after the one before it.
const EVENTS: (u32, Duration) = (3, Duration::from_millis(10));

/// Prints a line of JSON and serves until its standard input ends.
pub(super) async fn run(users: u32) {
    let sandbox =
        Sandbox::builder().world(World::many_users(users)).journal_capacity(16).start().await.unwrap();
    let world = sandbox.world();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let users = world.user_ids();
    let known: Vec<String> = users.iter().filter_map(|user| world.access_token(user, "github")).collect();
    let description = json!({
        "provider": address.to_string(),
        "idp_token": known[0],
        "tenant": sandbox.tenant_url().as_str(),
        "domain": sandbox.domain(),
        "client_id": sandbox.client_id(),
        "client_secret": sandbox.client_secret(),
        "audience": sandbox.api_audience(),
        "tokens": users.iter().map(|user| sandbox.caller_token(user)).collect::<Vec<_>>(),
    });
    tokio::spawn(serve(listener, Arc::new(Provider::new(known))));
    println!("{description}");
    let _ = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await;
}

struct Provider {
    known: HashSet<String>,
    small: Bytes,
    big: Bytes,
    endless: Bytes,
    json: Bytes,
    bodies: Bodies,
}

type Events = std::pin::Pin<Box<dyn futures_util::Stream<Item = Result<Frame<Bytes>, Infallible>> + Send>>;
type Answer = Response<Either<Full<Bytes>, StreamBody<Events>>>;

async fn serve(listener: TcpListener, provider: Arc<Provider>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        let _ = stream.set_nodelay(true);
        let provider = Arc::clone(&provider);
        tokio::spawn(async move {
            let service = service_fn(move |request| Arc::clone(&provider).answer(request));
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

impl Provider {
    fn new(known: Vec<String>) -> Self {
        let [small, big, endless] = [SMALL, BIG, ENDLESS].map(|length| Bytes::from(vec![b'x'; length]));
        let json = Bytes::from(issues());
        Self { known: HashSet::from_iter(known), small, big, endless, json, bodies: Bodies::default() }
    }

    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Result<Answer, Infallible> {
        let (head, body) = request.into_parts();
        // A body that is left would end the connection.
        let _ = body.collect().await;
        let path: Vec<&str> = head.uri.path().split('/').skip(1).collect();
        let answer = |body: &Bytes, kind: Option<&'static str>| {
            let mut answer = Response::new(Either::Left(Full::new(body.clone())));
            let kind = kind.map(|kind| (CONTENT_TYPE, HeaderValue::from_static(kind)));
            answer.headers_mut().extend(kind);
            answer
        };
        if let ["v1", "traces" | "metrics"] = path.as_slice() {
            return Ok(answer(&Bytes::new(), Some("application/x-protobuf")));
        }
        let token = head.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.split_once(' '));
        let token = token.map_or("", |(_, token)| token);
        if !self.known.contains(token) {
            let mut refused = answer(&Bytes::new(), None);
            *refused.status_mut() = StatusCode::UNAUTHORIZED;
            return Ok(refused);
        }
        Ok(match path.as_slice() {
            ["big"] => answer(&self.big, None),
            ["json"] => answer(&self.json, Some("application/json")),
            ["text"] => answer(&self.small, Some("text/plain")),
            ["stream"] => events(),
            ["repos", "endless", ..] => answer(&self.endless, None),
            ["repos", "hostile", kind, ..] => answer(&self.bodies.get(kind, token, BIG), None),
            _ => answer(&self.small, None),
        })
    }
}

/// Events, the first one at once.
fn events() -> Answer {
    let (count, pause) = EVENTS;
    let events = futures_util::stream::unfold(0, move |number| async move {
        if number == count {
            return None;
        }
        if number > 0 {
            tokio::time::sleep(pause).await;
        }
        Some((Ok(Frame::data(Bytes::from_static(b"data: tick\n\n"))), number + 1))
    });
    let mut answer = Response::new(Either::Right(StreamBody::new(Box::pin(events) as Events)));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    answer
}

/// A list as providers answer it.
fn issues() -> String {
    let issue = |number: u32| {
        json!({
            "id": number,
            "url": format!("https://api.example/repos/mara/notes/issues/{number}"),
            "title": "A \u{201c}quoted\u{201d} title",
            "body": "First line\nsecond line\twith a tab",
            "user": { "login": "mara", "avatar_url": "https://avatars.example/u/7?v=4" },
            "labels": [],
            "closed_at": null,
        })
    };
    serde_json::Value::from_iter((1..12).map(issue)).to_string()
}
