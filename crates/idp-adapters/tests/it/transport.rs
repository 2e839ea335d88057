//! Clients over a transport that the program hands in.

use std::{
    error::Error as _,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::{TryStreamExt, stream};
use http::{Method, Request, Response};
use idp_adapters::{
    Body, BoxFuture, Limits, Transport, TransportError, TransportErrorKind,
    client::{GitHub, HttpClient, RawRequest},
};

use crate::{TOKEN, token};

type Answer = Result<Response<Bytes>, TransportError>;

/// Gives its answers in turn and keeps the requests.
#[derive(Debug)]
struct Scripted {
    answers: Mutex<Vec<Answer>>,
    seen: Mutex<Vec<(Request<Bytes>, Limits)>>,
}

impl Scripted {
    fn new(answers: impl IntoIterator<Item = Answer>) -> Arc<Self> {
        let mut answers: Vec<_> = answers.into_iter().collect();
        answers.reverse();
        Arc::new(Self { answers: Mutex::new(answers), seen: Mutex::default() })
    }

    fn github(self: &Arc<Self>) -> GitHub {
        let http = HttpClient::builder()
            .transport(self.clone())
            .timeout(Duration::from_secs(7))
            .max_body(1000)
            .build();
        GitHub::builder(token()).http(http).build().unwrap()
    }
}

impl Transport for Scripted {
    fn send(&self, request: Request<Bytes>, limits: Limits) -> BoxFuture<'_, Answer> {
        self.seen.lock().unwrap().push((request, limits));
        let answer = self.answers.lock().unwrap().pop().unwrap();
        Box::pin(std::future::ready(answer))
    }
}

fn json(body: &'static str) -> Answer {
    Ok(Response::builder().header("content-type", "application/json").body(Bytes::from(body)).unwrap())
}

#[tokio::test]
async fn typed_and_raw_calls_go_over_the_transport_with_the_clients_limits() {
    let moved = Response::builder().status(301).header("location", "/repositories/7").body(Bytes::new());
    let transport =
        Scripted::new([json(r#"{"id":1,"login":"ana"}"#), Ok(moved.unwrap()), json("[1,2]"), json("12345")]);
    let github = transport.github();
    assert_eq!(github.profile().await.unwrap().preferred_username.as_deref(), Some("ana"));
    let listed = github.request(Method::GET, "/repos/acme/atlas").query("per_page", 2).send().await.unwrap();
    assert_eq!(listed.json::<Vec<u8>>().await.unwrap(), [1, 2], "redirects are followed by the client");
    let sent = github.request(Method::POST, "/upload").body("text/plain", "hello");
    let pieces: Vec<_> = sent.send().await.unwrap().into_stream().try_collect().await.unwrap();
    assert_eq!(pieces, ["12345"]);

    let seen = transport.seen.lock().unwrap();
    let uris: Vec<_> = seen.iter().map(|(request, _)| request.uri().to_string()).collect();
    assert_eq!(
        uris,
        [
            "https://api.github.com/user",
            "https://api.github.com/repos/acme/atlas?per_page=2",
            "https://api.github.com/repositories/7",
            "https://api.github.com/upload"
        ]
    );
    for (request, limits) in &*seen {
        assert_eq!(request.headers()["authorization"], format!("Bearer {TOKEN}"));
        assert_eq!(*limits, Limits::new(Duration::from_secs(7), 1000));
    }
    assert_eq!((seen[3].0.method(), &seen[3].0.body()[..]), (&Method::POST, &b"hello"[..]));
}

#[tokio::test]
async fn what_the_transport_says_is_the_cause_of_the_error() {
    for (fault, timeout, transient) in [
        (TransportErrorKind::Connect, false, true),
        (TransportErrorKind::Timeout, true, true),
        (TransportErrorKind::TooLarge, false, false),
        (TransportErrorKind::Broken, false, true),
    ] {
        let error = Scripted::new([Err(fault.into())]).github().profile().await.unwrap_err();
        assert_eq!((error.is_timeout(), error.is_transient()), (timeout, transient), "{fault}");
        assert_eq!(error.source().unwrap().to_string(), fault.to_string());
    }
}

fn upload(github: &GitHub, pieces: &[&'static [u8]]) -> RawRequest {
    let pieces: Vec<_> =
        pieces.iter().map(|piece| Ok::<_, std::io::Error>(Bytes::from_static(piece))).collect();
    github.request(Method::POST, "/upload").stream("text/plain", None, stream::iter(pieces))
}

#[tokio::test]
async fn a_transport_that_sends_whole_bodies_takes_streams_up_to_the_limit() {
    let transport = Scripted::new([json("1")]);
    upload(&transport.github(), &[b"he", b"llo"]).send().await.unwrap();
    let error = upload(&transport.github(), &[&[b'x'; 999], b"xx"]).send().await.unwrap_err();
    assert_eq!(error.source().unwrap().to_string(), TransportErrorKind::TooLarge.to_string());
    let seen = transport.seen.lock().unwrap();
    assert_eq!((seen.len(), &seen[0].0.body()[..]), (1, &b"hello"[..]), "what is too large is not sent");
}

/// Answers each piece of the request as soon as it comes, and counts what it has seen.
#[derive(Debug, Default)]
struct Echo(Arc<AtomicUsize>);

impl Transport for Echo {
    fn send(&self, _: Request<Bytes>, _: Limits) -> BoxFuture<'_, Answer> {
        Box::pin(std::future::ready(Err(TransportErrorKind::Invalid.into())))
    }

    fn open(
        &self,
        request: Request<Body>,
        _: Limits,
    ) -> BoxFuture<'_, Result<Response<Body>, TransportError>> {
        let seen = Arc::clone(&self.0);
        let pieces = stream::unfold(request.into_body(), move |mut body| {
            let seen = Arc::clone(&seen);
            async move {
                let piece = body.chunk().await.transpose()?;
                seen.fetch_add(1, Ordering::Relaxed);
                Some((piece, body))
            }
        });
        Box::pin(std::future::ready(Ok(Response::new(Body::from_stream(pieces)))))
    }
}

#[tokio::test]
async fn a_transport_that_streams_is_given_pieces_and_gives_pieces() {
    let transport = Arc::new(Echo::default());
    let seen = Arc::clone(&transport.0);
    let http = HttpClient::builder().transport(transport).max_body(4).build();
    let github = GitHub::builder(token()).http(http).build().unwrap();
    let mut answer = upload(&github, &[b"one", b"two", b"three"]).send().await.unwrap();
    assert_eq!(seen.load(Ordering::Relaxed), 0, "nothing is read before it is wanted");
    assert_eq!(answer.chunk().await.unwrap().unwrap(), "one");
    assert_eq!(seen.load(Ordering::Relaxed), 1);
    let rest: Vec<_> = answer.into_stream().try_collect().await.unwrap();
    assert_eq!(rest, ["two", "three"]);

    let error = upload(&github, &[b"five!"]).send().await.unwrap().bytes().await.unwrap_err();
    assert!(!error.is_transient(), "what is read whole has the client's limit: {error}");
    let torn = stream::iter([
        Ok(Bytes::from_static(b"one")),
        Err(TransportError::from(TransportErrorKind::Timeout)),
    ]);
    let mut answer =
        github.request(Method::POST, "/upload").stream("text/plain", None, torn).send().await.unwrap();
    answer.chunk().await.unwrap();
    let error = answer.chunk().await.unwrap_err();
    assert!(error.is_timeout(), "{error}");
    assert_eq!(error.source().unwrap().to_string(), TransportErrorKind::Timeout.to_string());
}
