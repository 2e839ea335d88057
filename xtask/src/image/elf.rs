//! What the binary's own headers promise: position independent, no interpreter and no library, no executable stack,
//! relocations done before it starts and read-only from then on.

use anyhow::{Context as _, Result, bail, ensure};
use object::LittleEndian as LE;
use object::elf::{
    DF_BIND_NOW, DT_FLAGS, DT_NEEDED, DT_RPATH, DT_RUNPATH, DT_TEXTREL, DynamicTag, EM_AARCH64, ET_DYN,
    ET_EXEC, FileHeader64, PF_W, PF_X, PT_GNU_RELRO, PT_GNU_STACK, PT_INTERP, PT_LOAD, ProgramFlags,
};
use object::read::elf::{Dyn as _, FileHeader as _, ProgramHeader as _, SectionHeader as _};
use std::path::Path;

/// Entries of the dynamic section that a static, hardened program does not have.
const UNWANTED: [(DynamicTag, &str); 4] = [
    (DT_NEEDED, "it needs a library"),
    (DT_RPATH, "it looks for libraries where its builder had them"),
    (DT_TEXTREL, "its code is changed while it is loaded"),
    (DT_RUNPATH, "it looks for libraries where its builder had them"),
];

pub(super) fn check(binary: &Path) -> Result<()> {
    promises(&std::fs::read(binary)?).with_context(|| binary.display().to_string())
}

/// The section in which `cargo auditable` lists the dependencies, so that an image can be matched with advisories years later.
pub(super) fn lists_dependencies(binary: &Path) -> Result<()> {
    let file = std::fs::read(binary)?;
    let header = FileHeader64::<LE>::parse(file.as_slice())?;
    let sections = header.sections(LE, file.as_slice())?;
    let list = sections.section_by_name(LE, b".dep-v0").map(|(_, section)| section.data(LE, file.as_slice()));
    ensure!(
        list.transpose()?.is_some_and(|list| !list.is_empty()),
        "the binary has no list of its dependencies"
    );
    Ok(())
}

fn promises(file: &[u8]) -> Result<()> {
    let header = FileHeader64::<LE>::parse(file).context("not a 64-bit little-endian ELF file")?;
    let segments = header.program_headers(LE, file)?;
    let find = |kind| segments.iter().find(|segment| segment.p_type(LE) == kind);
    // For arm64 rustc links static programs at a fixed address; there it is the one promise that is not kept.
    let fixed = header.e_machine(LE) == EM_AARCH64 && header.e_type(LE) == ET_EXEC;
    ensure!(fixed || header.e_type(LE) == ET_DYN, "not position independent");
    ensure!(find(PT_INTERP).is_none(), "needs a dynamic loader, which an empty image does not have");
    ensure!(find(PT_GNU_RELRO).is_some(), "relocations stay writable");
    ensure!(
        find(PT_GNU_STACK).is_some_and(|stack| stack.p_flags(LE).0 & PF_X.0 == 0),
        "the stack is executable"
    );
    let both = |flags: ProgramFlags| flags.0 & PF_X.0 != 0 && flags.0 & PF_W.0 != 0;
    ensure!(
        segments.iter().all(|segment| segment.p_type(LE) != PT_LOAD || !both(segment.p_flags(LE))),
        "some memory is writable and executable"
    );
    let dynamic = segments.iter().find_map(|segment| segment.dynamic(LE, file).transpose()).transpose()?;
    let dynamic = match dynamic {
        Some(dynamic) => dynamic,
        // What stays where it was linked to has nothing to relocate.
        None if fixed => return Ok(()),
        None => bail!("no dynamic section: it cannot be moved to a random address"),
    };
    for (unwanted, why) in UNWANTED {
        ensure!(dynamic.iter().all(|entry| entry.d_tag(LE) != unwanted), "{why}");
    }
    let at_once = |value: u64| value & DF_BIND_NOW.0 != 0;
    ensure!(
        dynamic.iter().any(|entry| entry.d_tag(LE) == DT_FLAGS && at_once(entry.d_val(LE))),
        "relocations are not all done at the start"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use object::elf::{EM_X86_64, FileType, Machine, PT_DYNAMIC};

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
    fn program(machine: Machine, kind: FileType, flags: Option<u64>) -> Vec<u8> {
        let mut segments = vec![(PT_GNU_RELRO, 4), (PT_GNU_STACK, 6), (PT_LOAD, 5)];
        segments.extend(flags.map(|_| (PT_DYNAMIC, 6)));
        let end = 64 + 56 * segments.len();
        let mut file = vec![0; end];
        file[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
        let halves = [(16, kind.0), (18, machine.0), (54, 56), (56, u16::try_from(segments.len()).unwrap())];
        for (at, value) in halves {
            file[at..at + 2].copy_from_slice(&value.to_le_bytes());
        }
        file[32..40].copy_from_slice(&64_u64.to_le_bytes());
        for (number, (kind, access)) in segments.into_iter().enumerate() {
            let at = 64 + 56 * number;
            file[at..at + 4].copy_from_slice(&u32::to_le_bytes(kind.0));
            file[at + 4..at + 8].copy_from_slice(&u32::to_le_bytes(access));
            if kind == PT_DYNAMIC {
                file[at + 8..at + 16].copy_from_slice(&u64::to_le_bytes(end as u64));
                file[at + 32..at + 40].copy_from_slice(&16_u64.to_le_bytes());
            }
        }
        for value in flags.into_iter().flat_map(|flags| [DT_FLAGS.0 as u64, flags]) {
            file.extend_from_slice(&value.to_le_bytes());
        }
        file
    }

    #[test]
    fn a_fixed_address_is_for_arm64_alone_and_excuses_nothing_else() {
        let why = |file: Vec<u8>| promises(&file).map_err(|error| error.to_string());
        assert_eq!(why(program(EM_X86_64, ET_DYN, Some(DF_BIND_NOW.0))), Ok(()));
        assert_eq!(why(program(EM_AARCH64, ET_EXEC, None)), Ok(()));
        assert!(why(program(EM_X86_64, ET_EXEC, None)).unwrap_err().contains("position independent"));
        assert!(why(program(EM_AARCH64, ET_DYN, None)).unwrap_err().contains("no dynamic section"));
        assert!(
            why(program(EM_AARCH64, ET_EXEC, Some(0))).unwrap_err().contains("not all done at the start")
        );
    }
}
