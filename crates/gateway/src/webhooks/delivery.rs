//! One receiver: a bounded queue, and a task that sends until each message is taken.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use mgmt_auth::{SecretReader, SecretSource};
use tokio::sync::mpsc;

use super::sign::signature;
use crate::body;
use crate::time::unix_seconds;
use crate::upstream::{Progress, UpstreamClient};

/// Messages that wait for one receiver.
const QUEUE: usize = 1024;
/// Waits between attempts, the last one over and over: a message is given up after about three days.
const WAITS: [u64; 8] = [1, 5, 30, 120, 600, 1800, 3600, 7200];
const ATTEMPTS: usize = 44;

const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// A message on its way.
#[derive(Clone, Debug)]
pub(super) struct Message {
    /// The same in every attempt: the receiver tells repetitions by it.
    pub(super) id: String,
    pub(super) body: String,
}

/// Where messages go.
pub(super) struct Receiver {
    pub(super) uri: Uri,
    pub(super) secret: SecretSource,
    pub(super) secrets: SecretReader,
    pub(super) client: UpstreamClient,
}

/// The queue before a receiver.
pub(super) struct Outbox {
    send: mpsc::Sender<Message>,
    /// Taken by the task when the first message comes.
    start: std::sync::Mutex<Option<(Receiver, mpsc::Receiver<Message>)>>,
    full: AtomicBool,
}

impl Outbox {
    pub(super) fn new(receiver: Receiver) -> Self {
        let (send, receive) = mpsc::channel(QUEUE);
        Self { send, start: std::sync::Mutex::new(Some((receiver, receive))), full: AtomicBool::new(false) }
    }

    /// Queues a message. Where the receiver has not kept up, it is lost, and the log says so.
    pub(super) fn put(&self, message: Message) {
        let start = self.start.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some((receiver, queue)) = start {
            tokio::spawn(deliver(Arc::new(receiver), queue));
        }
        let full = self.send.try_send(message).is_err();
        if !self.full.swap(full, Ordering::Relaxed) && full {
            tracing::error!(event = "webhook_queue_full", "events are lost until the receiver answers again");
        }
    }
}

/// Sends one message after the other, until no more can come.
async fn deliver(receiver: Arc<Receiver>, mut queue: mpsc::Receiver<Message>) {
    while let Some(message) = queue.recv().await {
        let mut waits = WAITS.into_iter().chain(std::iter::repeat(WAITS[WAITS.len() - 1])).take(ATTEMPTS);
        loop {
            match receiver.attempt(&message).await {
                Attempt::Taken => break,
                Attempt::Gone => {
                    tracing::error!(event = "webhook_refused", id = message.id, "the receiver answered 410");
                    break;
                }
                Attempt::Failed(cause) => match waits.next() {
                    Some(seconds) => {
                        tracing::warn!(event = "webhook_failed", id = message.id, cause, wait = seconds);
                        tokio::time::sleep(jittered(seconds)).await;
                    }
                    None => {
                        tracing::error!(event = "webhook_given_up", id = message.id, cause);
                        break;
                    }
                },
            }
        }
    }
}

/// Up to a tenth longer, so that replicas do not come back together.
fn jittered(seconds: u64) -> Duration {
    let mut byte = [0_u8];
    // Without randomness they come back together.
    let _ = getrandom::fill(&mut byte);
    Duration::from_millis(seconds * 1000 + seconds * 100 * u64::from(byte[0]) / 255)
}

enum Attempt {
    Taken,
    /// The receiver wants no more.
    Gone,
    Failed(String),
}

impl Receiver {
    async fn attempt(&self, message: &Message) -> Attempt {
        let secret = match self.secrets.read(&self.secret).await {
            Ok(secret) => secret,
            Err(error) => return Attempt::Failed(error.to_string()),
        };
        let now = unix_seconds(SystemTime::now());
        let signed = match signature(&secret, &message.id, now, &message.body) {
            Ok(signed) => signed,
            Err(error) => return Attempt::Failed(error.to_string()),
        };
        let Some(request) = self.request(message, now, &signed) else {
            return Attempt::Failed("the request cannot be made".to_owned());
        };
        let Some(stream) = self.client.stream(&self.uri).await else {
            return Attempt::Failed("the receiver allows no more requests".to_owned());
        };
        match self.client.send(stream, request, &Progress::new()).await {
            Ok(answer) if answer.status().is_success() => Attempt::Taken,
            Ok(answer) if answer.status() == StatusCode::GONE => Attempt::Gone,
            Ok(answer) => Attempt::Failed(format!("the receiver answered {}", answer.status().as_u16())),
            Err(error) => Attempt::Failed(format!("no answer: {error:?}")),
        }
    }

    fn request(&self, message: &Message, now: u64, signed: &str) -> Option<Request<body::Body>> {
        let mut request = Request::new(body::full(message.body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let agent = concat!("idp-gateway/", env!("CARGO_PKG_VERSION"));
        headers.insert(USER_AGENT, HeaderValue::from_static(agent));
        headers.insert(ID, HeaderValue::from_str(&message.id).ok()?);
        headers.insert(TIMESTAMP, HeaderValue::from(now));
        headers.insert(SIGNATURE, HeaderValue::from_str(signed).ok()?);
        Some(request)
    }
}
