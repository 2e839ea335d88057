//! Lines to a file or stream, written by a thread of their own.
//!
//! A writer only appends its line to a buffer. The thread waits a moment after the first one and writes all that came
//! together: a system call and a change of threads for each line would cost more than the rest of a proxied request.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    mem,
    path::{Path, PathBuf},
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
    /// The thread writes at once and waits for no more lines.
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
    /// Opens the target and starts the thread. `dropped` is called for each line that finds the queue full or cannot be written.
    pub(crate) fn open(target: Target, name: &str, dropped: Arc<dyn Fn() + Send + Sync>) -> io::Result<Self> {
        let out = writer(&target)?;
        let shared = Arc::new(Shared::default());
        let of_thread = Arc::clone(&shared);
        let lost = Arc::clone(&dropped);
        let lines = Lines { out, torn: false, lost };
        thread::Builder::new().name(name.to_owned()).spawn(move || write_all(&of_thread, &target, lines))?;
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

    /// Opens a file anew, after it was rotated: lines from now on are in the new one.
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
        Target::File(path) => Box::new(append(path)?),
    })
}

/// Opens a file for appending. A new one is for the process's user alone: audit lines name people.
fn append(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn write_all(shared: &Shared, target: &Target, mut lines: Lines) {
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
        lines.put(before);
        if reopen_at.is_some()
            && let Ok(fresh) = writer(target)
        {
            lines.out = fresh;
            lines.torn = false;
        }
        lines.put(after);
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

/// Writes whole lines, and counts those that could not be written: the disk is full, the reader is gone.
struct Lines {
    out: Box<dyn Write + Send>,
    /// The last thing written is the beginning of a line.
    torn: bool,
    lost: Arc<dyn Fn() + Send + Sync>,
}

impl Lines {
    fn put(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        if self.torn && self.write(b"\n") == 1 {
            self.torn = false;
        }
        let written = if self.torn { 0 } else { self.write(text.as_bytes()) };
        let rest = text.as_bytes().get(written..).unwrap_or_default();
        self.torn |= written > 0 && !rest.is_empty() && text.as_bytes().get(written - 1) != Some(&b'\n');
        // Only the counter can be told: this is where errors are written.
        rest.iter().filter(|byte| **byte == b'\n').for_each(|_| (self.lost)());
    }

    /// How many bytes arrived.
    fn write(&mut self, bytes: &[u8]) -> usize {
        let mut written = 0;
        while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
            match self.out.write(rest) {
                Ok(0) => break,
                Ok(more) => written += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        let _ = self.out.flush();
        written
    }
}

#[cfg(test)]
mod tests;
