//! Order, rotation, full disks and stuck writers.

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
    #[cfg(unix)]
    for file in [&moved, &path] {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(file).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "lines name people");
    }
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

/// A disk with room for so many bytes.
struct Small(Arc<Mutex<(Vec<u8>, usize)>>);

impl Write for Small {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut disk = self.0.lock().expect("locked");
        let room = disk.1.min(bytes.len());
        if room == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        disk.1 -= room;
        disk.0.extend_from_slice(&bytes[..room]);
        Ok(room)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn lines_a_full_disk_does_not_take_are_counted_and_a_torn_one_spoils_no_other() {
    let disk = Arc::new(Mutex::new((Vec::new(), 8)));
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let lost = Arc::new(move || {
        counted.fetch_add(1, Ordering::SeqCst);
    });
    let mut lines = Lines { out: Box::new(Small(Arc::clone(&disk))), torn: false, lost };
    lines.put("first\nsecond\nthird\n");
    assert_eq!(count.load(Ordering::SeqCst), 2, "the second is torn, the third never written");
    lines.put("fourth\n");
    assert_eq!(count.load(Ordering::SeqCst), 3, "still full");
    disk.lock().expect("locked").1 = 100;
    lines.put("fifth\n");
    assert_eq!(count.load(Ordering::SeqCst), 3);
    assert_eq!(disk.lock().expect("locked").0, b"first\nse\nfifth\n");
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
