//! Lines to a file or stream, written by a thread of their own.
//!
//! Whoever has a line only appends it to a buffer. The thread waits a moment after the first one and writes all that came
//! together: a system call and a change of threads for each line would cost more than the rest of a proxied request.

use std::{
    fs::OpenOptions,
    io::{self, Write},
    mem,
    path::PathBuf,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

/// Where lines go.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    Stderr,
    Stdout,
    File(PathBuf),
}

/// Lines waiting; more are dropped.
const QUEUE: usize = 8192;
/// How long the first line waits for others.
const LINGER: Duration = Duration::from_millis(5);

/// Room for lines that is kept once it was needed.
const KEPT: usize = 256 * 1024;

/// What waits to be written.
#[derive(Default)]
struct Waiting {
    text: String,
    lines: usize,
    /// The file is to be opened anew after so many bytes of `text`.
    reopen_at: Option<usize>,
    /// Lines handed over, and lines written, since the start.
    taken: u64,
    written: u64,
    /// Nobody shall wait for more.
    urgent: bool,
    /// The thread writes what it has taken.
    writing: bool,
    closed: bool,
}

#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    /// There is something to do.
    work: Condvar,
    /// Something was written.
    done: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the thread when the last handle is gone.
struct Owner(Arc<Shared>);

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.work.notify_one();
    }
}

/// A handle to the writing thread. Cheap to clone; the thread ends with the last one.
#[derive(Clone)]
pub(crate) struct LineSink {
    owner: Arc<Owner>,
    dropped: Arc<dyn Fn() + Send + Sync>,
}

impl LineSink {
    /// Opens the target and starts the thread. `dropped` is called for each line that finds the queue full.
    pub(crate) fn open(target: Target, name: &str, dropped: Arc<dyn Fn() + Send + Sync>) -> io::Result<Self> {
        let out = writer(&target)?;
        let shared = Arc::new(Shared::default());
        let of_thread = Arc::clone(&shared);
        thread::Builder::new().name(name.to_owned()).spawn(move || write_all(&of_thread, &target, out))?;
        Ok(Self { owner: Arc::new(Owner(shared)), dropped })
    }

    /// Hands over one line, which must end with a line feed.
    pub(crate) fn write(&self, line: &str) {
        let shared = &self.owner.0;
        let mut waiting = shared.lock();
        if waiting.lines == QUEUE {
            drop(waiting);
            return (self.dropped)();
        }
        waiting.text.push_str(line);
        waiting.lines += 1;
        waiting.taken += 1;
        let first = waiting.lines == 1;
        // Half full: the thread must not wait any longer.
        let hurry = waiting.lines == QUEUE / 2;
        waiting.urgent |= hurry;
        drop(waiting);
        if first || hurry {
            shared.work.notify_one();
        }
    }

    /// Opens a file anew, after somebody has rotated it: lines from now on are in the new one.
    pub(crate) fn reopen(&self) {
        let mut waiting = self.owner.0.lock();
        let here = waiting.text.len();
        waiting.reopen_at.get_or_insert(here);
        waiting.urgent = true;
        drop(waiting);
        self.owner.0.work.notify_one();
    }

    /// Waits until everything handed over so far is written, for a second at most.
    pub(crate) fn flush(&self) {
        let shared = &self.owner.0;
        let mut waiting = shared.lock();
        let wanted = waiting.taken;
        waiting.urgent = true;
        shared.work.notify_one();
        let _ = shared.done.wait_timeout_while(waiting, Duration::from_secs(1), |waiting| {
            waiting.written < wanted || waiting.reopen_at.is_some() || waiting.writing
        });
    }
}

fn writer(target: &Target) -> io::Result<Box<dyn Write + Send>> {
    Ok(match target {
        Target::Stderr => Box::new(io::stderr()),
        Target::Stdout => Box::new(io::stdout()),
        Target::File(path) => Box::new(OpenOptions::new().create(true).append(true).open(path)?),
    })
}

fn write_all(shared: &Shared, target: &Target, mut out: Box<dyn Write + Send>) {
    let mut batch = String::new();
    loop {
        let idle =
            |waiting: &mut Waiting| waiting.lines == 0 && waiting.reopen_at.is_none() && !waiting.closed;
        let waiting = shared.work.wait_while(shared.lock(), idle).unwrap_or_else(PoisonError::into_inner);
        let more = |waiting: &mut Waiting| !waiting.urgent && !waiting.closed;
        let (mut waiting, _) =
            shared.work.wait_timeout_while(waiting, LINGER, more).unwrap_or_else(PoisonError::into_inner);
        mem::swap(&mut batch, &mut waiting.text);
        let (taken, reopen_at, closed) = (waiting.taken, waiting.reopen_at.take(), waiting.closed);
        waiting.lines = 0;
        waiting.urgent = false;
        waiting.writing = true;
        drop(waiting);
        let (before, after) = batch.split_at(reopen_at.unwrap_or(batch.len()));
        put(&mut out, before);
        if reopen_at.is_some()
            && let Ok(fresh) = writer(target)
        {
            out = fresh;
        }
        put(&mut out, after);
        batch.clear();
        batch.shrink_to(KEPT);
        let mut waiting = shared.lock();
        waiting.written = taken;
        waiting.writing = false;
        drop(waiting);
        shared.done.notify_all();
        if closed {
            return;
        }
    }
}

fn put(out: &mut Box<dyn Write + Send>, text: &str) {
    // There is nobody to tell: this is where errors are told.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn lines_arrive_in_order_and_a_rotated_file_is_opened_anew() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("audit.log");
        let sink = LineSink::open(Target::File(path.clone()), "test", Arc::new(|| {})).expect("opened");
        for number in 0..100 {
            sink.write(&format!("{number}\n"));
        }
        let moved = dir.path().join("audit.log.1");
        std::fs::rename(&path, &moved).expect("rotated");
        sink.reopen();
        sink.write("next\n");
        sink.flush();
        let old = std::fs::read_to_string(moved).expect("old file");
        assert_eq!(old.lines().count(), 100);
        assert_eq!(old.lines().last(), Some("99"));
        assert_eq!(std::fs::read_to_string(path).expect("new file"), "next\n");
    }

    #[test]
    fn what_waits_is_written_when_the_last_handle_goes() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("log");
        let sink = LineSink::open(Target::File(path.clone()), "test", Arc::new(|| {})).expect("opened");
        let shared = Arc::clone(&sink.owner.0);
        sink.clone().write("last\n");
        drop(sink);
        let waiting = shared.lock();
        let _waiting = shared.done.wait_while(waiting, |waiting| waiting.written < 1).expect("written");
        assert_eq!(std::fs::read_to_string(path).expect("file"), "last\n");
    }

    #[test]
    fn a_writer_that_is_stuck_costs_lines_and_no_time() {
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        // No thread at all is as stuck as one can be.
        let sink = LineSink {
            owner: Arc::new(Owner(Arc::default())),
            dropped: Arc::new(move || {
                counted.fetch_add(1, Ordering::SeqCst);
            }),
        };
        for _ in 0..QUEUE + 7 {
            sink.write("line\n");
        }
        assert_eq!(count.load(Ordering::SeqCst), 7);
        assert_eq!(sink.owner.0.lock().text.len(), QUEUE * "line\n".len());
    }
}
