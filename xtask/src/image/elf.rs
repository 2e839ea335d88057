//! What the binary's own headers promise: position independent, no interpreter and no library, no executable stack,
//! relocations done before it starts and read-only from then on.

use anyhow::{Context as _, Result, bail, ensure};
use std::ops::Range;
use std::path::Path;

const DYN: u16 = 3;
const LOAD: u32 = 1;
const DYNAMIC: u32 = 2;
const INTERP: u32 = 3;
const GNU_STACK: u32 = 0x6474_e551;
const GNU_RELRO: u32 = 0x6474_e552;
const EXECUTABLE: u32 = 1;
const WRITABLE: u32 = 2;

/// Entries of the dynamic section that a static, hardened program does not have.
const UNWANTED: [(u64, &str); 4] = [
    (1, "it needs a library"),
    (15, "it looks for libraries where its builder had them"),
    (22, "its code is changed while it is loaded"),
    (29, "it looks for libraries where its builder had them"),
];
const EXEC: u16 = 2;
const AARCH64: u16 = 183;
const FLAGS: u64 = 30;
const BIND_NOW: u64 = 8;

pub(super) fn check(binary: &Path) -> Result<()> {
    promises(&std::fs::read(binary)?).with_context(|| binary.display().to_string())
}

/// The section in which `cargo auditable` lists the dependencies, so that an image can be matched with advisories years later.
pub(super) fn lists_dependencies(binary: &Path) -> Result<()> {
    let file = std::fs::read(binary)?;
    let list = section(&file, ".dep-v0")?;
    ensure!(list.is_some_and(|list| !list.is_empty()), "the binary has no list of its dependencies");
    Ok(())
}

/// A part of the file that is mapped when the program starts.
struct Segment {
    kind: u32,
    flags: u32,
    place: Range<usize>,
}

fn promises(file: &[u8]) -> Result<()> {
    let segments = segments(file)?;
    let find = |kind| segments.iter().find(|segment| segment.kind == kind);
    // For arm64 rustc links static programs at a fixed address; there it is the one promise that is not kept.
    let fixed = half(file, 18)? == AARCH64 && half(file, 16)? == EXEC;
    ensure!(fixed || half(file, 16)? == DYN, "not position independent");
    ensure!(find(INTERP).is_none(), "needs a dynamic loader, which an empty image does not have");
    ensure!(find(GNU_RELRO).is_some(), "relocations stay writable");
    ensure!(find(GNU_STACK).is_some_and(|stack| stack.flags & EXECUTABLE == 0), "the stack is executable");
    let both = EXECUTABLE | WRITABLE;
    ensure!(
        segments.iter().all(|segment| segment.kind != LOAD || segment.flags & both != both),
        "some memory is writable and executable"
    );
    let dynamic = match find(DYNAMIC) {
        Some(dynamic) => dynamic,
        // What stays where it was linked to has nothing to relocate.
        None if fixed => return Ok(()),
        None => bail!("no dynamic section: it cannot be moved to a random address"),
    };
    let mut at_once = false;
    for entry in dynamic.place.clone().step_by(16) {
        let (tag, value) = (word(file, entry)?, word(file, entry + 8)?);
        if let Some((_, why)) = UNWANTED.iter().find(|(unwanted, _)| *unwanted == tag) {
            bail!("{why}");
        }
        at_once |= tag == FLAGS && value & BIND_NOW != 0;
    }
    ensure!(at_once, "relocations are not all done at the start");
    Ok(())
}

/// Reads a 64-bit little-endian ELF file.
fn segments(file: &[u8]) -> Result<Vec<Segment>> {
    ensure!(file.starts_with(b"\x7fELF\x02\x01"), "not a 64-bit little-endian ELF file");
    let (start, size, count) = (word(file, 32)?, half(file, 54)?, half(file, 56)?);
    (0..count)
        .map(|number| {
            let at = usize::try_from(start)? + usize::from(size) * usize::from(number);
            let (offset, length) =
                (usize::try_from(word(file, at + 8)?)?, usize::try_from(word(file, at + 32)?)?);
            Ok(Segment { kind: quad(file, at)?, flags: quad(file, at + 4)?, place: offset..offset + length })
        })
        .collect()
}

/// The contents of a section, if there is one of this name.
fn section<'a>(file: &'a [u8], name: &str) -> Result<Option<&'a [u8]>> {
    ensure!(file.starts_with(b"\x7fELF\x02\x01"), "not a 64-bit little-endian ELF file");
    let (start, size, count, names) = (word(file, 40)?, half(file, 58)?, half(file, 60)?, half(file, 62)?);
    let header = |number: u16| -> Result<(usize, Range<usize>)> {
        let at = usize::try_from(start)? + usize::from(size) * usize::from(number);
        let (offset, length) =
            (usize::try_from(word(file, at + 24)?)?, usize::try_from(word(file, at + 32)?)?);
        Ok((usize::try_from(quad(file, at)?)?, offset..offset + length))
    };
    let (_, names) = header(names)?;
    for number in 0..count {
        let (title, place) = header(number)?;
        let title = file.get(names.start + title..names.end).unwrap_or_default();
        if title.strip_prefix(name.as_bytes()).is_some_and(|rest| rest.first() == Some(&0)) {
            return Ok(Some(file.get(place).context("the file is cut short")?));
        }
    }
    Ok(None)
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

    #[test]
    fn tm_p03_a_binary_without_the_list_of_what_is_in_it_is_refused() {
        // This very test, which `cargo auditable` did not build.
        let refused = lists_dependencies(&std::env::current_exe().unwrap()).unwrap_err().to_string();
        assert!(refused.contains("no list of its dependencies"), "{refused}");
    }

    /// A file of headers alone, and a dynamic section with these flags.
    fn program(machine: u16, kind: u16, flags: Option<u64>) -> Vec<u8> {
        let mut segments = vec![(GNU_RELRO, 4), (GNU_STACK, 6), (LOAD, 5)];
        segments.extend(flags.map(|_| (DYNAMIC, 6)));
        let end = 64 + 56 * segments.len();
        let mut file = vec![0; end];
        file[..6].copy_from_slice(b"\x7fELF\x02\x01");
        let halves = [(16, kind), (18, machine), (54, 56), (56, u16::try_from(segments.len()).unwrap())];
        for (at, value) in halves {
            file[at..at + 2].copy_from_slice(&value.to_le_bytes());
        }
        file[32..40].copy_from_slice(&64_u64.to_le_bytes());
        for (number, (kind, access)) in segments.into_iter().enumerate() {
            let at = 64 + 56 * number;
            file[at..at + 4].copy_from_slice(&u32::to_le_bytes(kind));
            file[at + 4..at + 8].copy_from_slice(&u32::to_le_bytes(access));
            if kind == DYNAMIC {
                file[at + 8..at + 16].copy_from_slice(&u64::to_le_bytes(end as u64));
                file[at + 32..at + 40].copy_from_slice(&16_u64.to_le_bytes());
            }
        }
        for value in flags.into_iter().flat_map(|flags| [FLAGS, flags]) {
            file.extend_from_slice(&value.to_le_bytes());
        }
        file
    }

    #[test]
    fn a_fixed_address_is_for_arm64_alone_and_excuses_nothing_else() {
        const AMD64: u16 = 62;
        let why = |file: Vec<u8>| promises(&file).map_err(|error| error.to_string());
        assert_eq!(why(program(AMD64, DYN, Some(BIND_NOW))), Ok(()));
        assert_eq!(why(program(AARCH64, EXEC, None)), Ok(()));
        assert!(why(program(AMD64, EXEC, None)).unwrap_err().contains("position independent"));
        assert!(why(program(AARCH64, DYN, None)).unwrap_err().contains("no dynamic section"));
        assert!(why(program(AARCH64, EXEC, Some(0))).unwrap_err().contains("not all done at the start"));
    }

    #[test]
    fn sections_are_found_by_their_whole_name() {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert!(section(&own, ".text").unwrap().is_some_and(|text| !text.is_empty()));
        assert!(section(&own, ".tex").unwrap().is_none() && section(&own, ".dep-v0").unwrap().is_none());
        assert!(section(b"no", ".text").is_err());
    }
}
