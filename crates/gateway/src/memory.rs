//! How much memory the caches may take: what the container's limit leaves beside the calls in flight.

use std::path::Path;

/// The most memory that a call holds while the caller does not read its answer (`docs/operations/scaling.md`).
const CALL: u64 = 144 * 1024;
/// The process at rest.
const REST: u64 = 32 << 20;
/// What is assumed where nothing limits the process.
const UNLIMITED: u64 = 512 << 20;
/// What a verified token, a grant or a vault result takes, roughly.
const ENTRY: u64 = 1024;
/// The broker's caches: grants, vault results, absent ones, hints.
const OF_THE_BROKER: u64 = 4;

/// The bounds of the caches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// All calls in flight together, in bytes.
    pub(crate) calls: u64,
    /// User records, in bytes.
    pub(crate) users: u64,
    /// Verified caller tokens, in bytes.
    pub(crate) tokens: u64,
    /// Grants and vault results, in bytes.
    pub(crate) grants: u64,
}

impl Bounds {
    /// The bounds for this process, with `in_flight` calls at once.
    pub(crate) fn new(in_flight: usize) -> Self {
        Self::within(limit().unwrap_or(UNLIMITED), in_flight)
    }

    fn within(limit: u64, in_flight: usize) -> Self {
        let calls = CALL.saturating_mul(in_flight as u64);
        // Where the calls alone could take everything, the caches stay small and useful.
        let caches = limit.saturating_sub(calls).saturating_sub(REST).max(limit / 8);
        Self { calls, users: caches / 2, tokens: caches / 4, grants: caches / 4 }
    }

    /// How many verified tokens that is.
    pub(crate) fn token_entries(self) -> usize {
        usize::try_from(self.tokens / ENTRY).unwrap_or(usize::MAX)
    }

    /// How many entries each of the broker's caches may have.
    pub(crate) fn grant_entries(self) -> u64 {
        self.grants / ENTRY / OF_THE_BROKER
    }

    /// Says the bounds once.
    pub(crate) fn log(self) {
        let mib = |bytes: u64| bytes >> 20;
        tracing::info!(
            event = "memory_bounds",
            calls_mib = mib(self.calls),
            users_mib = mib(self.users),
            tokens_mib = mib(self.tokens),
            grants_mib = mib(self.grants),
            sum_mib = mib(self.calls + self.users + self.tokens + self.grants + REST),
        );
    }
}

/// The container's memory limit in bytes (cgroup version 2, else 1). `None` where there is none.
fn limit() -> Option<u64> {
    ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]
        .iter()
        .find_map(|file| read(Path::new(file)))
}

fn read(file: &Path) -> Option<u64> {
    // Version 1 writes a very large number where nothing is limited.
    std::fs::read_to_string(file).ok()?.trim().parse().ok().filter(|limit| *limit < 1 << 50)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tm_a11_calls_and_caches_together_fit_the_containers_limit() {
        // The chart's default, and larger ones.
        for limit in [256, 512, 4096] {
            let bounds = Bounds::within(limit << 20, 1024);
            let sum = bounds.calls + bounds.users + bounds.tokens + bounds.grants + REST;
            assert!(sum <= limit << 20, "{limit} MiB: {bounds:?}");
            assert!(bounds.users >= 32 << 20, "{limit} MiB: {bounds:?}");
        }
        let tiny = Bounds::within(64 << 20, 1024);
        assert!(tiny.users > 0 && tiny.grant_entries() > 0 && tiny.token_entries() > 0, "{tiny:?}");
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
