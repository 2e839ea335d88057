//! One current-thread runtime for each core, to which accepted connections are handed.
//!
//! A connection stays on its core, and so do the provider's connections that it uses: a request wakes no other thread. The
//! accepting runtime keeps the admin listener, signals and reloads.

use std::{
    cell::Cell,
    io,
    sync::atomic::{AtomicUsize, Ordering},
    thread::{self, JoinHandle},
};

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::CancellationToken;

thread_local! {
    static CURRENT: Cell<usize> = const { Cell::new(0) };
}

/// How many cores this process may use, its affinity and its CPU quota considered. At least 1.
pub(crate) fn count() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// The index of the core that this thread serves, below [`count`]. 0 on every other thread.
pub(crate) fn current() -> usize {
    CURRENT.get()
}

/// The threads that serve connections. They end when this is dropped, and with them what still runs there.
pub struct Cores {
    handles: Vec<Handle>,
    threads: Vec<JoinHandle<()>>,
    next: AtomicUsize,
    stop: CancellationToken,
}

impl Cores {
    /// Starts a thread for each core, or none where there is only one: the accepting thread then serves too.
    ///
    /// # Errors
    /// When a runtime or a thread cannot be started.
    pub fn start() -> io::Result<Self> {
        match count() {
            1 => Self::with(0),
            count => Self::with(count),
        }
    }

    fn with(threads: usize) -> io::Result<Self> {
        let mut cores = Self {
            handles: Vec::new(),
            threads: Vec::new(),
            next: AtomicUsize::new(0),
            stop: CancellationToken::new(),
        };
        for index in 0..threads {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            let stopped = cores.stop.clone();
            cores.handles.push(runtime.handle().clone());
            cores.threads.push(thread::Builder::new().name(format!("core-{index}")).spawn(move || {
                CURRENT.set(index);
                runtime.block_on(stopped.cancelled());
            })?);
        }
        Ok(cores)
    }

    /// The runtime for the next connection, in turn. `None` where the accepting runtime serves.
    pub(crate) fn next(&self) -> Option<&Handle> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        self.handles.get(turn.checked_rem(self.handles.len())?)
    }
}

impl std::fmt::Debug for Cores {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cores").field("count", &self.handles.len()).finish_non_exhaustive()
    }
}

impl Drop for Cores {
    fn drop(&mut self) {
        self.stop.cancel();
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so already.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_go_to_each_core_in_turn() {
        let cores = Cores::with(3).unwrap();
        let accepting = Builder::new_current_thread().build().unwrap();
        let served: Vec<usize> = accepting.block_on(async {
            let mut served = Vec::new();
            for _ in 0..6 {
                let handle = cores.next().unwrap();
                served.push(handle.spawn(async { current() }).await.unwrap());
            }
            served
        });
        assert_eq!(served, [0, 1, 2, 0, 1, 2]);
    }

    #[test]
    fn its_threads_end_with_it() {
        let cores = Cores::with(1).unwrap();
        let running = cores.next().unwrap().spawn(std::future::pending::<()>());
        drop(cores);
        assert!(running.is_finished());
    }
}
