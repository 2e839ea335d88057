//! Programs that some tests need.

use std::io::Write as _;

/// The program that the variable `name` names. Without it the tests that need it are skipped, which `cargo xtask test`
/// counts; with `DATA_REQUIRED` set they fail.
pub(crate) fn part(name: &str, test: &str) -> Option<String> {
    let part = std::env::var(name).ok();
    if part.is_none() {
        assert!(std::env::var_os("DATA_REQUIRED").is_none(), "DATA_REQUIRED is set, and {name} is not");
        // The test harness would hide what `eprintln!` writes.
        let _ = writeln!(std::io::stderr(), "skipped: {test} needs {name}, which is not set");
    }
    part
}
