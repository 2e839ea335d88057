//! One receiver: a bounded queue, and a task that sends each message until it is taken.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use mgmt_auth::{SecretReader, SecretSource};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::sign::signature;
use crate::body;
use crate::time::unix_seconds;
use crate::upstream::{Progress, UpstreamClient};

/// Messages that wait for one receiver.
const QUEUE: usize = 1024;
/// Those of one user among them, so that no user takes the room of the others.
const QUEUE_OF_USER: usize = 16;
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
    /// Whose account it is about: the messages of one user keep their order.
    pub(super) user: Arc<str>,
    pub(super) body: String,
}

/// Where messages go.
pub(crate) struct Receiver {
    pub(crate) uri: Uri,
    pub(crate) secret: SecretSource,
    pub(crate) secrets: SecretReader,
    pub(crate) client: UpstreamClient,
}

/// The tasks of all receivers, those of earlier configurations included, and their end.
#[derive(Default)]
pub(super) struct Tasks {
    all: TaskTracker,
    /// The process ends: nothing is put off any more.
    ending: CancellationToken,
    /// Messages that wait or are being sent.
    waiting: AtomicUsize,
}

impl Tasks {
    /// Sends what waits once more, for at most this long. No message can come any more. What was not taken by then is lost, and
    /// the log says so.
    pub(super) async fn end(&self, longest: Duration) {
        self.ending.cancel();
        self.all.close();
        // What is left after the time is counted.
        let _ = tokio::time::timeout(longest, self.all.wait()).await;
        let lost = self.waiting.load(Ordering::Relaxed);
        if lost > 0 {
            tracing::error!(
                event = "webhooks_lost",
                lost,
                "the process ends before these messages were taken"
            );
        }
    }
}

/// The queue before a receiver.
pub(super) struct Outbox {
    send: mpsc::UnboundedSender<Queued>,
    room: Arc<Room>,
    tasks: Arc<Tasks>,
    /// Taken by the task when the first message comes.
    start: Mutex<Option<(Receiver, mpsc::UnboundedReceiver<Queued>)>>,
    full: AtomicBool,
}

/// How many messages wait, by user.
#[derive(Default)]
struct Room {
    users: Mutex<HashMap<Arc<str>, usize>>,
    tasks: Arc<Tasks>,
}

/// A message that has its place in the queue until it is taken or given up.
struct Queued {
    message: Message,
    room: Arc<Room>,
}

impl Room {
    fn enter(self: &Arc<Self>, message: Message) -> Option<Queued> {
        let mut users = self.lock();
        let all: usize = users.values().sum();
        let own = users.get(&message.user).copied().unwrap_or_default();
        if all >= QUEUE || own >= QUEUE_OF_USER {
            return None;
        }
        users.insert(Arc::clone(&message.user), own + 1);
        self.tasks.waiting.fetch_add(1, Ordering::Relaxed);
        Some(Queued { message, room: Arc::clone(self) })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, usize>> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        self.room.tasks.waiting.fetch_sub(1, Ordering::Relaxed);
        let mut users = self.room.lock();
        if let Some(own) = users.get_mut(&self.message.user) {
            *own -= 1;
            if *own == 0 {
                users.remove(&self.message.user);
            }
        }
    }
}

impl Outbox {
    pub(super) fn new(receiver: Receiver, tasks: &Arc<Tasks>) -> Self {
        let (send, receive) = mpsc::unbounded_channel();
        let start = Mutex::new(Some((receiver, receive)));
        let room = Arc::new(Room { users: Mutex::default(), tasks: Arc::clone(tasks) });
        Self { send, room, tasks: Arc::clone(tasks), start, full: AtomicBool::new(false) }
    }

    /// Queues a message. Where the receiver has not kept up, it is lost, and the log says so.
    pub(super) fn put(&self, message: Message) {
        let start = self.start.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((receiver, queue)) = start {
            self.tasks.all.spawn(Deliveries::new(receiver).run(queue, self.tasks.ending.clone()));
        }
        let queued = self.room.enter(message);
        let full = queued.is_none_or(|queued| self.send.send(queued).is_err());
        if !self.full.swap(full, Ordering::Relaxed) && full {
            tracing::error!(event = "webhook_queue_full", "events are lost until the receiver answers again");
        }
    }
}

/// The messages to one receiver. One that was not taken is sent again after a while; those to come of the same user wait behind
/// it, and those of others go on.
struct Deliveries {
    receiver: Receiver,
    /// Messages that were not taken and the number of their attempts, by the time of the next one.
    aside: BTreeMap<(Instant, u64), (Queued, usize)>,
    /// What waits behind them, for each of their users.
    behind: HashMap<Arc<str>, VecDeque<Queued>>,
    /// Tells messages of the same time apart.
    count: u64,
    /// The process ends: what is not taken now is lost.
    ending: bool,
}

impl Deliveries {
    fn new(receiver: Receiver) -> Self {
        Self { receiver, aside: BTreeMap::new(), behind: HashMap::new(), count: 0, ending: false }
    }

    /// Sends until no more can come and all are taken or given up. When the process ends, nothing is put off any more.
    async fn run(mut self, mut queue: mpsc::UnboundedReceiver<Queued>, ending: CancellationToken) {
        let mut open = true;
        while open || !self.aside.is_empty() {
            let next = self.aside.first_key_value().map(|((at, _), _)| *at);
            let due = async {
                match next {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = ending.cancelled(), if !self.ending => {
                    self.ending = true;
                    queue.close();
                    while let Some((_, (queued, attempts))) = self.aside.pop_first() {
                        self.send(queued, attempts).await;
                    }
                }
                queued = queue.recv(), if open => match queued {
                    Some(queued) => match self.behind.get_mut(&queued.message.user) {
                        Some(behind) => behind.push_back(queued),
                        None => self.send(queued, 0).await,
                    },
                    None => open = false,
                },
                () = due => {
                    if let Some((_, (queued, attempts))) = self.aside.pop_first() {
                        self.send(queued, attempts).await;
                    }
                }
            }
        }
    }

    /// Sends a message, and when it is done those behind it, up to the first that is not taken.
    async fn send(&mut self, mut queued: Queued, mut attempts: usize) {
        loop {
            let id = &queued.message.id;
            match self.receiver.attempt(&queued.message).await {
                Attempt::Taken => {}
                Attempt::Gone => {
                    tracing::error!(event = "webhook_refused", id, "the receiver answered 410");
                }
                Attempt::Failed(cause) if self.ending => tracing::error!(event = "webhook_lost", id, cause),
                Attempt::Failed(cause) if attempts < ATTEMPTS => {
                    let wait = WAITS.get(attempts).copied().unwrap_or(WAITS[WAITS.len() - 1]);
                    tracing::warn!(event = "webhook_failed", id, cause, wait);
                    self.count += 1;
                    self.behind.entry(Arc::clone(&queued.message.user)).or_default();
                    let at = Instant::now() + jittered(wait);
                    self.aside.insert((at, self.count), (queued, attempts + 1));
                    return;
                }
                Attempt::Failed(cause) => tracing::error!(event = "webhook_given_up", id, cause),
            }
            let Some(behind) = self.behind.get_mut(&queued.message.user) else { return };
            let Some(next) = behind.pop_front() else {
                self.behind.remove(&queued.message.user);
                return;
            };
            (queued, attempts) = (next, 0);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tm_h11_a_user_has_a_share_of_the_queue() {
        let room = Arc::<Room>::default();
        let enter =
            |user: &str| room.enter(Message { id: String::new(), user: user.into(), body: String::new() });
        let mut one: Vec<_> = (0..QUEUE_OF_USER).map(|_| enter("auth0|1").expect("room")).collect();
        assert!(enter("auth0|1").is_none() && enter("auth0|2").is_some());
        one.pop();
        assert!(enter("auth0|1").is_some(), "a message that is taken makes room");
        let others = (0..QUEUE).filter_map(|number| enter(&format!("auth0|u{number}")));
        let others: Vec<_> = others.collect();
        assert_eq!(one.len() + others.len(), QUEUE);
        assert_eq!(room.tasks.waiting.load(Ordering::Relaxed), QUEUE);
        drop((one, others));
        assert!(room.lock().is_empty());
        assert_eq!(room.tasks.waiting.load(Ordering::Relaxed), 0);
    }
}
