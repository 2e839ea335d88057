//! How much memory the caches may take (`server.memory`), and each of them.

use std::path::Path;
use std::sync::LazyLock;

use crate::config::Settings;
use crate::room;

/// The most memory that a call holds while the caller does not read its answer (`docs/operations/scaling.md`).
const CALL: u64 = 192 * 1024;
/// The process at rest, 16 MiB, and what the connections that read much at once hold beyond [`CALL`] (`upstream::limits`).
const REST: u64 = 32 << 20;
/// Request heads that are not complete yet, on both listeners.
const HEADS: u64 = (room::HEADS + room::ADMIN) as u64;
/// Answers that are not read, on both listeners.
const UNREAD: u64 = (room::UNREAD + room::ADMIN) as u64;
/// The most that prepared secrets take: several thousand. Preparing one again costs a microsecond or two.
const SECRETS: u64 = 8 << 20;
/// What is assumed where nothing limits the process.
const UNLIMITED: u64 = 512 << 20;

/// The bounds of the caches, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// All calls in flight together.
    calls: u64,
    /// User records, connected accounts, users who do not exist.
    pub(crate) users: u64,
    /// Verified caller tokens.
    pub(crate) tokens: u64,
    /// Grants, vault results, revocations, what was seen of IdP tokens.
    pub(crate) grants: u64,
    /// Secrets prepared for the search of answers.
    pub(crate) secrets: u64,
    /// Ids of proofs and logout tokens.
    pub(crate) replays: u64,
    /// Token buckets of callers.
    pub(crate) quotas: u64,
    /// Calls that can be explained.
    pub(crate) explained: u64,
}

impl Bounds {
    /// The bounds that the settings and the container's limit say.
    pub(crate) fn of(settings: &Settings) -> Self {
        let server = &settings.server;
        let calls = CALL.saturating_mul(server.limits.in_flight as u64);
        let caches = server.memory.map(crate::config::ByteSize::bytes);
        Self::split(caches.unwrap_or_else(|| left(*LIMIT, calls)), calls)
    }

    /// Fixed shares of `caches`.
    fn split(caches: u64, calls: u64) -> Self {
        let share = |of_hundred: u64| caches / 100 * of_hundred;
        let secrets = share(6).min(SECRETS);
        Self {
            calls,
            users: share(42) - secrets,
            tokens: share(20),
            grants: share(24),
            secrets,
            replays: share(6),
            quotas: share(4),
            explained: share(4),
        }
    }

    /// Each part with its name in the log and in the metrics.
    pub(crate) fn parts(self) -> [(&'static str, u64); 11] {
        [
            ("process", REST),
            ("heads", HEADS),
            ("unread", UNREAD),
            ("calls", self.calls),
            ("users", self.users),
            ("tokens", self.tokens),
            ("grants", self.grants),
            ("secrets", self.secrets),
            ("replays", self.replays),
            ("quotas", self.quotas),
            ("explained", self.explained),
        ]
    }

    /// Says the bounds once.
    pub(crate) fn log(self) {
        let sum: u64 = self.parts().into_iter().map(|(_, bytes)| bytes).sum();
        tracing::info!(
            event = "memory_bounds",
            process = REST,
            heads = HEADS,
            unread = UNREAD,
            calls = self.calls,
            users = self.users,
            tokens = self.tokens,
            grants = self.grants,
            secrets = self.secrets,
            replays = self.replays,
            quotas = self.quotas,
            explained = self.explained,
            sum,
            "bytes"
        );
    }
}

/// What the limit leaves for caches. Where the calls alone could take everything, the caches stay small and useful.
fn left(limit: Option<u64>, calls: u64) -> u64 {
    let limit = limit.unwrap_or(UNLIMITED);
    limit.saturating_sub(calls).saturating_sub(REST + HEADS + UNREAD).max(limit / 8)
}

/// The container's memory limit in bytes (cgroup version 2, else 1), read once. `None` where there is none.
static LIMIT: LazyLock<Option<u64>> = LazyLock::new(|| {
    ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]
        .iter()
        .find_map(|file| read(Path::new(file)))
});

fn read(file: &Path) -> Option<u64> {
    // Version 1 writes a very large number where nothing is limited.
    std::fs::read_to_string(file).ok()?.trim().parse().ok().filter(|limit| *limit < 1 << 50)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tm_a11_calls_and_caches_together_fit_the_containers_limit() {
        let calls = CALL * 1024;
        // The chart's default, and larger ones.
        for limit in [320 << 20, 512 << 20, 4096 << 20] {
            let bounds = Bounds::split(left(Some(limit), calls), calls);
            let sum: u64 = bounds.parts().into_iter().map(|(_, bytes)| bytes).sum();
            assert!(sum <= limit, "{limit}: {bounds:?}");
            assert!(sum >= limit / 100 * 99, "nothing is left over of {limit}: {bounds:?}");
        }
        let tiny = Bounds::split(left(Some(64 << 20), calls), calls);
        assert!(tiny.parts().into_iter().all(|(_, bytes)| bytes > 128 << 10), "{tiny:?}");
    }

    #[test]
    fn limits_are_read_and_none_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("memory.max");
        for (text, limit) in
            [("268435456\n", Some(268_435_456)), ("max\n", None), ("9223372036854771712\n", None)]
        {
            std::fs::write(&file, text).unwrap();
            assert_eq!(read(&file), limit, "{text}");
        }
        assert_eq!(read(&folder.path().join("none")), None);
    }
}
