//! Back-channel logout (OpenID Connect Back-Channel Logout 1.0): the logout token, and what it leaves behind.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use crate::claims;
use crate::jose::Compact;
use crate::json::Json;
use crate::refusal::Refusal;
use crate::rules::Rules;

/// Longest logout token.
pub(crate) const MAX_LOGOUT_TOKEN: usize = 16 * 1024;

/// The member of `events` that makes a token a logout token.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// Longest `jti`.
const MAX_JTI: usize = 512;

/// A verified logout token.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Logout {
    /// The user who logged out.
    pub subject: String,
    /// Tokens of that user issued up to this moment are refused from now on.
    pub issued_at: SystemTime,
}

/// Why a logout token was not accepted. Neither text holds any of it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LogoutRefusal {
    /// The token is wrong: 400. The word is for the log.
    #[error("the logout token is not accepted: {0}")]
    Invalid(&'static str),
    /// It could not be checked at the moment: 503.
    #[error("the logout token cannot be checked now: {cause}")]
    #[non_exhaustive]
    Unavailable {
        /// What was missing, for the log.
        cause: &'static str,
        /// What lies behind it, where that is known.
        source: Option<Arc<dyn std::error::Error + Send + Sync>>,
    },
}

/// The claims of a logout token whose signature is good: subject, id, times.
pub(crate) fn check<'a>(
    token: &'a Compact<'_>,
    rules: &Rules,
    now: i64,
) -> Result<(&'a str, &'a str, i64), &'static str> {
    let claims = &token.claims;
    if claims.contains_key("nonce") {
        return Err("has a nonce");
    }
    let events = claims.get("events").and_then(Json::as_object).ok_or("no events")?;
    if events.get(EVENT).and_then(Json::as_object).is_none() {
        return Err("not a logout event");
    }
    let audience = claims::audiences(claims).unwrap_or_default();
    if !audience.iter().any(|name| rules.logout_clients.iter().any(|client| client == name)) {
        return Err("audience is not in logout.client_ids");
    }
    let times = claims::times(claims, rules, now).map_err(|refusal: Refusal| refusal.cause)?;
    let id = token.text("jti").filter(|jti| (1..=MAX_JTI).contains(&jti.len())).ok_or("no jti")?;
    let subject = token.text("sub").filter(|sub| !sub.is_empty()).ok_or("no sub")?;
    Ok((subject, id, times.issued_at))
}

/// Whether `typ` is one of a logout token.
pub(crate) fn is_logout_typ(typ: Option<&str>) -> bool {
    let typ = typ.unwrap_or_default();
    ["logout+jwt", "application/logout+jwt", "JWT"].iter().any(|known| typ.eq_ignore_ascii_case(known))
}

/// For each user who logged out, the moment up to which tokens are refused. Cheap to clone; clones share the marks.
///
/// A mark is kept as long as a token issued before it could still be used.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use caller_auth::LogoutMarks;
///
/// let (marks, now) = (LogoutMarks::default(), SystemTime::now());
/// marks.add("google-oauth2|100000000000000000002", now);
/// assert!(marks.refuses("google-oauth2|100000000000000000002", now - Duration::from_secs(60)));
/// assert!(!marks.refuses("google-oauth2|100000000000000000002", now + Duration::from_secs(60)));
/// ```
#[derive(Clone, Default)]
pub struct LogoutMarks(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// So that the lock is not taken while there is no logout.
    any: AtomicBool,
    marks: RwLock<Marks>,
}

#[derive(Default)]
struct Marks {
    by_user: HashMap<Arc<str>, SystemTime>,
    /// The same, oldest first.
    in_order: BTreeSet<(SystemTime, Arc<str>)>,
}

impl Marks {
    fn add(&mut self, subject: &str, until: SystemTime) {
        let user = match self.by_user.get_key_value(subject) {
            Some((_, mark)) if *mark >= until => return,
            Some((user, mark)) => {
                let user = Arc::clone(user);
                self.in_order.remove(&(*mark, Arc::clone(&user)));
                user
            }
            None => Arc::from(subject),
        };
        self.by_user.insert(Arc::clone(&user), until);
        self.in_order.insert((until, user));
    }
}

impl LogoutMarks {
    /// Refuses tokens of `subject` issued at or before `until`. A later mark is never replaced by an earlier one.
    pub fn add(&self, subject: &str, until: SystemTime) {
        self.merge([(subject, until)]);
    }

    /// Puts the marks of the fleet beside our own.
    pub fn merge<'a>(&self, marks: impl IntoIterator<Item = (&'a str, SystemTime)>) {
        let mut kept = self.0.marks.write().unwrap_or_else(PoisonError::into_inner);
        marks.into_iter().for_each(|(subject, until)| kept.add(subject, until));
        self.0.any.store(!kept.by_user.is_empty(), Ordering::Release);
    }

    /// Drops marks older than `age` (the longest life of a token): nothing they could refuse is valid any more. The work is that of
    /// what is dropped.
    pub fn prune(&self, now: SystemTime, age: Duration) {
        let mut marks = self.0.marks.write().unwrap_or_else(PoisonError::into_inner);
        let is_over = |until: &SystemTime| until.checked_add(age).is_some_and(|end| end <= now);
        while marks.in_order.first().is_some_and(|(until, _)| is_over(until)) {
            if let Some((_, user)) = marks.in_order.pop_first() {
                marks.by_user.remove(&user);
            }
        }
        self.0.any.store(!marks.by_user.is_empty(), Ordering::Release);
    }

    /// All marks, for sharing them.
    #[must_use]
    pub fn all(&self) -> Vec<(String, SystemTime)> {
        let marks = self.0.marks.read().unwrap_or_else(PoisonError::into_inner);
        marks.by_user.iter().map(|(subject, until)| (subject.to_string(), *until)).collect()
    }

    /// Whether a token of `subject` issued at `issued_at` is refused.
    #[must_use]
    pub fn refuses(&self, subject: &str, issued_at: SystemTime) -> bool {
        self.0.any.load(Ordering::Acquire) && {
            let marks = self.0.marks.read().unwrap_or_else(PoisonError::into_inner);
            marks.by_user.get(subject).is_some_and(|until| issued_at <= *until)
        }
    }
}

impl fmt::Debug for LogoutMarks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogoutMarks").field("any", &self.0.any).finish_non_exhaustive()
    }
}
