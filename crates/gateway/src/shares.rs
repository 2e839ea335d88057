//! How many of a number of places one user may hold, so that no user takes them all.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A user may always hold so many.
const LEAST: usize = 8;
/// So many calls of a user may run and wait, or as many as there are places: each is a request in flight.
const WAITING: usize = 256;

/// The keys are keyed hashes already.
type Users = HashMap<u64, User, foldhash::fast::RandomState>;

/// The users who have calls that need such a place.
#[derive(Debug)]
pub(crate) struct Shares {
    share: usize,
    /// Calls of one user that run or wait.
    most: usize,
    /// By a keyed hash of issuer and subject, so that a user cannot choose the share of another one.
    users: Mutex<Users>,
    hash: RandomState,
}

#[derive(Debug)]
struct User {
    places: Arc<Semaphore>,
    /// Those that run or wait; a user without any is not kept.
    calls: usize,
}

/// A call of one user, which waits for a place of the user's share or has one.
#[derive(Debug)]
pub(crate) struct Seat {
    shares: Arc<Shares>,
    user: u64,
    places: Arc<Semaphore>,
    held: Option<OwnedSemaphorePermit>,
}

impl Shares {
    /// For so many places in all, of which one user may hold one of `part`.
    pub(crate) fn new(places: usize, part: usize) -> Arc<Self> {
        let share = (places / part.max(1)).max(LEAST).min(places);
        Arc::new(Self { share, most: places.max(WAITING), users: Mutex::default(), hash: RandomState::new() })
    }

    /// Begins a call of this user. `None` where too many of the user's run and wait.
    pub(crate) fn begin(self: &Arc<Self>, issuer: &str, subject: &str) -> Option<Seat> {
        let user = self.hash.hash_one((issuer, subject));
        let mut users = self.lock();
        let known = users
            .entry(user)
            .or_insert_with(|| User { places: Arc::new(Semaphore::new(self.share)), calls: 0 });
        if known.calls >= self.most {
            return None;
        }
        known.calls += 1;
        Some(Seat { shares: Arc::clone(self), user, places: Arc::clone(&known.places), held: None })
    }

    fn lock(&self) -> MutexGuard<'_, Users> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Takes a place of the user's share if one is free now.
    ///
    /// # Errors
    /// None is free; the seat, which can wait.
    pub(crate) fn taken_now(mut self) -> Result<Self, Self> {
        match Arc::clone(&self.places).try_acquire_owned() {
            Ok(place) => {
                self.held = Some(place);
                Ok(self)
            }
            Err(_) => Err(self),
        }
    }

    /// Waits for a place of the user's share.
    pub(crate) async fn taken(mut self) -> Option<Self> {
        self.held = Some(Arc::clone(&self.places).acquire_owned().await.ok()?);
        Some(self)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        // First, so that a user who is forgotten here holds no place.
        self.held = None;
        let mut users = self.shares.lock();
        if let Some(known) = users.get_mut(&self.user) {
            known.calls -= 1;
            if known.calls == 0 {
                users.remove(&self.user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn now(shares: &Arc<Shares>, subject: &str) -> Option<Seat> {
        let seat = shares.begin("https://acme.test/", subject)?;
        tokio::time::timeout(std::time::Duration::ZERO, seat.taken()).await.ok()?
    }

    #[tokio::test(start_paused = true)]
    async fn a_user_holds_a_quarter_of_the_places_and_eight_at_least() {
        for (places, share) in [(256, 64), (20, 8), (8, 8), (3, 3)] {
            let shares = Shares::new(places, 4);
            let mut held = Vec::new();
            for _ in 0..share {
                held.push(now(&shares, "auth0|1").await.expect("a place"));
            }
            assert!(now(&shares, "auth0|1").await.is_none(), "{places}");
            assert!(now(&shares, "auth0|2").await.is_some(), "{places}");
            held.pop();
            assert!(now(&shares, "auth0|1").await.is_some(), "{places}");
            held.clear();
            assert!(shares.lock().is_empty(), "users without calls are not kept");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_seat_without_a_place_can_wait_and_a_new_one_does_not_overtake_it() {
        let shares = Shares::new(1, 4);
        let begin = || shares.begin("https://acme.test/", "auth0|1").unwrap();
        let held = begin().taken_now().expect("a place");
        let waiting = tokio::spawn(begin().taken_now().expect_err("no place").taken());
        tokio::task::yield_now().await;
        drop(held);
        assert!(begin().taken_now().is_err());
        assert!(waiting.await.unwrap().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn the_calls_of_a_user_that_wait_are_bounded() {
        let shares = Shares::new(16, 4);
        let seats: Vec<_> = (0..WAITING).map(|_| shares.begin("", "auth0|1").unwrap()).collect();
        assert!(shares.begin("", "auth0|1").is_none());
        assert!(shares.begin("", "auth0|2").is_some());
        let waiting: Vec<_> = seats.into_iter().map(|seat| tokio::spawn(seat.taken())).collect();
        tokio::task::yield_now().await;
        assert_eq!(waiting.iter().filter(|call| call.is_finished()).count(), LEAST);
        waiting.iter().for_each(tokio::task::JoinHandle::abort);
        for call in waiting {
            drop(call.await);
        }
        assert!(shares.lock().is_empty(), "calls that are given up wait no more");
    }
}
