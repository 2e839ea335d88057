//! How much is read from a connection at once.

use tokio::sync::{Semaphore, SemaphorePermit};

use super::limits::READ_BUFFER;

/// One byte less than the buffer: the client takes a larger one after a read that fills it.
const SMALL: usize = READ_BUFFER - 1;

/// So many reads that could have brought more let a connection read more at once.
const FULL_READS: u8 = 2;

/// How much a connection reads at once. It begins with a little less than [`READ_BUFFER`], and may read as much as there is when
/// answers come faster than that and fewer connections than allowed do so already. That lasts as long as the connection: the client
/// keeps its large buffer.
#[derive(Debug)]
pub(super) struct ReadSize {
    /// Those that may read more. `None` where the client's buffer is not larger.
    large: Option<&'static Semaphore>,
    permit: Option<SemaphorePermit<'static>>,
    full: u8,
}

impl ReadSize {
    pub(super) fn new(large: Option<&'static Semaphore>) -> Self {
        Self { large, permit: None, full: 0 }
    }

    /// The most that the next read may bring, in bytes.
    pub(super) fn limit(&self) -> u64 {
        if self.large.is_some() && self.permit.is_none() { SMALL as u64 } else { u64::MAX }
    }

    /// A read has brought this many bytes.
    pub(super) fn record(&mut self, read: usize) {
        let Some(large) = self.large.filter(|_| self.permit.is_none()) else { return };
        self.full = if read < SMALL { 0 } else { self.full + 1 };
        if self.full == FULL_READS {
            self.full = 0;
            self.permit = large.try_acquire().ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_that_bring_much_read_more_at_once_and_only_so_many_do() {
        let large: &'static Semaphore = Box::leak(Box::new(Semaphore::new(1)));
        let (mut first, mut second) = (ReadSize::new(Some(large)), ReadSize::new(Some(large)));
        for short in [SMALL - 1, 1] {
            first.record(SMALL);
            first.record(short);
            assert_eq!(first.limit(), SMALL as u64);
        }
        first.record(SMALL);
        first.record(SMALL);
        assert_eq!(first.limit(), u64::MAX);
        for _ in 0..10 {
            second.record(SMALL);
        }
        assert_eq!(second.limit(), SMALL as u64);
        drop(first);
        second.record(SMALL);
        second.record(SMALL);
        assert_eq!(second.limit(), u64::MAX);
    }

    #[test]
    fn a_connection_whose_buffer_is_small_is_not_limited() {
        assert_eq!(ReadSize::new(None).limit(), u64::MAX);
    }
}
