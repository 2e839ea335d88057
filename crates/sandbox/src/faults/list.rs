//! The faults of a sandbox, in the order in which they were added.

use std::sync::{Arc, Mutex, PoisonError};

use crate::journal::entry::Entry;
use crate::kinds::Server;

use super::fault::{Fault, Step};

/// Names one ordered fault, to take it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FaultId(u64);

/// A cheap handle on the faults of a sandbox.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<Ordered>>);

#[derive(Debug, Default)]
struct Ordered {
    next: u64,
    faults: Vec<(FaultId, Fault)>,
    down: Vec<Server>,
    going_away: Vec<Server>,
}

impl Faults {
    /// Orders a fault. The oldest one that meets a request acts; used-up ones are gone.
    pub fn add(&self, fault: Fault) -> FaultId {
        let mut ordered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let id = FaultId(ordered.next);
        ordered.next += 1;
        ordered.faults.push((id, fault));
        id
    }

    /// Takes a fault back; false if it is used up or was taken back before.
    pub fn remove(&self, id: FaultId) -> bool {
        let mut ordered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = ordered.faults.len();
        ordered.faults.retain(|(other, _)| *other != id);
        ordered.faults.len() < before
    }

    /// Takes all faults back and brings all servers up.
    pub fn clear(&self) {
        let mut ordered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ordered.faults.clear();
        ordered.down.clear();
        ordered.going_away.clear();
    }

    /// Makes `server` unreachable: new connections are closed at once, old ones at their next request.
    pub fn take_down(&self, server: Server) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).down.push(server);
    }

    /// Makes `server` reachable again.
    pub fn bring_up(&self, server: Server) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).down.retain(|down| *down != server);
    }

    /// The next `connections` new HTTP/2 connections to `server` end with a `GOAWAY` below their first
    /// stream: no request on them was acted upon (RFC 9113, section 6.8).
    pub fn go_away(&self, server: Server, connections: usize) {
        let mut ordered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ordered.going_away.extend(std::iter::repeat_n(server, connections));
    }

    /// Whether the next connection to `server` is to go away; counts it.
    pub(crate) fn goes_away(&self, server: Server) -> bool {
        let mut ordered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = ordered.going_away.iter().position(|other| *other == server);
        found.map(|index| ordered.going_away.swap_remove(index)).is_some()
    }

    pub(crate) fn is_down(&self, server: Server) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).down.contains(&server)
    }

    pub(crate) fn pick(&self, entry: &Entry) -> Option<Step> {
        let mut ordered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut picked = None;
        for (id, fault) in &mut ordered.faults {
            if !fault.meets(entry) {
                continue;
            }
            if fault.skip > 0 {
                fault.skip -= 1;
                continue;
            }
            if let Some(left) = &mut fault.times {
                if *left == 0 {
                    continue;
                }
                *left -= 1;
            }
            picked = Some((*id, fault.step.clone(), fault.times == Some(0)));
            break;
        }
        let (id, step, used_up) = picked?;
        if used_up {
            ordered.faults.retain(|(other, _)| *other != id);
        }
        Some(step)
    }
}
