//! A file that is only read: what the database would write while it opens the file stays in memory.

use std::{
    collections::BTreeMap,
    io,
    sync::{Mutex, MutexGuard, PoisonError},
};

use redb::{StorageBackend, backends::FileBackend};

const PAGE: u64 = 4096;

/// Opening a file after a crash repairs it, and a torn file would be changed by that. So the file is opened like this
/// first. It is locked meanwhile.
#[derive(Debug)]
pub(super) struct Overlay {
    file: FileBackend,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Page number to what it would hold.
    pages: BTreeMap<u64, Vec<u8>>,
    len: u64,
    /// Beyond it the file holds nothing of what is seen.
    of_file: u64,
}

impl Overlay {
    pub(super) fn new(file: FileBackend) -> io::Result<Self> {
        let len = file.len()?;
        let state = Mutex::new(State { pages: BTreeMap::new(), len, of_file: len });
        Ok(Self { file, state })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One page as it is in the file; zeros beyond its end.
    fn page(&self, number: u64, of_file: u64) -> io::Result<Vec<u8>> {
        let mut page = vec![0; PAGE as usize];
        let there = of_file.saturating_sub(number * PAGE).min(PAGE) as usize;
        if let Some(part) = page.get_mut(..there).filter(|part| !part.is_empty()) {
            self.file.read(number * PAGE, part)?;
        }
        Ok(page)
    }
}

/// The parts of `len` bytes from `offset` on: page number, place in the page, how many bytes.
fn parts(offset: u64, len: usize) -> impl Iterator<Item = (u64, usize, usize)> {
    let end = offset + len as u64;
    let mut at = offset;
    std::iter::from_fn(move || {
        let (number, place) = (at / PAGE, at % PAGE);
        let count = (PAGE - place).min(end.saturating_sub(at));
        at += count;
        (count > 0).then_some((number, place as usize, count as usize))
    })
}

impl StorageBackend for Overlay {
    fn len(&self) -> io::Result<u64> {
        Ok(self.state().len)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.state();
        if offset.saturating_add(out.len() as u64) > state.len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut rest = out;
        for (number, place, count) in parts(offset, rest.len()) {
            let (now, later) = rest.split_at_mut(count);
            match state.pages.get(&number) {
                Some(page) => now.copy_from_slice(&page[place..place + count]),
                None => now.copy_from_slice(&self.page(number, state.of_file)?[place..place + count]),
            }
            rest = later;
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.state();
        state.of_file = state.of_file.min(len);
        state.len = len;
        let kept = len.div_ceil(PAGE);
        state.pages.retain(|number, _| *number < kept);
        // What is cut off is zero when the file grows again.
        if let Some(page) = state.pages.get_mut(&(len / PAGE)) {
            page[(len % PAGE) as usize..].fill(0);
        }
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        let mut rest = data;
        for (number, place, count) in parts(offset, data.len()) {
            let (now, later) = rest.split_at(count);
            if !state.pages.contains_key(&number) {
                let page = self.page(number, state.of_file)?;
                state.pages.insert(number, page);
            }
            if let Some(page) = state.pages.get_mut(&number) {
                page[place..place + count].copy_from_slice(now);
            }
            rest = later;
        }
        state.len = state.len.max(offset + data.len() as u64);
        Ok(())
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }
}
