//! What the binary's own headers promise: position independent, no interpreter, no executable stack, relocations read-only.

use anyhow::{Context as _, Result, ensure};
use std::path::Path;

const DYN: u16 = 3;
const INTERP: u32 = 3;
const GNU_STACK: u32 = 0x6474_e551;
const GNU_RELRO: u32 = 0x6474_e552;
const EXECUTABLE: u32 = 1;

pub(super) fn check(binary: &Path) -> Result<()> {
    promises(&std::fs::read(binary)?).with_context(|| binary.display().to_string())
}

/// Reads a 64-bit little-endian ELF file.
fn promises(file: &[u8]) -> Result<()> {
    ensure!(file.starts_with(b"\x7fELF\x02\x01"), "not a 64-bit little-endian ELF file");
    ensure!(half(file, 16)? == DYN, "not position independent");
    let (start, size, count) = (word(file, 32)?, half(file, 54)?, half(file, 56)?);
    let segments = (0..count)
        .map(|number| {
            let at = usize::try_from(start)? + usize::from(size) * usize::from(number);
            Ok((quad(file, at)?, quad(file, at + 4)?))
        })
        .collect::<Result<Vec<(u32, u32)>>>()?;
    let find = |kind| segments.iter().find(|(found, _)| *found == kind).map(|(_, flags)| *flags);
    ensure!(find(INTERP).is_none(), "needs a dynamic loader, which an empty image does not have");
    ensure!(find(GNU_RELRO).is_some(), "relocations stay writable");
    ensure!(find(GNU_STACK).is_some_and(|flags| flags & EXECUTABLE == 0), "the stack is executable");
    Ok(())
}

fn bytes<const N: usize>(file: &[u8], at: usize) -> Result<[u8; N]> {
    let found = file.get(at..at + N).context("the file is cut short")?;
    Ok(found.try_into()?)
}

fn half(file: &[u8], at: usize) -> Result<u16> {
    bytes(file, at).map(u16::from_le_bytes)
}

fn quad(file: &[u8], at: usize) -> Result<u32> {
    bytes(file, at).map(u32::from_le_bytes)
}

fn word(file: &[u8], at: usize) -> Result<u64> {
    bytes(file, at).map(u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_needs_a_loader_is_refused() {
        // This very test: an ordinary dynamic program.
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert!(promises(&own).unwrap_err().to_string().contains("loader"));
        assert!(promises(b"#!/bin/sh\n").is_err());
        assert!(promises(&own[..40]).is_err());
    }
}
