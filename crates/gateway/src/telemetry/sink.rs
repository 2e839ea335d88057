//! Lines to a file or stream, written by a thread of their own.

use std::{
    fs::OpenOptions,
    io::{self, Write},
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
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
/// Lines are written together up to this size.
const BATCH: usize = 64 * 1024;

enum Message {
    Line(String),
    Reopen,
    Flush(SyncSender<()>),
}

/// A handle to the writing thread. Cheap to clone; the thread ends with the last one.
#[derive(Clone)]
pub(crate) struct LineSink {
    sender: SyncSender<Message>,
    dropped: Arc<dyn Fn() + Send + Sync>,
}

impl LineSink {
    /// Opens the target and starts the thread. `dropped` is called for each line that finds the queue full.
    pub(crate) fn open(target: Target, name: &str, dropped: Arc<dyn Fn() + Send + Sync>) -> io::Result<Self> {
        let out = writer(&target)?;
        let (sender, receiver) = sync_channel(QUEUE);
        thread::Builder::new().name(name.to_owned()).spawn(move || write_all(&receiver, &target, out))?;
        Ok(Self { sender, dropped })
    }

    /// Hands over one line, which must end with a line feed.
    pub(crate) fn write(&self, line: String) {
        if let Err(TrySendError::Full(_)) = self.sender.try_send(Message::Line(line)) {
            (self.dropped)();
        }
    }

    /// Opens a file anew, after somebody has rotated it.
    pub(crate) fn reopen(&self) {
        let _ = self.sender.try_send(Message::Reopen);
    }

    /// Waits until everything handed over so far is written, for a second at most.
    pub(crate) fn flush(&self) {
        let (done, wait) = sync_channel(1);
        if self.sender.try_send(Message::Flush(done)).is_ok() {
            let _ = wait.recv_timeout(Duration::from_secs(1));
        }
    }
}

fn writer(target: &Target) -> io::Result<Box<dyn Write + Send>> {
    Ok(match target {
        Target::Stderr => Box::new(io::stderr()),
        Target::Stdout => Box::new(io::stdout()),
        Target::File(path) => Box::new(OpenOptions::new().create(true).append(true).open(path)?),
    })
}

fn write_all(receiver: &Receiver<Message>, target: &Target, mut out: Box<dyn Write + Send>) {
    let mut batch = String::new();
    let mut next = receiver.recv().ok();
    while let Some(message) = next {
        match message {
            Message::Line(line) => batch.push_str(&line),
            Message::Reopen => {
                put(&mut out, &mut batch);
                if let Ok(fresh) = writer(target) {
                    out = fresh;
                }
            }
            Message::Flush(done) => {
                put(&mut out, &mut batch);
                let _ = done.send(());
            }
        }
        next = match receiver.try_recv() {
            Ok(more) if batch.len() < BATCH => Some(more),
            other => {
                put(&mut out, &mut batch);
                other.ok().or_else(|| receiver.recv().ok())
            }
        };
    }
    put(&mut out, &mut batch);
}

fn put(out: &mut Box<dyn Write + Send>, batch: &mut String) {
    // There is nobody to tell: this is where errors are told.
    let _ = out.write_all(batch.as_bytes()).and_then(|()| out.flush());
    batch.clear();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_arrive_in_order_and_a_rotated_file_is_opened_anew() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("audit.log");
        let sink = LineSink::open(Target::File(path.clone()), "test", Arc::new(|| {})).expect("opened");
        for number in 0..100 {
            sink.write(format!("{number}\n"));
        }
        sink.flush();
        let moved = dir.path().join("audit.log.1");
        std::fs::rename(&path, &moved).expect("rotated");
        sink.reopen();
        sink.write("next\n".to_owned());
        sink.flush();
        let old = std::fs::read_to_string(moved).expect("old file");
        assert_eq!(old.lines().count(), 100);
        assert_eq!(old.lines().last(), Some("99"));
        assert_eq!(std::fs::read_to_string(path).expect("new file"), "next\n");
    }
}
