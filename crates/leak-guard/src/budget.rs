//! How much work a search may be. Comparisons and readings are counted, so that a body that is made to be expensive ends the
//! search: nothing of it passes from there on.

use crate::needle::{Needles, Prepared};

/// Comparisons with sampled needles that any body may cost.
pub(crate) const FREE_COMPARISONS: u64 = 64 * 1024;

/// A body of this many bytes may cost one comparison more for each secret. A list of tokens of the same kind, which begin alike,
/// needs about one for 200 bytes; parts of the secret itself, again and again, up to two a byte.
pub(crate) const BYTES_PER_COMPARISON: u64 = 32;

/// Readings for other needles that any body may cost, and those that each of its bytes adds for each needle. Only a secret that
/// repeats itself costs more, in a body made of it.
pub(crate) const FREE_READINGS: u64 = 64 * 1024;
pub(crate) const READINGS_PER_BYTE: u64 = 4;

/// Work that is done, and how much may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    pub(crate) used: u64,
    allowed: u64,
}

impl Budget {
    pub(crate) const fn new(allowed: u64) -> Self {
        Self { used: 0, allowed }
    }

    pub(crate) const fn allow(&mut self, more: u64) {
        self.allowed += more;
    }

    pub(crate) const fn is_exceeded(self) -> bool {
        self.used > self.allowed
    }
}

/// Comparisons that `added` bytes may cost.
pub(crate) fn comparisons(needles: &Needles, added: usize) -> u64 {
    let strides = prepared(needles).filter_map(|prepared| Some(prepared.grams.as_ref()?.stride));
    // Behind the last sampled place every place is tried.
    strides.map(|stride| added as u64 / BYTES_PER_COMPARISON + added.min(stride) as u64).sum()
}

/// Readings that `added` bytes may cost.
pub(crate) fn readings(needles: &Needles, added: usize) -> u64 {
    let others = needles.iter().filter(|needle| !needle.sampled).count();
    READINGS_PER_BYTE * (others * added) as u64
}

fn prepared(needles: &Needles) -> impl Iterator<Item = &Prepared> {
    needles.tokens.iter().map(|token| &*token.0)
}
