//! The demo's audit log, from which its console shows the lines of each call.

use std::{
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{task, time};

/// How much of the end of the file is searched, in bytes.
const TAIL: u64 = 256 * 1024;

/// The lines of a call are written shortly after its answer: they are looked for so often, with a pause between.
const ATTEMPTS: usize = 20;
const PAUSE: Duration = Duration::from_millis(50);

/// Request ids have at least so many characters.
const SHORTEST_ID: usize = 16;

/// The file of the audit log.
pub(super) struct AuditLog(PathBuf);

impl AuditLog {
    pub(super) fn at(path: PathBuf) -> Self {
        Self(path)
    }

    /// The file, as `audit.path` names it.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// The lines of one call, if there are any soon.
    pub(super) async fn of_request(&self, id: &str) -> Option<String> {
        if id.len() < SHORTEST_ID || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return None;
        }
        for _ in 0..ATTEMPTS {
            let path = self.0.clone();
            let text = task::spawn_blocking(move || tail(&path)).await.ok()?.ok()?;
            let lines: Vec<&str> = text.lines().filter(|line| line.contains(id)).collect();
            if !lines.is_empty() {
                return Some(lines.join("\n"));
            }
            time::sleep(PAUSE).await;
        }
        None
    }
}

fn tail(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let mut bytes = Vec::new();
    file.take(TAIL).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_lines_of_one_call_are_found_at_the_end_of_a_long_log() {
        let folder = tempfile::tempdir().unwrap();
        let log = AuditLog::at(folder.path().join("audit.jsonl"));
        let mut text = "{\"event\":\"call\",\"request_id\":\"ffffffffffffffff\"}\n".repeat(8000);
        text.push_str("{\"event\":\"me\",\"request_id\":\"0123456789abcdef\"}\n");
        std::fs::write(log.path(), text).unwrap();
        let found = log.of_request("0123456789abcdef").await;
        assert_eq!(found.as_deref(), Some("{\"event\":\"me\",\"request_id\":\"0123456789abcdef\"}"));
        assert_eq!(log.of_request("0123456789abcdee").await, None);
        assert_eq!(log.of_request("event").await, None, "a part of a line is no id");
    }
}
