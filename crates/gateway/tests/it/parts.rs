//! Programs that some tests need.

use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

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

/// A port for a server that has to be told its address: below the range from which Linux takes the ports of connections, and
/// of servers that ask for any port, so that no other test is given it.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let number = std::process::id().wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % 10_000;
        let port = 10_000 + u16::try_from(number).unwrap();
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}
